#include "control/user_census.hpp"

#include <cmath>

#include "control/change_plan.hpp"
#include "sluice/policy/split.hpp"

namespace sluice::control {

namespace {

core::PoolName pool_of(const model::ServiceTraffic& state, std::uint32_t hash) {
  return policy::bucket_of(hash) < state.split.count() ? core::other(state.live) : state.live;
}

}  // namespace

MovedUsers moved_users(const metrics::UserSample& seen, const model::ServiceTraffic& before,
                       const model::ServiceTraffic& after) {
  const double all = seen.estimate();
  const double share =
      before.salt == after.salt
          ? seen.share(
                [&](std::uint32_t hash) { return pool_of(before, hash) != pool_of(after, hash); })
          : static_cast<double>(moved_share(before, after).count()) / core::BasisPoints::kAll;
  const auto whole = [](double number) { return static_cast<std::uint64_t>(std::llround(number)); };
  return {.seen = whole(all), .moved = whole(all * share)};
}

metrics::UserSample UserCensus::sample(core::ServiceId service) const {
  metrics::UserSample sample;
  for (const model::WorkerPort* worker : workers_) {
    worker->metrics().services[service.raw].users.add_to(sample, loop_.now(), salted_[service.raw]);
  }
  return sample;
}

}  // namespace sluice::control
