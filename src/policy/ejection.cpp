#include "sluice/policy/ejection.hpp"

#include <algorithm>

namespace sluice::policy {

core::Millis ejection_time(std::uint32_t level, const OutlierPolicy& policy) {
  core::Millis time = policy.base_time;
  for (std::uint32_t i = 1; i < level && time < policy.max_time; ++i) time *= 2;
  return std::min(time, policy.max_time);
}

Ejection forget(Ejection before, core::Instant now, const OutlierPolicy& policy) {
  while (before.level > 0) {
    const core::Millis time = ejection_time(before.level, policy);
    if (now - before.until < time) return before;
    before.until += time;
    --before.level;
  }
  return Ejection{};
}

Ejection eject(Ejection before, core::Instant now, const OutlierPolicy& policy) {
  Ejection after = forget(before, now, policy);
  // Counting on at the longest time would only make it slower to forget.
  if (after.level == 0 || ejection_time(after.level, policy) < policy.max_time) ++after.level;
  after.until = now + ejection_time(after.level, policy);
  return after;
}

EjectVerdict may_eject(const PoolCount& pool, const OutlierPolicy& policy) {
  const std::size_t most = pool.endpoints * policy.max_ejected.count() / core::BasisPoints::kAll;
  if (pool.ejected >= most) return EjectVerdict::MaxEjected;
  if (pool.usable <= 1) return EjectVerdict::LastUsable;
  return EjectVerdict::Eject;
}

}  // namespace sluice::policy
