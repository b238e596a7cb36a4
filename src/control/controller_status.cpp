// The controller's answers about itself, and its end; what changes the truth is in controller.cpp.
#include <algorithm>
#include <limits>

#include "control/controller.hpp"
#include "sluice/metrics/block.hpp"
#include "sluice/model/decision.hpp"

namespace sluice::control {

namespace {

EndpointState state_by_itself(const model::Endpoint& endpoint,
                              const std::optional<HealthView>& health) {
  if (!endpoint.why_down.empty()) return EndpointState::Down;
  if (endpoint.health().is_usable()) return EndpointState::Up;
  const bool drains = health && health->state == text(policy::Health::State::Draining);
  return drains ? EndpointState::Draining : EndpointState::Down;
}

/// What an operator has decided is said before what the endpoint would do otherwise.
EndpointState state_of(model::EndpointMode mode, const model::Endpoint& endpoint,
                       const std::optional<HealthView>& health) {
  switch (mode) {
    case model::EndpointMode::Enabled:
      return state_by_itself(endpoint, health);
    case model::EndpointMode::Draining:
      return EndpointState::Draining;
    case model::EndpointMode::Disabled:
      return EndpointState::Disabled;
  }
  core::unreachable();
}

void add_tables(const model::LimitTables& tables, const model::Allowance& allowance,
                core::Instant now, std::array<std::string_view, 2> names, LimitView& view) {
  if (tables.rate) {
    view.tables.push_back(
        {.name = names[0],
         .keys = tables.rate->count(*allowance.rate, allowance.rate->tick_at(now)),
         .places = tables.rate->places()});
  }
  if (tables.in_flight) {
    view.tables.push_back({.name = names[1],
                           .keys = tables.in_flight->count(),
                           .places = tables.in_flight->places()});
  }
}

LimitView view_of_limit(const model::RateLimit& limit, core::Instant now) {
  const model::LimitRule& rule = limit.rule;
  LimitView view;
  view.name = rule.name;
  view.mode = text(rule.mode);
  view.allows = text(rule.live);
  if (rule.candidate) view.candidate_allows = text(*rule.candidate);
  for (const model::LimitCounters& worker : limit.cell->counters) {
    view.admitted += worker.admitted.read();
    view.refused += worker.refused.read();
    view.shadowed += worker.shadowed.read();
    view.exempt += worker.exempt.read();
    view.keyless += worker.keyless.read();
    view.evicted += worker.evicted.read();
    view.uncounted += worker.uncounted.read();
  }
  add_tables(limit.cell->live, rule.live, now, {"rate", "in_flight"}, view);
  if (rule.candidate) {
    add_tables(*limit.cell->candidate, *rule.candidate, now,
               {"candidate_rate", "candidate_in_flight"}, view);
  }
  return view;
}

/// `refused` of what a pool does for the other one is counted where that began.
PoolBudgets budgets_of(const model::ServiceSettings& settings, core::PoolName name,
                       const std::vector<model::WorkerPort*>& workers) {
  const model::PoolCell& cell = *settings.pool(name).cell;
  const std::uint32_t here = model::requests_in_flight(settings.pool(name));
  const std::uint32_t there = model::requests_in_flight(settings.pool(core::other(name)));
  const auto in_use = [](const std::atomic<std::uint32_t>& count) {
    return count.load(std::memory_order_relaxed);
  };
  PoolBudgets budgets{
      .retries = {.in_use = in_use(cell.repeating),
                  .most = std::min(settings.repeats.retry_budget.most(here),
                                   model::most(settings.breakers.pool.retries))},
      .rescues = {.in_use = in_use(cell.rescuing),
                  .most = settings.repeats.rescue_budget.most(here + there)},
      .assets = {.in_use = in_use(cell.asset_asks), .most = core::limits::kAssetAsksMax}};
  const std::size_t own = core::index(name);
  const std::size_t other = core::index(core::other(name));
  constexpr auto kOverLimit = static_cast<std::size_t>(policy::AssetOutcome::OverLimit);
  for (const model::WorkerPort* worker : workers) {
    const metrics::ServiceCounters& counted = worker->metrics().services[settings.id.raw];
    budgets.retries.refused += counted.retries_over_budget[own].read();
    budgets.rescues.refused += counted.rescues_over_budget[other].read();
    budgets.assets.refused += counted.asset_rescues[other][kOverLimit].read();
  }
  return budgets;
}

}  // namespace

StatusView Controller::status() const {
  StatusView view{.generation = truth().generation,
                  .epoch = publisher_.active(),
                  .is_durable = keeper_.is_durable(),
                  .workers = deps_.workers.size(),
                  .silent_workers = silent_workers(),
                  .overload = overload_.view(),
                  .listeners = listeners_,
                  .services = {}};
  for (std::uint32_t id = 0; id < known_.size(); ++id) {
    view.services.push_back(view_of(core::ServiceId{id}));
  }
  for (DrainView& drain : drainer_.running()) {
    const auto service = std::ranges::find(view.services, drain.service, &ServiceView::name);
    if (service != view.services.end()) service->drains.push_back(std::move(drain));
  }
  return view;
}

bool Controller::read_audit(std::size_t lines, StateWriter::AuditDone done) {
  if (is_audit_read_) return false;
  is_audit_read_ = true;
  deps_.store.read_audit(lines, [this, done = std::move(done)](core::Result<AuditTail> tail) {
    is_audit_read_ = false;
    done(std::move(tail));
  });
  return true;
}

std::vector<std::size_t> Controller::silent_workers() const {
  if (!is_serving_) return {};
  return watchdog_.silent();
}

ServiceView Controller::view_of(core::ServiceId id) const {
  const model::ServiceTraffic& traffic = *truth().find(known_[id.raw].name);
  ServiceView view{.name = traffic.name,
                   .generation = traffic.generation,
                   .live = traffic.live,
                   .split = traffic.split,
                   .observed_split = shares_.share(id),
                   .salt = traffic.salt,
                   .hash = policy::kHashVersion,
                   .is_candidate_open = traffic.is_candidate_open,
                   .drains = {},
                   .limits = {},
                   .pools = {},
                   .guards = {},
                   .routes = {}};
  if (const auto& limits = in_force(id)->rate_limits) {
    for (const model::RateLimit& limit : limits->list)
      view.limits.push_back(view_of_limit(limit, deps_.loop.now()));
  }
  for (const model::Pool& pool : in_force(id)->pools) {
    view.budgets[core::index(pool.name)] = budgets_of(*in_force(id), pool.name, deps_.workers);
    for (const model::Endpoint& endpoint : pool.endpoints) {
      const auto mode = traffic.mode_of(pool.name, endpoint.text, endpoint.names);
      std::optional<HealthView> health = health_.view(endpoint.id);
      const EndpointState state = state_of(mode, endpoint, health);
      view.pools[core::index(pool.name)].push_back(
          {.address = endpoint.text,
           .names = endpoint.names,
           .why_down = endpoint.why_down,
           .state = state,
           .in_flight = endpoint.cell->in_flight.load(std::memory_order_relaxed),
           .health = std::move(health),
           .guard = breakers_.view(*in_force(id), pool, endpoint)});
    }
    view.guards[core::index(pool.name)] = breakers_.view(*in_force(id), pool);
  }
  view.routes = breakers_.routes(*in_force(id));
  return view;
}

std::vector<Check> Controller::readiness() const {
  std::vector<Check> checks;
  checks.push_back({"listeners", is_serving_, is_serving_ ? "" : "not open yet"});
  checks.push_back({"stopping", !is_stopping_, is_stopping_ ? "the process is stopping" : ""});
  for (std::uint32_t id = 0; id < known_.size(); ++id) {
    const bool is_usable = has_usable_endpoint(core::ServiceId{id});
    checks.push_back({"service " + known_[id].name, is_usable,
                      is_usable ? "" : "no usable endpoint in its live pool"});
  }
  return checks;
}

bool Controller::has_usable_endpoint(core::ServiceId id) const {
  const core::PoolName live = truth().find(known_[id.raw].name)->live;
  return std::ranges::any_of(in_force(id)->pool(live).endpoints, &model::Endpoint::is_usable);
}

void Controller::begin_stop(core::Nanos deadline, std::function<void()> stopped) {
  if (!is_stopping_) reporter_.on_stopping();
  is_stopping_ = true;
  stopped_ = std::move(stopped);
  constexpr core::Epoch kEverything{std::numeric_limits<std::uint64_t>::max()};
  for (const auto& service : deps_.parts.services) {
    for (const model::Pool& pool : service->pools) {
      stop_drains_.push_back(drainer_.start({.service = service,
                                             .pool = pool.name,
                                             .generation = truth().generation,
                                             .below = kEverything,
                                             .deadline = deadline,
                                             .why = DrainWhy::Stop}));
    }
  }
}

void Controller::on_drain_ended(DrainId id, const DrainReport& report) {
  answers_.on_drain_ended(id, report);
  reporter_.on_drain_ended(id, report);
  if (std::erase(stop_drains_, id) == 0 || !stop_drains_.empty()) return;
  if (const auto stopped = std::exchange(stopped_, nullptr)) stopped();
}

}  // namespace sluice::control
