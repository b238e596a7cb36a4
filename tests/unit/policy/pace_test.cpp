#include "sluice/policy/pace.hpp"

#include <cstdint>
#include <limits>

#include "support/catch.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using policy::extended;
using policy::PaceRule;
using policy::time_bought;

namespace {
constexpr core::Instant kStart{1h};
constexpr PaceRule kRule{.idle = 30s, .bytes_per_second = 256};
}  // namespace

TEST_CASE("pace: bytes buy the time that they may take, at most the whole silence",
          "[policy][pace]") {
  CHECK(time_bought(kRule, 0) == 0s);
  CHECK(time_bought(kRule, 1) == core::Nanos(1'000'000'000 / 256));
  CHECK(time_bought(kRule, 255) == core::Nanos(255ULL * 1'000'000'000 / 256));
  CHECK(time_bought(kRule, 256) == 1s);
  CHECK(time_bought(kRule, 30 * 256 - 1) < 30s);
  CHECK(time_bought(kRule, 30 * 256) == 30s);
  CHECK(time_bought(kRule, 30 * 256 + 1) == 30s);
  CHECK(time_bought(kRule, std::numeric_limits<std::uint64_t>::max()) == 30s);
}

TEST_CASE("pace: without a rate any byte buys the whole silence", "[policy][pace]") {
  const PaceRule rule{.idle = 30s, .bytes_per_second = 0};
  CHECK(time_bought(rule, 0) == 0s);
  CHECK(time_bought(rule, 1) == 30s);
  CHECK(extended(kStart + 1s, rule, 1, kStart) == kStart + 30s);
}

TEST_CASE("pace: the widest rule that a configuration allows", "[policy][pace]") {
  const PaceRule rule{.idle = 24h, .bytes_per_second = 1U << 30U};
  const std::uint64_t day = (std::uint64_t{1} << 30U) * 86'400;
  CHECK(time_bought(rule, day - 1) < 24h);
  CHECK(time_bought(rule, day - 1) > 24h - 1us);
  CHECK(time_bought(rule, day) == 24h);
  CHECK(time_bought({.idle = 1ms, .bytes_per_second = 1}, 1) == 1ms);
}

TEST_CASE("pace: who sends at the rate goes on for ever, who sends less does not",
          "[policy][pace]") {
  // One piece a second; the deadline is compared before each.
  const auto lasts = [](std::uint64_t bytes_each, unsigned seconds) {
    core::Instant now = kStart;
    core::Instant deadline = now + kRule.idle;
    for (unsigned i = 0; i < seconds; ++i) {
      now += 1s;
      if (now >= deadline) return i;
      deadline = extended(deadline, kRule, bytes_each, now);
    }
    return seconds;
  };
  CHECK(lasts(256, 100'000) == 100'000);
  CHECK(lasts(255, 100'000) < 7'700);  // 1/256 s is lost in each
  CHECK(lasts(128, 100'000) < 61);
  CHECK(lasts(1, 100'000) == 30);
}

TEST_CASE("pace: what was fast before buys no more than the silence", "[policy][pace]") {
  core::Instant deadline = kStart + kRule.idle;
  for (int i = 0; i < 100; ++i) deadline = extended(deadline, kRule, 1 << 20, kStart);
  CHECK(deadline == kStart + 30s);
  // Halfway through, bytes for ten seconds give ten.
  deadline = extended(deadline, kRule, 10 * 256, kStart + 15s);
  CHECK(deadline == kStart + 40s);
}
