#include "sluice/http/target.hpp"

#include <array>
#include <string>
#include <vector>

#include "sluice/core/rng.hpp"
#include "support/catch.hpp"

using sluice::http::normalize_path;

namespace {

std::optional<std::string> normalized(const std::string& path) {
  std::vector<char> scratch(path.size());
  std::string_view normal;
  if (normalize_path(path, scratch, normal)) return std::nullopt;
  return std::string(normal);
}

}  // namespace

TEST_CASE("path: unreserved escapes are decoded, dot segments resolved", "[http][target]") {
  struct Row {
    const char* path;
    const char* normal;
  };
  const Row rows[] = {{"/", "/"},
                      {"/a/b", "/a/b"},
                      {"/a/./b", "/a/b"},
                      {"/a/../b", "/b"},
                      {"/a/b/..", "/a/"},
                      {"/a/b/.", "/a/b/"},
                      {"/a/b/../", "/a/"},
                      {"/a/..", "/"},
                      {"/.", "/"},
                      {"/./", "/"},
                      {"/a/b/c/./../../g", "/a/g"},
                      {"/%61pp", "/app"},
                      {"/%41%5A%7e%2D%5f%2E", "/AZ~-_."},
                      {"/a/%2e%2E/b", "/b"},
                      {"/a/.%2e/b", "/b"},
                      {"/a%2Fb", "/a%2Fb"},
                      {"/a%2fb", "/a%2fb"},
                      {"/%00%25%20", "/%00%25%20"},
                      {"/%2561", "/%2561"},  // decoded once only
                      {"//a", "//a"},
                      {"//a//../b", "//a/b"},
                      {"/a//..", "/a/"},
                      {"/.a/..b/...", "/.a/..b/..."},
                      {"/a/.../b", "/a/.../b"},
                      {"*", "*"}};
  for (const Row& row : rows) {
    INFO(row.path);
    CHECK(normalized(row.path) == row.normal);
  }
}

TEST_CASE("path: above the root or with a broken escape there is none", "[http][target]") {
  for (const char* path : {"/..", "/../", "/../a", "/a/../..", "/a/../../b", "/%2e%2e", "/%2e%2e/a",
                           "/./..", "/%", "/%4", "/%4g", "/%g4", "/a%", "/%%41", "/% 1", "/%+1"}) {
    INFO(path);
    CHECK_FALSE(normalized(path).has_value());
  }
  // What stands behind the path is no part of an escape.
  std::array<char, 8> scratch;
  std::string_view normal;
  for (const std::size_t size : {2U, 3U})
    CHECK(normalize_path(std::string_view("/%41").substr(0, size), scratch, normal).has_value());
}

TEST_CASE("path: without escapes and dots it is returned as it stands", "[http][target]") {
  const std::string path = "/a/b";
  std::string_view normal;
  REQUIRE_FALSE(normalize_path(path, {}, normal).has_value());
  CHECK(normal.data() == path.data());
}

TEST_CASE("path: normalizing twice changes nothing more, unless an escape hid an escape",
          "[http][target][property]") {
  const std::uint64_t seed = GENERATE(51U, 52U);
  INFO("seed " << seed);
  sluice::core::Rng rng(seed);
  const char* const parts[] = {"/",    "/a",   "/.", "/..", "/%2e", "/%2F",
                               "/%61", "/...", "b",  "%41", "%7E"};
  for (int round = 0; round < 5'000; ++round) {
    std::string path = "/x";
    for (std::uint32_t i = rng.below(8); i > 0; --i) path += parts[rng.below(11)];
    INFO(path);
    const auto once = normalized(path);
    if (!once) continue;
    REQUIRE(once->starts_with('/'));
    REQUIRE(once->size() <= path.size());
    REQUIRE(normalized(*once) == once);
  }
}
