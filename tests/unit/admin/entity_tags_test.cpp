#include "admin/entity_tags.hpp"

#include "support/catch.hpp"

namespace {

using namespace sluice;
using Tags = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("entity tags: generations, strong and exact", "[admin][etag]") {
  CHECK(admin::entity_tag(core::Generation{43}) == "\"43\"");
  const std::vector<std::pair<std::string, Tags>> lists{
      {R"("43")", {43}},
      {R"("43", "44")", {43, 44}},
      {R"("43","44",,)", {43, 44}},
      {R"(, "43")", {43}},
      {R"(  "18446744073709551615"  )", {18446744073709551615U}},
      // Nothing that this proxy gave out: it matches nothing.
      {R"("18446744073709551616")", {}},
      {R"(W/"43")", {}},
      {R"("043")", {}},
      {R"("")", {}},
      {R"("a,b", "43")", {43}},
  };
  for (const auto& [text, tags] : lists) {
    const auto parsed = admin::parse_if_match(text);
    INFO(text);
    REQUIRE(parsed);
    REQUIRE(parsed->has_value());
    CHECK(**parsed == tags);
  }
}

TEST_CASE("entity tags: * matches whatever there is", "[admin][etag]") {
  for (const char* text : {"*", " * "}) {
    const auto parsed = admin::parse_if_match(text);
    REQUIRE(parsed);
    CHECK_FALSE(parsed->has_value());
  }
}

TEST_CASE("entity tags: what is no list is an error", "[admin][etag]") {
  for (const char* text :
       {"", " ", ",", "43", "\"43", "\"43\" \"44\"", "*, \"43\"", "w/\"43\"", "W/", "\"43\";x"}) {
    INFO(text);
    CHECK_FALSE(admin::parse_if_match(text));
  }
}
