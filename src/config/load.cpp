#include <fmt/format.h>

#include <cstdlib>

#include "config/expand.hpp"
#include "config/file.hpp"
#include "config/node.hpp"
#include "config/sections.hpp"
#include "config/utf8.hpp"
#include "sluice/config/identity_file.hpp"
#include "sluice/config/parse.hpp"
#include "sluice/core/limits.hpp"

/// From a file to a configuration: read, parse, substitute, read sections, validate.
namespace sluice::config {

namespace {

/// What was read, and what is wrong with it; the configuration may be incomplete then.
struct Read {
  Config config;
  std::vector<Problem> problems;
};

Read read(std::string_view text, std::string_view file, const Environment& environment) {
  auto parsed = parse_yaml(text, file);
  if (const Problem* syntax = std::get_if<Problem>(&parsed)) return {{}, {*syntax}};
  Node& root = std::get<Node>(parsed);
  Reader in(file);
  expand(in, root, environment);
  Draft draft = read_config(in, root);
  validate(in, draft);
  draft.config.file = file;
  return {std::move(draft.config), in.take_problems()};
}

Loaded loaded(Read read) {
  if (!read.problems.empty()) return {std::nullopt, std::move(read.problems)};
  return {std::move(read.config), {}};
}

void read_identity_file(IdentityFile& file, std::vector<Problem>& problems) {
  auto read = read_identities(file.path);
  if (read) {
    file.read = read->stamp;
    file.list = std::make_shared<const policy::IdentityList>(std::move(read->list));
  } else if (read.error().code == core::ErrorCode::BadInput) {
    problems.push_back({{read.error().where, 0, 0}, read.error().what});
  } else {
    problems.push_back(
        {file.at, fmt::format("'identity_in' is '{}': {}", shown(file.text), read.error().what)});
  }
}

void read_page_file(PageFile& page, std::vector<Problem>& problems) {
  const auto report = [&](std::string_view what) {
    problems.push_back({page.at, fmt::format("'page' is '{}': {}", shown(page.text), what)});
  };
  auto content = read_file(page.path, core::limits::kBreakerPageMax, FileKind::Regular);
  if (!content) return report(content.error().what);
  if (content->size() > core::limits::kBreakerPageMax)
    return report("it is longer than 8KiB, which is the most");
  if (content->empty()) return report("it is empty");
  page.content = std::make_shared<const std::string>(std::move(*content));
}

}  // namespace

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

Loaded parse(std::string_view text, std::string_view file, const Environment& environment) {
  return loaded(read(text, file, environment));
}

Loaded load(const std::string& file, const Environment& environment) {
  const auto text = read_file(file, core::limits::kConfigFileMax, FileKind::Any);
  if (!text) {
    // Nobody has named it: who is new here does not know where it comes from.
    const std::string_view hint = file == kDefaultFile ? "; -c FILE names another file" : "";
    return {std::nullopt, {Problem{{file, 0, 0}, fmt::format("{}{}", text.error().what, hint)}}};
  }
  Read done = read(*text, file, environment);
  for (IdentityFile& identities : done.config.identity_files)
    read_identity_file(identities, done.problems);
  for (Service& service : done.config.services) {
    if (service.breaker_page) read_page_file(*service.breaker_page, done.problems);
  }
  return loaded(std::move(done));
}

}  // namespace sluice::config
