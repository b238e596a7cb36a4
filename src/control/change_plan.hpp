#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/change.hpp"
#include "sluice/core/ids.hpp"
#include "sluice/model/traffic.hpp"

/// What a change would do, judged against the truth at the moment when its turn comes. Pure.
namespace sluice::control {

struct PlannedService {
  core::ServiceId service;
  std::string name;
  Action action = Action::Rollback;
  bool changed = false;
  std::optional<core::PoolName> drains;  // to be started at the flip
  std::optional<core::PoolName>
      target;  // of a switch that changes something: its endpoints are tried first
};

struct ChangePlan {
  bool changed = false;
  model::TrafficState after;  // generations raised and stamped when changed
  std::vector<PlannedService> services;
};

/// `names`: the configured services by ServiceId. A refusal means that nothing of the change is
/// done; `plan` is then void. Requires: `truth` has an entry for every name.
std::optional<Refusal> plan_change(const model::TrafficState& truth,
                                   std::span<const std::string> names, const ChangeRequest& request,
                                   ChangePlan& plan);

/// True for what overtakes changes that wait: nothing but rollbacks.
bool is_rollback(const ChangeRequest& request);
/// `switch`, `split`, `rollback`, or `change` for a mixed list.
std::string action_of(const ChangeRequest& request);

/// The record of a planned change. Requires: plan.changed.
ChangeRecord record_of(const model::TrafficState& before, const ChangePlan& plan,
                       const ChangeRequest& request, core::WallTime time);

}  // namespace sluice::control
