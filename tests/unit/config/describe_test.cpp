#include "sluice/config/describe.hpp"

#include <string>

#include "sluice/config/parse.hpp"
#include "sluice/core/rng.hpp"
#include "support/catch.hpp"

using namespace sluice;
using config::Config;
using policy::IdentityKind;

namespace {

std::optional<std::string> no_environment(std::string_view) {
  return std::nullopt;
}

Config parse_back(const std::string& text) {
  config::Loaded loaded = config::parse(text, "described.yaml", no_environment);
  std::string problems;
  for (const config::Problem& problem : loaded.problems) problems += problem.text() + "\n";
  INFO(text << problems);
  REQUIRE(loaded.config);
  return std::move(*loaded.config);
}

/// Texts that YAML or the substitution of variables could take for something else.
std::string awkward_text(core::Rng& rng) {
  static const std::string kTexts[] = {
      "null", "~",  "yes", "0x10", "- a",  "a: b", "#",       "\"quoted\"", "it's",
      "a\\b", "$",  "$$",  "${A}", "{a}",  "[b]",  "ünïcode", " space ",    "&anchor",
      "*",    "!x", "%",   "@",    "a #b", "-",    "?",       "|",          ">"};
  return kTexts[rng.below(std::size(kTexts))] + std::to_string(rng.below(100));
}

std::string name(core::Rng& rng, const char* prefix) {
  return prefix + std::to_string(rng.below(1'000'000));
}

core::Millis duration(core::Rng& rng) {
  return core::Millis{1 + rng.below(86'400'000)};
}
core::Millis duration_or_off(core::Rng& rng) {
  return rng.below(3) == 0 ? core::Millis{0} : duration(rng);
}

core::Network network(core::Rng& rng) {
  static const char* const kNetworks[] = {"10.0.0.0/8", "192.0.2.7", "2001:db8::/32",
                                          "::1",        "0.0.0.0/0", "::/0"};
  return core::Network::parse(kNetworks[rng.below(std::size(kNetworks))], "").value();
}

core::SocketAddress address(core::Rng& rng, std::uint16_t port) {
  const std::string ip =
      rng.below(2) == 0 ? "127.0.0." + std::to_string(1 + rng.below(200)) : "[::1]";
  return core::SocketAddress::parse(ip + ":" + std::to_string(port), "").value();
}

std::vector<policy::IdentitySource> identity(core::Rng& rng) {
  std::vector<policy::IdentitySource> sources;
  const auto add = [&](IdentityKind kind, std::string of, std::chrono::seconds age = {}) {
    if (rng.below(2) == 0) sources.push_back({.kind = kind, .name = std::move(of), .max_age = age});
  };
  add(IdentityKind::Cookie, "c$ookie");
  add(IdentityKind::Header, "X-User'Id");
  add(IdentityKind::Query, "user[${id}]");
  add(IdentityKind::ClientAddress, "");
  add(IdentityKind::MintCookie, "sluice_id", std::chrono::seconds(1 + rng.below(10'000'000)));
  if (sources.empty()) sources.push_back({});
  return sources;
}

model::Pin pin(core::Rng& rng) {
  model::ValuePin pin;
  const bool is_header = rng.below(2) == 0;
  pin.field = is_header ? model::ValuePin::Field::Header : model::ValuePin::Field::Cookie;
  pin.name = name(rng, "X-Pin-");
  for (std::uint32_t i = 0; i <= rng.below(3); ++i) {
    pin.values.emplace_back(awkward_text(rng) + "-" + std::to_string(i),
                            static_cast<policy::PinTarget>(rng.below(4)));
  }
  pin.from.networks.push_back(network(rng));
  pin.from.has_unix = rng.below(2) == 0;
  return pin;
}

core::BasisPoints percent(core::Rng& rng, std::uint32_t least, std::uint32_t most) {
  return core::BasisPoints::make(least + rng.below(most - least + 1), "").value();
}

model::Ceilings ceilings(core::Rng& rng) {
  const auto one = [&rng] { return rng.below(2) == 0 ? 0 : 1 + rng.below(10'000'000); };
  return {.connections = one(), .pending = one(), .requests = one(), .retries = one()};
}

model::BreakerRule breaker_rule(core::Rng& rng) {
  model::BreakerRule rule;
  policy::BreakerPolicy& policy = rule.policy;
  const auto rate = [&rng]() -> std::optional<core::BasisPoints> {
    if (rng.below(3) == 0) return std::nullopt;
    return core::BasisPoints::make(1 + rng.below(10'000), "").value();
  };
  policy.window_seconds = 1 + rng.below(10);
  policy.min_requests = 1 + rng.below(1'000'000);
  policy.error_rate = rate();
  policy.slow_rate = rate();
  policy.open_for = core::Millis(1000 + rng.below(3'599'001));
  policy.open_most =
      policy.open_for +
      core::Millis(rng.below(static_cast<std::uint32_t>(3'600'001 - policy.open_for.count())));
  policy.half_open_probes = 1 + rng.below(63);
  policy.probe_time = core::Millis(1000 + rng.below(3'599'001));
  if (policy.slow_rate) {
    rule.slow_call = core::Millis(1 + rng.below(86'400'000));
  } else {
    rule.slow_call = core::Millis(0);
  }
  rule.is_on = policy.error_rate || policy.slow_rate;
  return rule;
}

/// Of a pool or a route.
model::BreakerRule with_dependencies(model::BreakerRule rule, core::Rng& rng) {
  if (rng.below(2) == 0) rule.depends_on = {"database", "cache-2"};
  rule.is_on = rule.is_on || !rule.depends_on.empty();
  return rule;
}

model::CircuitBreaker breakers(core::Rng& rng, const std::string& service_prefix) {
  model::CircuitBreaker breakers;
  breakers.pool = ceilings(rng);
  breakers.rule = with_dependencies(breaker_rule(rng), rng);
  breakers.fallback = static_cast<model::BreakerFallback>(rng.below(2));
  breakers.endpoint = ceilings(rng);
  breakers.endpoint_rule = breaker_rule(rng);
  for (const char* prefix : {"/reports/all", "/reports", "/a"}) {
    if (rng.below(2) == 0) {
      const std::string below = service_prefix == "/" ? "" : service_prefix;
      breakers.routes.push_back({.path_prefix = below + prefix,
                                 .rule = with_dependencies(breaker_rule(rng), rng),
                                 .fallback = static_cast<model::BreakerFallback>(rng.below(2)),
                                 .cell = nullptr});
    }
  }
  return breakers;
}

policy::HealthCheck health_check(core::Rng& rng) {
  policy::HealthCheck check;
  if (rng.below(3) == 0) return check;
  check.is_on = true;
  check.interval = core::Millis{100 + rng.below(86'400'000 - 100)};
  check.fast_interval = std::min(check.interval, core::Millis{100 + rng.below(1000)});
  check.jitter = percent(rng, 0, 5000);
  check.timeout = core::Millis{10 + rng.below(59'000)};
  check.healthy_after = 1 + rng.below(100);
  check.unhealthy_after = 1 + rng.below(100);
  check.memory_limit = std::nullopt;
  if (rng.below(2) == 0) check.memory_limit = percent(rng, 100, 10'000);
  for (std::uint32_t i = 0; i < rng.below(3); ++i)
    check.hook.push_back(i == 0 ? "/bin/" + awkward_text(rng) : awkward_text(rng));
  if (rng.below(2) == 0) check.recycle_on = {"database"};
  check.hook_timeout = core::Millis{100 + rng.below(3'000'000)};
  if (rng.below(4) == 0) {
    check.type = policy::HealthCheck::Type::Tcp;
    return check;
  }
  check.path = "/a?b=$" + std::to_string(rng.below(9));
  if (rng.below(2) == 0) check.host = "app-" + std::to_string(rng.below(9)) + ".internal";
  check.status_least = static_cast<std::uint16_t>(200 + rng.below(200));
  check.status_most = static_cast<std::uint16_t>(check.status_least + rng.below(200));
  if (rng.below(2) == 0) {
    check.body = awkward_text(rng);
  } else {
    check.method = "HEAD";
  }
  return check;
}

policy::OutlierPolicy outliers(core::Rng& rng) {
  policy::OutlierPolicy policy;
  if (rng.below(2) == 0) return policy;
  policy.consecutive_failures = 1 + rng.below(1000);
  policy.base_time = core::Millis{100 + rng.below(100'000)};
  policy.max_time = policy.base_time + core::Millis{rng.below(100'000)};
  policy.max_ejected = percent(rng, 0, 10'000);
  return policy;
}

model::Allowance allowance(core::Rng& rng) {
  static const core::Nanos kPeriods[] = {std::chrono::seconds(1), std::chrono::minutes(1),
                                         std::chrono::hours(1), std::chrono::hours(24)};
  model::Allowance out;
  if (rng.below(4) != 0) {
    out.rate.emplace(policy::Rate{1 + rng.below(1'000'000), kPeriods[rng.below(4)]},
                     1 + rng.below(1'000'000));
  }
  if (!out.rate || rng.below(4) == 0) out.in_flight_max = 1 + rng.below(1'000'000);
  return out;
}

model::LimitRule limit(core::Rng& rng, std::size_t number) {
  using Kind = model::LimitKeyPart::Kind;
  model::LimitRule rule;
  rule.name = "limit-" + std::to_string(number);
  if (rng.below(2) == 0) rule.key.push_back({.kind = Kind::Identity, .name = ""});
  if (rng.below(2) == 0) rule.key.push_back({.kind = Kind::Header, .name = "X-$Key"});
  if (rng.below(2) == 0) rule.key.push_back({.kind = Kind::Cookie, .name = "s'id"});
  if (rule.key.empty() || rng.below(2) == 0)
    rule.key.push_back({.kind = Kind::PathPrefix, .name = "", .segments = 1 + rng.below(8)});
  rule.live = allowance(rng);
  if (rule.live.in_flight_max != 0 && number >= 4) rule.live.in_flight_max = 0;
  if (!rule.live.rate) rule.live.in_flight_max = 7;
  if (rng.below(3) == 0) {
    // What a file says of it: a rate where there is one above, and a bound where there is one.
    rule.candidate = allowance(rng);
    if (!rule.candidate->rate) rule.candidate->rate = rule.live.rate;
    if (rule.candidate->in_flight_max == 0) rule.candidate->in_flight_max = rule.live.in_flight_max;
  }
  if (rng.below(2) == 0) rule.path_prefix = "/p$" + std::to_string(rng.below(9));
  if (rng.below(2) == 0) rule.methods = {"POST", "M-SEARCH"};
  rule.mode = static_cast<model::LimitMode>(rng.below(2));
  if (rng.below(2) == 0) rule.exempt.networks.push_back(network(rng));
  rule.exempt.has_unix = rng.below(2) == 0;
  rule.ipv6_prefix = 1 + rng.below(128);
  rule.is_announced = rng.below(2) == 0;
  rule.keys = 64 + rng.below(1'000'000);  // all tables together have a bound
  return rule;
}

config::Service service(core::Rng& rng, std::size_t number) {
  config::Service s;
  s.name = "service-" + std::to_string(number);
  s.hosts = {"host-" + std::to_string(number), "*.wild-" + std::to_string(number) + ".example"};
  if (rng.below(2) == 0) s.path_prefix = "/a$b/" + std::to_string(rng.below(9));
  if (rng.below(2) == 0) s.listeners = {"listener-a"};
  s.salt = awkward_text(rng);
  s.identity = identity(rng);
  std::uint16_t port = 1;
  for (config::Pool& pool : s.pools) {
    for (std::uint32_t i = 0; i <= rng.below(3); ++i) {
      const core::SocketAddress at = address(rng, port++);
      pool.endpoints.push_back({.address = at, .text = at.text(), .at = {}});
    }
  }
  s.initial_live = rng.below(2) == 0 ? core::PoolName::Blue : core::PoolName::Green;
  s.initial_split = core::BasisPoints::make(rng.below(10'001), "").value();
  s.drain_deadline = duration(rng);
  s.tunnels = static_cast<model::TunnelPolicy>(rng.below(3));
  for (std::uint32_t i = 0; i < rng.below(3); ++i) s.pins.push_back(pin(rng));
  for (std::size_t i = 0; i < rng.below(4); ++i) s.rate_limits.push_back(limit(rng, i));
  s.expose = {.pool = rng.below(2) == 0,
              .generation = rng.below(2) == 0,
              .reason = rng.below(2) == 0,
              .bucket = rng.below(2) == 0,
              .endpoint = rng.below(2) == 0,
              .rescued = rng.below(2) == 0};
  s.adds_via = rng.below(2) == 0;
  s.timeouts = {.connect = duration(rng),
                .request_header = duration(rng),
                .request_body_idle = duration_or_off(rng),
                .request_body = duration_or_off(rng),
                .response_header = duration_or_off(rng),
                .response_body_idle = duration_or_off(rng),
                .response_body = duration_or_off(rng),
                .keep_alive_idle = duration(rng),
                .endpoint_idle = duration(rng),
                .tunnel_idle = duration_or_off(rng)};
  s.head_limits.head_bytes = 1024 + rng.below(15 * 1024 + 1);
  s.head_limits.field_count = 1 + rng.below(128);
  s.head_limits.target_bytes = 64 + rng.below(960);
  if (rng.below(2) == 0) s.body_bytes_max = 1 + rng.next() % (std::uint64_t{1} << 40U);
  const auto failures = [&rng] {
    policy::FailureSet set;
    for (const policy::Failure failure : policy::kAllFailures) {
      if (rng.below(2) == 0) set.add(failure);
    }
    return set;
  };
  policy::FailureSet rescues;
  for (const policy::Failure failure : policy::kAllFailures) {
    if (failure != policy::Failure::Connect && rng.below(2) == 0) rescues.add(failure);
  }
  s.repeats = {.retry = {.retries_max = rng.below(11),
                         .when = failures(),
                         .per_try_timeout = duration_or_off(rng),
                         .back_off = core::Millis(rng.below(10'001))},
               .retry_budget = {core::BasisPoints::make(rng.below(10'001), "").value()},
               .trusts_idempotency_key = rng.below(2) == 0,
               .rescue = rescues,
               .rescue_budget = {core::BasisPoints::make(rng.below(10'001), "").value()},
               .assets = {},
               .asks_closed_for_assets = rng.below(2) == 0};
  for (const char* pattern : {"/assets/*", "*.js", "/a'b*", "/%20"}) {
    if (rng.below(2) == 0) s.repeats.assets.emplace_back(pattern);
  }
  s.breakers = breakers(rng, s.path_prefix);
  const auto rate = [&rng](core::Millis idle) {
    return idle == core::Millis{0} || rng.below(3) == 0 ? 0 : 1 + rng.below(1U << 30U);
  };
  s.min_rates = {.request = rate(s.timeouts.request_body_idle),
                 .response = rate(s.timeouts.response_body_idle)};
  s.health_check = health_check(rng);
  s.outliers = outliers(rng);
  s.slow_start = rng.below(2) == 0 ? core::Millis{0} : core::Millis{1 + rng.below(3'600'000)};
  s.on_pool_down = static_cast<model::OnPoolDown>(rng.below(2));
  s.adaptive.is_on = rng.below(2) == 0;
  if (s.adaptive.is_on) {
    s.adaptive.least = 1 + rng.below(5'000'000);
    s.adaptive.most = s.adaptive.least + rng.below(5'000'000);
    s.adaptive.tolerance = core::BasisPoints::make(500 + rng.below(9501), "").value();
  }
  return s;
}

Config random_config(core::Rng& rng) {
  Config c;
  if (rng.below(2) == 0) c.workers = 1 + rng.below(64);
  if (rng.below(2) == 0) c.connections = 1 + rng.below(10'000'000);
  if (rng.below(2) == 0) c.connections_per_address = 1 + rng.below(10'000'000);
  if (rng.below(2) == 0) c.requests_per_connection = 1 + rng.below(10'000'000);
  if (rng.below(2) == 0) c.tunnels = 1 + rng.below(10'000'000);
  c.memory.kind = static_cast<config::MemoryLimit::Kind>(rng.below(3));
  if (c.memory.kind == config::MemoryLimit::Kind::Bytes)
    c.memory.bytes = (16ULL << 20U) + rng.next() % (1ULL << 40U);
  c.listeners.push_back({.name = "listener-a", .bind = address(rng, 8080), .at = {}});
  if (rng.below(2) == 0) c.listeners.push_back({.name = "b", .bind = address(rng, 0), .at = {}});
  c.admin_socket = {.path = "/run/" + awkward_text(rng), .mode = rng.below(0777 + 1)};
  if (rng.below(2) == 0) c.admin_http = address(rng, 9901);
  c.state_dir = "/var/" + awkward_text(rng);
  if (rng.below(2) == 0) c.access_log = rng.below(2) == 0 ? "-" : "/log/" + awkward_text(rng);
  for (std::uint32_t i = 0; i < rng.below(4); ++i) c.trusted_proxies.push_back(network(rng));
  c.trusts_unix = rng.below(2) == 0;
  for (std::size_t i = 0; i <= rng.below(3); ++i) c.services.push_back(service(rng, i));
  return c;
}

template <typename T>
std::vector<std::string> texts(const std::vector<T>& networks) {
  std::vector<std::string> out;
  for (const T& n : networks) out.push_back(n.text());
  return out;
}

void check_same_health(const config::Service& a, const config::Service& b) {
  const policy::HealthCheck& x = a.health_check;
  const policy::HealthCheck& y = b.health_check;
  REQUIRE(x.is_on == y.is_on);
  CHECK(x.type == y.type);
  CHECK(x.method == y.method);
  CHECK(x.path == y.path);
  CHECK(x.host == y.host);
  CHECK(x.status_least == y.status_least);
  CHECK(x.status_most == y.status_most);
  CHECK(x.body == y.body);
  CHECK(x.interval == y.interval);
  CHECK(x.fast_interval == y.fast_interval);
  CHECK(x.jitter == y.jitter);
  CHECK(x.timeout == y.timeout);
  CHECK(x.healthy_after == y.healthy_after);
  CHECK(x.unhealthy_after == y.unhealthy_after);
  CHECK(x.memory_limit == y.memory_limit);
  CHECK(x.hook == y.hook);
  CHECK(x.hook_timeout == y.hook_timeout);
  CHECK(a.outliers.consecutive_failures == b.outliers.consecutive_failures);
  CHECK(a.outliers.base_time == b.outliers.base_time);
  CHECK(a.outliers.max_time == b.outliers.max_time);
  CHECK(a.outliers.max_ejected == b.outliers.max_ejected);
  CHECK(a.slow_start == b.slow_start);
  CHECK(a.on_pool_down == b.on_pool_down);
  CHECK(a.adaptive == b.adaptive);
}

void check_same_allowance(const model::Allowance& a, const model::Allowance& b) {
  REQUIRE(a.rate.has_value() == b.rate.has_value());
  if (a.rate) {
    CHECK(a.rate->rate() == b.rate->rate());
    CHECK(a.rate->burst() == b.rate->burst());
  }
  CHECK(a.in_flight_max == b.in_flight_max);
}

void check_same_limit(const model::LimitRule& a, const model::LimitRule& b) {
  CHECK(a.name == b.name);
  CHECK(a.key == b.key);
  check_same_allowance(a.live, b.live);
  REQUIRE(a.candidate.has_value() == b.candidate.has_value());
  if (a.candidate) check_same_allowance(*a.candidate, *b.candidate);
  CHECK(a.path_prefix == b.path_prefix);
  CHECK(a.methods == b.methods);
  CHECK(a.mode == b.mode);
  CHECK(texts(a.exempt.networks) == texts(b.exempt.networks));
  CHECK(a.exempt.has_unix == b.exempt.has_unix);
  CHECK(a.ipv6_prefix == b.ipv6_prefix);
  CHECK(a.is_announced == b.is_announced);
  CHECK(a.keys == b.keys);
}

void check_same_service(const config::Service& a, const config::Service& b) {
  CHECK(a.name == b.name);
  CHECK(a.hosts == b.hosts);
  CHECK(a.path_prefix == b.path_prefix);
  CHECK(a.listeners == b.listeners);
  CHECK(a.salt == b.salt);
  REQUIRE(a.identity.size() == b.identity.size());
  for (std::size_t i = 0; i < a.identity.size(); ++i) {
    CHECK(a.identity[i].kind == b.identity[i].kind);
    CHECK(a.identity[i].name == b.identity[i].name);
    CHECK(a.identity[i].max_age == b.identity[i].max_age);
  }
  for (std::size_t p = 0; p < 2; ++p) {
    REQUIRE(a.pools[p].endpoints.size() == b.pools[p].endpoints.size());
    for (std::size_t i = 0; i < a.pools[p].endpoints.size(); ++i) {
      CHECK(a.pools[p].endpoints[i].address == b.pools[p].endpoints[i].address);
      CHECK(a.pools[p].endpoints[i].text == b.pools[p].endpoints[i].text);
    }
  }
  CHECK(a.initial_live == b.initial_live);
  CHECK(a.initial_split == b.initial_split);
  CHECK(a.drain_deadline == b.drain_deadline);
  CHECK(a.tunnels == b.tunnels);
  REQUIRE(a.pins.size() == b.pins.size());
  for (std::size_t i = 0; i < a.pins.size(); ++i) {
    REQUIRE(a.pins[i].index() == b.pins[i].index());
    if (const auto* list = std::get_if<model::ListPin>(&a.pins[i])) {
      const auto& other = std::get<model::ListPin>(b.pins[i]);
      CHECK(list->list == other.list);
      CHECK(list->target == other.target);
    }
    const auto* pin = std::get_if<model::ValuePin>(&a.pins[i]);
    if (pin == nullptr) continue;  // segments: pins_test.cpp
    const auto& other = std::get<model::ValuePin>(b.pins[i]);
    CHECK(pin->field == other.field);
    CHECK(pin->name == other.name);
    CHECK(pin->values == other.values);
    CHECK(texts(pin->from.networks) == texts(other.from.networks));
    CHECK(pin->from.has_unix == other.from.has_unix);
  }
  REQUIRE(a.rate_limits.size() == b.rate_limits.size());
  for (std::size_t i = 0; i < a.rate_limits.size(); ++i)
    check_same_limit(a.rate_limits[i], b.rate_limits[i]);
  CHECK(a.expose.pool == b.expose.pool);
  CHECK(a.expose.generation == b.expose.generation);
  CHECK(a.expose.reason == b.expose.reason);
  CHECK(a.expose.bucket == b.expose.bucket);
  CHECK(a.expose.endpoint == b.expose.endpoint);
  CHECK(a.adds_via == b.adds_via);
  CHECK(a.timeouts.connect == b.timeouts.connect);
  CHECK(a.timeouts.request_header == b.timeouts.request_header);
  CHECK(a.timeouts.request_body_idle == b.timeouts.request_body_idle);
  CHECK(a.timeouts.request_body == b.timeouts.request_body);
  CHECK(a.timeouts.response_body == b.timeouts.response_body);
  CHECK(a.min_rates.request == b.min_rates.request);
  CHECK(a.breakers.pool == b.breakers.pool);
  CHECK(a.breakers.rule == b.breakers.rule);
  CHECK(a.breakers.fallback == b.breakers.fallback);
  CHECK(a.breakers.endpoint == b.breakers.endpoint);
  CHECK(a.breakers.endpoint_rule == b.breakers.endpoint_rule);
  REQUIRE(a.breakers.routes.size() == b.breakers.routes.size());
  for (std::size_t i = 0; i < a.breakers.routes.size(); ++i) {
    CHECK(a.breakers.routes[i].path_prefix == b.breakers.routes[i].path_prefix);
    CHECK(a.breakers.routes[i].rule == b.breakers.routes[i].rule);
    CHECK(a.breakers.routes[i].fallback == b.breakers.routes[i].fallback);
  }
  CHECK(a.repeats.retry.retries_max == b.repeats.retry.retries_max);
  CHECK(a.repeats.retry.when == b.repeats.retry.when);
  CHECK(a.repeats.retry.per_try_timeout == b.repeats.retry.per_try_timeout);
  CHECK(a.repeats.retry.back_off == b.repeats.retry.back_off);
  CHECK(a.repeats.retry_budget.share == b.repeats.retry_budget.share);
  CHECK(a.repeats.trusts_idempotency_key == b.repeats.trusts_idempotency_key);
  CHECK(a.repeats.rescue == b.repeats.rescue);
  CHECK(a.repeats.rescue_budget.share == b.repeats.rescue_budget.share);
  CHECK(a.repeats.assets == b.repeats.assets);
  CHECK(a.repeats.asks_closed_for_assets == b.repeats.asks_closed_for_assets);
  CHECK(a.min_rates.response == b.min_rates.response);
  CHECK(a.timeouts.response_header == b.timeouts.response_header);
  CHECK(a.timeouts.response_body_idle == b.timeouts.response_body_idle);
  CHECK(a.timeouts.keep_alive_idle == b.timeouts.keep_alive_idle);
  CHECK(a.timeouts.endpoint_idle == b.timeouts.endpoint_idle);
  CHECK(a.timeouts.tunnel_idle == b.timeouts.tunnel_idle);
  CHECK(a.head_limits.head_bytes == b.head_limits.head_bytes);
  CHECK(a.head_limits.field_count == b.head_limits.field_count);
  CHECK(a.head_limits.target_bytes == b.head_limits.target_bytes);
  CHECK(a.body_bytes_max == b.body_bytes_max);
  check_same_health(a, b);
}

void check_same(const Config& a, const Config& b) {
  CHECK(a.workers == b.workers);
  CHECK(a.connections == b.connections);
  CHECK(a.connections_per_address == b.connections_per_address);
  CHECK(a.requests_per_connection == b.requests_per_connection);
  CHECK(a.memory == b.memory);
  CHECK(a.tunnels == b.tunnels);
  REQUIRE(a.listeners.size() == b.listeners.size());
  for (std::size_t i = 0; i < a.listeners.size(); ++i) {
    CHECK(a.listeners[i].name == b.listeners[i].name);
    CHECK(a.listeners[i].bind == b.listeners[i].bind);
  }
  CHECK(a.admin_socket.path == b.admin_socket.path);
  CHECK(a.admin_socket.mode == b.admin_socket.mode);
  CHECK(a.admin_http == b.admin_http);
  CHECK(a.state_dir == b.state_dir);
  CHECK(a.access_log == b.access_log);
  CHECK(texts(a.trusted_proxies) == texts(b.trusted_proxies));
  CHECK(a.trusts_unix == b.trusts_unix);
  REQUIRE(a.services.size() == b.services.size());
  for (std::size_t i = 0; i < a.services.size(); ++i)
    check_same_service(a.services[i], b.services[i]);
}

}  // namespace

TEST_CASE("describe: any configuration parses back to itself", "[config][describe]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    core::Rng rng(seed);
    const Config original = random_config(rng);
    const std::string text = config::describe(original);
    INFO(text);
    const Config again = parse_back(text);
    check_same(original, again);
    CHECK(config::describe(again) == text);
  }
}

TEST_CASE("describe: the shipped examples describe themselves", "[config][describe]") {
  for (const char* file : {"every-key.yaml", "minimal.yaml", "laptop.yaml", "two-services.yaml",
                           "behind-load-balancer.yaml"}) {
    INFO(file);
    const config::Loaded loaded =
        config::load(std::string(SLUICE_SOURCE_DIR) + "/config/examples/" + file, no_environment);
    REQUIRE(loaded.config);
    check_same(*loaded.config, parse_back(config::describe(*loaded.config)));
  }
}

TEST_CASE("describe: what a person reads", "[config][describe]") {
  const config::Loaded loaded = config::load(
      std::string(SLUICE_SOURCE_DIR) + "/config/examples/minimal.yaml", no_environment);
  REQUIRE(loaded.config);
  CHECK(config::describe(*loaded.config) == R"(workers: auto
limits: {connections: auto, connections_per_address: off, requests_per_connection: off, tunnels: off, memory: auto}
listeners:
  - {name: "listener-1", bind: "0.0.0.0:8080"}
admin:
  socket: {path: "/run/sluice/admin.sock", mode: "0660"}
  http: off
state_dir: "/var/lib/sluice"
access_log: off
trusted_proxies: []
services:
  - name: "shop"
    hosts: []
    path_prefix: "/"
    listeners: []
    salt: "shop"
    identity:
      - client_address
    pins: []
    pools:
      blue: {endpoints: ["127.0.0.1:9001"]}
      green: {endpoints: ["127.0.0.1:9002"]}
    initial: {live: blue, split: 0%}
    drain: {deadline: 30s, websockets: drain}
    via: on
    expose: []
    timeouts:
      connect: 1s
      request_header: 10s
      request_body_idle: 30s
      request_body: off
      response_header: 30s
      response_body_idle: 30s
      response_body: off
      keep_alive_idle: 1m
      endpoint_idle: 4s
      tunnel_idle: 1h
    limits:
      header_bytes: 16KiB
      header_count: 100
      target_bytes: 8KiB
      body_bytes: unlimited
      min_request_rate: 256B/s
      min_response_rate: 256B/s
    retry:
      attempts: 1
      budget: 20%
      when: ["connect_failure", "reset_before_response", "timeout", "502", "503", "504"]
      per_try_timeout: off
      back_off: 25ms
      idempotency_key: off
    rescue:
      when: ["reset_before_response", "timeout", "502", "503", "504"]
      budget: 100%
      assets: []
      assets_of_closed: off
    circuit_breaker:
      max_connections: 1024
      max_pending: off
      max_requests: off
      max_retries: off
      window: 10s
      min_requests: 20
      error_rate: 50%
      slow_call: 5s
      slow_rate: 50%
      open_for: 5s
      max_open_for: 1m
      half_open_probes: 3
      probe_timeout: 30s
      depends_on: []
      fallback: live
      endpoint:
        max_connections: off
        max_pending: off
        max_requests: off
        max_retries: off
        window: 10s
        min_requests: 5
        error_rate: 50%
        slow_call: 5s
        slow_rate: 50%
        open_for: 5s
        max_open_for: 1m
        half_open_probes: 3
        probe_timeout: 30s
    routes: []
    adaptive_concurrency: off
    rate_limits: []
    health_check: off
    outlier_detection: off
    slow_start: 10s
    on_pool_down: fallback
)");
}
