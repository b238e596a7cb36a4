#include "sluice/http/cookies.hpp"

#include <string>

#include "support/catch.hpp"
#include "unit/http/heads.hpp"

using namespace sluice::http;
using heads::get_with;
using heads::request;

namespace {

std::optional<std::string> cookie(const std::string& lines, std::string_view name = "uid") {
  const auto read = request(get_with(lines));
  REQUIRE(read.reason() == "accepted");
  const auto value = find_cookie(read.head->fields, name);
  return value ? std::optional<std::string>(*value) : std::nullopt;
}

}  // namespace

TEST_CASE("cookie: octets between '=' and ';', blanks off, quotes kept", "[http][cookies]") {
  struct Row {
    const char* lines;
    std::optional<std::string> value;
  };
  const Row rows[] = {{"Cookie: uid=7\r\n", "7"},
                      {"Cookie: a=1; uid=7; b=2\r\n", "7"},
                      {"Cookie: a=1;uid=7;b=2\r\n", "7"},
                      {"Cookie: uid= \t7 \t; b=2\r\n", "7"},
                      {"Cookie: uid =7\r\n", "7"},
                      {"Cookie: uid=\"7 8\"\r\n", "\"7 8\""},
                      {"Cookie: uid=a=b=c\r\n", "a=b=c"},
                      {"Cookie: uid=\r\n", ""},
                      {"Cookie: uid=; uid=7\r\n", ""},
                      {"Cookie: uid=1; uid=2\r\n", "1"},
                      {"Cookie: a=1\r\nCookie: uid=2\r\nCookie: uid=3\r\n", "2"},
                      {"Cookie: uid=\xC3\xA9%20+\r\n", "\xC3\xA9%20+"},
                      {"Cookie: uid=a,b\r\n", "a,b"},
                      {"Cookie: UID=7\r\n", std::nullopt},
                      {"Cookie: uid\r\n", std::nullopt},
                      {"Cookie: xuid=7; uidx=8\r\n", std::nullopt},
                      {"Cookie: a=uid=7\r\n", std::nullopt},
                      {"Cookie: ;;;; ;\r\n", std::nullopt},
                      {"Cookie:\r\n", std::nullopt},
                      {"X: uid=7\r\n", std::nullopt},
                      {"Set-Cookie: uid=7\r\n", std::nullopt}};
  for (const Row& row : rows) {
    INFO(row.lines);
    CHECK(cookie(row.lines) == row.value);
  }
}

TEST_CASE("query parameter: the first by its exact name, not decoded", "[http][cookies]") {
  struct Row {
    const char* query;
    std::optional<std::string> value;
  };
  const Row rows[] = {{"uid=7", "7"},
                      {"a=1&uid=7&b=2", "7"},
                      {"uid=1&uid=2", "1"},
                      {"uid=", ""},
                      {"uid=&uid=7", ""},
                      {"uid=a%20b+c", "a%20b+c"},
                      {"uid=a=b", "a=b"},
                      {"uid=a;b", "a;b"},
                      {"uid", std::nullopt},
                      {"xuid=7", std::nullopt},
                      {"uidx=7", std::nullopt},
                      {"UID=7", std::nullopt},
                      {"u%69d=7", std::nullopt},
                      {"", std::nullopt},
                      {"&&", std::nullopt},
                      {"a=uid=7", std::nullopt},
                      {"uid&uid=7", "7"}};
  for (const Row& row : rows) {
    INFO(row.query);
    const auto value = find_query_parameter(row.query, "uid");
    CHECK(value == row.value);
  }
}

TEST_CASE("minted cookie: 1 to 128 cookie-octets come back as identity", "[http][cookies]") {
  CHECK(is_minted_cookie_value("0123456789abcdef0123456789abcdef"));
  CHECK(is_minted_cookie_value("!#$%&'()*+-./:<=>?@[]^_`{|}~"));
  CHECK(is_minted_cookie_value(std::string(128, 'a')));
  CHECK_FALSE(is_minted_cookie_value(std::string(129, 'a')));
  CHECK_FALSE(is_minted_cookie_value(""));
  for (const char* value :
       {"a b", "a\"", "\"a\"", "a,b", "a;b", "a\\b", "a\t", "\x7F", "\xC3\xA9", "\x1F"}) {
    INFO(heads::shown(value));
    CHECK_FALSE(is_minted_cookie_value(value));
  }
}
