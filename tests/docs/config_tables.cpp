/// The table of keys for scripts, and the parser's word on configurations.
///
///   config-tables          the tables of src/config/keys.cpp as JSON, without keys of later
///   versions config-tables judge    reads one configuration per line (JSON is YAML), answers each
///   with a
///                          line: "good", or its problems joined by " | "
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "config/keys.hpp"
#include "sluice/config/describe.hpp"
#include "sluice/config/parse.hpp"
#include "sluice/core/ensure.hpp"

using namespace sluice;
using Json = nlohmann::ordered_json;

namespace {

std::string_view text(config::Form form) {
  using config::Form;
  switch (form) {
    case Form::Map:
      return "map";
    case Form::Number:
      return "number";
    case Form::Duration:
      return "duration";
    case Form::Size:
      return "size";
    case Form::DataRate:
      return "data_rate";
    case Form::Percent:
      return "percent";
    case Form::Word:
      return "word";
    case Form::Text:
      return "text";
    case Form::Name:
      return "name";
    case Form::Token:
      return "token";
    case Form::QueryName:
      return "query_name";
    case Form::Host:
      return "host";
    case Form::Path:
      return "path";
    case Form::PathPattern:
      return "path_pattern";
    case Form::Target:
      return "target";
    case Form::Dependency:
      return "dependency";
    case Form::Statuses:
      return "statuses";
    case Form::Mode:
      return "mode";
    case Form::Address:
      return "address";
    case Form::AddressOrPath:
      return "address_or_path";
    case Form::Endpoint:
      return "endpoint";
    case Form::Network:
      return "network";
    case Form::PoolMap:
      return "pool_map";
    case Form::Rate:
      return "rate";
    case Form::Nothing:
      return "nothing";
  }
  core::unreachable();
}

Json as_json(config::Range range) {
  return Json::array({range.least, range.most});
}

Json as_json(std::span<const config::KeySet> sets) {
  Json out = Json::array();
  for (const config::KeySet set : sets) {
    out.push_back(std::vector<std::string>(set.begin(), set.end()));
  }
  return out;
}

Json as_json(const config::Key& key) {
  return {{"name", key.name},
          {"expects", key.expects},
          {"about", key.about},
          {"form", text(key.form)},
          {"range", as_json(key.range)},
          {"words", std::vector<std::string>(key.words.begin(), key.words.end())},
          {"fallback", key.fallback},
          {"fallback_words", key.fallback_words},
          {"item", key.is_list() ? key.item : ""},
          {"items", as_json(key.items)},
          {"may_stand_alone", key.may_stand_alone},
          {"required", key.presence == config::Presence::Required}};
}

Json all() {
  Json tables = Json::array();
  for (const config::Table* table : config::all_tables()) {
    Json keys = Json::array();
    for (const config::Key& key : table->keys) {
      if (key.support == config::Support::Now) keys.push_back(as_json(key));
    }
    tables.push_back({{"path", table->path},
                      {"count", as_json(table->count)},
                      {"one_of", as_json(table->one_of)},
                      {"together", as_json(table->together)},
                      {"at_least_one", std::vector<std::string>(table->at_least_one.begin(),
                                                                table->at_least_one.end())},
                      {"keys", keys}});
  }
  return tables;
}

std::string verdict_on(const config::Loaded& loaded) {
  if (loaded.config) return "good";
  std::string verdict;
  for (const config::Problem& problem : loaded.problems) {
    verdict += (verdict.empty() ? "" : " | ") + problem.what;
  }
  return verdict;
}

/// Answers each line of the input, a configuration, with a line.
template <typename Answer>
void answer_lines(Answer answer) {
  const auto no_environment = [](std::string_view) { return std::optional<std::string>(); };
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << answer(config::parse(line, "line", no_environment)) << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "judge") {
    answer_lines(verdict_on);
  } else if (verb == "describe") {
    answer_lines([](const config::Loaded& loaded) {
      return Json(loaded.config ? config::describe(*loaded.config) : "").dump();
    });
  } else {
    std::cout << all().dump(1) << '\n';
  }
  return std::cout.flush() ? 0 : 1;
}
