#pragma once
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/change.hpp"
#include "sluice/core/ids.hpp"
#include "sluice/model/snapshot.hpp"
#include "sluice/model/traffic.hpp"

/// What a change would do, judged against the truth at the moment when its turn comes. Pure.
namespace sluice::control {

struct KnownEndpoint {
  std::string text;                     // as users see it
  std::vector<std::string> names = {};  // of the file, that have this address
  bool is_down = false;                 // `text` is a name without an address
  bool is_unhealthy = false;            // its health has taken it out
};

/// A service as the configuration has it, with the addresses that its names have now, and what is
/// known of their health.
struct KnownService {
  std::string name;
  std::array<std::vector<KnownEndpoint>, 2> endpoints;  // by core::index(PoolName)
  model::OnPoolDown on_pool_down = model::OnPoolDown::Fallback;
};

/// Nobody is called `name`; says which names there are.
Refusal unknown_service(std::string_view name, std::span<const KnownService> known);
/// Several services and none was named.
Refusal service_required(std::span<const KnownService> known);

/// By ServiceId.
std::vector<KnownService> known_services(
    std::span<const std::shared_ptr<const model::ServiceSettings>> services);

struct PlannedService {
  core::ServiceId service;
  std::string name;
  Action action = Action::Rollback;
  bool changed = false;
  std::optional<core::PoolName> drains;  // to be started at the flip
  std::optional<core::PoolName>
      target;  // of a switch that changes something: its endpoints are tried first
  std::optional<EndpointAnswer> endpoint;  // of Action::Endpoint
};

struct ChangePlan {
  bool changed = false;
  model::TrafficState after;  // generations raised and stamped when changed
  std::vector<PlannedService> services;
};

/// `known`: the configured services by ServiceId. A refusal means that nothing of the change is
/// done; `plan` is then void. Requires: `truth` has an entry for each of them.
std::optional<Refusal> plan_change(const model::TrafficState& truth,
                                   std::span<const KnownService> known,
                                   const ChangeRequest& request, ChangePlan& plan);

/// What an operator should know of a service in the state `after`: a pool that gets users and has
/// no usable endpoint. Sentences; empty: nothing.
std::vector<std::string> warnings_about(const KnownService& service,
                                        const model::ServiceTraffic& after);
/// Whether an endpoint of the live pool is neither drained nor disabled nor out for its health.
bool has_usable_endpoint(const KnownService& service, const model::ServiceTraffic& traffic);

/// The share of all users who would get another pool, as far as the split decides: exact while the
/// salt stays; with a new salt, which draws independently, the expected share.
core::BasisPoints moved_share(const model::ServiceTraffic& before,
                              const model::ServiceTraffic& after);

/// True for what overtakes changes that wait: nothing but rollbacks, and no dry run.
bool is_rollback(const ChangeRequest& request);
/// `switch`, `split`, `rollback`, `endpoint drain|enable|disable`, or `change` for a mixed list.
std::string action_of(const ChangeRequest& request);

/// `endpoint drain`, of an order about an endpoint.
std::string verb_of(const ServiceOrder& order);

/// The record of a planned change. Requires: plan.changed.
ChangeRecord record_of(const model::TrafficState& before, const ChangePlan& plan,
                       const ChangeRequest& request, core::WallTime time);

}  // namespace sluice::control
