#include "sluice/core/rng.hpp"

#include <array>

#include "support/catch.hpp"

using sluice::core::Rng;

TEST_CASE("rng: gives the published SplitMix64 sequence", "[core][rng]") {
  Rng rng(1234567);
  CHECK(rng.next() == 6457827717110365317U);
  CHECK(rng.next() == 3203168211198807973U);
  CHECK(rng.next() == 9817491932198370423U);
}

TEST_CASE("rng: below() stays below its bound and reaches every value", "[core][rng]") {
  Rng rng(5);
  CHECK(rng.below(0) == 0);
  CHECK(rng.below(1) == 0);
  std::array<int, 7> seen{};
  for (int i = 0; i < 7'000; ++i) ++seen.at(rng.below(7));
  for (const int count : seen) CHECK((count > 800 && count < 1'200));
}
