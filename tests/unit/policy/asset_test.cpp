#include "sluice/policy/asset.hpp"

#include <initializer_list>

#include "support/catch.hpp"

using namespace sluice::policy;

TEST_CASE("assets: a pattern is a whole path, and its star anything", "[policy][asset]") {
  struct Row {
    const char* pattern;
    const char* path;
    bool is_match;
  };
  const Row rows[] = {{"/a.css", "/a.css", true},
                      {"/a.css", "/a.css/", false},
                      {"/a.css", "/A.css", false},
                      {"/a.css", "/b/a.css", false},
                      {"/assets/*", "/assets/", true},
                      {"/assets/*", "/assets/x/y.js", true},
                      {"/assets/*", "/assets", false},
                      {"/assets/*", "/my/assets/x", false},
                      {"*.js", "/x.js", true},
                      {"*.js", "/a/b/x.min.js", true},
                      {"*.js", ".js", true},
                      {"*.js", "/x.jsx", false},
                      {"*.js", "/x.js/", false},
                      {"/s/*.css", "/s/a/b.css", true},
                      {"/s/*.css", "/s/.css", true},
                      {"/s/*.css", "/s.css", false},
                      {"/a*a", "/a", false},  // one octet is not two
                      {"/a*a", "/aa", true},
                      {"/aba*aba", "/ababa", false},
                      {"*", "", true},
                      {"*", "/anything?at=all", true},
                      {"/*", "/", true},
                      {"/*", "", false},
                      {"", "", true},
                      {"", "/", false}};
  for (const Row& row : rows) {
    INFO(row.pattern << " and " << row.path);
    CHECK(PathPattern(row.pattern).matches(row.path) == row.is_match);
  }
}

TEST_CASE("assets: the other pool is asked once, for what is safe, whole and not begun",
          "[policy][asset]") {
  unsigned allowed = 0;
  for (unsigned bits = 0; bits < 32; ++bits) {
    const MissedAsset missed{.is_safe = (bits & 1U) != 0,
                             .is_held = (bits & 2U) != 0,
                             .is_upgrade = (bits & 4U) != 0,
                             .answer_sent = (bits & 8U) != 0,
                             .changed_pool = (bits & 16U) != 0};
    if (may_ask_other_pool(missed)) ++allowed;
  }
  CHECK(allowed == 1);
  CHECK(may_ask_other_pool({.is_safe = true, .is_held = true}));
}

TEST_CASE("assets: what an answer says about the file", "[policy][asset]") {
  for (const unsigned status : {200U, 204U, 206U, 299U, 301U, 304U, 399U, 412U, 416U})
    CHECK(judge_asset_answer(status) == AssetOutcome::Found);
  CHECK(judge_asset_answer(404) == AssetOutcome::Missing);
  for (const unsigned status :
       {400U, 401U, 403U, 405U, 410U, 411U, 413U, 415U, 417U, 429U, 499U, 500U, 503U, 599U, 999U})
    CHECK(judge_asset_answer(status) == AssetOutcome::Failed);
}

TEST_CASE("assets: every outcome has its own word", "[policy][asset]") {
  for (const AssetOutcome a : kAllAssetOutcomes) {
    for (const AssetOutcome b : kAllAssetOutcomes) CHECK((text(a) == text(b)) == (a == b));
  }
  CHECK(text(AssetOutcome::OverLimit) == "over_limit");
}
