#include "sluice/config/describe.hpp"

#include <fmt/format.h>

#include "sluice/config/limit_words.hpp"
#include "sluice/core/duration.hpp"
#include "sluice/core/ensure.hpp"

namespace sluice::config {

namespace {

using policy::IdentityKind;

// Quoted always: then no text can be taken for null, a number or a list. All texts are printable
// (config/utf8.hpp).
std::string quoted_key(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// Values also go through the substitution of variables; keys do not.
std::string in_quotes(std::string_view text) {
  std::string doubled;
  for (const char c : text) doubled += c == '$' ? "$$" : std::string(1, c);
  return quoted_key(doubled);
}

template <typename Range, typename Text>
std::string list(const Range& range, Text text) {
  std::string out;
  for (const auto& item : range) out += (out.empty() ? "" : ", ") + text(item);
  return "[" + out + "]";
}

std::string networks(const std::vector<core::Network>& networks, bool has_unix) {
  std::vector<std::string> texts;
  texts.reserve(networks.size() + 1);
  for (const core::Network& network : networks) texts.push_back(network.text());
  if (has_unix) texts.emplace_back("unix:");
  return list(texts, in_quotes);
}

std::string duration_or_off(core::Millis duration) {
  return duration == core::Millis{0} ? "off" : core::format_duration(duration);
}

std::string source(const policy::IdentitySource& source) {
  switch (source.kind) {
    case IdentityKind::Cookie:
    case IdentityKind::Header:
    case IdentityKind::Query:
      return fmt::format("{}: {}", policy::text(source.kind), in_quotes(source.name));
    case IdentityKind::ClientAddress:
      return std::string(policy::text(source.kind));
    case IdentityKind::MintCookie:
      return fmt::format("{}: {{name: {}, max_age: {}}}", policy::text(source.kind),
                         in_quotes(source.name), core::format_duration(source.max_age));
  }
  core::unreachable();
}

std::string networks(const model::ClientSet& clients) {
  return networks(clients.networks, clients.has_unix);
}

/// Pins as one line each.
struct PinText {
  const Config& config;

  std::string operator()(const model::ValuePin& pin) const {
    const bool is_header = pin.field == model::ValuePin::Field::Header;
    const std::string values = list(pin.values, [](const auto& value) {
      return fmt::format("{}: {}", quoted_key(value.first), policy::text(value.second));
    });
    return fmt::format("{{{}: {}, values: {{{}}}, from: {}}}", is_header ? "header" : "cookie",
                       in_quotes(pin.name), values.substr(1, values.size() - 2),
                       networks(pin.from));
  }
  std::string operator()(const model::ListPin& pin) const {
    return fmt::format("{{identity_in: {}, pool: {}}}",
                       in_quotes(config.identity_files[pin.list].text), policy::text(pin.target));
  }
  std::string operator()(const model::SegmentPin& pin) const {
    std::vector<std::string> parts;
    if (pin.header) {
      parts.push_back("header: " + in_quotes(pin.header->name));
      parts.push_back("value: " + in_quotes(pin.header->value));
    }
    if (pin.path_prefix) parts.push_back("path_prefix: " + in_quotes(*pin.path_prefix));
    if (pin.network) parts.push_back("network: " + networks(*pin.network));
    if (pin.share) {
      parts.push_back("percent: " + pin.share->percent.percent());
      parts.push_back("salt: " + in_quotes(pin.share->salt));
    }
    return fmt::format("{{segment: {{{}}}, pool: {}}}", fmt::join(parts, ", "),
                       policy::text(pin.target));
  }
};

std::string expose(const model::Expose& expose) {
  std::vector<std::string> words;
  if (expose.pool) words.emplace_back("pool");
  if (expose.generation) words.emplace_back("generation");
  if (expose.reason) words.emplace_back("reason");
  if (expose.bucket) words.emplace_back("bucket");
  if (expose.endpoint) words.emplace_back("endpoint");
  if (expose.rescued) words.emplace_back("rescued");
  return list(words, [](const std::string& word) { return word; });
}

std::string pools(const Service& service) {
  std::string out = "    pools:\n";
  for (const core::PoolName name : {core::PoolName::Blue, core::PoolName::Green}) {
    const Pool& pool = service.pools[core::index(name)];
    if (pool.endpoints.empty()) continue;
    out += fmt::format("      {}: {{endpoints: {}}}\n", core::text(name),
                       list(pool.endpoints, [](const Endpoint& e) { return in_quotes(e.text); }));
  }
  return out;
}

std::string identity_and_pins(const Config& config, const Service& service) {
  std::string out = "    identity:\n";
  for (const policy::IdentitySource& s : service.identity) out += "      - " + source(s) + "\n";
  out += service.pins.empty() ? "    pins: []\n" : "    pins:\n";
  for (const model::Pin& p : service.pins)
    out += "      - " + std::visit(PinText{config}, p) + "\n";
  return out;
}

std::string timeouts(const model::Timeouts& t) {
  std::string out = "    timeouts:\n";
  const auto line = [&](std::string_view key, core::Millis value) {
    out += fmt::format("      {}: {}\n", key, duration_or_off(value));
  };
  line("connect", t.connect);
  line("request_header", t.request_header);
  line("request_body_idle", t.request_body_idle);
  line("request_body", t.request_body);
  line("response_header", t.response_header);
  line("response_body_idle", t.response_body_idle);
  line("response_body", t.response_body);
  line("keep_alive_idle", t.keep_alive_idle);
  line("endpoint_idle", t.endpoint_idle);
  line("tunnel_idle", t.tunnel_idle);
  return out;
}

std::string data_rate_or_off(std::uint32_t bytes_per_second) {
  return bytes_per_second == 0 ? "off" : core::format_size(bytes_per_second) + "/s";
}

std::string limits(const Service& service) {
  const http::HeadLimits& head = service.head_limits;
  return fmt::format(
      "    limits:\n      header_bytes: {}\n      header_count: {}\n      target_bytes: {}\n"
      "      body_bytes: {}\n      min_request_rate: {}\n      min_response_rate: {}\n",
      core::format_size(head.head_bytes), head.field_count, core::format_size(head.target_bytes),
      service.body_bytes_max ? core::format_size(*service.body_bytes_max) : "unlimited",
      data_rate_or_off(service.min_rates.request), data_rate_or_off(service.min_rates.response));
}

std::string failures(policy::FailureSet set) {
  std::vector<std::string> words;
  for (const policy::Failure failure : policy::kAllFailures) {
    if (set.has(failure)) words.emplace_back(policy::text(failure));
  }
  return list(words, in_quotes);
}

std::string repeats(const model::Repeats& r) {
  return fmt::format(
      "    retry:\n      attempts: {}\n      budget: {}\n      when: {}\n      per_try_timeout: "
      "{}\n"
      "      back_off: {}\n      idempotency_key: {}\n    rescue:\n      when: {}\n      budget: "
      "{}\n"
      "      assets: {}\n      assets_of_closed: {}\n",
      r.retry.retries_max, r.retry_budget.share.percent(), failures(r.retry.when),
      duration_or_off(r.retry.per_try_timeout), duration_or_off(r.retry.back_off),
      r.trusts_idempotency_key ? "on" : "off", failures(r.rescue), r.rescue_budget.share.percent(),
      list(r.assets, [](const policy::PathPattern& each) { return in_quotes(each.text()); }),
      r.asks_closed_for_assets ? "on" : "off");
}

template <typename Number>
std::string number_or(const std::optional<Number>& number, std::string_view none) {
  return number ? std::to_string(*number) : std::string(none);
}

std::string percent_or_off(const std::optional<core::BasisPoints>& percent) {
  return percent ? percent->percent() : "off";
}

std::string ceilings(const model::Ceilings& ceilings, std::string_view indent) {
  const auto or_off = [](std::uint32_t number) {
    return number == 0 ? std::string("off") : std::to_string(number);
  };
  return fmt::format(
      "{0}max_connections: {1}\n{0}max_pending: {2}\n{0}max_requests: {3}\n{0}max_retries: {4}\n",
      indent, or_off(ceilings.connections), or_off(ceilings.pending), or_off(ceilings.requests),
      or_off(ceilings.retries));
}

std::string breaker_rule(const model::BreakerRule& rule, std::string_view indent) {
  const policy::BreakerPolicy& policy = rule.policy;
  return fmt::format(
      "{0}window: {1}s\n{0}min_requests: {2}\n{0}error_rate: {3}\n{0}slow_call: {4}\n"
      "{0}slow_rate: {5}\n{0}open_for: {6}\n{0}max_open_for: {7}\n{0}half_open_probes: {8}\n"
      "{0}probe_timeout: {9}\n",
      indent, policy.window_seconds, policy.min_requests, percent_or_off(policy.error_rate),
      duration_or_off(rule.slow_call), percent_or_off(policy.slow_rate),
      core::format_duration(policy.open_for), core::format_duration(policy.open_most),
      policy.half_open_probes, core::format_duration(policy.probe_time));
}

std::string depends_on(const model::BreakerRule& rule, std::string_view indent) {
  return fmt::format("{}depends_on: {}\n", indent, list(rule.depends_on, in_quotes));
}

std::string circuit_breaker(const Service& s) {
  const model::CircuitBreaker& breakers = s.breakers;
  std::string out = "    circuit_breaker:\n" + ceilings(breakers.pool, "      ") +
                    breaker_rule(breakers.rule, "      ") + depends_on(breakers.rule, "      ");
  out += fmt::format("      fallback: {}\n", model::text(breakers.fallback));
  if (s.breaker_page) out += fmt::format("      page: {}\n", in_quotes(s.breaker_page->text));
  return out + "      endpoint:\n" + ceilings(breakers.endpoint, "        ") +
         breaker_rule(breakers.endpoint_rule, "        ");
}

std::string routes(const std::vector<model::RouteBreaker>& routes) {
  if (routes.empty()) return "    routes: []\n";
  std::string out = "    routes:\n";
  for (const model::RouteBreaker& route : routes) {
    out += fmt::format("      - path_prefix: {}\n        circuit_breaker:\n",
                       in_quotes(route.path_prefix));
    out += breaker_rule(route.rule, "          ") + depends_on(route.rule, "          ");
    out += fmt::format("          fallback: {}\n", model::text(route.fallback));
  }
  return out;
}

std::string check_request(const policy::HealthCheck& check) {
  if (check.type == policy::HealthCheck::Type::Tcp) return "      type: tcp\n";
  std::string out = fmt::format("      type: http\n      method: {}\n      path: {}\n",
                                check.method, in_quotes(check.path));
  if (!check.host.empty()) out += fmt::format("      host: {}\n", in_quotes(check.host));
  out += fmt::format("      expect_status: {}-{}\n", check.status_least, check.status_most);
  if (!check.body.empty()) out += fmt::format("      expect_body: {}\n", in_quotes(check.body));
  return out;
}

std::string health_check(const policy::HealthCheck& check) {
  if (!check.is_on) return "    health_check: off\n";
  std::string out = "    health_check:\n" + check_request(check);
  out += fmt::format(
      "      interval: {}\n      fast_interval: {}\n      jitter: {}\n      timeout: {}\n",
      core::format_duration(check.interval), core::format_duration(check.fast_interval),
      check.jitter.percent(), core::format_duration(check.timeout));
  out +=
      fmt::format("      healthy_after: {}\n      unhealthy_after: {}\n      memory_limit: {}\n",
                  check.healthy_after, check.unhealthy_after, percent_or_off(check.memory_limit));
  out += fmt::format("      recycle_on: {}\n", list(check.recycle_on, in_quotes));
  if (!check.hook.empty()) out += fmt::format("      hook: {}\n", list(check.hook, in_quotes));
  return out + fmt::format("      hook_timeout: {}\n", core::format_duration(check.hook_timeout));
}

std::string outliers(const policy::OutlierPolicy& policy) {
  if (!policy.is_on()) return "    outlier_detection: off\n";
  return fmt::format(
      "    outlier_detection:\n      consecutive_failures: {}\n      base_ejection_time: {}\n"
      "      max_ejection_time: {}\n      max_ejected: {}\n",
      policy.consecutive_failures, core::format_duration(policy.base_time),
      core::format_duration(policy.max_time), policy.max_ejected.percent());
}

std::string health(const Service& s) {
  return health_check(s.health_check) + outliers(s.outliers) +
         fmt::format("    slow_start: {}\n    on_pool_down: {}\n", duration_or_off(s.slow_start),
                     model::text(s.on_pool_down));
}

std::string limit_key(const model::LimitKeyPart& part) {
  using Kind = model::LimitKeyPart::Kind;
  const std::string_view kind = model::text(part.kind);
  if (part.kind == Kind::PathPrefix) return fmt::format("{{{}: {}}}", kind, part.segments);
  if (part.name.empty()) return std::string(kind);
  return fmt::format("{{{}: {}}}", kind, in_quotes(part.name));
}

std::string allowance(const model::Allowance& allowance) {
  std::vector<std::string> parts;
  if (allowance.rate) {
    parts.push_back("rate: " + policy::text(allowance.rate->rate()));
    parts.push_back(fmt::format("burst: {}", allowance.rate->burst()));
  }
  if (allowance.in_flight_max != 0)
    parts.push_back(fmt::format("max_in_flight: {}", allowance.in_flight_max));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string match(const model::LimitRule& rule) {
  std::vector<std::string> parts;
  if (rule.path_prefix) parts.push_back("path_prefix: " + in_quotes(*rule.path_prefix));
  if (!rule.methods.empty()) parts.push_back("methods: " + list(rule.methods, in_quotes));
  return fmt::format("{{{}}}", fmt::join(parts, ", "));
}

/// Each limit twice: in words, as a comment, and as it is written.
std::string rate_limits(const Service& service) {
  if (service.rate_limits.empty()) return "    rate_limits: []\n";
  std::string out = "    rate_limits:\n";
  for (const model::LimitRule& rule : service.rate_limits) {
    for (const std::string& line : limit_words(rule)) out += "      # " + line + "\n";
    out += fmt::format("      - {{name: {}, key: {}, {}", in_quotes(rule.name),
                       list(rule.key, limit_key), allowance(rule.live));
    if (rule.candidate) out += fmt::format(", candidate: {{{}}}", allowance(*rule.candidate));
    if (rule.path_prefix || !rule.methods.empty()) out += ", match: " + match(rule);
    out += fmt::format(", mode: {}, exempt: {}, ipv6_prefix: {}, announce: {}, keys: {}}}\n",
                       model::text(rule.mode), networks(rule.exempt), rule.ipv6_prefix,
                       rule.is_announced ? "on" : "off", rule.keys);
  }
  return out;
}

std::string adaptive(const policy::AdaptivePolicy& policy) {
  if (!policy.is_on) return "    adaptive_concurrency: off\n";
  return fmt::format("    adaptive_concurrency: {{min_limit: {}, max_limit: {}, tolerance: {}}}\n",
                     policy.least, policy.most, policy.tolerance.percent());
}

std::string describe_service(const Config& config, const Service& s) {
  std::string out = fmt::format("  - name: {}\n", in_quotes(s.name));
  out +=
      fmt::format("    hosts: {}\n    path_prefix: {}\n    listeners: {}\n",
                  list(s.hosts, in_quotes), in_quotes(s.path_prefix), list(s.listeners, in_quotes));
  out += fmt::format("    salt: {}\n", in_quotes(s.salt));
  out += identity_and_pins(config, s) + pools(s);
  out += fmt::format("    initial: {{live: {}, split: {}}}\n", core::text(s.initial_live),
                     s.initial_split.percent());
  out += fmt::format("    drain: {{deadline: {}, websockets: {}}}\n",
                     core::format_duration(s.drain_deadline), model::text(s.tunnels));
  out += fmt::format("    via: {}\n    expose: {}\n", s.adds_via ? "on" : "off", expose(s.expose));
  return out + timeouts(s.timeouts) + limits(s) + repeats(s.repeats) + circuit_breaker(s) +
         routes(s.breakers.routes) + adaptive(s.adaptive) + rate_limits(s) + health(s);
}

std::string memory(const MemoryLimit& limit) {
  switch (limit.kind) {
    case MemoryLimit::Kind::Auto:
      return "auto";
    case MemoryLimit::Kind::Off:
      return "off";
    case MemoryLimit::Kind::Bytes:
      return core::format_size(limit.bytes);
  }
  core::unreachable();
}

std::string describe_process(const Config& c) {
  std::string out = fmt::format("workers: {}\n", number_or(c.workers, "auto"));
  out += fmt::format(
      "limits: {{connections: {}, connections_per_address: {}, requests_per_connection: {}, "
      "tunnels: {}, memory: {}}}\n",
      number_or(c.connections, "auto"), number_or(c.connections_per_address, "off"),
      number_or(c.requests_per_connection, "off"), number_or(c.tunnels, "off"), memory(c.memory));
  out += "listeners:\n";
  for (const Listener& l : c.listeners) {
    const std::string mode = l.bind.is_unix() ? fmt::format(", mode: \"{:04o}\"", l.mode) : "";
    out += fmt::format("  - {{name: {}, bind: {}{}}}\n", in_quotes(l.name),
                       in_quotes(l.bind.text()), mode);
  }
  out += fmt::format("admin:\n  socket: {{path: {}, mode: \"{:04o}\"}}\n",
                     in_quotes(c.admin_socket.path), c.admin_socket.mode);
  out += c.admin_http ? fmt::format("  http: {{bind: {}}}\n", in_quotes(c.admin_http->text()))
                      : "  http: off\n";
  out += fmt::format("state_dir: {}\n", in_quotes(c.state_dir));
  out += c.access_log ? fmt::format("access_log: {{path: {}, format: {}}}\n",
                                    in_quotes(*c.access_log), text(c.log_format))
                      : "access_log: off\n";
  return out + fmt::format("trusted_proxies: {}\n", networks(c.trusted_proxies, c.trusts_unix));
}

}  // namespace

std::string describe(const Config& config) {
  std::string out = describe_process(config) + "services:\n";
  for (const Service& service : config.services) out += describe_service(config, service);
  return out;
}

}  // namespace sluice::config
