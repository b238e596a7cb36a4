#include <fmt/format.h>

#include <algorithm>

#include "config/sections.hpp"
#include "config/values.hpp"
#include "sluice/model/service_table.hpp"
#include "sluice/policy/self_report.hpp"

/// `circuit_breaker` and `routes` of a service.
namespace sluice::config {

namespace {

using model::BreakerRule;
using model::Ceilings;
using policy::BreakerPolicy;

void read_ceilings(Reader& in, const Section& section, Ceilings& ceilings) {
  const auto read = [&](std::string_view key, std::uint32_t& target) {
    std::optional<std::uint32_t> number;
    const auto v = section.get(key);
    if (v && read_number_or_word(in, *v, number)) target = number.value_or(0);
  };
  read("max_connections", ceilings.connections);
  read("max_pending", ceilings.pending);
  read("max_requests", ceilings.requests);
  read("max_retries", ceilings.retries);
}

void read_window(Reader& in, Value value, BreakerPolicy& policy) {
  core::Millis window{};
  if (!read_duration(in, value, window)) return;
  if (window % std::chrono::seconds(1) != core::Millis(0)) return report_bad(in, value);
  policy.window_seconds =
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(window).count());
}

/// A rate of nothing would be reached by what is well.
void read_opening_rate(Reader& in, Value value, std::optional<core::BasisPoints>& rate) {
  if (value.is_word()) {
    rate = std::nullopt;
    return;
  }
  core::BasisPoints read;
  if (!read_percent(in, value, read)) return;
  if (read.count() == 0) return report_bad(in, value);
  rate = read;
}

void read_open_times(Reader& in, const Section& section, BreakerPolicy& policy) {
  if (const auto v = section.get("open_for")) read_duration(in, *v, policy.open_for);
  policy.open_most = std::max(policy.open_most, policy.open_for);  // the default
  if (const auto v = section.get("max_open_for")) {
    core::Millis most{};
    if (!read_duration(in, *v, most)) return;
    if (most < policy.open_for) return report_bad(in, *v, "; it is below 'open_for'");
    policy.open_most = most;
  }
}

void read_rule(Reader& in, const Section& section, BreakerRule& rule) {
  BreakerPolicy& policy = rule.policy;
  if (const auto v = section.get("window")) read_window(in, *v, policy);
  if (const auto v = section.get("min_requests")) read_number(in, *v, policy.min_requests);
  if (const auto v = section.get("error_rate")) read_opening_rate(in, *v, policy.error_rate);
  if (const auto v = section.get("slow_call")) read_duration(in, *v, rule.slow_call);
  if (const auto v = section.get("slow_rate")) read_opening_rate(in, *v, policy.slow_rate);
  read_open_times(in, section, policy);
  if (const auto v = section.get("half_open_probes")) read_number(in, *v, policy.half_open_probes);
  if (const auto v = section.get("probe_timeout")) read_duration(in, *v, policy.probe_time);
  settle(rule);
}

/// As read_rule(), of what may depend on something: a pool, or a route.
void read_dependent_rule(Reader& in, const Section& section, BreakerRule& rule) {
  if (const auto v = section.get("depends_on")) read_dependencies(in, *v, rule.depends_on);
  read_rule(in, section, rule);
}

void read_fallback(Reader& in, const Section& section, model::BreakerFallback& fallback) {
  const auto v = section.get("fallback");
  if (!v) return;
  if (!v->is_word()) return report_bad_word(in, *v);
  fallback = v->is("live") ? model::BreakerFallback::Live : model::BreakerFallback::Fail;
}

void read_page(Reader& in, Value value, Service& service) {
  std::string text;
  if (!read_text(in, value, text)) return;
  service.breaker_page = {.path = beside_configuration(in, text),
                          .text = text,
                          .at = in.position(value.node->at),
                          .content = nullptr};
}

void read_route(Reader& in, Value item, const std::string& service_label, Service& service) {
  const Section section(in, item, tables::kRoute, fmt::format("a route of {}", service_label));
  if (!section.is_map()) return;
  std::vector<model::RouteBreaker>& routes = service.breakers.routes;
  model::RouteBreaker route;
  const auto prefix = section.require("path_prefix");
  const bool has_path = prefix && read_path_prefix(in, *prefix, route.path_prefix);
  if (has_path && std::ranges::find(routes, route.path_prefix, &model::RouteBreaker::path_prefix) !=
                      routes.end())
    report_listed_twice(in, *prefix, route.path_prefix);
  if (has_path && !model::covers_path(service.path_prefix, route.path_prefix)) {
    in.report(
        prefix->node->at,
        fmt::format("'path_prefix' is '{}', where {} gets no request, expected a path under '{}'",
                    route.path_prefix, service_label, service.path_prefix));
  }
  if (const auto v = section.require("circuit_breaker")) {
    const Section rates(
        in, *v, tables::kRouteBreaker,
        fmt::format("'circuit_breaker' of route {} of {}", route.path_prefix, service_label));
    read_dependent_rule(in, rates, route.rule);
    read_fallback(in, rates, route.fallback);
  }
  if (has_path) routes.push_back(std::move(route));
}

}  // namespace

void read_dependencies(Reader& in, Value list, std::vector<std::string>& names) {
  for (const Value item : items_of(in, list)) {
    if (!item.is_scalar() || !policy::is_dependency_name(item.text())) {
      report_bad(in, item);
    } else if (std::ranges::find(names, item.text()) != names.end()) {
      report_listed_twice(in, item, item.text());
    } else {
      names.emplace_back(item.text());
    }
  }
}

void settle(BreakerRule& rule) {
  if (rule.slow_call == core::Millis(0)) rule.policy.slow_rate = std::nullopt;
  if (!rule.policy.slow_rate) rule.slow_call = core::Millis(0);
  rule.is_on = rule.policy.error_rate || rule.policy.slow_rate || !rule.depends_on.empty();
}

void read_circuit_breaker(Reader& in, Value value, const std::string& service_label,
                          Service& service) {
  model::CircuitBreaker& breakers = service.breakers;
  if (value.is_word()) {
    breakers = model::CircuitBreaker::off();
    return;
  }
  const Section section(in, value, tables::kCircuitBreaker,
                        fmt::format("'circuit_breaker' of {}", service_label));
  read_ceilings(in, section, breakers.pool);
  read_dependent_rule(in, section, breakers.rule);
  read_fallback(in, section, breakers.fallback);
  if (const auto v = section.get("page")) read_page(in, *v, service);
  if (const auto v = section.get("endpoint")) {
    if (v->is_word()) {
      breakers.endpoint_rule = BreakerRule::off();
      return;
    }
    const Section endpoint(in, *v, tables::kEndpointBreaker,
                           fmt::format("'endpoint' of 'circuit_breaker' of {}", service_label));
    read_ceilings(in, endpoint, breakers.endpoint);
    read_rule(in, endpoint, breakers.endpoint_rule);
  }
}

void read_routes(Reader& in, Value list, const std::string& service_label, Service& service) {
  for (const Value item : items_of(in, list)) read_route(in, item, service_label, service);
  std::ranges::stable_sort(
      service.breakers.routes, std::ranges::greater{},
      [](const model::RouteBreaker& route) { return route.path_prefix.size(); });
}

}  // namespace sluice::config
