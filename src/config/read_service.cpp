#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/names.hpp"
#include "config/nearest.hpp"
#include "config/sections.hpp"
#include "config/values.hpp"

/// One entry of `services`, apart from its larger sections.
namespace sluice::config {

namespace {

std::string in_service(std::string_view section, const std::string& service_label) {
  return fmt::format("'{}' of {}", section, service_label);
}

void read_name(Reader& in, Value value, std::string& name) {
  if (value.is_scalar() && is_object_name(value.text())) {
    name = value.text();
  } else {
    report_bad(in, value);
  }
}

void read_hosts(Reader& in, Value list, std::vector<std::string>& hosts) {
  for (const Value item : items_of(in, list)) {
    const auto host = item.is_scalar() ? normal_host(item.text()) : std::nullopt;
    if (!host) {
      report_bad(in, item, item.is("*") ? "; leave 'hosts' out for any host" : "");
    } else if (std::ranges::find(hosts, *host) != hosts.end()) {
      report_listed_twice(in, item, *host);
    } else {
      hosts.push_back(*host);
    }
  }
}

void report_unknown_listener(Reader& in, Value item, const std::vector<Listener>& listeners) {
  constexpr std::size_t kListedMax = 8;
  std::vector<std::string_view> names;
  std::string listed;
  for (const Listener& listener : listeners) {
    names.push_back(listener.name);
    listed += (listed.empty() ? "; there is " : ", ") + listener.name;
  }
  const bool is_listed = names.size() <= kListedMax && !nearest(item.text(), names);
  if (is_listed) return report_bad(in, item, listed);
  report_bad_word(in, item, names);
}

void read_listener_names(Reader& in, Value list, const std::vector<Listener>& listeners,
                         std::vector<std::string>& names) {
  for (const Value item : items_of(in, list)) {
    if (!item.is_scalar()) {
      report_bad(in, item);
    } else if (std::ranges::find(listeners, item.text(), &Listener::name) == listeners.end()) {
      report_unknown_listener(in, item, listeners);
    } else if (std::ranges::find(names, item.text()) != names.end()) {
      report_listed_twice(in, item, item.text());
    } else {
      names.push_back(item.text());
    }
  }
}

void read_expose(Reader& in, Value list, model::Expose& expose) {
  struct Field {
    std::string_view word;
    bool model::Expose::*member;
  };
  static constexpr std::array<Field, 6> kFields{{{"pool", &model::Expose::pool},
                                                 {"generation", &model::Expose::generation},
                                                 {"reason", &model::Expose::reason},
                                                 {"bucket", &model::Expose::bucket},
                                                 {"endpoint", &model::Expose::endpoint},
                                                 {"rescued", &model::Expose::rescued}}};
  for (const Value item : items_of(in, list)) {
    const auto field =
        std::ranges::find_if(kFields, [&](const Field& f) { return item.is(f.word); });
    if (field == kFields.end()) {
      report_bad_word(in, item);
    } else if (expose.*(field->member)) {
      report_listed_twice(in, item, field->word);
    } else {
      expose.*(field->member) = true;
    }
  }
}

void read_initial(Reader& in, Value value, const std::string& label, Service& service) {
  const Section initial(in, value, tables::kInitial, in_service("initial", label));
  if (const auto v = initial.get("live")) read_pool_name(in, *v, service.initial_live);
  if (const auto v = initial.get("split")) read_percent(in, *v, service.initial_split);
}

void read_tunnel_policy(Reader& in, Value value, model::TunnelPolicy& target) {
  using model::TunnelPolicy;
  for (const TunnelPolicy policy : {TunnelPolicy::Drain, TunnelPolicy::Keep, TunnelPolicy::Close}) {
    if (!value.is(model::text(policy))) continue;
    target = policy;
    return;
  }
  report_bad_word(in, value);
}

void read_drain(Reader& in, Value value, const std::string& label, Service& service) {
  const Section drain(in, value, tables::kDrain, in_service("drain", label));
  if (const auto v = drain.get("deadline")) read_duration(in, *v, service.drain_deadline);
  if (const auto v = drain.get("websockets")) read_tunnel_policy(in, *v, service.tunnels);
}

void read_on_pool_down(Reader& in, Value value, model::OnPoolDown& target) {
  using model::OnPoolDown;
  for (const OnPoolDown policy : {OnPoolDown::Fallback, OnPoolDown::Fail}) {
    if (!value.is(model::text(policy))) continue;
    target = policy;
    return;
  }
  report_bad_word(in, value);
}

// Everyone would get 503 from the first request on.
void check_live_pool(Reader& in, Place at, const std::string& label, const Service& service) {
  if (!service.pools[core::index(service.initial_live)].endpoints.empty()) return;
  in.report(
      at,
      fmt::format(
          "pool '{0}' of {1} is live at the first start and has no endpoints, expected 'pools.{0}' "
          "or another 'initial.live'",
          core::text(service.initial_live), label));
}

}  // namespace

void report_listed_twice(Reader& in, Value item, std::string_view text) {
  in.report(*item.node,
            fmt::format("'{}' is listed twice in '{}', expected it once", text, item.key->name));
}

bool read_path_prefix(Reader& in, Value value, std::string& target) {
  const auto prefix = value.is_scalar() ? normal_path_prefix(value.text()) : std::nullopt;
  if (!prefix) {
    const bool is_path = value.is_scalar() && value.text().starts_with('/');
    report_bad(in, value,
               is_path ? "; without query, empty or dot segments and needless escapes" : "");
    return false;
  }
  target = *prefix;
  return true;
}

bool read_salt(Reader& in, Value value, std::string& target) {
  if (!value.is_scalar() || !is_salt(value.text())) {
    report_bad(in, value);
    return false;
  }
  target = value.text();
  return true;
}

std::string beside_configuration(Reader& in, const std::string& text) {
  const std::size_t slash = in.file().rfind('/');
  const bool is_absolute = text.front() == '/';
  return is_absolute || slash == std::string::npos ? text : in.file().substr(0, slash + 1) + text;
}

void read_service(Reader& in, Value item, const std::string& label, Config& config,
                  Service& service) {
  const std::size_t problems_before = in.problem_count();
  const Section section(in, item, tables::kService, label);
  service.at = in.position(item.node->at);
  if (const auto v = section.require("name")) read_name(in, *v, service.name);
  service.salt = service.name;
  if (const auto v = section.get("hosts")) read_hosts(in, *v, service.hosts);
  if (const auto v = section.get("path_prefix")) read_path_prefix(in, *v, service.path_prefix);
  if (const auto v = section.get("listeners"))
    read_listener_names(in, *v, config.listeners, service.listeners);
  if (const auto v = section.get("salt")) read_salt(in, *v, service.salt);
  if (const auto v = section.get("identity")) read_identity(in, *v, label, service.identity);
  if (const auto v = section.require("pools")) read_pools(in, *v, label, service);
  if (const auto v = section.get("initial")) read_initial(in, *v, label, service);
  if (const auto v = section.get("drain")) read_drain(in, *v, label, service);
  if (const auto v = section.get("via")) read_on_off(in, *v, service.adds_via);
  if (const auto v = section.get("expose")) read_expose(in, *v, service.expose);
  if (const auto v = section.get("timeouts")) read_timeouts(in, *v, label, service.timeouts);
  if (const auto v = section.get("limits")) read_service_limits(in, *v, label, service);
  settle_min_rates(service);
  if (const auto v = section.get("retry")) read_retry(in, *v, label, service.repeats);
  if (const auto v = section.get("rescue")) read_rescue(in, *v, label, service.repeats);
  if (const auto v = section.get("circuit_breaker")) read_circuit_breaker(in, *v, label, service);
  if (const auto v = section.get("adaptive_concurrency"))
    read_adaptive(in, *v, label, service.adaptive);
  if (const auto v = section.get("routes")) read_routes(in, *v, label, service);
  if (const auto v = section.get("health_check"))
    read_health_check(in, *v, label, service.health_check);
  if (const auto v = section.get("outlier_detection"))
    read_outliers(in, *v, label, service.outliers);
  if (const auto v = section.get("slow_start")) read_duration(in, *v, service.slow_start);
  if (const auto v = section.get("on_pool_down")) read_on_pool_down(in, *v, service.on_pool_down);
  if (const auto v = section.get("pins")) read_pins(in, *v, label, service, config.identity_files);
  if (const auto v = section.get("rate_limits"))
    read_rate_limits(in, *v, label, service.rate_limits);
  const bool is_whole = in.problem_count() == problems_before;
  if (is_whole) check_live_pool(in, item.node->at, label, service);
}

}  // namespace sluice::config
