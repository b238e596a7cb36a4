#include "control/change_plan.hpp"

#include <algorithm>
#include <cstdlib>

#include "config/names.hpp"
#include "config/nearest.hpp"
#include "sluice/core/duration.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace {

/// `green/`, a host name, a port; paths of Unix sockets are shorter.
constexpr std::size_t kEndpointTextMax = core::limits::kHostNameMax + 16;
/// So many endpoints are listed in a refusal; `sluice status` shows all.
constexpr std::size_t kEndpointsNamedMax = 16;

Refusal refuse(RefusalCode code, std::string detail) {
  return {code, std::move(detail)};
}

std::string joined(std::span<const KnownService> known) {
  std::string text;
  for (const KnownService& service : known) text += (text.empty() ? "" : ", ") + service.name;
  return text;
}

std::string_view verb_of(model::EndpointMode mode) {
  switch (mode) {
    case model::EndpointMode::Enabled:
      return "enable";
    case model::EndpointMode::Draining:
      return "drain";
    case model::EndpointMode::Disabled:
      return "disable";
  }
  core::unreachable();
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
    if (order.endpoint.size() > kEndpointTextMax) {
      return refuse(RefusalCode::BadRequest,
                    "endpoint is longer than " + std::to_string(kEndpointTextMax) + " bytes");
    }
    if (order.salt && !config::is_salt(*order.salt)) {
      return refuse(RefusalCode::BadRequest, "salt is " + std::string(config::kSaltWanted));
    }
  }
  return std::nullopt;
}

/// The configured service that an order means.
std::optional<Refusal> find_service(const ServiceOrder& order, std::span<const KnownService> known,
                                    core::ServiceId& out) {
  if (order.service.empty()) {
    out = core::ServiceId{0};
    if (known.size() == 1) return std::nullopt;
    return service_required(known);
  }
  const auto found = std::ranges::find(known, order.service, &KnownService::name);
  if (found == known.end()) {
    return unknown_service(order.service, known);
  }
  out = core::ServiceId{static_cast<std::uint32_t>(found - known.begin())};
  return std::nullopt;
}

std::optional<Refusal> check_generation(const model::TrafficState& truth,
                                        const model::ServiceTraffic& service,
                                        const ChangeRequest& request) {
  const bool is_of_service = request.scope == Scope::Service;
  const std::uint64_t now = (is_of_service ? service.generation : truth.generation).raw;
  const std::string whose = is_of_service ? "service " + service.name + " is" : "the state is";
  if (request.if_generation && *request.if_generation != now) {
    return refuse(RefusalCode::GenerationMismatch,
                  whose + " of generation " + std::to_string(now) + ", not " +
                      std::to_string(*request.if_generation) + ": it has changed since");
  }
  if (request.if_match && std::ranges::find(*request.if_match, now) == request.if_match->end()) {
    return refuse(RefusalCode::PreconditionFailed,
                  whose + " of generation " + std::to_string(now) + ", its entity tag is \"" +
                      std::to_string(now) + "\": none that If-Match names");
  }
  return std::nullopt;
}

model::Transition apply(const model::ServiceTraffic& before, const ServiceOrder& order,
                        const std::optional<EndpointAnswer>& endpoint) {
  switch (order.action) {
    case Action::Switch:
      return apply_switch(before, order.pool);
    case Action::Split:
      return apply_split(before, order.split, order.salt);
    case Action::Rollback:
      return apply_rollback(before);
    case Action::Endpoint:
      return apply_endpoint(before, endpoint->pool, endpoint->address, endpoint->mode);
  }
  core::unreachable();
}

// ---- endpoints ----

constexpr std::array kPools{core::PoolName::Blue, core::PoolName::Green};

std::string qualified(core::PoolName pool, std::string_view address) {
  return std::string(core::text(pool)).append("/").append(address);
}

/// What `order.endpoint` is called in `pool`; nullopt: it names another pool.
std::optional<std::string_view> address_in(core::PoolName pool, std::string_view endpoint) {
  for (const core::PoolName each : kPools) {
    const std::string prefix = qualified(each, "");
    if (!endpoint.starts_with(prefix)) continue;
    return each == pool ? std::optional(endpoint.substr(prefix.size())) : std::nullopt;
  }
  return endpoint;
}

/// What endpoints may be called: names of the file before their addresses, each once.
std::vector<std::string> texts_of(std::span<const KnownEndpoint> endpoints) {
  std::vector<std::string> texts;
  const auto add = [&texts](const std::string& text) {
    if (std::ranges::find(texts, text) == texts.end()) texts.push_back(text);
  };
  for (const KnownEndpoint& endpoint : endpoints) {
    std::ranges::for_each(endpoint.names, add);
    add(endpoint.text);
  }
  return texts;
}

/// Names are known in lower case, in which they may be asked for or not. Addresses are known as
/// they stand in the file, and so are paths of Unix sockets, where case matters.
std::vector<std::string> spellings_of(std::string_view endpoint) {
  std::vector<std::string> spellings{std::string(endpoint)};
  if (endpoint.starts_with("unix:")) return spellings;
  std::string& lower = spellings.emplace_back(endpoint);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return spellings;
}

/// What `asked` is called in the pool: an endpoint, a name, or what a decision still stands about.
std::optional<std::string> known_as(std::string_view asked, core::PoolName pool,
                                    const KnownService& service,
                                    const model::ServiceTraffic& traffic) {
  const std::vector<std::string> known = texts_of(service.endpoints[core::index(pool)]);
  for (std::string& spelling : spellings_of(asked)) {
    const bool is_there = std::ranges::find(known, spelling) != known.end() ||
                          traffic.mode_of(pool, spelling) != model::EndpointMode::Enabled;
    if (is_there) return std::move(spelling);
  }
  return std::nullopt;
}

Refusal unknown_endpoint(std::string_view endpoint, const KnownService& service) {
  std::vector<std::string> forms;
  for (const core::PoolName pool : kPools) {
    for (const std::string& text : texts_of(service.endpoints[core::index(pool)])) {
      forms.push_back(qualified(pool, text));
    }
  }
  std::string detail =
      "service " + service.name + " has no endpoint \"" + std::string(endpoint) + "\"";
  const std::vector<std::string_view> views(forms.begin(), forms.end());
  if (const auto meant = config::nearest(endpoint, views)) {
    detail.append("; did you mean ").append(*meant).append("?");
  } else {
    detail += "; there is:";
    for (std::size_t i = 0; i < std::min(forms.size(), kEndpointsNamedMax); ++i) {
      detail += " " + forms[i];
    }
    if (forms.size() > kEndpointsNamedMax) detail += " ...";
  }
  return refuse(RefusalCode::UnknownEndpoint, std::move(detail));
}

/// The endpoint that an order means: one of the configuration, a name in it, an address of such a
/// name, or one that has left while an operator's decision about it still stands.
std::optional<Refusal> find_endpoint(const ServiceOrder& order, const KnownService& service,
                                     const model::ServiceTraffic& traffic,
                                     std::optional<EndpointAnswer>& out) {
  for (const core::PoolName pool : kPools) {
    const auto asked = address_in(pool, order.endpoint);
    if (!asked) continue;
    auto address = known_as(*asked, pool, service, traffic);
    if (!address) continue;
    if (out) {
      return refuse(RefusalCode::AmbiguousEndpoint,
                    order.endpoint + " is in both pools of service " + service.name + ": name " +
                        qualified(out->pool, *address) + " or " + qualified(pool, *address));
    }
    out = {.pool = pool, .address = std::move(*address), .mode = order.mode};
  }
  return out ? std::nullopt : std::optional(unknown_endpoint(order.endpoint, service));
}

/// An address that only the decision about its name keeps out would stay out: to say that it takes
/// requests again would be wrong.
std::optional<Refusal> check_name_of(const KnownService& service,
                                     const model::ServiceTraffic& traffic,
                                     const EndpointAnswer& endpoint) {
  if (endpoint.mode != model::EndpointMode::Enabled) return std::nullopt;
  const auto& known = service.endpoints[core::index(endpoint.pool)];
  const auto found = std::ranges::find(known, endpoint.address, &KnownEndpoint::text);
  if (found == known.end()) return std::nullopt;
  for (const std::string& name : found->names) {
    const model::EndpointMode mode = traffic.mode_of(endpoint.pool, name);
    if (mode == model::EndpointMode::Enabled) continue;
    return refuse(RefusalCode::BadRequest,
                  endpoint.address + " is an address of " + name + ", which is " +
                      std::string(text(mode)) + ": `sluice endpoint enable " +
                      qualified(endpoint.pool, name) + " " + service.name + "` brings it back");
  }
  return std::nullopt;
}

bool is_usable(const KnownEndpoint& endpoint, const model::ServiceTraffic& traffic,
               core::PoolName pool) {
  return !endpoint.is_down && !endpoint.is_unhealthy &&
         traffic.mode_of(pool, endpoint.text, endpoint.names) == model::EndpointMode::Enabled;
}

/// What brings an endpoint of a pool without a usable one back.
std::string way_back(const KnownService& service, const model::ServiceTraffic& traffic,
                     core::PoolName pool) {
  const auto& endpoints = service.endpoints[core::index(pool)];
  const bool waits_for_health = std::ranges::any_of(endpoints, [&](const KnownEndpoint& endpoint) {
    return endpoint.is_unhealthy &&
           traffic.mode_of(pool, endpoint.text, endpoint.names) == model::EndpointMode::Enabled;
  });
  if (waits_for_health) return "its health brings one back";
  const bool waits_for_name = std::ranges::any_of(endpoints, [&](const KnownEndpoint& endpoint) {
    return endpoint.is_down && traffic.mode_of(pool, endpoint.text) == model::EndpointMode::Enabled;
  });
  return waits_for_name ? "one of its host names is found"
                        : "`sluice endpoint enable` brings one back";
}

bool has_usable(const KnownService& service, const model::ServiceTraffic& traffic,
                core::PoolName pool) {
  return std::ranges::any_of(service.endpoints[core::index(pool)], [&](const auto& endpoint) {
    return is_usable(endpoint, traffic, pool);
  });
}

/// The live pool keeps one that takes requests, or everybody gets a 503.
std::optional<Refusal> check_last(const KnownService& service, const model::ServiceTraffic& before,
                                  const model::ServiceTraffic& after,
                                  const EndpointAnswer& endpoint) {
  if (!has_usable_endpoint(service, before) || has_usable_endpoint(service, after)) {
    return std::nullopt;
  }
  return refuse(RefusalCode::LastEndpoint,
                qualified(endpoint.pool, endpoint.address) +
                    " is the last usable endpoint of the live pool of service " + service.name +
                    ": without it every request is answered 503 (force does it all the same)");
}

}  // namespace

Refusal unknown_service(std::string_view name, std::span<const KnownService> known) {
  constexpr std::size_t kShownMax = 256;
  return refuse(
      RefusalCode::UnknownService,
      "no service \"" + std::string(name.substr(0, kShownMax)) + "\"; there is: " + joined(known));
}

Refusal service_required(std::span<const KnownService> known) {
  return refuse(RefusalCode::ServiceRequired, "name a service: " + joined(known));
}

std::vector<KnownService> known_services(
    std::span<const std::shared_ptr<const model::ServiceSettings>> services) {
  std::vector<KnownService> known;
  for (const auto& service : services) {
    KnownService& each = known.emplace_back();
    each.name = service->name;
    each.on_pool_down = service->on_pool_down;
    for (const model::Pool& pool : service->pools) {
      for (const model::Endpoint& endpoint : pool.endpoints) {
        each.endpoints[core::index(pool.name)].push_back({endpoint.text, endpoint.names,
                                                          !endpoint.why_down.empty(),
                                                          !endpoint.health().is_usable()});
      }
    }
  }
  return known;
}

std::optional<Refusal> plan_change(const model::TrafficState& truth,
                                   std::span<const KnownService> known,
                                   const ChangeRequest& request, ChangePlan& plan) {
  if (auto refusal = check_values(request)) return refusal;
  plan = {.changed = false, .after = truth, .services = {}};
  const core::Generation raised{truth.generation.raw + 1};
  for (const ServiceOrder& order : request.orders) {
    core::ServiceId id;
    if (auto refusal = find_service(order, known, id)) return refusal;
    const KnownService& meant = known[id.raw];
    if (std::ranges::find(plan.services, id, &PlannedService::service) != plan.services.end()) {
      return refuse(RefusalCode::BadRequest, "service \"" + meant.name + "\" is named twice");
    }
    model::ServiceTraffic* service = plan.after.find(meant.name);
    ENSURE(service != nullptr, "every configured service has a traffic state");
    if (auto refusal = check_generation(truth, *service, request)) return refusal;
    std::optional<EndpointAnswer> endpoint;
    if (order.action == Action::Endpoint) {
      if (auto refusal = find_endpoint(order, meant, *service, endpoint)) return refusal;
      if (auto refusal = check_name_of(meant, *service, *endpoint)) return refusal;
    }

    model::Transition transition = apply(*service, order, endpoint);
    if (endpoint && request.check == SafetyCheck::Required) {
      if (auto refusal = check_last(meant, *service, transition.after, *endpoint)) return refusal;
    }
    const bool tries_target = order.action == Action::Switch && transition.changed;
    plan.services.push_back({.service = id,
                             .name = meant.name,
                             .action = order.action,
                             .changed = transition.changed,
                             .drains = transition.drains,
                             .target = tries_target ? std::optional(order.pool) : std::nullopt,
                             .endpoint = std::move(endpoint)});
    if (!transition.changed) continue;
    plan.changed = true;
    *service = std::move(transition.after);
    service->generation = raised;
  }
  if (plan.changed) plan.after.generation = raised;
  return std::nullopt;
}

bool has_usable_endpoint(const KnownService& service, const model::ServiceTraffic& traffic) {
  return has_usable(service, traffic, traffic.live);
}

std::vector<std::string> warnings_about(const KnownService& service,
                                        const model::ServiceTraffic& after) {
  std::vector<std::string> warnings;
  const std::string live(core::text(after.live)), candidate(core::text(after.candidate()));
  if (!has_usable(service, after, after.live)) {
    warnings.push_back("the live pool " + live +
                       " has no usable endpoint: every request to it is answered 503 until " +
                       way_back(service, after, after.live));
  }
  if (after.split.count() > 0 && !has_usable(service, after, after.candidate())) {
    const bool falls_back = service.on_pool_down == model::OnPoolDown::Fallback;
    warnings.push_back(candidate + " has no usable endpoint: its share of the users gets " +
                       (falls_back ? live : "a 503"));
  }
  return warnings;
}

core::BasisPoints moved_share(const model::ServiceTraffic& before,
                              const model::ServiceTraffic& after) {
  constexpr std::int64_t kAll = core::BasisPoints::kAll;
  // The share that gets blue: of the users with the lowest buckets, or of those with the highest.
  const auto on_blue = [](const model::ServiceTraffic& state) -> std::int64_t {
    return state.live == core::PoolName::Blue ? kAll - state.split.count() : state.split.count();
  };
  const std::int64_t was = on_blue(before), is = on_blue(after);
  std::int64_t moved = 0;
  if (before.salt != after.salt) {
    moved = (was * (kAll - is) + (kAll - was) * is + kAll / 2) / kAll;
  } else if (before.live == after.live) {
    moved = std::abs(was - is);
  } else {
    // The low buckets are the candidate's before and after, and that is the other pool now.
    const std::int64_t low = std::min(before.split.count(), after.split.count());
    const std::int64_t high = kAll - std::max(before.split.count(), after.split.count());
    moved = low + high;
  }
  return *core::BasisPoints::make(moved, "");
}

bool is_rollback(const ChangeRequest& request) {
  return request.execution == Execution::Real && !request.orders.empty() &&
         std::ranges::all_of(request.orders, [](const ServiceOrder& order) {
           return order.action == Action::Rollback;
         });
}

std::string action_of(const ChangeRequest& request) {
  const ServiceOrder& order = request.orders.front();
  const bool is_uniform = std::ranges::all_of(
      request.orders, [&order](const ServiceOrder& each) { return each.action == order.action; });
  if (!is_uniform) return "change";
  return order.action == Action::Endpoint ? verb_of(order) : std::string(text(order.action));
}

std::string verb_of(const ServiceOrder& order) {
  return std::string(text(order.action)).append(" ").append(verb_of(order.mode));
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
