#include "control/breaker_journal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sluice/core/duration.hpp"
#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace {

using policy::Breaker;
using policy::BreakerTurn;
using State = policy::Breaker::State;

std::string share(std::uint32_t part, std::uint32_t all) {
  return fmt::format("{} of {} requests ({:.1f} %)", part, all, 100.0 * part / all);
}

/// `26 of 40 requests (65.0 %) failed in 10s`
std::string why_opened(const BreakerTurn& turn, const model::BreakerRule& rule) {
  if (turn.from == State::HalfOpen)
    return turn.is_overdue
               ? "a probe was not answered in " + core::format_duration(rule.policy.probe_time)
               : std::string("a probe failed or was slow");
  const policy::BreakerCounts& counts = turn.counts;
  const std::uint64_t failed_basis_points =
      std::uint64_t{counts.failures} * core::BasisPoints::kAll;
  const bool has_failed =
      rule.policy.error_rate &&
      failed_basis_points >= std::uint64_t{counts.requests} * rule.policy.error_rate->count();
  const std::string within = fmt::format(" within {}s", rule.policy.window_seconds);
  if (has_failed) return share(counts.failures, counts.requests) + " failed" + within;
  return share(counts.slow, counts.requests) + " took longer than " +
         core::format_duration(rule.slow_call) + within;
}

std::string in_words(const BreakerTurn& turn, const model::BreakerRule& rule) {
  switch (turn.to) {
    case State::Open:
      return fmt::format("opened for {}: {}", core::format_duration(turn.open_for),
                         why_opened(turn, rule));
    case State::HalfOpen:
      return fmt::format("is half open: lets {} requests through to see",
                         rule.policy.half_open_probes);
    case State::Closed:
      return fmt::format("closed: {} requests went well", rule.policy.half_open_probes);
  }
  core::unreachable();
}

const model::BreakerRule& rule_of(const model::ServiceSettings& service,
                                  const model::BreakerNews& news) {
  const model::CircuitBreaker& breakers = service.breakers;
  if (!news.endpoint.empty()) return breakers.endpoint_rule;
  for (const model::RouteBreaker& route : breakers.routes) {
    if (route.path_prefix == news.route) return route.rule;
  }
  return breakers.rule;
}

struct Counted {
  std::string_view name;
  std::uint32_t used;
  std::uint32_t most;
};
std::vector<CeilingView> ceilings(std::initializer_list<Counted> all) {
  std::vector<CeilingView> views;
  for (const Counted& each : all) {
    if (each.most != 0) views.push_back({each.name, each.used, each.most});
  }
  return views;
}

std::uint32_t read(const std::atomic<std::uint32_t>& counted) {
  return counted.load(std::memory_order_relaxed);
}

}  // namespace

BreakerJournal::Scope BreakerJournal::scope_of(const model::ServiceSettings& service,
                                               core::PoolName pool, const std::string& endpoint,
                                               const std::string& route) {
  std::string name(core::text(pool));
  if (!endpoint.empty()) name += "/" + endpoint;
  if (!route.empty()) name += " " + route;
  return {.service = service.name, .pool = std::string(core::text(pool)), .name = std::move(name)};
}

void BreakerJournal::on_news(const model::BreakerNews& news) {
  const model::ServiceSettings& service = *deps_.services[news.service.raw];
  tell(scope_of(service, news.pool, news.endpoint, news.route), news.turn,
       in_words(news.turn, rule_of(service, news)));
}

void BreakerJournal::tell(const Scope& scope, const BreakerTurn& turn, const std::string& what) {
  const auto [turns, is_new] = turns_.try_emplace(scope);
  ++turns->second[static_cast<std::size_t>(turn.to)];
  if (is_new) forget_gone();
  const std::string line = fmt::format("{}: breaker of {} {}", scope.service, scope.name, what);
  std::vector<std::pair<std::string_view, EventValue>> members{
      {"service", scope.service},
      {"pool", scope.pool},
      {"breaker", scope.name},
      {"state", std::string(policy::text(turn.to))}};
  if (turn.to == State::Open)
    members.emplace_back("open_ms", static_cast<std::uint64_t>(turn.open_for.count()));
  if (turn.counts.requests != 0) {
    members.emplace_back("requests", std::uint64_t{turn.counts.requests});
    members.emplace_back("failures", std::uint64_t{turn.counts.failures});
    members.emplace_back("slow", std::uint64_t{turn.counts.slow});
  }
  deps_.events.add(EventKind::Breaker, line, std::move(members));
  if (deps_.notice) deps_.notice(line);
}

void BreakerJournal::close_for(const model::ServiceSettings& service, core::PoolName name) {
  const model::Pool& pool = service.pool(name);
  const auto close = [&](policy::BreakerCell& cell, const std::string& endpoint,
                         const std::string& route) {
    const auto turn = policy::close(cell, deps_.loop.now());
    if (turn)
      tell(scope_of(service, name, endpoint, route), *turn, "closed: the pool becomes live");
  };
  close(pool.cell->breaker, "", "");
  for (const model::RouteBreaker& route : service.breakers.routes)
    close(route.cell->breakers[core::index(name)], "", route.path_prefix);
}

void BreakerJournal::start() {
  const bool has_any = std::ranges::any_of(deps_.services, [](const auto& service) {
    const model::CircuitBreaker& breakers = service->breakers;
    return !breakers.rule.depends_on.empty() ||
           std::ranges::any_of(breakers.routes, [](const model::RouteBreaker& route) {
             return !route.rule.depends_on.empty();
           });
  });
  if (has_any) hold();
}

void BreakerJournal::hold() {
  for (const auto& service : deps_.services) {
    for (const model::Pool& pool : service->pools) {
      hold(*service, pool, service->breakers.rule, pool.cell->breaker, "");
      for (const model::RouteBreaker& route : service->breakers.routes) {
        hold(*service, pool, route.rule, route.cell->breakers[core::index(pool.name)],
             route.path_prefix);
      }
    }
  }
  deps_.loop.timers().arm(hold_timer_, deps_.loop.now() + core::limits::kBreakerHoldEvery);
}

/// A dependency is down when somebody says so and nobody says the opposite.
void BreakerJournal::hold(const model::ServiceSettings& service, const model::Pool& pool,
                          const model::BreakerRule& rule, policy::BreakerCell& cell,
                          const std::string& route) {
  const auto is_down = [&](const std::string& dependency) {
    bool has_down = false;
    for (const model::Endpoint& endpoint : pool.endpoints) {
      const auto is_up = deps_.is_dependency_up(endpoint.id, dependency);
      if (is_up.value_or(false)) return false;
      has_down = has_down || is_up.has_value();
    }
    return has_down;
  };
  const auto down = std::ranges::find_if(rule.depends_on, is_down);
  if (down == rule.depends_on.end()) return;
  const auto turn = policy::hold_open(cell, deps_.loop.now(), rule.policy);
  if (turn) tell(scope_of(service, pool.name, "", route), *turn, "opened: " + *down + " is down");
}

BreakerView BreakerJournal::view_of(const policy::BreakerCell& cell, const model::BreakerRule& rule,
                                    const Scope& scope) const {
  const core::Instant now = deps_.loop.now();
  const auto breaker = Breaker::from_word(cell.word.load(std::memory_order_relaxed));
  BreakerView view{.state = policy::text(breaker.state), .window = {}};
  if (breaker.state == State::Open) view.opens_in = admit(breaker, now, rule.policy).retry_after;
  if (breaker.state == State::Closed) view.window = window_counts(cell, breaker, now, rule.policy);
  const auto turns = turns_.find(scope);
  if (turns != turns_.end()) view.openings = turns->second[static_cast<std::size_t>(State::Open)];
  return view;
}

GuardView BreakerJournal::view(const model::ServiceSettings& service,
                               const model::Pool& pool) const {
  const model::CircuitBreaker& breakers = service.breakers;
  GuardView view;
  if (breakers.rule.is_on) {
    view.breaker = view_of(pool.cell->breaker, breakers.rule, scope_of(service, pool.name, "", ""));
  }
  view.ceilings = ceilings(
      {{"connections", read(pool.cell->connections), breakers.pool.connections},
       {"pending", read(pool.cell->pending), breakers.pool.pending},
       {"requests", read(pool.cell->requests), breakers.pool.requests},
       {"retries", read(pool.cell->repeating), breakers.pool.retries},
       {"adaptive", read(pool.cell->adaptive.in_flight), read(pool.cell->adaptive.limit)}});
  return view;
}

GuardView BreakerJournal::view(const model::ServiceSettings& service, const model::Pool& pool,
                               const model::Endpoint& endpoint) const {
  const model::CircuitBreaker& breakers = service.breakers;
  const model::EndpointCell& cell = *endpoint.cell;
  GuardView view;
  if (breakers.endpoint_rule.is_on && pool.endpoints.size() > 1) {
    view.breaker = view_of(cell.breaker, breakers.endpoint_rule,
                           scope_of(service, pool.name, endpoint.text, ""));
  }
  view.ceilings = ceilings({{"connections", read(cell.connections), breakers.endpoint.connections},
                            {"pending", read(cell.pending), breakers.endpoint.pending},
                            {"requests", read(cell.in_flight), breakers.endpoint.requests},
                            {"retries", read(cell.repeating), breakers.endpoint.retries}});
  return view;
}

std::vector<RouteView> BreakerJournal::routes(const model::ServiceSettings& service) const {
  std::vector<RouteView> views;
  for (const model::RouteBreaker& route : service.breakers.routes) {
    RouteView& view = views.emplace_back();
    view.path_prefix = route.path_prefix;
    for (const model::Pool& pool : service.pools) {
      view.breakers[core::index(pool.name)] =
          view_of(route.cell->breakers[core::index(pool.name)], route.rule,
                  scope_of(service, pool.name, "", route.path_prefix));
    }
  }
  return views;
}

/// Of every breaker that is on, and its scope.
template <typename Visit>
void BreakerJournal::for_each(Visit visit) const {
  for (const auto& service : deps_.services) {
    const model::CircuitBreaker& breakers = service->breakers;
    for (const model::Pool& pool : service->pools) {
      if (breakers.rule.is_on) visit(scope_of(*service, pool.name, "", ""), pool.cell->breaker);
      for (const model::RouteBreaker& route : breakers.routes) {
        if (route.rule.is_on)
          visit(scope_of(*service, pool.name, "", route.path_prefix),
                route.cell->breakers[core::index(pool.name)]);
      }
      if (!breakers.endpoint_rule.is_on || pool.endpoints.size() == 1) continue;
      for (const model::Endpoint& endpoint : pool.endpoints)
        visit(scope_of(*service, pool.name, endpoint.text, ""), endpoint.cell->breaker);
    }
  }
}

/// Or names whose addresses rotate would fill the memory.
void BreakerJournal::forget_gone() {
  std::set<Scope> there;
  for_each([&there](const Scope& scope, const policy::BreakerCell&) { there.insert(scope); });
  std::erase_if(turns_, [&there](const auto& entry) { return !there.contains(entry.first); });
}

void BreakerJournal::write_metrics(metrics::Exposition& out) const {
  using metrics::MetricType;
  constexpr std::array kStates{State::Closed, State::Open, State::HalfOpen};
  out.family({"sluice_breaker_state", MetricType::Gauge,
              "1 for the state that a circuit breaker is in, 0 for the others."});
  for_each([&](const Scope& scope, const policy::BreakerCell& cell) {
    const auto breaker = Breaker::from_word(cell.word.load(std::memory_order_relaxed));
    for (const State state : kStates) {
      out.sample({{"service", scope.service},
                  {"pool", scope.pool},
                  {"breaker", scope.name},
                  {"state", policy::text(state)}},
                 breaker.state == state ? 1 : 0);
    }
  });
  out.family({"sluice_breaker_transitions_total", MetricType::Counter,
              "How often a circuit breaker has turned to a state."});
  for_each([&](const Scope& scope, const policy::BreakerCell&) {
    const auto turns = turns_.find(scope);
    for (const State state : kStates) {
      out.sample({{"service", scope.service},
                  {"pool", scope.pool},
                  {"breaker", scope.name},
                  {"to", policy::text(state)}},
                 turns == turns_.end() ? 0 : turns->second[static_cast<std::size_t>(state)]);
    }
  });
  out.family({"sluice_pool_ceiling_used", MetricType::Gauge,
              "What counts under a ceiling of a pool now."});
  const auto each_ceiling = [&](auto write) {
    for (const auto& service : deps_.services) {
      for (const model::Pool& pool : service->pools) {
        for (const CeilingView& ceiling : view(*service, pool).ceilings)
          write(service->name, core::text(pool.name), ceiling);
      }
    }
  };
  each_ceiling([&](const std::string& service, std::string_view pool, const CeilingView& ceiling) {
    out.sample({{"service", service}, {"pool", pool}, {"ceiling", ceiling.name}}, ceiling.used);
  });
  out.family({"sluice_pool_ceiling", MetricType::Gauge, "A ceiling of a pool, as configured."});
  each_ceiling([&](const std::string& service, std::string_view pool, const CeilingView& ceiling) {
    out.sample({{"service", service}, {"pool", pool}, {"ceiling", ceiling.name}}, ceiling.most);
  });
}

}  // namespace sluice::control
