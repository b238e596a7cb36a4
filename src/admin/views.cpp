#include "admin/views.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sluice/core/duration.hpp"

namespace sluice::admin {

namespace {

using Json = nlohmann::ordered_json;

// dump() throws on bytes that are not UTF-8 unless told to replace them.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json drain_json(const control::DrainView& drain) {
  return {{"pool", core::text(drain.pool)},
          {"generation", drain.generation.raw},
          {"deadline", core::format_rfc3339(drain.deadline)},
          {"requests", drain.requests},
          {"tunnels", drain.tunnels}};
}

/// Of endpoints whose health somebody looks after.
Json health_json(const control::HealthView& health) {
  Json json{{"state", health.state},
            {"since", core::format_rfc3339(health.since)},
            {"share_basis_points", health.share * 10}};
  if (!health.reason.empty()) json["reason"] = health.reason;
  if (health.memory_percent) json["memory_percent"] = *health.memory_percent;
  if (!health.dependencies.empty()) {
    Json& dependencies = json["dependencies"];
    for (const auto& each : health.dependencies)
      dependencies[each.name] = each.is_up ? "up" : "down";
  }
  return json;
}

Json budget_json(const control::BudgetView& budget) {
  return {{"in_use", budget.in_use}, {"most", budget.most}, {"refused", budget.refused}};
}

Json breaker_json(const control::BreakerView& breaker) {
  Json json{{"state", breaker.state}, {"openings", breaker.openings}};
  if (breaker.state == "open") json["probes_in_ms"] = breaker.opens_in.count();
  if (breaker.state == "closed") {
    json["requests"] = breaker.window.requests;
    json["failures"] = breaker.window.failures;
    json["slow"] = breaker.window.slow;
  }
  return json;
}

void add_guard(const control::GuardView& guard, Json& json) {
  if (guard.breaker) json["breaker"] = breaker_json(*guard.breaker);
  for (const control::CeilingView& each : guard.ceilings)
    json["ceilings"][std::string(each.name)] = {{"used", each.used}, {"max", each.most}};
}

Json endpoint_json(const control::EndpointView& endpoint) {
  Json json{{"address", endpoint.address},
            {"state", control::text(endpoint.state)},
            {"in_flight", endpoint.in_flight}};
  if (!endpoint.names.empty()) json["names"] = endpoint.names;
  if (!endpoint.why_down.empty()) json["reason"] = endpoint.why_down;
  if (endpoint.is_out_by_health() && !endpoint.health->reason.empty())
    json["reason"] = endpoint.health->reason;
  if (endpoint.health) json["health"] = health_json(*endpoint.health);
  add_guard(endpoint.guard, json);
  return json;
}

Json route_json(const control::RouteView& route) {
  Json json{{"path_prefix", route.path_prefix}};
  for (const core::PoolName pool : {core::PoolName::Blue, core::PoolName::Green})
    json["breakers"][std::string(core::text(pool))] =
        breaker_json(route.breakers[core::index(pool)]);
  return json;
}

Json pool_json(const control::ServiceView& service, core::PoolName name) {
  const std::vector<control::EndpointView>& endpoints = service.pools[core::index(name)];
  const control::PoolBudgets& budgets = service.budgets[core::index(name)];
  Json list = Json::array();
  for (const control::EndpointView& endpoint : endpoints) list.push_back(endpoint_json(endpoint));
  Json pool{{"endpoints", std::move(list)},
            {"budgets",
             {{"retries", budget_json(budgets.retries)},
              {"rescues", budget_json(budgets.rescues)},
              {"assets", budget_json(budgets.assets)}}}};
  add_guard(service.guards[core::index(name)], pool);
  return pool;
}

/// null: nothing was observed.
Json observed_json(std::optional<double> share) {
  if (!share) return nullptr;
  return std::lround(*share * 10'000);
}

Json limit_json(const control::LimitView& limit) {
  Json json{{"name", limit.name},
            {"mode", limit.mode},
            {"allows", limit.allows},
            {"candidate_allows", nullptr},
            {"admitted", limit.admitted},
            {"refused", limit.refused},
            {"shadowed", limit.shadowed},
            {"keys", 0},
            {"places", 0}};
  if (!limit.candidate_allows.empty()) json["candidate_allows"] = limit.candidate_allows;
  // Of the table that is fullest.
  for (const control::LimitTableView& table : limit.tables) {
    if (table.keys < json["keys"]) continue;
    json["keys"] = table.keys;
    json["places"] = table.places;
  }
  return json;
}

Json service_json(const control::ServiceView& service) {
  Json drains = Json::array();
  for (const control::DrainView& drain : service.drains) drains.push_back(drain_json(drain));
  Json limits = Json::array();
  for (const control::LimitView& limit : service.limits) limits.push_back(limit_json(limit));
  Json routes = Json::array();
  for (const control::RouteView& route : service.routes) routes.push_back(route_json(route));
  return {{"name", service.name},
          {"generation", service.generation.raw},
          {"live", core::text(service.live)},
          {"candidate", core::text(core::other(service.live))},
          {"split_basis_points", service.split.count()},
          {"observed_split_basis_points", observed_json(service.observed_split)},
          {"salt", service.salt},
          {"hash", service.hash},
          {"candidate_open", service.is_candidate_open},
          {"drains", std::move(drains)},
          {"limits", std::move(limits)},
          {"pools",
           {{"blue", pool_json(service, core::PoolName::Blue)},
            {"green", pool_json(service, core::PoolName::Green)}}},
          {"routes", std::move(routes)}};
}

std::int64_t microseconds(core::Nanos time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

Json took_json(const control::TookTimes& took) {
  return {{"persist", microseconds(took.persist)},
          {"flip", microseconds(took.flip)},
          {"adopted", microseconds(took.adopted)}};
}

Json workers_json(const control::Adoption& workers) {
  return {{"total", workers.total}, {"adopted", workers.adopted()}, {"missing", workers.missing}};
}

// null: this change started no drain.
Json report_json(const std::optional<control::DrainReport>& report) {
  if (!report) return nullptr;
  return {{"outcome", control::text(report->outcome)},
          {"requests_cut", report->requests_cut},
          {"tunnels_cut", report->tunnels_cut},
          {"tunnels_kept", report->tunnels_kept}};
}

/// As in the status.
std::string_view state_text(model::EndpointMode mode) {
  return mode == model::EndpointMode::Enabled ? control::text(control::EndpointState::Up)
                                              : text(mode);
}

Json preview_json(const control::ServiceAnswer& service) {
  const control::Preview& preview = *service.preview;
  Json drain = nullptr;
  if (preview.drains) {
    drain = {{"pool", core::text(*preview.drains)},
             {"requests", preview.requests},
             {"tunnels", preview.tunnels}};
  }
  return {{"changed", service.changed},
          {"live", core::text(service.live)},
          {"split_basis_points", service.split.count()},
          {"moved_basis_points", preview.moved.count()},
          {"users_seen", preview.users.seen},
          {"users_moved", preview.users.moved},
          {"drain", std::move(drain)}};
}

Json service_change_json(const control::ChangeAnswer& answer,
                         const control::ServiceAnswer& service) {
  Json json{{"changed", service.changed},
            {"generation", service.generation.raw},
            {"service", service.service},
            {"live", core::text(service.live)},
            {"split_basis_points", service.split.count()},
            {"durable", answer.is_durable},
            {"took_us", took_json(answer.took)},
            {"workers", workers_json(answer.workers)},
            {"drain", report_json(service.drain)},
            {"warnings", service.warnings}};
  if (service.endpoint) {
    json["endpoint"] = {{"pool", core::text(service.endpoint->pool)},
                        {"address", service.endpoint->address},
                        {"state", state_text(service.endpoint->mode)}};
  }
  if (!service.preview) return json;
  // A program that takes it for the answer to a change is told what is so.
  json["changed"] = false;
  json["live"] = core::text(service.preview->live);
  json["split_basis_points"] = service.preview->split.count();
  json["dry_run"] = true;
  json["would"] = preview_json(service);
  return json;
}

Json explained_request_json(const model::Explanation& explained) {
  return {{"method", explained.method},
          {"host", explained.host},
          {"path", explained.path},
          {"client", explained.client ? explained.client->text() : "unix:"}};
}

Json routing_json(const control::ExplainAnswer& answer) {
  if (!answer.is_routing_told) return nullptr;
  if (answer.routed_to.empty()) return {{"service", nullptr}, {"listener", answer.listener}};
  const model::Explanation::Routing& routing = *answer.explained.routing;
  Json json{{"service", answer.routed_to},
            {"host", nullptr},
            {"path_prefix", routing.path_prefix},
            {"listener", answer.listener},
            {"listener_is_named", routing.names_listeners}};
  if (!routing.host.empty()) json["host"] = routing.host;
  return json;
}

Json explained_service_json(const model::Service& service) {
  return {{"name", service.settings->name},
          {"generation", service.generation.raw},
          {"live", core::text(service.live)},
          {"candidate", core::text(core::other(service.live))},
          {"candidate_open", service.is_candidate_open},
          {"split_basis_points", service.split.count()},
          {"salt", service.salt}};
}

/// `given`, the kind of the source, or what is missing.
std::string_view identity_source(const model::Explanation& explained) {
  if (explained.would_mint) return "minted";
  if (explained.identity.empty()) return explained.was_too_long ? "too_long" : "absent";
  return explained.is_identity_given ? "given" : policy::text(explained.source->kind);
}

Json identity_json(const model::Explanation& explained) {
  Json json{{"value", nullptr},
            {"source", identity_source(explained)},
            {"name", nullptr},
            {"was_too_long", explained.was_too_long}};
  if (!explained.identity.empty()) json["value"] = explained.identity;
  if (explained.source != nullptr && !explained.source->name.empty())
    json["name"] = explained.source->name;
  return json;
}

Json pin_json(const model::Explanation::MatchedPin& pin) {
  return {{"number", pin.number},
          {"name", pin.name},
          {"target", policy::text(pin.target)},
          {"pool", core::text(pin.pool)},
          {"ignored", pin.is_ignored}};
}

Json asked_limit_json(const model::Explanation::AskedLimit& asked) {
  using Standing = model::Explanation::AskedLimit::Standing;
  const model::LimitRule& rule = asked.limit->rule;
  const model::Allowance& allowance = rule.allowance(asked.is_candidate);
  Json json{{"name", rule.name},
            {"mode", model::text(rule.mode)},
            {"allows", model::text(allowance)},
            {"key", nullptr},
            {"standing", model::text(asked.standing)},
            {"left", nullptr},
            {"wait_ms", 0},
            {"in_flight", nullptr}};
  if (!asked.key.empty()) json["key"] = asked.key;
  if (asked.rate) {
    json["left"] = asked.rate->left;
    if (!asked.rate->is_admitted)
      json["wait_ms"] = std::chrono::ceil<core::Millis>(asked.rate->until_more).count();
  }
  const bool is_bound = asked.standing == Standing::Admits || asked.standing == Standing::Refuses;
  if (is_bound && allowance.in_flight_max != 0) json["in_flight"] = asked.in_flight;
  return json;
}

Json explained_endpoints_json(const control::ExplainAnswer& answer) {
  Json list = Json::array();
  for (const control::ExplainedEndpoint& endpoint : answer.endpoints) {
    const auto left = std::chrono::ceil<core::Millis>(endpoint.penalty_left);
    const bool is_in_penalty =
        endpoint.shown.state == control::EndpointState::Up && left > core::Millis::zero();
    Json json = endpoint_json(endpoint.shown);
    json["pool"] = core::text(endpoint.pool);
    json["penalty_left_ms"] = is_in_penalty ? left.count() : 0;
    if (is_in_penalty) json["state"] = "penalty";
    list.push_back(std::move(json));
  }
  return list;
}

Json overload_json(const control::OverloadView& overload) {
  const policy::Strain of_new = std::min(overload.strain, policy::kStrainNew);
  Json memory = nullptr;
  if (overload.memory)
    memory = {{"used_bytes", overload.memory->used}, {"limit_bytes", overload.memory->limit}};
  return {{"level", control::text(overload.level)},
          {"memory", std::move(memory)},
          {"loop_wait_ms", std::chrono::floor<core::Millis>(overload.loop_wait).count()},
          {"new_refused_basis_points", of_new * 10},
          {"known_refused_basis_points", (overload.strain - of_new) * 10}};
}

}  // namespace

std::string status_json(const control::StatusView& status, std::string_view version) {
  Json listeners = Json::array();
  for (const control::ListenerView& listener : status.listeners) {
    listeners.push_back({{"name", listener.name}, {"address", listener.address}});
  }
  Json services = Json::array();
  for (const control::ServiceView& service : status.services) {
    services.push_back(service_json(service));
  }
  return dump({{"generation", status.generation.raw},
               {"epoch", status.epoch.raw},
               {"durable", status.is_durable},
               {"version", version},
               {"workers", status.workers},
               {"overload", overload_json(status.overload)},
               {"listeners", std::move(listeners)},
               {"services", std::move(services)}});
}

std::string change_json(const control::ChangeAnswer& answer) {
  if (answer.scope == control::Scope::Service) {
    return dump(service_change_json(answer, answer.services.front()));
  }
  Json services = Json::array();
  for (const control::ServiceAnswer& service : answer.services) {
    services.push_back(service_change_json(answer, service));
  }
  Json json{{"changed", answer.changed},
            {"generation", answer.generation.raw},
            {"durable", answer.is_durable},
            {"took_us", took_json(answer.took)},
            {"workers", workers_json(answer.workers)},
            {"services", std::move(services)}};
  if (answer.execution == control::Execution::DryRun) {
    json["changed"] = false;
    json["dry_run"] = true;
    json["would"] = {{"changed", answer.changed}};
  }
  return dump(json);
}

namespace {

/// `route` is null for the breaker of the pool.
Json asked_breaker_json(const model::Explanation::AskedBreaker& asked) {
  return {{"pool", core::text(asked.pool)},
          {"route", asked.route.empty() ? Json(nullptr) : Json(asked.route)},
          {"state", policy::text(asked.state)},
          {"admits", asked.admits}};
}

Json asked_overload_json(const model::Explanation::AskedOverload& asked) {
  using Level = control::OverloadView::Level;
  const bool is_shedding = asked.word.strain() != 0;
  const Level kept = asked.word.ends_connections() ? Level::NoKeepAlive : Level::Normal;
  Json cause = nullptr;
  if (is_shedding) cause = policy::text(asked.word.cause());
  return {{"level", control::text(is_shedding ? Level::Shedding : kept)},
          {"cause", std::move(cause)},
          {"users", asked.standing == policy::Standing::Known ? "known" : "new"},
          {"refused_basis_points", asked.of_thousand * 10},
          {"refuses", asked.refuses}};
}

}  // namespace

std::string explain_json(const control::ExplainAnswer& answer) {
  const model::Explanation& explained = answer.explained;
  Json limits = Json::array();
  for (const auto& asked : explained.limits) limits.push_back(asked_limit_json(asked));
  Json breakers = Json::array();
  for (const auto& asked : explained.breakers) breakers.push_back(asked_breaker_json(asked));
  Json ceilings = Json::array();
  for (const auto& each : explained.reached)
    ceilings.push_back({{"pool", core::text(each.pool)}, {"key", each.key}});
  Json json{{"explanation", model::sentence_of(explained)},
            {"generation", answer.snapshot->generation.raw},
            {"request", explained_request_json(explained)},
            {"routing", routing_json(answer)},
            {"service", nullptr},
            {"identity", nullptr},
            {"pin", nullptr},
            {"bucket", nullptr},
            {"pool", nullptr},
            {"reason", nullptr},
            {"before_fallback", nullptr},
            {"overload", nullptr},
            {"limits", std::move(limits)},
            {"ceilings", std::move(ceilings)},
            {"breakers", std::move(breakers)},
            {"endpoints", explained_endpoints_json(answer)},
            {"answer", nullptr}};
  if (explained.service != nullptr) {
    json["service"] = explained_service_json(*explained.service);
    json["identity"] = identity_json(explained);
  }
  if (explained.overload) json["overload"] = asked_overload_json(*explained.overload);
  if (explained.pin) json["pin"] = pin_json(*explained.pin);
  if (explained.choice) {
    json["pool"] = core::text(explained.choice->pool);
    json["reason"] = policy::text(explained.choice->reason);
    if (explained.choice->bucket) json["bucket"] = *explained.choice->bucket;
  }
  if (explained.before_fallback) {
    json["before_fallback"] = {{"pool", core::text(explained.before_fallback->pool)},
                               {"reason", policy::text(explained.before_fallback->reason)}};
  }
  if (explained.answer) {
    json["answer"] = {{"status", explained.answer->status}, {"detail", explained.answer->reason}};
  }
  return dump(json);
}

std::string audit_json(const control::AuditTail& tail) {
  Json records = Json::array();
  for (const std::string& line : tail.lines) {
    Json record = Json::parse(line, nullptr, false);
    if (!record.is_object()) record = {{"unreadable", line}};
    records.push_back(std::move(record));
  }
  return dump({{"records", std::move(records)}, {"has_older", tail.has_older}});
}

std::string event_json(const control::Event& event) {
  Json json{{"event", control::text(event.kind)},
            {"time", core::format_rfc3339(event.time)},
            {"text", event.text}};
  for (const auto& [name, value] : event.members) {
    std::visit([&json, name = name](const auto& each) { json[std::string(name)] = each; }, value);
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace sluice::admin
