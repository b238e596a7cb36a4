#include "control/change_plan.hpp"

#include <algorithm>

#include "config/names.hpp"
#include "sluice/core/duration.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace {

Refusal refuse(RefusalCode code, std::string detail) {
  return {code, std::move(detail)};
}

std::string joined(std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::optional<Refusal> check_values(const ChangeRequest& request) {
  if (request.orders.empty())
    return refuse(RefusalCode::BadRequest, "the list of changes is empty");
  if (request.reason.size() > core::limits::kReasonMax) {
    return refuse(RefusalCode::BadRequest, "the reason is longer than " +
                                               std::to_string(core::limits::kReasonMax) + " bytes");
  }
  if (request.drain &&
      (*request.drain < core::Millis(0) || *request.drain > core::limits::kDrainDeadlineMax)) {
    return refuse(RefusalCode::BadRequest, "drain is 0s to 24h");
  }
  for (const ServiceOrder& order : request.orders) {
    if (order.salt && !config::is_salt(*order.salt)) {
      return refuse(RefusalCode::BadRequest, "salt is " + std::string(config::kSaltWanted));
    }
  }
  return std::nullopt;
}

/// The configured service that an order means.
std::optional<Refusal> find_service(const ServiceOrder& order, std::span<const std::string> names,
                                    core::ServiceId& out) {
  if (order.service.empty()) {
    out = core::ServiceId{0};
    if (names.size() == 1) return std::nullopt;
    return refuse(RefusalCode::ServiceRequired, "name a service: " + joined(names));
  }
  const auto found = std::ranges::find(names, order.service);
  if (found == names.end()) {
    return refuse(RefusalCode::UnknownService,
                  "no service \"" + order.service + "\"; there is: " + joined(names));
  }
  out = core::ServiceId{static_cast<std::uint32_t>(found - names.begin())};
  return std::nullopt;
}

std::optional<Refusal> check_generation(const model::TrafficState& truth,
                                        const model::ServiceTraffic& service,
                                        const ChangeRequest& request) {
  if (!request.if_generation) return std::nullopt;
  const auto now = request.scope == Scope::Service ? service.generation : truth.generation;
  if (now.raw == *request.if_generation) return std::nullopt;
  return refuse(RefusalCode::GenerationMismatch, "generation is " + std::to_string(now.raw) +
                                                     ", not " +
                                                     std::to_string(*request.if_generation));
}

model::Transition apply(const model::ServiceTraffic& before, const ServiceOrder& order) {
  switch (order.action) {
    case Action::Switch:
      return apply_switch(before, order.pool);
    case Action::Split:
      return apply_split(before, order.split, order.salt);
    case Action::Rollback:
      return apply_rollback(before);
  }
  core::unreachable();
}

}  // namespace

std::optional<Refusal> plan_change(const model::TrafficState& truth,
                                   std::span<const std::string> names, const ChangeRequest& request,
                                   ChangePlan& plan) {
  if (auto refusal = check_values(request)) return refusal;
  plan = {.changed = false, .after = truth, .services = {}};
  const core::Generation raised{truth.generation.raw + 1};
  for (const ServiceOrder& order : request.orders) {
    core::ServiceId id;
    if (auto refusal = find_service(order, names, id)) return refusal;
    if (std::ranges::find(plan.services, id, &PlannedService::service) != plan.services.end()) {
      return refuse(RefusalCode::BadRequest, "service \"" + names[id.raw] + "\" is named twice");
    }
    model::ServiceTraffic* service = plan.after.find(names[id.raw]);
    ENSURE(service != nullptr, "every configured service has a traffic state");
    if (auto refusal = check_generation(truth, *service, request)) return refusal;

    model::Transition transition = apply(*service, order);
    const bool tries_target = order.action == Action::Switch && transition.changed;
    plan.services.push_back({.service = id,
                             .name = names[id.raw],
                             .action = order.action,
                             .changed = transition.changed,
                             .drains = transition.drains,
                             .target = tries_target ? std::optional(order.pool) : std::nullopt});
    if (!transition.changed) continue;
    plan.changed = true;
    *service = std::move(transition.after);
    service->generation = raised;
  }
  if (plan.changed) plan.after.generation = raised;
  return std::nullopt;
}

bool is_rollback(const ChangeRequest& request) {
  return !request.orders.empty() &&
         std::ranges::all_of(request.orders, [](const ServiceOrder& order) {
           return order.action == Action::Rollback;
         });
}

std::string action_of(const ChangeRequest& request) {
  const Action first = request.orders.front().action;
  const bool is_uniform = std::ranges::all_of(
      request.orders, [first](const ServiceOrder& order) { return order.action == first; });
  return is_uniform ? std::string(text(first)) : "change";
}

ChangeRecord record_of(const model::TrafficState& before, const ChangePlan& plan,
                       const ChangeRequest& request, core::WallTime time) {
  ChangeRecord record{.generation = plan.after.generation,
                      .time = to_milliseconds(time),
                      .actor = request.actor,
                      .action = action_of(request),
                      .reason = request.reason,
                      .before = {},
                      .after = {}};
  for (const PlannedService& service : plan.services) {
    if (!service.changed) continue;
    record.before.push_back(*before.find(service.name));
    record.after.push_back(*plan.after.find(service.name));
  }
  return record;
}

}  // namespace sluice::control
