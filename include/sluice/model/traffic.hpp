#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/core/clock.hpp"
#include "sluice/core/ids.hpp"
#include "sluice/core/units.hpp"

/// The traffic state and its transitions: what is persisted, and what switch, split and rollback do
/// to it (behaviour.md §1). Pure; control owns the one instance that is the truth.
namespace sluice::model {

/// What an operator has decided about one endpoint. Draining and Disabled get no new requests, and
/// what runs there ends by itself; the word says whether it is on its way out or out of use.
enum class EndpointMode : std::uint8_t { Enabled, Draining, Disabled };
std::string_view text(EndpointMode mode);

/// An endpoint that is not enabled. It is known by the text that users see, so that the decision
/// survives a restart and a configuration in which the endpoint is missing.
struct EndpointDecision {
  core::PoolName pool = core::PoolName::Blue;
  std::string address;  // `127.0.0.1:9001`, or a name of the file: `app.internal:9001`
  EndpointMode mode = EndpointMode::Disabled;
  std::optional<core::WallTime> gone_since;  // it left the file then; kept for 30 days

  friend bool operator==(const EndpointDecision&, const EndpointDecision&) = default;
};

struct ServiceTraffic {
  std::string name;
  core::Generation generation{1};  // of its own last change
  core::PoolName live = core::PoolName::Blue;
  core::BasisPoints split;
  std::string salt;
  bool is_candidate_open = true;  // the very first start opens it
  // Its newest change of live or split was a switch that changed live
  bool can_undo_switch = false;
  std::vector<EndpointDecision> endpoints;   // those not enabled, by pool, then by address
  std::optional<core::WallTime> gone_since;  // it left the file then; kept for 30 days

  core::PoolName candidate() const { return core::other(live); }
  EndpointMode mode_of(core::PoolName pool, std::string_view address) const;
  /// Of an address that `names` of the file have: what was decided about itself, else what keeps it
  /// out most of what was decided about its names.
  EndpointMode mode_of(core::PoolName pool, std::string_view address,
                       std::span<const std::string> names) const;
  friend bool operator==(const ServiceTraffic&, const ServiceTraffic&) = default;
};

struct TrafficState {
  core::Generation generation{1};
  std::vector<ServiceTraffic> services;

  ServiceTraffic* find(std::string_view name);
  const ServiceTraffic* find(std::string_view name) const;
  friend bool operator==(const TrafficState&, const TrafficState&) = default;
};

/// What a change does to one service. `after.generation` is not yet raised: the caller stamps the
/// new generation.
struct Transition {
  bool changed = false;
  ServiceTraffic after;
  std::optional<core::PoolName>
      drains;  // the pool whose exchanges routed below the flip are to end
};

/// To the other pool: live := pool, split 0 %, candidate closed, the old live pool drains. To the
/// live pool: with split above 0 % it settles (split 0 %, candidate closed, the candidate drains),
/// else no change.
Transition apply_switch(const ServiceTraffic& before, core::PoolName pool);
/// Opens the candidate, also at 0 %; no drain. A new salt is a change of its own.
Transition apply_split(const ServiceTraffic& before, core::BasisPoints split,
                       const std::optional<std::string>& salt);
/// (1) split above 0 % or candidate open: split 0 %, closed, the candidate drains; (2) else an
/// undoable switch: the pools trade places, the old live one drains; (3) else no change.
Transition apply_rollback(const ServiceTraffic& before);
/// Live pool, split and what a rollback would undo stay as they are; no drain.
Transition apply_endpoint(const ServiceTraffic& before, core::PoolName pool,
                          std::string_view address, EndpointMode mode);

}  // namespace sluice::model
