#include "sluice/policy/in_flight_table.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "sluice/core/keyed_hash.hpp"
#include "sluice/core/limits.hpp"
#include "support/catch.hpp"

using namespace sluice;
using policy::InFlightTable;
using Outcome = policy::InFlightTable::Outcome;

namespace {

constexpr std::size_t kLeast = core::limits::kLimitKeysLeast;

std::uint64_t hash_of(std::size_t key) {
  return core::siphash_2_4("user-" + std::to_string(key), {1, 2});
}

}  // namespace

TEST_CASE("in flight: as many as allowed, one more when one has ended", "[policy][in_flight]") {
  InFlightTable table(kLeast);
  std::vector<InFlightTable::Ticket> tickets(4);
  for (int i = 0; i < 3; ++i)
    CHECK(table.take(hash_of(1), 3, tickets[static_cast<std::size_t>(i)]) == Outcome::Taken);
  CHECK(table.take(hash_of(1), 3, tickets[3]) == Outcome::Refused);
  CHECK_FALSE(tickets[3].is_counted());
  CHECK(table.in_flight(hash_of(1)) == 3);
  CHECK(table.in_flight(hash_of(2)) == 0);
  InFlightTable::give_back(tickets[1]);
  CHECK_FALSE(tickets[1].is_counted());
  CHECK(table.take(hash_of(1), 3, tickets[3]) == Outcome::Taken);
  CHECK(table.count() == 1);
  for (const std::size_t i : {0U, 2U, 3U}) InFlightTable::give_back(tickets[i]);
  CHECK(table.in_flight(hash_of(1)) == 0);
  CHECK(table.count() == 0);
}

TEST_CASE("in flight: a key that finds no place is admitted and not counted",
          "[policy][in_flight]") {
  InFlightTable table(kLeast);
  std::vector<InFlightTable::Ticket> tickets(1000);
  std::size_t taken = 0;
  std::size_t no_room = 0;
  for (std::size_t key = 0; key < tickets.size(); ++key) {
    const Outcome outcome = table.take(hash_of(key), 1, tickets[key]);
    CHECK(outcome != Outcome::Refused);
    taken += outcome == Outcome::Taken ? 1 : 0;
    no_room += outcome == Outcome::NoRoom ? 1 : 0;
    CHECK(tickets[key].is_counted() == (outcome == Outcome::Taken));
  }
  CHECK(taken == table.places());
  CHECK(no_room == 1000 - table.places());
  CHECK(table.count() == table.places());
  // Those who are counted are bounded as before.
  InFlightTable::Ticket more;
  CHECK(table.take(hash_of(0), 1, more) == Outcome::Refused);
  for (InFlightTable::Ticket& ticket : tickets) {
    if (ticket.is_counted()) InFlightTable::give_back(ticket);
  }
  CHECK(table.count() == 0);
}

TEST_CASE("in flight: the most that a configuration may ask for", "[policy][in_flight]") {
  InFlightTable table(kLeast);
  constexpr std::uint32_t kMost = core::limits::kRateMax;
  InFlightTable::Ticket ticket;
  std::uint32_t taken = 0;
  while (table.take(hash_of(1), kMost, ticket) == Outcome::Taken) ++taken;
  CHECK(taken == kMost);
  CHECK(table.in_flight(hash_of(1)) == kMost);
}

TEST_CASE("in flight: four threads never have more than allowed, and leave nothing behind",
          "[policy][in_flight]") {
  constexpr std::uint32_t kMost = 1;
  constexpr std::size_t kKeys = 12;  // in the same two buckets, where places come and go
  const auto hash_in_them = [](std::size_t key) { return (key + 1) << 44U | 9U << 22U | 3U; };
  InFlightTable table(kLeast);
  std::vector<std::atomic<int>> running(kKeys);
  std::atomic<int> too_many{0};
  std::atomic<int> taken{0};
  const auto work = [&] {
    for (std::size_t i = 0; i < 200'000; ++i) {
      const std::size_t key = i % kKeys;
      InFlightTable::Ticket ticket;
      if (table.take(hash_in_them(key), kMost, ticket) != Outcome::Taken) continue;
      if (running[key].fetch_add(1) >= static_cast<int>(kMost)) too_many.fetch_add(1);
      taken.fetch_add(1);
      running[key].fetch_sub(1);
      InFlightTable::give_back(ticket);
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  CHECK(too_many.load() == 0);
  CHECK(taken.load() > 50'000);
  CHECK(table.count() == 0);
}
