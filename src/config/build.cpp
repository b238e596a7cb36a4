#include "sluice/config/build.hpp"

#include <algorithm>
#include <random>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::config {

namespace {

// '/' can't stand in a service's name, so no two services share a key.
std::string pool_key(const std::string& service, core::PoolName name) {
  return service + "/" + std::string(core::text(name));
}

model::Pool build_pool(const std::string& service, core::PoolName name, PlacedPool placed,
                       CellRegistry& cells) {
  const CellRegistry::PoolEntry& entry = cells.pool(service, name);
  model::Pool pool;
  pool.id = entry.id;
  pool.name = name;
  pool.cell = entry.cell.get();
  for (PlacedEndpoint& endpoint : placed.endpoints) {
    const bool is_address = endpoint.why_down.empty();
    CellRegistry::EndpointEntry cell =
        cells.endpoint(service, name, is_address ? endpoint.address.text() : endpoint.text);
    model::Endpoint& built = pool.endpoints.emplace_back();
    built.id = cell.id;
    built.address = std::move(endpoint.address);
    built.text = std::move(endpoint.text);
    built.names = std::move(endpoint.names);
    built.why_down = std::move(endpoint.why_down);
    built.cell = std::move(cell.cell);
  }
  return pool;
}

std::shared_ptr<const model::RateLimits> build_limits(const Service& service, CellRegistry& cells) {
  if (service.rate_limits.empty()) return nullptr;
  std::vector<model::RateLimit> limits;
  for (const model::LimitRule& rule : service.rate_limits)
    limits.push_back(model::make_limit(rule, cells.limit(service.name, rule)));
  return std::make_shared<const model::RateLimits>(std::move(limits));
}

// Whoever knew it could choose keys that share a place. One for all limits: they share no tables.
core::HashKey limit_hash_key() {
  static const core::HashKey kKey = [] {
    std::random_device random;
    const auto word = [&random] { return (std::uint64_t{random()} << 32U) | random(); };
    return core::HashKey{.low = word(), .high = word()};
  }();
  return kKey;
}

model::CircuitBreaker build_breakers(const Service& service, CellRegistry& cells) {
  model::CircuitBreaker breakers = service.breakers;
  for (model::RouteBreaker& route : breakers.routes)
    route.cell = cells.route(service.name, route.path_prefix);
  if (service.breaker_page) breakers.page = service.breaker_page->content;
  return breakers;
}

/// Where the endpoints of names come from, and what found no place.
struct Placement {
  const ResolvedNames& names;
  const Doors own;
  StaticParts& parts;
};

PlacedPool place(const Service& service, core::PoolName name, const Placement& into) {
  PlacedPool placed = place_endpoints(service.pools[core::index(name)], into.names, into.own);
  if (placed.left_out > 0) into.parts.left_out.push_back({service.name, name, placed.left_out});
  for (Circle& circle : placed.circles)
    into.parts.circles.push_back({service.name, name, std::move(circle)});
  return placed;
}

std::shared_ptr<const model::ServiceSettings> build_settings(const Service& service,
                                                             core::ServiceId id,
                                                             const Placement& placement,
                                                             CellRegistry& cells) {
  auto settings = std::make_shared<model::ServiceSettings>();
  settings->id = id;
  settings->name = service.name;
  settings->identity = service.identity;
  settings->pins = service.pins;
  settings->rate_limits = build_limits(service, cells);
  for (const core::PoolName name : {core::PoolName::Blue, core::PoolName::Green}) {
    settings->pools[core::index(name)] =
        build_pool(service.name, name, place(service, name, placement), cells);
  }
  settings->timeouts = service.timeouts;
  settings->min_rates = service.min_rates;
  settings->repeats = service.repeats;
  settings->head_limits = service.head_limits;
  settings->body_bytes_max = service.body_bytes_max;
  settings->breakers = build_breakers(service, cells);
  settings->expose = service.expose;
  settings->adds_via = service.adds_via;
  settings->drain_deadline = service.drain_deadline;
  settings->tunnels = service.tunnels;
  settings->health_check = service.health_check;
  settings->outliers = service.outliers;
  settings->slow_start = service.slow_start;
  settings->on_pool_down = service.on_pool_down;
  settings->adaptive = service.adaptive;
  settings->guards = model::guards_of(*settings);
  return settings;
}

std::vector<std::size_t> listener_positions(const Config& config, const Service& service) {
  std::vector<std::size_t> positions;
  for (const std::string& name : service.listeners) {
    const auto listener = std::ranges::find(config.listeners, name, &Listener::name);
    ENSURE(listener != config.listeners.end(), "a configuration names its own listeners");
    positions.push_back(static_cast<std::size_t>(listener - config.listeners.begin()));
  }
  return positions;
}

http::HeadLimits widest(http::HeadLimits a, const http::HeadLimits& b) {
  a.head_bytes = std::max(a.head_bytes, b.head_bytes);
  a.field_count = std::max(a.field_count, b.field_count);
  a.target_bytes = std::max(a.target_bytes, b.target_bytes);
  return a;
}

// What holds for a connection before its service is known: nothing that one of them allows may be
// refused by then.
void set_widest_bounds(const Config& config, model::Snapshot& snapshot) {
  snapshot.head_limits = {0, 0, 0};
  snapshot.request_header_timeout = core::Millis{0};
  snapshot.keep_alive_idle = core::Millis{0};
  for (const Service& service : config.services) {
    snapshot.head_limits = widest(snapshot.head_limits, service.head_limits);
    snapshot.request_header_timeout =
        std::max(snapshot.request_header_timeout, service.timeouts.request_header);
    snapshot.keep_alive_idle = std::max(snapshot.keep_alive_idle, service.timeouts.keep_alive_idle);
  }
}

model::ServiceTraffic initial_traffic_of(const Service& service, core::Generation generation) {
  model::ServiceTraffic traffic;
  traffic.name = service.name;
  traffic.generation = generation;
  traffic.live = service.initial_live;
  traffic.split = service.initial_split;
  traffic.salt = service.salt;
  return traffic;
}

const Service* find_service(const Config& config, const std::string& name) {
  const auto found = std::ranges::find(config.services, name, &Service::name);
  return found == config.services.end() ? nullptr : &*found;
}

/// Notes since when something that the state knows has been missing in the configuration.
void mark(std::optional<core::WallTime>& gone_since, bool is_configured, core::WallTime now) {
  if (is_configured) {
    gone_since = std::nullopt;
  } else if (!gone_since) {
    gone_since = now;
  }
}

bool is_forgotten(const std::optional<core::WallTime>& gone_since, core::WallTime now) {
  return gone_since && now - *gone_since >= core::limits::kForgottenServiceAge;
}

bool has_names(const Service& service) {
  return std::ranges::any_of(service.pools, [](const Pool& pool) {
    return std::ranges::any_of(pool.endpoints, &Endpoint::is_name);
  });
}

/// Whether a decision is about an endpoint of the pool.
bool is_known(const Pool& pool, const ResolvedNames& names, const std::string& decided) {
  if (std::ranges::find(pool.endpoints, decided, &Endpoint::text) != pool.endpoints.end())
    return true;
  const auto address = core::SocketAddress::parse(decided, "");
  if (!address || address->is_unix()) return false;
  return std::ranges::any_of(pool.endpoints, [&](const Endpoint& endpoint) {
    if (!endpoint.is_name() || endpoint.address.port != address->port) return false;
    const auto name = names.find(endpoint.host);
    // What a name without an address would have nobody knows, and a resolver that is down during a
    // start must not make a decision forgotten.
    if (name == names.end() || name->second.addresses.empty()) return true;
    return std::ranges::binary_search(name->second.addresses, address->ip);
  });
}

void merge_endpoints(const Service* service, const ResolvedNames& names,
                     model::ServiceTraffic& traffic, core::WallTime now) {
  for (model::EndpointDecision& decision : traffic.endpoints) {
    const bool is_there = service != nullptr && is_known(service->pools[core::index(decision.pool)],
                                                         names, decision.address);
    mark(decision.gone_since, is_there, now);
  }
  std::erase_if(traffic.endpoints, [now](const model::EndpointDecision& decision) {
    return is_forgotten(decision.gone_since, now);
  });
}

// A copy only where an operator has taken an endpoint out: nearly always all snapshots share one.
std::shared_ptr<const model::ServiceSettings> with_decisions(
    const std::shared_ptr<const model::ServiceSettings>& settings,
    const model::ServiceTraffic& traffic) {
  if (traffic.endpoints.empty()) return settings;
  auto copy = std::make_shared<model::ServiceSettings>(*settings);
  for (model::Pool& pool : copy->pools) {
    for (model::Endpoint& endpoint : pool.endpoints) {
      endpoint.is_disabled =
          traffic.mode_of(pool.name, endpoint.text, endpoint.names) != model::EndpointMode::Enabled;
    }
  }
  return copy;
}

}  // namespace

const CellRegistry::PoolEntry& CellRegistry::pool(const std::string& service, core::PoolName name) {
  PoolEntry& entry = pools_[pool_key(service, name)];
  if (entry.cell == nullptr) {
    entry.cell = std::make_unique<model::PoolCell>(workers_);
    entry.id = {static_cast<std::uint32_t>(pools_.size())};  // from 1: entries are never removed
  }
  return entry;
}

CellRegistry::EndpointEntry CellRegistry::endpoint(const std::string& service, core::PoolName name,
                                                   const std::string& address) {
  Remembered& known = endpoints_[pool_key(service, name) + "/" + address];
  if (auto cell = known.cell.lock()) return {known.id, std::move(cell)};
  auto cell = std::make_shared<model::EndpointCell>();
  known = {{++newest_endpoint_}, cell};
  return {known.id, std::move(cell)};
}

std::shared_ptr<model::LimitCell> CellRegistry::limit(const std::string& service,
                                                      const model::LimitRule& rule) {
  std::weak_ptr<model::LimitCell>& known = limits_[service + "/" + rule.name];
  if (auto cell = known.lock(); cell != nullptr && cell->fits(rule)) return cell;
  auto cell = std::make_shared<model::LimitCell>(rule, limit_hash_key(), workers_);
  known = cell;
  return cell;
}

std::shared_ptr<model::RouteCell> CellRegistry::route(const std::string& service,
                                                      const std::string& path_prefix) {
  std::weak_ptr<model::RouteCell>& known = routes_[service + path_prefix];
  if (auto cell = known.lock()) return cell;
  auto cell = std::make_shared<model::RouteCell>();
  known = cell;
  return cell;
}

void CellRegistry::forget_unused() {
  std::erase_if(routes_, [](const auto& entry) { return entry.second.expired(); });
  std::erase_if(limits_, [](const auto& entry) { return entry.second.expired(); });
  std::erase_if(endpoints_, [](const auto& entry) { return entry.second.cell.expired(); });
}

StaticParts build_static(const Config& config, CellRegistry& cells, const ResolvedNames& names) {
  StaticParts parts;
  const Placement placement{names, {config.listeners}, parts};
  std::vector<model::ServiceMatch> matches;
  for (const Service& service : config.services) {
    const core::ServiceId id{static_cast<std::uint32_t>(parts.services.size())};
    parts.services.push_back(build_settings(service, id, placement, cells));
    matches.push_back(
        {id, service.hosts, service.path_prefix, listener_positions(config, service)});
  }
  static const auto kNobody = std::make_shared<const policy::IdentityList>();
  model::IdentityLists lists;
  for (const IdentityFile& file : config.identity_files)
    lists.push_back(file.list != nullptr ? file.list : kNobody);
  parts.lists = std::make_shared<const model::IdentityLists>(std::move(lists));
  parts.table = std::make_shared<const model::ServiceTable>(std::move(matches));
  return parts;
}

void rebuild_named(const Config& config, CellRegistry& cells, const ResolvedNames& names,
                   StaticParts& parts, std::span<const core::IpAddress> machine) {
  parts.left_out.clear();
  parts.circles.clear();
  const Placement placement{names, {config.listeners, machine}, parts};
  for (std::size_t i = 0; i < config.services.size(); ++i) {
    if (!has_names(config.services[i])) continue;
    parts.services[i] = build_settings(config.services[i], parts.services[i]->id, placement, cells);
  }
  cells.forget_unused();
}

std::shared_ptr<const model::Snapshot> build_snapshot(const Config& config,
                                                      const StaticParts& parts,
                                                      const model::TrafficState& traffic,
                                                      core::Epoch epoch) {
  auto snapshot = std::make_shared<model::Snapshot>();
  snapshot->epoch = epoch;
  snapshot->generation = traffic.generation;
  snapshot->table = parts.table;
  snapshot->trusted_proxies = config.trusted_proxies;
  snapshot->trusts_unix = config.trusts_unix;
  set_widest_bounds(config, *snapshot);
  snapshot->requests_per_connection = config.requests_per_connection.value_or(0);
  std::unordered_map<std::string_view, const model::ServiceTraffic*> states;
  for (const model::ServiceTraffic& state : traffic.services) states.emplace(state.name, &state);
  snapshot->services.reserve(parts.services.size());
  for (const auto& settings : parts.services) {
    const auto found = states.find(settings->name);
    ENSURE(found != states.end(), "every configured service has a traffic state");
    const model::ServiceTraffic* state = found->second;
    model::Service& service = snapshot->services.emplace_back();
    service.settings = with_decisions(settings, *state);
    service.generation = state->generation;
    service.live = state->live;
    service.split = state->split;
    service.is_candidate_open = state->is_candidate_open;
    service.salt = state->salt;
  }
  return snapshot;
}

model::TrafficState initial_traffic(const Config& config) {
  model::TrafficState traffic;
  for (const Service& service : config.services) {
    traffic.services.push_back(initial_traffic_of(service, traffic.generation));
  }
  return traffic;
}

model::TrafficState merge_traffic(const Config& config, model::TrafficState saved,
                                  core::WallTime now, const ResolvedNames& names) {
  for (model::ServiceTraffic& traffic : saved.services) {
    const Service* service = find_service(config, traffic.name);
    mark(traffic.gone_since, service != nullptr, now);
    merge_endpoints(service, names, traffic, now);
  }
  std::erase_if(saved.services, [now](const model::ServiceTraffic& traffic) {
    return is_forgotten(traffic.gone_since, now);
  });
  for (const Service& service : config.services) {
    if (saved.find(service.name) == nullptr) {
      saved.services.push_back(initial_traffic_of(service, saved.generation));
    }
  }
  return saved;
}

}  // namespace sluice::config
