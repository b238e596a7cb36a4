#include "net/timer_wheel.hpp"

#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "sluice/core/rng.hpp"
#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using sluice::core::Instant;
using sluice::core::Nanos;
using sluice::core::limits::kTimerSlots;
using sluice::core::limits::kTimerTick;
using sluice::net::Timer;
using sluice::net::TimerWheel;

constexpr Instant kStart{1000s};
constexpr Nanos kSpan = static_cast<std::int64_t>(kTimerSlots) * Nanos{kTimerTick};

struct TestTimer final : Timer {
  std::function<void()> action;
  unsigned fired = 0;
  void on_timer() override {
    ++fired;
    if (action) action();
  }
};

/// Moves the wheel as the loop does: an advance() at each tick.
Instant run_to(TimerWheel& wheel, Instant to) {
  while (wheel.next_tick() <= to) wheel.advance(wheel.next_tick());
  return to;
}

}  // namespace

TEST_CASE("timer wheel: never early, at most one tick late", "[net][timer]") {
  const Nanos offset =
      GENERATE(Nanos{1}, Nanos{49'999'999}, Nanos{50ms}, Nanos{50'000'001}, Nanos{99ms}, Nanos{10s},
               kSpan - 100ms, kSpan - 50ms, kSpan, kSpan + 1ns, 3 * kSpan + 7ms);
  TimerWheel wheel(kStart);
  TestTimer timer;
  const Instant deadline = kStart + offset;
  wheel.arm(timer, deadline);
  while (timer.fired == 0) {
    const Instant now = wheel.next_tick();
    wheel.advance(now);
    if (timer.fired == 0) {
      REQUIRE(now < deadline);
    } else {
      CHECK(now >= deadline);
      CHECK(now < deadline + kTimerTick);
    }
  }
  CHECK(wheel.empty());
}

TEST_CASE("timer wheel: a deadline in the past fires at the next tick, not inside arm", "[net]") {
  TimerWheel wheel(kStart);
  TestTimer timer;
  wheel.arm(timer, kStart - 1h);
  CHECK(timer.fired == 0);
  wheel.advance(kStart + kTimerTick - 1ns);
  CHECK(timer.fired == 0);
  wheel.advance(kStart + kTimerTick);
  CHECK(timer.fired == 1);
}

TEST_CASE("timer wheel: re-arming later moves the deadline", "[net][timer]") {
  TimerWheel wheel(kStart);
  TestTimer timer;
  wheel.arm(timer, kStart + 100ms);
  wheel.arm(timer, kStart + 1s);
  run_to(wheel, kStart + 999ms);
  CHECK(timer.fired == 0);
  CHECK(timer.is_armed());
  run_to(wheel, kStart + 1050ms);
  CHECK(timer.fired == 1);
}

TEST_CASE("timer wheel: re-arming earlier moves the deadline", "[net][timer]") {
  TimerWheel wheel(kStart);
  TestTimer timer;
  wheel.arm(timer, kStart + 10s);
  wheel.arm(timer, kStart + 100ms);
  CHECK(wheel.armed() == 1);
  run_to(wheel, kStart + 100ms);
  CHECK(timer.fired == 1);
  run_to(wheel, kStart + 11s);
  CHECK(timer.fired == 1);
}

TEST_CASE("timer wheel: re-arming to the end of the slot before is not a whole tick late",
          "[net][timer]") {
  TimerWheel wheel(kStart);
  TestTimer timer;
  wheel.arm(timer, kStart + 1s);
  wheel.arm(timer, kStart + 1s - kTimerTick);
  run_to(wheel, kStart + 1s - kTimerTick);
  CHECK(timer.fired == 1);
}

TEST_CASE("timer wheel: later and then earlier again keeps the earlier one", "[net][timer]") {
  TimerWheel wheel(kStart);
  TestTimer timer;
  wheel.arm(timer, kStart + 1s);
  wheel.arm(timer, kStart + 20s);
  wheel.arm(timer, kStart + 500ms);
  run_to(wheel, kStart + 550ms);
  CHECK(timer.fired == 1);
}

TEST_CASE("timer wheel: a deadline of never does not fire and does not overflow", "[net][timer]") {
  TimerWheel wheel(kStart);
  TestTimer timer;
  wheel.arm(timer, Instant::max());
  run_to(wheel, kStart + 3 * kSpan);
  CHECK(timer.fired == 0);
  CHECK(timer.is_armed());
}

TEST_CASE("timer wheel: a loop that slept for hours fires all that is due, once", "[net][timer]") {
  TimerWheel wheel(kStart);
  TestTimer near;
  TestTimer far;
  TestTimer future;
  wheel.arm(near, kStart + 1s);
  wheel.arm(far, kStart + 4h);
  wheel.arm(future, kStart + 5h + 100ms);
  wheel.advance(kStart + 5h);
  CHECK(wheel.next_tick() > kStart + 5h);
  CHECK(near.fired == 1);
  CHECK(far.fired == 1);
  CHECK(future.fired == 0);
  run_to(wheel, kStart + 5h + 150ms);
  CHECK(future.fired == 1);
}

TEST_CASE("timer wheel: a timer may re-arm itself while it fires", "[net][timer]") {
  TimerWheel wheel(kStart);
  TestTimer timer;
  Instant next = kStart + 100ms;
  timer.action = [&] { wheel.arm(timer, next += 100ms); };
  wheel.arm(timer, next);
  run_to(wheel, kStart + 1s);
  CHECK(timer.fired == 10);
  CHECK(wheel.armed() == 1);
}

TEST_CASE("timer wheel: a timer re-armed to the past while it fires does not hang the wheel",
          "[net]") {
  TimerWheel wheel(kStart);
  TestTimer timer;
  timer.action = [&] { wheel.arm(timer, kStart); };
  wheel.arm(timer, kStart);
  wheel.advance(kStart + kTimerTick);
  CHECK(timer.fired == 1);
  wheel.advance(kStart + kSpan + 10s);
  CHECK(timer.fired <= 2 + kTimerSlots);
  CHECK(timer.is_armed());
}

TEST_CASE("timer wheel: a timer may disarm another one of its own slot", "[net][timer]") {
  TimerWheel wheel(kStart);
  TestTimer first;
  TestTimer second;
  first.action = [&] { wheel.disarm(second); };
  wheel.arm(first, kStart + 10ms);
  wheel.arm(second, kStart + 10ms);
  run_to(wheel, kStart + 1s);
  CHECK(first.fired == 1);
  CHECK(second.fired == 0);
}

TEST_CASE("timer wheel: empty after disarm and after destruction of a timer", "[net][timer]") {
  TimerWheel wheel(kStart);
  CHECK(wheel.empty());
  TestTimer timer;
  wheel.arm(timer, kStart + 1s);
  CHECK_FALSE(wheel.empty());
  wheel.disarm(timer);
  CHECK(wheel.empty());
  {
    TestTimer brief;
    wheel.arm(brief, kStart + 2s);
    CHECK_FALSE(wheel.empty());
  }
  CHECK(wheel.empty());
  CHECK(wheel.armed() == 0);
}

TEST_CASE("timer wheel: armed after a long empty time it is still at most one tick late", "[net]") {
  TimerWheel wheel(kStart);
  const Instant woke = kStart + 10h + 13ms;
  wheel.advance(woke);
  TestTimer timer;
  wheel.arm(timer, woke + 1s);
  run_to(wheel, woke + 999ms);
  CHECK(timer.fired == 0);
  run_to(wheel, woke + 1s + kTimerTick);
  CHECK(timer.fired == 1);
}

namespace {

/// The same as TimerWheel, naively: a deadline per timer, looked at after each advance.
struct Model {
  static constexpr Instant kNone = Instant::min();
  std::vector<Instant> deadlines;
};

}  // namespace

TEST_CASE("timer wheel: agrees with a list of deadlines over random histories", "[net][timer]") {
  const auto seed = GENERATE(take(20, random(0U, std::numeric_limits<unsigned>::max())));
  INFO("seed " << seed);
  sluice::core::Rng rng(seed);
  constexpr std::uint32_t kTimers = 40;
  TimerWheel wheel(kStart);
  Instant now = kStart;
  Model model{std::vector<Instant>(kTimers, Model::kNone)};
  std::vector<std::unique_ptr<TestTimer>> timers;
  for (std::uint32_t i = 0; i < kTimers; ++i) {
    timers.push_back(std::make_unique<TestTimer>());
    timers[i]->action = [&, i] {
      // Never early, and never one that the model doesn't know.
      REQUIRE(model.deadlines[i] != Model::kNone);
      REQUIRE(now >= model.deadlines[i]);
      model.deadlines[i] = Model::kNone;
      if (rng.below(4) == 0) {
        model.deadlines[i] = now + Nanos{rng.below(2'000'000'000)};
        wheel.arm(*timers[i], model.deadlines[i]);
      }
    };
  }
  for (unsigned step = 0; step < 3000; ++step) {
    const std::uint32_t i = rng.below(kTimers);
    switch (rng.below(4)) {
      case 0:
        wheel.disarm(*timers[i]);
        model.deadlines[i] = Model::kNone;
        break;
      case 1:
        model.deadlines[i] = now + 10 * Nanos{rng.next() % 12'000'000'000U};  // two wheels
        wheel.arm(*timers[i], model.deadlines[i]);
        break;
      case 2:
        model.deadlines[i] = now + Nanos{rng.below(200'000'000)};
        wheel.arm(*timers[i], model.deadlines[i]);
        break;
      default: {
        const Instant target =
            now + Nanos{rng.next() % (rng.below(50) == 0 ? 200'000'000'000U : 300'000'000U)};
        while (wheel.next_tick() <= target) wheel.advance(now = wheel.next_tick());
        now = target;
        wheel.advance(now);
      }
    }
    std::size_t armed = 0;
    for (std::uint32_t t = 0; t < kTimers; ++t) {
      if (model.deadlines[t] == Model::kNone) {
        REQUIRE_FALSE(timers[t]->is_armed());
        continue;
      }
      ++armed;
      REQUIRE(timers[t]->is_armed());
      REQUIRE(model.deadlines[t] + kTimerTick > now);
    }
    REQUIRE(wheel.armed() == armed);
    REQUIRE(wheel.empty() == (armed == 0));
  }
}
