#include "sluice/model/traffic.hpp"

#include <algorithm>
#include <utility>

#include "sluice/core/ensure.hpp"

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

auto rank(core::PoolName pool, std::string_view address) {
  return std::pair(core::index(pool), address);
}

/// Where the decision about an endpoint stands, or would.
template <typename Decisions>
auto place_of(Decisions& decisions, core::PoolName pool, std::string_view address) {
  return std::ranges::lower_bound(
      decisions, rank(pool, address), {},
      [](const EndpointDecision& decision) { return rank(decision.pool, decision.address); });
}

template <typename Decisions, typename Place>
bool is_about(const Decisions& decisions, Place place, core::PoolName pool,
              std::string_view address) {
  return place != decisions.end() && place->pool == pool && place->address == address;
}

}  // namespace

std::string_view text(EndpointMode mode) {
  switch (mode) {
    case EndpointMode::Enabled:
      return "enabled";
    case EndpointMode::Draining:
      return "draining";
    case EndpointMode::Disabled:
      return "disabled";
  }
  core::unreachable();
}

EndpointMode ServiceTraffic::mode_of(core::PoolName pool, std::string_view address) const {
  const auto place = place_of(endpoints, pool, address);
  return is_about(endpoints, place, pool, address) ? place->mode : EndpointMode::Enabled;
}

EndpointMode ServiceTraffic::mode_of(core::PoolName pool, std::string_view address,
                                     std::span<const std::string> names) const {
  EndpointMode mode = mode_of(pool, address);
  if (mode != EndpointMode::Enabled) return mode;
  for (const std::string& each : names) mode = std::max(mode, mode_of(pool, each));
  return mode;
}

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

Transition apply_endpoint(const ServiceTraffic& before, core::PoolName pool,
                          std::string_view address, EndpointMode mode) {
  Transition t = unchanged(before);
  if (before.mode_of(pool, address) == mode) return t;
  auto& decisions = t.after.endpoints;
  const auto place = place_of(decisions, pool, address);
  if (!is_about(decisions, place, pool, address)) {
    decisions.insert(
        place,
        {.pool = pool, .address = std::string(address), .mode = mode, .gone_since = std::nullopt});
  } else if (mode == EndpointMode::Enabled) {
    decisions.erase(place);
  } else {
    place->mode = mode;
  }
  t.changed = true;
  return t;
}

}  // namespace sluice::model
