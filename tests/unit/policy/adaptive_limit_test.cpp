#include "sluice/policy/adaptive_limit.hpp"

#include <chrono>
#include <deque>
#include <support/catch.hpp>
#include <vector>

using namespace sluice;
using namespace sluice::policy;
using namespace std::chrono_literals;

namespace {

constexpr core::Instant kStart{1h};

/// An origin that works on `servers` requests at a time, each for `service`; the rest waits there
/// in a queue. Requests come whether others were answered or not.
struct Origin {
  std::uint32_t servers = 10;
  core::Nanos service = 50ms;
  double noise = 0;  // of the service time, either way
  double arrivals_per_ms = 1.0;
};

struct World {
  explicit World(const AdaptivePolicy& policy, std::uint64_t seed = 1)
      : limit(policy, kStart), rng(seed) {}

  struct Request {
    core::Instant came;
    core::Instant done;
  };

  void run(core::Nanos time, const Origin& origin) {
    answered = refused = 0;
    limits.clear();
    for (const core::Instant end = now + time; now < end; now += 1ms) step(origin);
  }

  void step(const Origin& origin) {
    for (std::size_t i = 0; i < working.size();) {
      if (working[i].done > now) {
        ++i;
        continue;
      }
      sample.total += now - working[i].came;
      ++sample.answers;
      ++answered;
      working.erase(working.begin() + static_cast<std::ptrdiff_t>(i));
    }
    due += origin.arrivals_per_ms * (0.5 + rng.below(1000) / 1000.0);
    for (; due >= 1; --due) {
      if (working.size() + waiting.size() < limit.limit()) {
        waiting.push_back(now);
      } else {
        ++refused;
        sample.was_refused = true;
      }
    }
    while (!waiting.empty() && working.size() < origin.servers) {
      const double factor = 1 + origin.noise * (rng.below(2001) / 1000.0 - 1);
      const auto takes =
          static_cast<std::int64_t>(factor * static_cast<double>(origin.service.count()));
      working.push_back({waiting.front(), now + core::Nanos{takes}});
      waiting.pop_front();
    }
    if ((now - kStart) % 100ms != 0ns) return;
    sample.in_flight = static_cast<std::uint32_t>(working.size() + waiting.size());
    limit.look(sample, now, rng);
    sample = {};
    limits.push_back(limit.limit());
  }

  std::uint32_t least() const { return *std::ranges::min_element(limits); }
  std::uint32_t most() const { return *std::ranges::max_element(limits); }
  double mean() const {
    double sum = 0;
    for (const std::uint32_t each : limits) sum += each;
    return sum / static_cast<double>(limits.size());
  }

  AdaptiveLimit limit;
  core::Rng rng;
  core::Instant now = kStart;
  std::vector<Request> working;
  std::deque<core::Instant> waiting;
  AdaptiveSample sample;
  double due = 0;
  unsigned answered = 0, refused = 0;
  std::vector<std::uint32_t> limits;  // at each look
};

AdaptivePolicy usual() {
  return {.is_on = true};
}

}  // namespace

TEST_CASE("latency sum: one word for count and time", "[policy][adaptive]") {
  CHECK(LatencySum().count() == 0);
  std::uint64_t word = LatencySum::of(50ms) + LatencySum::of(70ms);
  CHECK(LatencySum(word).count() == 2);
  CHECK(LatencySum(word).total() == 120ms);
  CHECK(LatencySum(LatencySum::of(-1s)).total() == 0s);
  CHECK(LatencySum(LatencySum::of(-1s)).count() == 1);
  CHECK(LatencySum(LatencySum::of(1h)).total() == 10s);
  word = 0;
  for (int i = 0; i < 1'000'000; ++i) word += LatencySum::of(10s);
  CHECK(LatencySum(word).count() == 1'000'000);
  CHECK(LatencySum(word).total() == 10'000'000s);
}

TEST_CASE("adaptive limit: measures with 8 at a time, and begins with 20", "[policy][adaptive]") {
  AdaptiveLimit limit(usual(), kStart);
  core::Rng rng(1);
  CHECK(limit.limit() == 8);
  limit.look({.answers = 9, .total = 9 * 10ms, .in_flight = 8}, kStart + 100ms, rng);
  CHECK(limit.limit() == 8);
  limit.look({.answers = 1, .total = 1 * 20ms, .in_flight = 8}, kStart + 200ms, rng);
  CHECK(limit.limit() == 20);
  CHECK(limit.base() == 11ms);
}

TEST_CASE("adaptive limit: a pool that nobody asks is not measured for ever",
          "[policy][adaptive]") {
  AdaptiveLimit limit(usual(), kStart);
  core::Rng rng(1);
  limit.look({}, kStart + 5s - 1ns, rng);
  CHECK(limit.limit() == 8);
  limit.look({}, kStart + 5s, rng);
  CHECK(limit.limit() == 20);
  CHECK(limit.base() == 0s);
}

TEST_CASE("adaptive limit: begins within its bounds", "[policy][adaptive]") {
  CHECK(AdaptiveLimit({.is_on = true, .least = 50}, kStart).limit() == 50);
  CHECK(AdaptiveLimit({.is_on = true, .most = 5}, kStart).limit() == 4);
  CHECK(AdaptiveLimit({.is_on = true, .least = 1, .most = 1}, kStart).limit() == 1);
}

TEST_CASE("adaptive limit: five times the load finds what the origin can do",
          "[policy][adaptive]") {
  World world(usual());
  world.run(10s, {});
  world.run(60s, {});
  CHECK(world.answered > 200 * 60 * 95 / 100);
  CHECK(world.most() <= 25);
  CHECK(world.mean() > 12);
  CHECK(world.limit.base() >= 50ms);
  CHECK(world.limit.base() < 60ms);
}

TEST_CASE("adaptive limit: from the first second on nearly all that can be done is done",
          "[policy][adaptive]") {
  World world(usual());
  world.run(1s, {});
  world.run(10s, {});
  CHECK(world.answered > 200 * 10 * 90 / 100);
}

TEST_CASE("adaptive limit: follows an origin that can do more, or less", "[policy][adaptive]") {
  World world(usual());
  world.run(30s, {});
  world.run(20s, {.servers = 100, .arrivals_per_ms = 10});
  world.run(20s, {.servers = 100, .arrivals_per_ms = 10});
  CHECK(world.mean() > 110);
  CHECK(world.answered > 2000 * 20 * 95 / 100);
  world.run(10s, {.servers = 5});
  world.run(20s, {.servers = 5});
  CHECK(world.most() <= 20);
  CHECK(world.answered > 100 * 20 * 90 / 100);
}

TEST_CASE("adaptive limit: an origin that is slower by itself is no queue for long",
          "[policy][adaptive]") {
  World world(usual());
  world.run(30s, {});
  world.run(15s, {.service = 200ms});
  CHECK(world.least() >= 4);
  world.run(30s, {.service = 200ms});
  CHECK(world.answered > 50 * 30 * 90 / 100);
  CHECK(world.limit.base() > 150ms);
  world.run(15s, {});
  world.run(20s, {});
  CHECK(world.answered > 200 * 20 * 90 / 100);
}

TEST_CASE("adaptive limit: the base is measured again while the pool is in use",
          "[policy][adaptive]") {
  World world(usual());
  world.run(30s, {});
  REQUIRE(world.limit.base() < 60ms);
  world.run(35s, {.service = 65ms});  // less than tolerance: the limit alone says nothing
  CHECK(world.limit.base() >= 65ms);
  CHECK(world.limit.base() < 80ms);
}

TEST_CASE("adaptive limit: noise does not make it collapse or grow", "[policy][adaptive]") {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U}) {
    World world(usual(), seed);
    world.run(20s, {.noise = 0.9});
    world.run(120s, {.noise = 0.9});
    CAPTURE(seed);
    CHECK(world.least() >= 5);
    CHECK(world.most() <= 35);
    CHECK(world.answered > 200 * 120 * 90 / 100);
  }
}

TEST_CASE("adaptive limit: a pool that is not used as far as it may be is left alone",
          "[policy][adaptive]") {
  World world(usual());
  world.run(2s, {.arrivals_per_ms = 0.1});
  world.run(60s, {.arrivals_per_ms = 0.1});  // 5 at a time
  CHECK(world.refused == 0);
  CHECK(world.least() == 20);
  CHECK(world.most() == 20);
  CHECK(world.limit.base() == 50ms);
}

TEST_CASE("adaptive limit: refuses nobody below what the origin can do", "[policy][adaptive]") {
  World world(usual());
  world.run(120s, {.noise = 0.3, .arrivals_per_ms = 0.14});  // 70 % of it
  CHECK(world.refused < 14 * 120 / 2);                       // of 16,800: below 5 %
  CHECK(world.least() >= 8);
}

TEST_CASE("adaptive limit: keeps its bounds", "[policy][adaptive]") {
  World low({.is_on = true, .least = 2, .most = 6});
  low.run(30s, {});
  CHECK(low.most() <= 6);
  World high({.is_on = true, .least = 30, .most = 1000});
  high.run(30s, {});
  CHECK(high.least() >= 30);
}

TEST_CASE("adaptive limit: more tolerance does not grow without end", "[policy][adaptive]") {
  World world({.is_on = true, .tolerance = core::BasisPoints::of(10'000)});
  world.run(300s, {});
  CHECK(world.most() <= 45);
  CHECK(world.limit.base() < 65ms);
}

TEST_CASE("adaptive limit: no answers at all change nothing, and end a measurement",
          "[policy][adaptive]") {
  World world(usual());
  world.run(30s, {});
  const std::uint32_t before = world.limit.limit();
  const core::Nanos base = world.limit.base();
  core::Rng rng(1);
  for (int i = 0; i < 600; ++i) {
    world.now += 100ms;
    world.limit.look({.in_flight = before, .was_refused = true}, world.now, rng);
  }
  CHECK(world.limit.limit() == before);
  CHECK(world.limit.base() == base);
}

TEST_CASE("adaptive limit: answers of no time, and of all the time there is",
          "[policy][adaptive]") {
  AdaptiveLimit limit(usual(), kStart);
  core::Rng rng(1);
  core::Instant now = kStart;
  for (int i = 0; i < 1000; ++i) {
    now += 100ms;
    const core::Nanos each = i % 3 == 0 ? 0ns : core::Nanos(10s);
    limit.look({.answers = 20, .total = 20 * each, .in_flight = 1000}, now, rng);
    CHECK(limit.limit() >= 4);
    CHECK(limit.limit() <= 1000);
  }
}
