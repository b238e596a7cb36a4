#include "sluice/policy/balance.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "support/catch.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using policy::EndpointView;
using policy::Penalty;
using policy::PoolRole;

namespace {

constexpr core::Instant kNow{1000s};

std::optional<std::size_t> pick(const std::vector<EndpointView>& pool, PoolRole role,
                                core::Rng& rng) {
  return policy::pick_endpoint(
      pool.size(), [&](std::size_t i) { return pool[i]; }, role, kNow, rng);
}

EndpointView busy(std::uint32_t in_flight) {
  return {.in_flight = in_flight};
}
EndpointView unusable() {
  return {.is_usable = false};
}
EndpointView penalised(core::Nanos left, std::uint32_t in_flight = 0) {
  return {.in_flight = in_flight, .penalty_until = kNow + left};
}

}  // namespace

TEST_CASE("balance: an empty pool and a pool of one", "[policy][balance]") {
  core::Rng rng(1);
  CHECK_FALSE(pick({}, PoolRole::Live, rng));
  CHECK(pick({busy(1000)}, PoolRole::Live, rng) == 0U);
  CHECK_FALSE(pick({unusable()}, PoolRole::Live, rng));
}

TEST_CASE("balance: of two the one with fewer requests in flight", "[policy][balance]") {
  core::Rng rng(2);
  for (int i = 0; i < 100; ++i) CHECK(pick({busy(3), busy(2)}, PoolRole::Live, rng) == 1U);
}

TEST_CASE("balance: the busiest of three is never taken, the others both are",
          "[policy][balance]") {
  core::Rng rng(3);
  std::array<int, 3> taken{};
  for (int i = 0; i < 300; ++i) ++taken[*pick({busy(9), busy(1), busy(1)}, PoolRole::Live, rng)];
  CHECK(taken[0] == 0);
  CHECK(taken[1] > 100);
  CHECK(taken[2] > 100);
}

TEST_CASE("balance: equal endpoints get equal parts", "[policy][balance]") {
  core::Rng rng(4);
  std::array<int, 4> taken{};
  for (int i = 0; i < 40'000; ++i)
    ++taken[*pick(std::vector<EndpointView>(4), PoolRole::Live, rng)];
  for (const int count : taken)
    CHECK(std::abs(count - 10'000) < 4 * 87);  // sigma of B(40,000, 1/4)
}

TEST_CASE("balance: an unusable endpoint is never taken while another is left",
          "[policy][balance]") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    core::Rng rng(seed);
    CHECK(pick({unusable(), busy(50), unusable(), unusable()}, PoolRole::Candidate, rng) == 1U);
  }
}

TEST_CASE("balance: a penalised endpoint ranks behind every free one", "[policy][balance]") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    core::Rng rng(seed);
    CHECK(pick({penalised(1s), busy(50), penalised(2s)}, PoolRole::Live, rng) == 1U);
  }
}

TEST_CASE("balance: a penalty that ends now is over", "[policy][balance]") {
  core::Rng rng(5);
  CHECK(pick({penalised(0s)}, PoolRole::Candidate, rng) == 0U);
  CHECK_FALSE(pick({penalised(1ns)}, PoolRole::Candidate, rng));
}

TEST_CASE("balance: all in penalty: live tries the first to end, the candidate has none",
          "[policy][balance]") {
  const std::vector<EndpointView> pool{penalised(3s), penalised(1s, 99), unusable(), penalised(2s)};
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    INFO("seed " << seed);
    core::Rng rng(seed);
    CHECK(pick(pool, PoolRole::Live, rng) == 1U);
    CHECK_FALSE(pick(pool, PoolRole::Candidate, rng));
  }
}

TEST_CASE("balance: any mix gives what a look at all of them allows", "[policy][balance]") {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    INFO("seed " << seed);
    core::Rng rng(seed);
    std::vector<EndpointView> pool(1 + rng.below(6));
    for (EndpointView& e : pool) {
      e.is_usable = rng.below(3) != 0;
      e.in_flight = rng.below(4);
      if (rng.below(2) == 0) e.penalty_until = kNow + core::Nanos(rng.below(5));
    }
    const auto is_free = [](const EndpointView& e) {
      return e.is_usable && e.penalty_until <= kNow;
    };
    const bool any_free = std::ranges::any_of(pool, is_free);
    const bool any_usable = std::ranges::any_of(pool, &EndpointView::is_usable);
    const auto candidate = pick(pool, PoolRole::Candidate, rng);
    CHECK(candidate.has_value() == any_free);
    if (candidate) CHECK(is_free(pool[*candidate]));
    const auto live = pick(pool, PoolRole::Live, rng);
    CHECK(live.has_value() == any_usable);
    if (live) CHECK(pool[*live].is_usable);
    if (live && any_free) CHECK(is_free(pool[*live]));
  }
}

TEST_CASE("penalty: 1 s, doubling to 10 s", "[policy][balance]") {
  core::Instant now = kNow;
  Penalty penalty;
  CHECK(penalty.word() == 0);
  CHECK(penalty.until() <= now);
  for (const core::Nanos length : {1s, 2s, 4s, 8s, 10s, 10s, 10s}) {
    penalty = penalty.after_failure(now);
    CHECK(penalty.until() - now == length);
    now = penalty.until();  // the first instant at which a failure counts again
  }
}

TEST_CASE("penalty: failures while one runs change nothing", "[policy][balance]") {
  const Penalty first = Penalty().after_failure(kNow);
  CHECK(first.after_failure(kNow).word() == first.word());
  CHECK(first.after_failure(first.until() - 1ns).word() == first.word());
  CHECK(first.after_failure(first.until()).word() != first.word());
}

TEST_CASE("penalty: cleared by the word 0, then starts at 1 s again", "[policy][balance]") {
  Penalty penalty = Penalty().after_failure(kNow);
  penalty = penalty.after_failure(penalty.until());
  penalty = Penalty(0);
  CHECK(penalty.after_failure(kNow).until() - kNow == 1s);
}

TEST_CASE("penalty: never ends early and never is the word 0", "[policy][balance]") {
  const Penalty at_zero = Penalty().after_failure(core::Instant{});
  CHECK(at_zero.word() != 0);
  const core::Instant odd = kNow + 1ns;
  const Penalty penalty = Penalty().after_failure(odd);
  CHECK(penalty.until() - odd >= 1s);
  CHECK(penalty.until() - odd < 1s + 1ms);
  CHECK(Penalty(penalty.word()).until() == penalty.until());
}

TEST_CASE("balance: one that starts slowly gets its share of what it would get",
          "[policy][balance]") {
  core::Rng rng(11);
  const EndpointView cold{.share = 200};
  int taken = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (*pick({busy(0), cold}, PoolRole::Live, rng) == 1U) ++taken;
  }
  // Half of the draws, of these a fifth: 1,000 with a deviation of 30.
  CHECK(taken > 850);
  CHECK(taken < 1150);
}

TEST_CASE("balance: beside one that is out a slow start still gives way", "[policy][balance]") {
  core::Rng rng(12);
  const EndpointView cold{.share = 100};
  std::array<int, 3> taken{};
  for (int i = 0; i < 10'000; ++i) ++taken[*pick({unusable(), busy(0), cold}, PoolRole::Live, rng)];
  CHECK(taken[0] == 0);
  CHECK(taken[2] > 100);
  CHECK(taken[2] < 1000);
}

TEST_CASE("balance: a slow start never leaves a request without an endpoint", "[policy][balance]") {
  core::Rng rng(13);
  const EndpointView cold{.share = 1};
  for (int i = 0; i < 1000; ++i) {
    CHECK(pick({cold}, PoolRole::Candidate, rng) == 0U);
    CHECK(pick({cold, cold}, PoolRole::Candidate, rng));
    CHECK(pick({cold, unusable()}, PoolRole::Candidate, rng) == 0U);
    CHECK(pick({cold, penalised(1s)}, PoolRole::Live, rng) == 0U);
  }
}
