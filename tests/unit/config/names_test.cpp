#include "config/names.hpp"
#include "support/catch.hpp"

namespace {

using sluice::config::normal_lookup_name;

/// Labels of 49 letters, joined to a name of `size` bytes.
std::string name_of(std::size_t size) {
  std::string name;
  while (name.size() < size) name += std::string(49, 'a') + ".";
  name.resize(size);
  name.back() = 'a';
  return name;
}

}  // namespace

TEST_CASE("lookup name: in lower case, a trailing dot stays", "[config][names]") {
  CHECK(normal_lookup_name("app") == "app");
  CHECK(normal_lookup_name("App.Internal") == "app.internal");
  CHECK(normal_lookup_name("APP.") == "app.");
  CHECK(normal_lookup_name("a-b_c.1x") == "a-b_c.1x");
  CHECK(normal_lookup_name("1.2.3.4.example") == "1.2.3.4.example");
}

TEST_CASE("lookup name: a label has at most 63 bytes, a name 253 and its dot", "[config][names]") {
  CHECK(normal_lookup_name(std::string(63, 'a')));
  CHECK_FALSE(normal_lookup_name(std::string(64, 'a')));
  CHECK(normal_lookup_name(name_of(253)));
  CHECK(normal_lookup_name(name_of(253) + "."));
  CHECK_FALSE(normal_lookup_name(name_of(254)));
  CHECK_FALSE(normal_lookup_name(name_of(254) + "."));
}

TEST_CASE("lookup name: what a resolver takes for an address is none", "[config][names]") {
  for (const char* text :
       {"127.1", "1", "10.0.0.256", "10.0.0.1.", "0x7f000001", "a.0x1", "a.0X", "app.7", "::1"}) {
    INFO(text);
    CHECK_FALSE(normal_lookup_name(text));
  }
  CHECK(normal_lookup_name("a.0xg"));
}

TEST_CASE("lookup name: hostile text is none", "[config][names]") {
  using namespace std::string_view_literals;
  for (const auto text : {""sv, "."sv, ".."sv, ".a"sv, "a..b"sv, "a..:"sv, "-a"sv, "a-"sv, "a b"sv,
                          "a\0b"sv, "*.a"sv, "a/b"sv, "a@b"sv, "a%b"sv, "[a]"sv, "\xC3\xA4.de"sv}) {
    INFO(text);
    CHECK_FALSE(normal_lookup_name(text));
  }
}
