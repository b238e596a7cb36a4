#include "control/user_census.hpp"

#include <string>

#include "sluice/policy/split.hpp"
#include "support/catch.hpp"
#include "support/control_rig.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using control::MovedUsers;
using core::PoolName;
using model::ServiceTraffic;

namespace {

metrics::UserSample sample_of(std::size_t users) {
  metrics::SeenUsers seen;
  for (std::size_t i = 0; i < users; ++i) {
    seen.see(policy::split_hash("shop", "user-" + std::to_string(i)), core::Instant{1s});
  }
  metrics::UserSample sample;
  seen.add_to(sample, core::Instant{1s}, core::Instant::min());
  return sample;
}

ServiceTraffic state(PoolName live, std::int64_t split, std::string salt = "shop") {
  ServiceTraffic traffic;
  traffic.live = live;
  traffic.split = *core::BasisPoints::make(split, "");
  traffic.salt = std::move(salt);
  return traffic;
}

}  // namespace

TEST_CASE("user census: who would get another pool, of those seen", "[control][users]") {
  const auto sample = sample_of(1000);
  const auto before = state(PoolName::Blue, 1000);
  const auto same = control::moved_users(sample, before, before);
  CHECK(same.seen == Approx(1000).epsilon(0.1));
  CHECK(same.moved == 0);
  // A switch moves those who are not with the candidate yet, a rollback those who are.
  const auto switched = control::moved_users(sample, before, state(PoolName::Green, 0));
  CHECK(switched.moved == Approx(900).epsilon(0.12));
  const auto rolled_back = control::moved_users(sample, before, state(PoolName::Blue, 0));
  CHECK(switched.moved + rolled_back.moved == Approx(switched.seen).margin(1));
  // With a new salt: by chance.
  const auto drawn = control::moved_users(sample, state(PoolName::Blue, 5000),
                                          state(PoolName::Blue, 5000, "other"));
  CHECK(drawn.moved == Approx(static_cast<double>(drawn.seen) / 2).margin(1));
}

TEST_CASE("user census: one user is one, and moves or not", "[control][users]") {
  const auto sample = sample_of(1);
  const std::uint16_t bucket = policy::bucket_of("shop", "user-0");
  const auto moved = [&](std::int64_t split) {
    return control::moved_users(sample, state(PoolName::Blue, 0), state(PoolName::Blue, split));
  };
  CHECK(moved(bucket).moved == 0);
  CHECK(moved(bucket + 1).moved == 1);
  CHECK(moved(bucket + 1).seen == 1);
}

TEST_CASE("user census: all workers together, and nobody who was seen under another salt",
          "[control][users]") {
  test::ControlRig rig;
  const auto see = [&](std::size_t worker, std::size_t user) {
    rig.workers[worker]->block.services[0].users.see(
        policy::split_hash("shop", "user-" + std::to_string(user)), rig.loop.now());
  };
  const auto preview = [&] {
    auto request = test::switch_to(PoolName::Green);
    request.execution = control::Execution::DryRun;
    return rig.done(request)->answer().services[0].preview->users;
  };
  CHECK(preview().seen == 0);
  see(0, 1);
  see(1, 1);
  see(1, 2);
  CHECK(preview().seen == 2);
  CHECK(preview().moved == 2);
  auto salted = test::split_to(100);
  salted.orders[0].salt = "another";
  REQUIRE(rig.done(salted)->answer().changed);
  CHECK(preview().seen == 0);
}
