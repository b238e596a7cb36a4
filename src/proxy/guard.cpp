#include "proxy/guard.hpp"

#include <algorithm>

#include "proxy/upstream_pool.hpp"
#include "sluice/http/target.hpp"

namespace sluice::proxy {

using metrics::Refusal;
using policy::Outcome;

namespace {

/// Of the pool, or of the route of the request in it.
const model::BreakerRule& rule_of(const model::CircuitBreaker& breakers,
                                  const model::RouteBreaker* route) {
  return route != nullptr ? route->rule : breakers.rule;
}

policy::BreakerCell& breaker_of(const Guard::Scope& scope, const model::RouteBreaker* route) {
  return route != nullptr ? route->cell->breakers[core::index(scope.pool)]
                          : scope.its_pool().cell->breaker;
}

core::Nanos waited(const net::Loop& loop, core::Instant since) {
  return loop.now() - since - loop.away_since(since);
}

}  // namespace

// ================ the pool ================

std::optional<Refusal> Guard::enter_pool(const Scope& scope) {
  scope_ = scope;
  const model::CircuitBreaker& breakers = scope.settings->breakers;
  model::PoolCell& cell = *scope.its_pool().cell;
  if (breakers.pool.requests != 0 && !request_.take(cell.requests, breakers.pool.requests))
    return Refusal::RequestLimit;
  if (scope.settings->adaptive.is_on && !enter_adaptive(cell.adaptive)) {
    request_.give_back();
    return Refusal::AdaptiveLimit;
  }
  const model::RouteBreaker* const route = this->route(*scope.settings);
  const model::BreakerRule& rule = rule_of(breakers, route);
  policy::BreakerCell& breaker = breaker_of(scope, route);
  if (!rule.is_on || pool_seat_.take_closed(breaker, rule, route)) [[likely]]
    return std::nullopt;
  return enter_opened(breaker, rule, route);
}

std::optional<Refusal> Guard::enter_opened(policy::BreakerCell& breaker,
                                           const model::BreakerRule& rule,
                                           const model::RouteBreaker* route) {
  const policy::BreakerEntry entry = pool_seat_.take(breaker, rule, route, context_.loop.now());
  if (entry.turn) tell(scope_, {.endpoint = nullptr, .route = route}, *entry.turn);
  was_probe_ |= entry.admission.is_probe;
  if (entry.admission.admit) return std::nullopt;
  request_.give_back();
  leave_adaptive();
  was_turned_away_ = true;
  retry_after_ = entry.admission.retry_after;
  return Refusal::BreakerOpen;
}

void Guard::leave_pool(const Attempt& attempt, Heard heard) {
  if (pool_seat_.is_taken()) leave(pool_seat_, outcome(pool_seat_.rule(), attempt, heard), nullptr);
  request_.give_back();
  leave_adaptive();
}

bool Guard::takes_more(const Scope& scope, policy::Standing standing) const {
  const model::CircuitBreaker& breakers = scope.settings->breakers;
  const model::Pool& pool = scope.its_pool();
  const model::PoolCell& cell = *pool.cell;
  if (!is_below(cell.requests, breakers.pool.requests)) return false;
  const auto takes_one = [&](const model::Endpoint& each) {
    return each.is_usable() && is_below_ceilings(*scope.settings, each, false);
  };
  if (std::ranges::none_of(pool.endpoints, takes_one)) return false;
  const bool can_connect =
      is_below(cell.connections, breakers.pool.connections) &&
      is_below(cell.pending, policy::places_for(standing, breakers.pool.pending));
  if (!can_connect && !context_.upstreams.has_idle(pool)) return false;
  if (scope.settings->adaptive.is_on &&
      !is_below(cell.adaptive.in_flight, cell.adaptive.limit.load(std::memory_order_relaxed)))
    return false;
  const model::RouteBreaker* const route = this->route(*scope.settings);
  const model::BreakerRule& rule = rule_of(breakers, route);
  if (!rule.is_on) return true;
  const policy::BreakerLook look =
      policy::look(breaker_of(scope, route), context_.loop.now(), rule.policy);
  if (look.turn) tell(scope, {.endpoint = nullptr, .route = route}, *look.turn);
  return look.admits;
}

model::BreakerFallback Guard::fallback(const model::ServiceSettings& settings) const {
  const model::RouteBreaker* const route = this->route(settings);
  return route != nullptr ? route->fallback : settings.breakers.fallback;
}

const model::RouteBreaker* Guard::find_route(const model::ServiceSettings& settings) const {
  thread_local std::array<char, core::limits::kRequestHeadMax> scratch;
  std::string_view path;
  const auto refusal = http::normalize_path(head_.path, scratch, path);
  ENSURE(!refusal, "the path of a request that has a service has a normal form");
  return settings.breakers.route_of(path);
}

/// A limit of 0: control has not looked yet.
bool Guard::enter_adaptive(policy::AdaptiveCell& cell) {
  const std::uint32_t limit = cell.limit.load(std::memory_order_relaxed);
  if (!core::take_place(cell.in_flight, model::most(limit))) {
    cell.refused.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  adaptive_ = &cell;
  return true;
}

void Guard::leave_adaptive() {
  if (adaptive_ == nullptr) return;
  std::exchange(adaptive_, nullptr)->in_flight.fetch_sub(1, std::memory_order_relaxed);
}

void Guard::sample_latency(core::Nanos latency) {
  adaptive_->samples.fetch_add(policy::LatencySum::of(latency), std::memory_order_relaxed);
}

// ================ the endpoint of an attempt ================

bool Guard::enter_endpoint(const Scope& scope, const model::Endpoint& endpoint, bool is_retry) {
  scope_ = scope;
  const model::CircuitBreaker& breakers = scope.settings->breakers;
  model::EndpointCell& cell = *endpoint.cell;
  if (is_retry && breakers.endpoint.retries != 0 &&
      !repeat_.take(cell.repeating, breakers.endpoint.retries))
    return false;
  if (core::take_place(cell.in_flight, model::most(breakers.endpoint.requests))) {
    const model::BreakerRule& rule = breakers.endpoint_rule;
    if (!rule.is_on || ignores_endpoints_) return true;
    if (endpoint_seat_.take_closed(cell.breaker, rule, nullptr)) return true;
    const policy::BreakerEntry entry =
        endpoint_seat_.take(cell.breaker, rule, nullptr, context_.loop.now());
    if (entry.turn) tell(scope, {.endpoint = &endpoint, .route = nullptr}, *entry.turn);
    was_probe_ |= entry.admission.is_probe;
    if (entry.admission.admit) return true;
    cell.in_flight.fetch_sub(1, std::memory_order_relaxed);
  }
  repeat_.give_back();
  return false;
}

void Guard::leave_endpoint(const Attempt& attempt, const model::Endpoint& endpoint) {
  if (endpoint_seat_.is_taken())
    leave(endpoint_seat_, outcome(endpoint_seat_.rule(), attempt, Heard::Nothing), &endpoint);
  repeat_.give_back();
}

bool Guard::is_below_ceilings(const model::ServiceSettings& settings,
                              const model::Endpoint& endpoint, bool is_retry) {
  const model::Ceilings& ceilings = settings.breakers.endpoint;
  const model::EndpointCell& cell = *endpoint.cell;
  return is_below(cell.in_flight, ceilings.requests) &&
         (!is_retry || is_below_retries(settings, endpoint));
}

bool Guard::is_below_retries(const model::ServiceSettings& settings,
                             const model::Endpoint& endpoint) {
  return is_below(endpoint.cell->repeating, settings.breakers.endpoint.retries);
}

bool Guard::has_room(const Scope& scope, const model::Endpoint& endpoint, bool is_retry) const {
  if (!is_below_ceilings(*scope.settings, endpoint, is_retry)) return false;
  const model::BreakerRule& rule = scope.settings->breakers.endpoint_rule;
  if (!rule.is_on || ignores_endpoints_) return true;
  policy::BreakerCell& breaker = endpoint.cell->breaker;
  if (policy::ticket_if_closed(breaker.word.load(std::memory_order_relaxed))) return true;
  const policy::BreakerLook look = policy::look(breaker, context_.loop.now(), rule.policy);
  if (look.turn) tell(scope, {.endpoint = &endpoint, .route = nullptr}, *look.turn);
  return look.admits;
}

// ================ what came of it ================

void Guard::hear_answer(const Attempt& attempt, const model::Endpoint* endpoint) {
  if (pool_seat_.is_taken())
    leave(pool_seat_, outcome(pool_seat_.rule(), attempt, Heard::Answer), nullptr);
  if (endpoint_seat_.is_taken())
    leave(endpoint_seat_, outcome(endpoint_seat_.rule(), attempt, Heard::Answer), endpoint);
}

void Guard::give_up_probes(const model::Endpoint* endpoint) {
  if (pool_seat_.is_probe()) leave(pool_seat_, Outcome::Abandoned, nullptr);
  if (endpoint_seat_.is_probe()) leave(endpoint_seat_, Outcome::Abandoned, endpoint);
}

void Guard::leave(BreakerSeat& seat, Outcome outcome, const model::Endpoint* endpoint) {
  const auto turn = seat.leave(outcome, context_.loop.now());
  if (turn) [[unlikely]]
    tell(scope_, {.endpoint = endpoint, .route = seat.route()}, *turn);
}

/// What a client would not wait for was slow, once it has waited so long. Time in which we stood
/// still is none that the endpoint took.
Outcome Guard::outcome(const model::BreakerRule& rule, const Attempt& attempt, Heard heard) const {
  if (attempt.has_failed || heard == Heard::Failure) return Outcome::Failure;
  const bool is_slow = attempt.awaited_since != core::Instant{} &&
                       rule.slow_call > core::Millis::zero() &&
                       waited(context_.loop, attempt.awaited_since) > rule.slow_call;
  if (is_slow) return Outcome::Slow;
  return heard == Heard::Answer ? Outcome::Success : Outcome::Abandoned;
}

void Guard::tell(const Scope& scope, const Whose& whose, const policy::BreakerTurn& turn) const {
  if (!context_.on_breaker) return;
  context_.on_breaker({.service = scope.settings->id,
                       .pool = scope.pool,
                       .endpoint = whose.endpoint != nullptr ? whose.endpoint->text : std::string(),
                       .route = whose.route != nullptr ? whose.route->path_prefix : std::string(),
                       .turn = turn});
}

}  // namespace sluice::proxy
