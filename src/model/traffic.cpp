#include "sluice/model/traffic.hpp"

#include <algorithm>

namespace sluice::model {

namespace {

Transition unchanged(const ServiceTraffic& before) {
  return {.changed = false, .after = before, .drains = std::nullopt};
}

// Everyone gets `live`, nothing new reaches the other pool until `split` opens it again, and what
// runs there drains.
Transition settled_on(const ServiceTraffic& before, core::PoolName live) {
  Transition t{.changed = true, .after = before, .drains = core::other(live)};
  t.after.live = live;
  t.after.split = {};
  t.after.is_candidate_open = false;
  t.after.can_undo_switch = false;
  return t;
}

}  // namespace

ServiceTraffic* TrafficState::find(std::string_view name) {
  const auto found = std::ranges::find(services, name, &ServiceTraffic::name);
  return found == services.end() ? nullptr : &*found;
}

const ServiceTraffic* TrafficState::find(std::string_view name) const {
  const auto found = std::ranges::find(services, name, &ServiceTraffic::name);
  return found == services.end() ? nullptr : &*found;
}

Transition apply_switch(const ServiceTraffic& before, core::PoolName pool) {
  if (pool == before.live) {
    const bool has_split = before.split.count() > 0;
    return has_split ? settled_on(before, pool) : unchanged(before);
  }
  Transition t = settled_on(before, pool);
  t.after.can_undo_switch = true;
  return t;
}

Transition apply_split(const ServiceTraffic& before, core::BasisPoints split,
                       const std::optional<std::string>& salt) {
  Transition t = unchanged(before);
  t.after.split = split;
  t.after.is_candidate_open = true;
  if (salt) t.after.salt = *salt;
  // From here on a rollback means "close the split", and a second press must not undo an older
  // switch on top of it.
  t.after.can_undo_switch = false;
  t.changed = t.after != before;
  return t;
}

Transition apply_rollback(const ServiceTraffic& before) {
  if (before.split.count() > 0 || before.is_candidate_open) return settled_on(before, before.live);
  if (before.can_undo_switch) return settled_on(before, before.candidate());
  return unchanged(before);
}

}  // namespace sluice::model
