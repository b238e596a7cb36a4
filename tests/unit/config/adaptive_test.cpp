// `adaptive_concurrency`.
#include "sluice/config/build.hpp"
#include "sluice/config/parse.hpp"
#include "unit/config/wrong_config.hpp"

using namespace sluice;
using namespace sluice::test;
using policy::AdaptivePolicy;

namespace {

AdaptivePolicy read(const std::string& value) {
  const auto loaded = config::parse(
      std::string(kListener) + kShop + kGreen + "    adaptive_concurrency: " + value + "\n",
      "sluice.yaml", environment);
  REQUIRE(loaded.config);
  return loaded.config->services[0].adaptive;
}

}  // namespace

TEST_CASE("config: adaptive concurrency is off unless it is there", "[config][adaptive]") {
  CHECK_FALSE(AdaptivePolicy{}.is_on);
  CHECK(read("off") == AdaptivePolicy{});
  CHECK(read("{}") == AdaptivePolicy{.is_on = true});
  CHECK(read("{min_limit: 1, max_limit: 10000000, tolerance: 100%}") ==
        AdaptivePolicy{.is_on = true,
                       .least = 1,
                       .most = 10'000'000,
                       .tolerance = core::BasisPoints::of(10'000)});
  CHECK(read("{min_limit: 2000, tolerance: 1%}") ==
        AdaptivePolicy{
            .is_on = true, .least = 2000, .most = 2000, .tolerance = core::BasisPoints::of(100)});
  CHECK(read("{max_limit: 3}") == AdaptivePolicy{.is_on = true, .least = 3, .most = 3});
}

TEST_CASE("wrong configuration: adaptive concurrency", "[config][wrong]") {
  const std::array<Wrong, 4> table{{
      {"    adaptive_concurrency: on\n",
       "sluice.yaml:8:27: 'adaptive_concurrency' is 'on', expected a map of bounds, or off"},
      {"    adaptive_concurrency: {min_limit: 0}\n",
       "sluice.yaml:8:39: 'min_limit' is '0', expected a number from 1 to 10000000"},
      {"    adaptive_concurrency: {min_limit: 10, max_limit: 9}\n",
       "sluice.yaml:8:54: 'max_limit' is '9', expected a number from 1 to 10000000; it is below "
       "'min_limit'"},
      {"    adaptive_concurrency: {tolerance: 0.99%}\n",
       "sluice.yaml:8:39: 'tolerance' is '0.99%', expected a percentage from 1% to 100%"},
  }};
  check_added(table);
}
