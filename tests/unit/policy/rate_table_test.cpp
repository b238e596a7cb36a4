#include "sluice/policy/rate_table.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include "sluice/core/keyed_hash.hpp"
#include "sluice/core/limits.hpp"
#include "support/catch.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using core::Instant;
using policy::RatePolicy;
using policy::RateTable;
using policy::RateVerdict;

namespace {

constexpr Instant kStart{1000s};
constexpr std::size_t kLeast = core::limits::kLimitKeysLeast;

std::uint64_t hash_of(std::size_t key) {
  return core::siphash_2_4("user-" + std::to_string(key), {1, 2});
}

/// Made by hand: which buckets a key has, and its tag.
std::uint64_t made(std::uint64_t tag, std::uint64_t first, std::uint64_t second) {
  return (tag << RatePolicy::kTatBits) | (second << 22U) | first;
}

struct Charge {
  bool is_admitted = false;
  bool was_new = false;
  bool has_evicted = false;
};
Charge charge(RateTable& table, const RatePolicy& policy, std::uint64_t hash, Instant at) {
  const std::uint64_t now = policy.tick_at(at);
  RateTable::Look look = table.look(policy, hash, now);
  const bool is_admitted = table.charge(policy, hash, now, look);
  return {is_admitted, look.is_new, is_admitted && look.evicts};
}
bool ask(RateTable& table, const RatePolicy& policy, std::uint64_t hash, Instant at) {
  return charge(table, policy, hash, at).is_admitted;
}
RateVerdict standing(const RateTable& table, const RatePolicy& policy, std::uint64_t hash,
                     Instant at) {
  return policy.standing(table.look(policy, hash, policy.tick_at(at)).step);
}

/// `threads` ask for each of `keys` once every `step`, for `steps` steps; returns what was admitted
/// by key.
std::vector<std::atomic<std::uint32_t>> run(RateTable& table, const RatePolicy& policy,
                                            std::size_t threads, std::size_t keys,
                                            std::size_t steps, core::Nanos step) {
  std::vector<std::atomic<std::uint32_t>> admitted(keys);
  std::barrier barrier(static_cast<std::ptrdiff_t>(threads));
  const auto work = [&](std::size_t thread) {
    for (std::size_t i = 0; i <= steps; ++i) {
      const Instant now = kStart + step * static_cast<core::Nanos::rep>(i);
      for (std::size_t k = 0; k < keys; ++k) {
        // In pairs of threads that go the same way, so that they meet at the same key.
        const std::size_t key = thread < 2 ? k : keys - 1 - k;
        if (ask(table, policy, hash_of(key), now)) admitted[key].fetch_add(1);
      }
      barrier.arrive_and_wait();
    }
  };
  std::vector<std::thread> others;
  for (std::size_t t = 1; t < threads; ++t) others.emplace_back(work, t);
  work(0);
  for (std::thread& other : others) other.join();
  return admitted;
}

}  // namespace

TEST_CASE("rate table: keys do not know of each other", "[policy][rate]") {
  const RatePolicy policy({1, 1s}, 2);
  RateTable table(1024);
  for (std::size_t key = 0; key < 1000; ++key) {
    CHECK(ask(table, policy, hash_of(key), kStart));
    CHECK(ask(table, policy, hash_of(key), kStart));
    CHECK_FALSE(ask(table, policy, hash_of(key), kStart));
  }
  CHECK(table.count(policy, policy.tick_at(kStart)) == 1000);
  CHECK(table.count(policy, policy.tick_at(kStart + 2s)) == 0);
}

TEST_CASE("rate table: a thousand keys, an hour, one thread and four: exactly what is allowed",
          "[policy][rate]") {
  const std::size_t threads = GENERATE(1, 4);
  const RatePolicy policy({5, 1min}, 7);
  RateTable table(4096);
  constexpr std::size_t kSteps = 720;
  const auto admitted = run(table, policy, threads, 1000, kSteps, 5s);
  // A step brings less than one request, so each thread asks often enough to take all there is:
  // one thread gets its burst after a while, four in the first steps.
  const std::uint32_t allowed = 7 + 5 * 60;
  std::size_t wrong = 0;
  for (const auto& count : admitted) wrong += count.load() == allowed ? 0 : 1;
  CHECK(wrong == 0);
  CHECK(table.count(policy, policy.tick_at(kStart + 1h)) == 1000);
}

TEST_CASE("rate table: new keys that four threads see at once are counted once", "[policy][rate]") {
  // Each step is so long after the one before that all places are free again, and every key is new.
  const RatePolicy policy({1, 1s}, 2);
  RateTable table(kLeast);
  const auto admitted = run(table, policy, 4, 40, 2000, 1min);
  std::size_t wrong = 0;
  for (const auto& count : admitted) wrong += count.load() == 2 * 2001 ? 0 : 1;
  CHECK(wrong == 0);
}

TEST_CASE("rate table: a refund is as if the request had not come", "[policy][rate]") {
  const RatePolicy policy({1, 1s}, 3);
  RateTable table(kLeast);
  const std::uint64_t hash = hash_of(1);
  CHECK(ask(table, policy, hash, kStart));
  CHECK(standing(table, policy, hash, kStart).left == 2);
  CHECK(ask(table, policy, hash, kStart));
  table.refund(policy, hash);
  CHECK(standing(table, policy, hash, kStart).left == 2);
  table.refund(policy, hash_of(2));  // nothing is known of it
  CHECK(standing(table, policy, hash_of(2), kStart).left == 3);
}

TEST_CASE("rate table: a look changes nothing", "[policy][rate]") {
  const RatePolicy policy({1, 1s}, 1);
  RateTable table(kLeast);
  for (int i = 0; i < 5; ++i) CHECK(standing(table, policy, hash_of(1), kStart).is_admitted);
  CHECK(table.count(policy, policy.tick_at(kStart)) == 0);
}

TEST_CASE("rate table: a charge looks again when another one came between", "[policy][rate]") {
  const RatePolicy policy({1, 1s}, 1);
  RateTable table(kLeast);
  const std::uint64_t hash = hash_of(1);
  const std::uint64_t now = policy.tick_at(kStart);
  RateTable::Look mine = table.look(policy, hash, now);
  CHECK(mine.step.is_admitted);
  CHECK(ask(table, policy, hash, kStart));
  CHECK_FALSE(table.charge(policy, hash, now, mine));
  CHECK_FALSE(mine.step.is_admitted);
  CHECK(mine.verdict(policy).until_more == 1s);
}

TEST_CASE("rate table: of two places for one key that two threads make at once one is given up",
          "[policy][rate]") {
  const RatePolicy policy({1, 1s}, 1);
  RateTable table(kLeast);
  const std::uint64_t key = made(7, 3, 9);
  const std::uint64_t other = made(8, 3, 9);
  CHECK(ask(table, policy, other, kStart));
  table.refund(policy, other);  // owes nothing: its place is the one that the first thread sees
  RateTable::Look first = table.look(policy, key, policy.tick_at(kStart));
  CHECK(ask(table, policy, other, kStart));
  CHECK(ask(table, policy, key, kStart));  // the second thread, at another place
  table.refund(policy, other);
  CHECK(first.is_new);
  CHECK_FALSE(table.charge(policy, key, policy.tick_at(kStart), first));
  CHECK(table.count(policy, policy.tick_at(kStart)) == 1);
}

TEST_CASE("rate table: a key takes the place of one that owes nothing first", "[policy][rate]") {
  const RatePolicy policy({1, 1s}, 4);
  RateTable table(kLeast);
  // Both buckets full; all owe something at the beginning.
  for (std::uint64_t tag = 1; tag <= 16; ++tag) {
    const Charge done = charge(table, policy, made(tag, 3, 9), kStart);
    CHECK(done.was_new);
    CHECK_FALSE(done.has_evicted);
  }
  for (int i = 0; i < 3; ++i) CHECK(ask(table, policy, made(7, 3, 9), kStart));
  // After a second only tag 7 owes anything.
  for (std::uint64_t tag = 101; tag <= 115; ++tag) {
    const Charge done = charge(table, policy, made(tag, 3, 9), kStart + 1s);
    CHECK(done.is_admitted);
    CHECK_FALSE(done.has_evicted);
  }
  CHECK(standing(table, policy, made(7, 3, 9), kStart + 1s).left == 1);
}

TEST_CASE("rate table: when full, the key that owes least is forgotten, and others are not",
          "[policy][rate]") {
  const RatePolicy policy({1, 1s}, 4);
  RateTable table(kLeast);
  for (std::uint64_t tag = 1; tag <= 16; ++tag) {
    for (std::uint64_t n = 0; n < (tag == 5 ? 1U : 3U); ++n)
      CHECK(ask(table, policy, made(tag, 3, 9), kStart));
  }
  // At the limit: never the victim.
  CHECK(ask(table, policy, made(6, 3, 9), kStart));
  CHECK_FALSE(ask(table, policy, made(6, 3, 9), kStart));
  const Charge done = charge(table, policy, made(99, 3, 9), kStart);
  CHECK(done.is_admitted);
  CHECK(done.has_evicted);
  CHECK(standing(table, policy, made(5, 3, 9), kStart).left == 4);  // forgotten
  CHECK_FALSE(ask(table, policy, made(6, 3, 9), kStart));
  CHECK(table.count(policy, policy.tick_at(kStart)) == 16);
  // And so on: the newcomers are the next ones to go, whatever comes.
  for (std::uint64_t tag = 200; tag < 1200; ++tag) {
    const Charge next = charge(table, policy, made(tag, 3, 9), kStart);
    CHECK(next.is_admitted);
    CHECK(next.has_evicted);
  }
  CHECK_FALSE(ask(table, policy, made(6, 3, 9), kStart));
  CHECK(standing(table, policy, made(16, 3, 9), kStart).left == 1);
}

TEST_CASE("rate table: a flood of keys bounds nobody, and memory stays what it is",
          "[policy][rate]") {
  const RatePolicy policy({1, 1h}, 2);
  RateTable table(1024);
  const std::size_t places = table.places();
  CHECK(places == 2048);
  const std::uint64_t heavy = hash_of(1'000'000);
  while (ask(table, policy, heavy, kStart)) {
  }
  std::size_t refused = 0;
  std::size_t evicted = 0;
  for (std::size_t key = 0; key < 50'000; ++key) {
    const Charge done = charge(table, policy, hash_of(key), kStart);
    refused += done.is_admitted ? 0 : 1;
    evicted += done.has_evicted ? 1 : 0;
  }
  // A flood meets its own tags in a full table: 16 / 2^20 of it shares a budget of two.
  CHECK(refused <= 1);
  CHECK(evicted > 40'000);
  CHECK(table.count(policy, policy.tick_at(kStart)) <= places);
  CHECK_FALSE(ask(table, policy, heavy, kStart));
}

TEST_CASE("rate table: a table for N keys holds N keys", "[policy][rate]") {
  const std::size_t keys = GENERATE(64, 1024, 65'536);
  const RatePolicy policy({1, 1h}, 1);
  RateTable table(keys);
  std::size_t evicted = 0;
  std::size_t clashes = 0;
  for (std::size_t key = 0; key < keys; ++key) {
    const Charge done = charge(table, policy, hash_of(key), kStart);
    evicted += done.has_evicted ? 1 : 0;
    clashes += done.is_admitted ? 0 : 1;
  }
  CHECK(evicted == 0);
  CHECK(clashes <= 2);  // 65,536 keys, one in 260,000 on the way to half full
}

TEST_CASE("rate table: keys with one tag in one bucket share a budget", "[policy][rate]") {
  const RatePolicy policy({1, 1s}, 1);
  RateTable table(kLeast);
  CHECK(ask(table, policy, made(7, 3, 9), kStart));
  CHECK_FALSE(ask(table, policy, made(7, 3, 5), kStart));  // meets it in bucket 3
  CHECK(ask(table, policy, made(8, 3, 9), kStart));
  CHECK(ask(table, policy, made(7, 4, 9), kStart));  // 3 is not among its buckets
}

TEST_CASE("rate table: a tag of zero, and a key whose two buckets are one", "[policy][rate]") {
  const RatePolicy policy({1, 1s}, 1);
  RateTable table(kLeast);
  CHECK(ask(table, policy, made(0, 2, 6), kStart));
  CHECK_FALSE(ask(table, policy, made(0, 2, 6), kStart));
  for (std::uint64_t tag = 1; tag <= 16; ++tag)
    CHECK_FALSE(charge(table, policy, made(tag + 1, 4, 4), kStart).has_evicted);
  CHECK(charge(table, policy, made(100, 4, 4), kStart).has_evicted);
}
