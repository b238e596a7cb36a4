#include "sluice/metrics/seen_users.hpp"

#include <chrono>
#include <cmath>
#include <string>

#include "sluice/core/hash.hpp"
#include "support/catch.hpp"

using namespace std::chrono_literals;
using sluice::core::Instant;
using sluice::metrics::SeenUsers;
using sluice::metrics::UserSample;

namespace {

constexpr Instant kStart{1000s};

std::uint32_t hash_of(std::size_t user) {
  return sluice::core::murmur3_x86_32("checkout:user-" + std::to_string(user));
}

unsigned bucket_of(std::uint32_t hash) {
  return static_cast<unsigned>((std::uint64_t{hash} * 10'000) >> 32U);
}

void see(SeenUsers& users, std::size_t first, std::size_t count, Instant now = kStart) {
  for (std::size_t i = first; i < first + count; ++i) users.see(hash_of(i), now);
}

UserSample sample_at(const SeenUsers& users, Instant now, Instant since = Instant::min()) {
  UserSample sample;
  users.add_to(sample, now, since);
  return sample;
}

double count_at(const SeenUsers& users, Instant now, Instant since = Instant::min()) {
  return sample_at(users, now, since).estimate();
}

}  // namespace

TEST_CASE("seen users: nobody is none, and has no share", "[metrics][users]") {
  const SeenUsers users;
  CHECK(count_at(users, kStart) == 0);
  CHECK(sample_at(users, kStart).share([](std::uint32_t) { return true; }) == 0);
}

TEST_CASE("seen users: who comes again counts once", "[metrics][users]") {
  SeenUsers users;
  for (int i = 0; i < 1000; ++i) see(users, 7, 1, kStart + i * 1ms);
  CHECK(std::lround(count_at(users, kStart + 1s)) == 1);
}

TEST_CASE("seen users: counted within 10 % from ten to a million", "[metrics][users]") {
  for (const std::size_t count : {10U, 100U, 600U, 700U, 800U, 3000U, 20'000U, 1'000'000U}) {
    SeenUsers users;
    see(users, 0, count);
    INFO(count);
    CHECK(count_at(users, kStart) == Approx(count).epsilon(0.1));
  }
}

TEST_CASE("seen users: the sample is even over the buckets of the split", "[metrics][users]") {
  for (const std::size_t count : {300U, 50'000U}) {
    SeenUsers users;
    see(users, 0, count);
    const UserSample sample = sample_at(users, kStart);
    for (const unsigned below : {1000, 2500, 5000, 9000}) {
      const double share =
          sample.share([below](std::uint32_t hash) { return bucket_of(hash) < below; });
      INFO(count << " users, below " << below);
      CHECK(std::abs(share - below / 10'000.0) < 0.07);  // three standard deviations of 512
    }
  }
}

TEST_CASE("seen users: each hash comes back whole", "[metrics][users]") {
  for (const std::uint32_t hash : {1U, 511U, 512U, 0x80000000U, 0xffffffffU}) {
    SeenUsers users;
    users.see(hash, kStart);
    CHECK(sample_at(users, kStart).share([hash](std::uint32_t seen) { return seen == hash; }) == 1);
  }
}

TEST_CASE("seen users: of the last minute only", "[metrics][users]") {
  SeenUsers users;
  see(users, 0, 10, kStart);  // 1000 s: the first instant of a window
  see(users, 10, 10, kStart + 20s);
  see(users, 20, 10, kStart + 59s);
  CHECK(count_at(users, kStart + 59s) == Approx(30).margin(3));
  CHECK(count_at(users, kStart + 60s) == Approx(20).margin(3));
  CHECK(count_at(users, kStart + 80s) == Approx(10).margin(3));
  CHECK(count_at(users, kStart + 100s) == 0);
  see(users, 30, 5, kStart + 300s);  // the place of a window that nobody has used for long
  CHECK(count_at(users, kStart + 300s) == Approx(5).margin(3));
}

TEST_CASE("seen users: windows that began before a change of the salt are left out",
          "[metrics][users]") {
  SeenUsers users;
  see(users, 0, 10, kStart);
  see(users, 10, 10, kStart + 20s);
  CHECK(count_at(users, kStart + 20s, kStart) == Approx(10).margin(3));
  CHECK(count_at(users, kStart + 20s, kStart - 1s) == Approx(20).margin(3));
  CHECK(count_at(users, kStart + 20s, kStart + 20s) == 0);
}

TEST_CASE("seen users: two workers that saw the same user count it once", "[metrics][users]") {
  SeenUsers first, second;
  see(first, 0, 100);
  see(second, 50, 100);
  UserSample sample;
  first.add_to(sample, kStart, Instant::min());
  second.add_to(sample, kStart, Instant::min());
  CHECK(sample.estimate() == Approx(150).epsilon(0.1));
}
