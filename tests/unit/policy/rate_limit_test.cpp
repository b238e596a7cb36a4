#include "sluice/policy/rate_limit.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "sluice/core/limits.hpp"
#include "sluice/core/rng.hpp"
#include "support/catch.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using core::Instant;
using core::Nanos;
using policy::Rate;
using policy::RatePolicy;
using policy::RateVerdict;

namespace {

constexpr Instant kStart{1000s};

/// One key: its TAT, which is all that is known of it.
struct Key {
  const RatePolicy& policy;
  std::uint64_t tat = 0;

  RateVerdict ask(Instant now) {
    const RatePolicy::Step step = policy.step(tat, policy.tick_at(now));
    if (step.is_admitted) tat = step.next_tat;
    return policy.verdict(step.is_admitted, step.debt);
  }
  /// How many of `count` requests at one moment are admitted.
  int burst_of(int count, Instant now) {
    int admitted = 0;
    for (int i = 0; i < count; ++i) admitted += ask(now).is_admitted ? 1 : 0;
    return admitted;
  }
};

}  // namespace

TEST_CASE("rate: 5/min with a burst of 5 is five at once, then one every 12 s", "[policy][rate]") {
  const RatePolicy policy({5, 1min}, 5);
  Key key{policy};
  CHECK(key.burst_of(20, kStart) == 5);
  Instant now = kStart;
  for (int i = 0; i < 10; ++i) {
    now += 12s;
    CHECK_FALSE(key.ask(now - 10ms).is_admitted);
    CHECK(key.ask(now).is_admitted);
    CHECK_FALSE(key.ask(now).is_admitted);
  }
}

TEST_CASE("rate: a verdict says what is left, and when there is more", "[policy][rate]") {
  const RatePolicy policy({5, 1min}, 3);
  Key key{policy};
  const RateVerdict first = key.ask(kStart);
  CHECK(first.is_admitted);
  CHECK(first.left == 2);
  CHECK(first.until_more == 12s);
  const RateVerdict second = key.ask(kStart + 3s);
  CHECK(second.left == 1);
  CHECK(second.until_more == 9s);
  CHECK(key.ask(kStart + 3s).left == 0);
  const RateVerdict refused = key.ask(kStart + 4s);
  CHECK_FALSE(refused.is_admitted);
  CHECK(refused.left == 0);
  CHECK(refused.until_more >= 8s);
  CHECK(refused.until_more <= 8s + policy.duration_of(1));  // what is waited for is never too early
  CHECK(key.ask(kStart + 12s).is_admitted);
}

TEST_CASE("rate: who waits as long as was said is admitted, and not before", "[policy][rate]") {
  for (const Rate rate : {Rate{1, 1s}, Rate{7, 1s}, Rate{100, 1s}, Rate{600, 1min}, Rate{5, 1h},
                          Rate{1, 24h}, Rate{999, 1min}, Rate{1'000'000, 1s}}) {
    for (const std::uint32_t burst : {1U, 2U, 17U}) {
      const RatePolicy policy(rate, burst);
      Key key{policy};
      CHECK(key.burst_of(static_cast<int>(burst) + 3, kStart) == static_cast<int>(burst));
      const Nanos wait = key.ask(kStart).until_more;
      CHECK(wait > Nanos::zero());
      // A tick before: at most 1/65536 of a request's time, or 8 us.
      const Nanos early = policy.duration_of(1);
      if (wait > early) {
        CHECK_FALSE(key.ask(kStart + wait - early - 1ns).is_admitted);
      }
      CHECK(key.ask(kStart + wait).is_admitted);
    }
  }
}

TEST_CASE("rate: a greedy client gets exactly burst + elapsed / interval", "[policy][rate]") {
  // Seven a second do not divide a second into whole nanoseconds; nothing of that may add up.
  for (const Rate rate : {Rate{7, 1s}, Rate{3, 1min}, Rate{11, 1h}, Rate{99'991, 1h}}) {
    constexpr std::uint64_t kBurst = 30;
    const RatePolicy policy(rate, kBurst);
    Key key{policy};
    constexpr int kLooks = 50'000;
    const Nanos step =
        10 * rate.period / kLooks;  // the axis begins at 0: no part of a tick is lost
    std::uint64_t admitted = 0;
    std::size_t wrong = 0;
    for (int i = 0; i <= kLooks; ++i) {
      const Nanos elapsed = step * i;
      while (key.ask(Instant{elapsed}).is_admitted) ++admitted;
      const auto due = static_cast<std::uint64_t>(elapsed.count()) * rate.count /
                       static_cast<std::uint64_t>(rate.period.count());
      if (admitted != kBurst + due) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(admitted == kBurst + 10 * std::uint64_t{rate.count});
  }
}

TEST_CASE("rate: idle time gives back the burst and no more", "[policy][rate]") {
  const RatePolicy policy({10, 1s}, 20);
  Key key{policy};
  CHECK(key.burst_of(100, kStart) == 20);
  CHECK(key.burst_of(100, kStart + 2s) == 20);
  CHECK(key.burst_of(100, kStart + 1h) == 20);
  CHECK(key.burst_of(100, kStart + 24h * 365) == 20);
}

TEST_CASE("rate: a request that is taken back was never there", "[policy][rate]") {
  const RatePolicy policy({10, 1s}, 3);
  Key key{policy};
  CHECK(key.burst_of(2, kStart) == 2);
  const std::uint64_t before = key.tat;
  CHECK(key.ask(kStart).is_admitted);
  key.tat = policy.take_back(key.tat);
  CHECK(key.tat == before);
  CHECK(key.burst_of(5, kStart) == 1);
  // Long after: what is taken back then can't become more than the burst.
  key.tat = policy.take_back(key.tat);
  CHECK(key.burst_of(9, kStart + 1h) == 3);
}

TEST_CASE("rate: a clock that another worker has read a little earlier charges all the same",
          "[policy][rate]") {
  const RatePolicy policy({1, 1s}, 2);
  Key key{policy};
  CHECK(key.burst_of(9, kStart) == 2);
  CHECK_FALSE(key.ask(kStart - 1us).is_admitted);
  CHECK_FALSE(key.ask(kStart - 59s).is_admitted);
  CHECK(key.ask(kStart - 59s).until_more == 60s);
}

TEST_CASE("rate: the edges of the clock", "[policy][rate]") {
  for (const Rate rate : {Rate{1, 24h}, Rate{1, 1s}, Rate{1'000'000, 1s}}) {
    const RatePolicy policy(rate, 2);
    Key at_zero{policy};
    CHECK(at_zero.burst_of(5, Instant{}) == 2);
    Key before_zero{policy};
    CHECK(before_zero.burst_of(5, Instant{-5s}) == 2);
    CHECK(policy.tick_at(Instant{-5s}) == 0);
    Key at_the_end{policy};
    CHECK(at_the_end.burst_of(5, Instant{Nanos(std::numeric_limits<Nanos::rep>::max())}) == 2);
    // Over the point where a TAT wraps around, where the clock can come to it.
    if (rate.period == 24h) continue;
    const Instant wrap{policy.duration_of(std::uint64_t{1} << RatePolicy::kTatBits)};
    Key wrapping{policy, policy.tick_at(wrap - 1us)};
    CHECK(wrapping.burst_of(5, wrap - 1us) == 2);
    CHECK(wrapping.burst_of(5, wrap - 1us) == 0);  // its TAT is behind the wrap
    const Nanos refilled = 3 * rate.period / rate.count + 1ms;
    CHECK(wrapping.burst_of(5, wrap + refilled) == 2);
  }
}

TEST_CASE("rate: what was left alone for nearly a whole turn of the axis counts as past",
          "[policy][rate]") {
  const RatePolicy policy({100, 1s}, 10);
  const Nanos turn = policy.duration_of(std::uint64_t{1} << RatePolicy::kTatBits);
  CHECK(turn > 24h * 365 * 4);
  Key key{policy};
  CHECK(key.burst_of(10, kStart) == 10);
  CHECK(policy.debt(key.tat, policy.tick_at(kStart + turn / 2)) == 0);
  CHECK(policy.debt(key.tat, policy.tick_at(kStart + turn - 1h)) == 0);
  // The one moment at which it looks like one of now: it is judged as it was, and no worse.
  CHECK(key.burst_of(10, kStart + turn) == 0);
  CHECK(key.burst_of(20, kStart + turn + 100ms) == 10);
}

TEST_CASE("rate: the bounds of a configuration", "[policy][rate]") {
  constexpr std::uint32_t kMost = core::limits::kRateMax;
  const RatePolicy policy({1, 24h}, kMost);
  Key key{policy};
  CHECK(key.burst_of(static_cast<int>(kMost) + 5, kStart) == static_cast<int>(kMost));
  const RateVerdict refused = key.ask(kStart);
  CHECK_FALSE(refused.is_admitted);
  CHECK(refused.until_more == 24h);
  const RatePolicy fast({kMost, 1s}, 1);
  Key fast_key{fast};
  CHECK(fast_key.burst_of(3, kStart) == 1);
  CHECK(fast_key.burst_of(3, kStart + 1us) == 1);
  CHECK(fast_key.burst_of(3, kStart + 1us) == 0);
}

TEST_CASE("rate limit: ticks are rounded down once, whatever the period", "[policy][rate]") {
  __extension__ using Wide = unsigned __int128;
  sluice::core::Rng rng(7);
  for (const Nanos period : {Nanos(1s), Nanos(1min), Nanos(1h), Nanos(24h)}) {
    for (const std::uint32_t count : {1U, 3U, 7U, 100U, 999U, 65'537U, 1'000'000U}) {
      const RatePolicy policy({count, period}, 1);
      const std::uint64_t per_request = policy.step(0, 0).next_tat;
      const auto expected = [&](std::uint64_t time) {
        return static_cast<std::uint64_t>(Wide{time} * (count * per_request) /
                                          static_cast<std::uint64_t>(period.count()));
      };
      for (int i = 0; i < 200; ++i) {
        // Up to 36 years, and the edges of a period.
        const std::uint64_t any = rng.next() >> 4U;
        const std::uint64_t edge = any - any % static_cast<std::uint64_t>(period.count());
        for (const std::uint64_t time : {any, edge, edge + 1, edge == 0 ? 0 : edge - 1}) {
          const Instant at{Nanos(static_cast<Nanos::rep>(time))};
          CHECK(policy.tick_at(at) == expected(time));
        }
      }
    }
  }
}
