#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/core/clock.hpp"
#include "sluice/model/traffic.hpp"

namespace sluice::control {

/// Who asked for a change: the peer credentials of the admin socket, or this process itself.
struct Actor {
  std::uint32_t uid = 0;
  std::int32_t pid = 0;

  friend bool operator==(const Actor&, const Actor&) = default;
};
Actor this_process();

/// Action of a record that a start adds beside the changes, to note what it has repaired or found
/// missing; it repeats the generation in force.
inline constexpr std::string_view kRecovered = "recovered";

/// What one accepted change did: a part of the state file, and one line of the audit file
/// (behaviour.md §1).
struct ChangeRecord {
  core::Generation generation{1};
  core::WallTime time{};
  Actor actor;
  // One of start, switch, split, rollback, change (a list), discard, previous, recovered
  std::string action;
  std::string reason;
  std::vector<model::ServiceTraffic>
      before;  // the services that changed, in the same order in both
  std::vector<model::ServiceTraffic> after;
};

/// The traffic state together with the record of the change that led to it: what state.json holds.
struct StateImage {
  model::TrafficState state;
  ChangeRecord record;
};

/// Records carry milliseconds, so that a time survives the way through the file.
core::WallTime to_milliseconds(core::WallTime time);

}  // namespace sluice::control
