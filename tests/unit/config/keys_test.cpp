#include "config/keys.hpp"

#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "config/names.hpp"
#include "config/nearest.hpp"
#include "config/utf8.hpp"
#include "config/values.hpp"
#include "sluice/core/duration.hpp"
#include "support/catch.hpp"

using namespace sluice;

TEST_CASE("keys: each is named once in its section, with words for people", "[config][keys]") {
  std::set<std::string_view> paths;
  for (const config::Table* table : config::all_tables()) {
    CHECK(paths.insert(table->path).second);
    std::set<std::string_view> names;
    for (const config::Key& key : table->keys) {
      INFO(table->path << "." << key.name);
      CHECK(names.insert(key.name).second);
      CHECK_FALSE(key.about.empty());
      CHECK(key.expects.empty() == (key.support == config::Support::Later));
      CHECK(table->find(key.name) == &key);
    }
    CHECK(table->find("no-such-key") == nullptr);
  }
}

namespace {

using Parse = std::optional<std::uint64_t> (*)(std::string_view);

std::optional<std::uint64_t> duration_of(std::string_view text) {
  const auto duration = core::parse_duration(text, "");
  if (!duration) return std::nullopt;
  return static_cast<std::uint64_t>(duration->count());
}
std::optional<std::uint64_t> size_of(std::string_view text) {
  const auto size = core::parse_size(text, "");
  return size ? std::optional(*size) : std::nullopt;
}
std::optional<std::uint64_t> data_rate_of(std::string_view text) {
  return text.ends_with("/s") ? size_of(text.substr(0, text.size() - 2)) : std::nullopt;
}
std::optional<std::uint64_t> number_of(std::string_view text) {
  return config::parse_whole_number(text);
}

/// The words of `text` that `parse` takes, in order.
std::vector<std::uint64_t> amounts_in(std::string_view text, Parse parse) {
  std::vector<std::uint64_t> out;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    if (word.ends_with(',')) word.pop_back();
    if (const auto amount = parse(word)) out.push_back(*amount);
  }
  return out;
}

}  // namespace

TEST_CASE("keys: the words for people name the range that is enforced", "[config][keys]") {
  std::size_t count = 0;
  for (const config::Table* table : config::all_tables()) {
    for (const config::Key& key : table->keys) {
      const Parse parse = key.form == config::Form::Duration   ? duration_of
                          : key.form == config::Form::Size     ? size_of
                          : key.form == config::Form::DataRate ? data_rate_of
                          : key.form == config::Form::Number   ? number_of
                                                               : nullptr;
      if (parse == nullptr) continue;
      ++count;
      INFO(table->path << "." << key.name << ": " << key.expects);
      const std::vector<std::uint64_t> named = amounts_in(key.expects, parse);
      REQUIRE_FALSE(named.empty());
      CHECK(named[0] == key.range.least);
      if (key.expects.find(" to ") == key.expects.npos) continue;  // "at least 1B"
      REQUIRE(named.size() >= 2);
      CHECK(named[1] == key.range.most);
    }
  }
  CHECK(count > 12);
}

TEST_CASE("keys: the words for people name the words and the counts that are enforced",
          "[config][keys]") {
  for (const config::Table* table : config::all_tables()) {
    for (const config::Key& key : table->keys) {
      INFO(table->path << "." << key.name << ": " << key.expects << "; " << key.item);
      const std::string_view text = key.is_list() ? key.item : key.expects;
      for (const std::string_view word : key.words) CHECK(text.find(word) != text.npos);
      if (key.items.most == 0) continue;
      const auto named = amounts_in(key.expects, number_of);
      REQUIRE_FALSE(named.empty());
      CHECK(named.back() == key.items.most);
      CHECK((named.size() == 1 ? 0 : named.front()) == key.items.least);
    }
  }
}

TEST_CASE("keys: each section is the value of a key", "[config][keys]") {
  std::set<std::string> paths;
  for (const config::Table* table : config::all_tables()) {
    // "services[].pools.blue|green" is both.
    const std::string path(table->path);
    const std::size_t bar = path.find('|');
    paths.insert(path.substr(0, bar));
    if (bar != path.npos) paths.insert(path.substr(0, path.rfind('.') + 1) + path.substr(bar + 1));
  }
  CHECK(paths.erase("") == 1);
  for (const config::Table* table : config::all_tables()) {
    const std::string above(table->path.substr(0, table->path.find('|')));
    for (const config::Key& key : table->keys) {
      if (key.form != config::Form::Map) continue;
      if (key.support == config::Support::Later) continue;
      const std::string path = (above.empty() ? "" : above + ".") + std::string(key.name);
      INFO(path);
      CHECK(paths.erase(key.is_list() ? path + "[]" : path) == 1);
    }
  }
  CHECK(paths.empty());
}

TEST_CASE("keys: the example shows every one that is supported", "[config][keys]") {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR) + "/config/examples/every-key.yaml");
  std::stringstream text;
  text << file.rdbuf();
  for (const config::Table* table : config::all_tables()) {
    for (const config::Key& key : table->keys) {
      if (key.support == config::Support::Later) continue;
      INFO(table->path << "." << key.name);
      // As a key, or as a word of its own (`- client_address`), not only inside a comment's
      // sentence.
      const bool is_key = text.str().find(std::string(key.name) + ":") != std::string::npos;
      const bool is_item = text.str().find("- " + std::string(key.name)) != std::string::npos;
      CHECK((is_key || is_item));
    }
  }
}

TEST_CASE("nearest: edits count, then prefixes, then nothing", "[config][nearest]") {
  constexpr std::string_view kNames[] = {"name",     "hosts",   "health_check",
                                         "timeouts", "connect", "connections"};
  CHECK(config::nearest("helth_check", kNames) == "health_check");
  CHECK(config::nearest("hlth_check", kNames) == "health_check");
  CHECK_FALSE(config::nearest("hlth_chck", kNames));
  CHECK(config::nearest("timeouts_of", kNames) == "timeouts");
  CHECK(config::nearest("conn", kNames) == "connect");
  CHECK(config::nearest("connection", kNames) == "connections");
  CHECK_FALSE(config::nearest("co", kNames));
  CHECK_FALSE(config::nearest("age", kNames));
  CHECK_FALSE(config::nearest("", kNames));
  CHECK_FALSE(config::nearest(std::string(1'000'000, 'x'), kNames));
  CHECK(config::edit_distance("", "abc") == 3);
  CHECK(config::edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("names: what may be one", "[config][names]") {
  CHECK(config::is_object_name("shop"));
  CHECK(config::is_object_name("9.a_b-c"));
  CHECK(config::is_object_name(std::string(64, 'a')));
  for (const char* bad : {"", "-a", ".a", "a b", "a/b", "ä"})
    CHECK_FALSE(config::is_object_name(bad));
  CHECK_FALSE(config::is_object_name(std::string(65, 'a')));
  CHECK(config::is_token("X-User_Id!"));
  for (const char* bad : {"", "a b", "a:b", "a=b", "a;b", "ä", "a\t"})
    CHECK_FALSE(config::is_token(bad));
  CHECK(config::is_query_name("user[id]"));
  for (const char* bad : {"", "a b", "a&b", "a=b", "a#b", "ä"})
    CHECK_FALSE(config::is_query_name(bad));
}

TEST_CASE("names: hosts come out as the table wants them", "[config][names]") {
  CHECK(config::normal_host("Shop.Example.COM.") == "shop.example.com");
  CHECK(config::normal_host("*.Example.com") == "*.example.com");
  CHECK(config::normal_host("localhost") == "localhost");
  CHECK(config::normal_host("192.0.2.1") == "192.0.2.1");
  CHECK(config::normal_host("[2001:DB8::1]") == "[2001:db8::1]");
  const std::string longest = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                              std::string(63, 'c') + "." + std::string(61, 'd');
  CHECK(longest.size() == 253);
  CHECK(config::normal_host(longest) == longest);
  CHECK_FALSE(config::normal_host(longest + "d"));
  CHECK_FALSE(config::normal_host(std::string(64, 'a')));
  for (const char* bad : {"", ".", "*", "*.", "*.*.a", "a*.b", "a..b", ".a", "a:80", "[::1",
                          "[::1]:80", "[1.2.3.4]", "::1", "a b", "a/b", "a-.b", "-a", "*.[::1]"}) {
    INFO(bad);
    CHECK_FALSE(config::normal_host(bad));
  }
}

TEST_CASE("names: path prefixes come out as the table wants them", "[config][names]") {
  CHECK(config::normal_path_prefix("/") == "/");
  CHECK(config::normal_path_prefix("/app/") == "/app");
  CHECK(config::normal_path_prefix("/a/b%2Fc") == "/a/b%2Fc");
  CHECK(config::normal_path_prefix("/caf%C3%A9") == "/caf%C3%A9");
  for (const char* bad : {"", "app", "//", "/a//", "/a//b", "/.", "/..", "/a/./b", "/a/..", "/a?b",
                          "/a#b", "/a b", "/ä", "/%", "/%4", "/%zz", "/%41", "/%7e"}) {
    INFO(bad);
    CHECK_FALSE(config::normal_path_prefix(bad));
  }
  CHECK(config::normal_path_prefix("/" + std::string(1023, 'a')));
  CHECK_FALSE(config::normal_path_prefix("/" + std::string(1024, 'a')));
}

TEST_CASE("utf8: characters, and what is none", "[config][utf8]") {
  CHECK(config::utf8_length("a") == 1);
  CHECK(config::utf8_length("\xC2\x80") == 2);
  CHECK(config::utf8_length("\xE0\xA0\x80") == 3);
  CHECK(config::utf8_length("\xF4\x8F\xBF\xBF") == 4);
  for (const char* bad :
       {"\x80", "\xC1\x80", "\xC2", "\xC2z", "\xE0\x9F\x80", "\xED\xA0\x80", "\xF0\x8F\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF0\x90\x80"}) {
    CHECK(config::utf8_length(bad) == 0);
  }
  CHECK(config::is_printable("ä b"));
  CHECK_FALSE(config::is_printable(""));
  CHECK_FALSE(config::is_printable("a\tb"));
  CHECK_FALSE(config::is_printable("\x7F"));
  CHECK_FALSE(
      config::is_printable("\xC2\x9B"
                           "31m"));  // CSI
  CHECK(config::is_printable("\xC2\xA0"));
  CHECK(config::shown("a\x1B[1mb\xFF") == "a?[1mb?");
  CHECK(config::shown("a\u202Eb") == "a?b");
  CHECK(config::shown(std::string(80, 'x')) == std::string(80, 'x'));
  CHECK(config::shown(std::string(81, 'x')) == std::string(80, 'x') + "...");
}
