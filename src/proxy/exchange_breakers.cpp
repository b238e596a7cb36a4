#include <algorithm>

#include "proxy/exchange.hpp"
#include "proxy/upstream_pool.hpp"
#include "sluice/core/take_place.hpp"
#include "sluice/http/target.hpp"

// What the circuit breaker of a service says to a request, and what it hears of it: a part of
// exchange.cpp, which reads top to bottom where all of them are closed.
namespace sluice::proxy {

using metrics::Refusal;
using policy::Outcome;

namespace {

bool is_below(const std::atomic<std::uint32_t>& counted, std::uint32_t ceiling) {
  return ceiling == 0 || counted.load(std::memory_order_relaxed) < ceiling;
}

std::string_view words_of(Refusal why) {
  if (why == Refusal::BreakerOpen)
    return "too many requests have failed lately: the circuit breaker is open";
  if (why == Refusal::RequestLimit) return "as many requests are in flight as may be";
  if (why == Refusal::AdaptiveLimit) return "as many requests are in flight as the pool can do";
  if (why == Refusal::ConnectionLimit) return "there are as many connections as there may be";
  if (why == Refusal::PendingNew)
    return "as many requests of new users wait for a connection to this pool as may";
  return "as many requests wait for a connection to this pool as may";
}

}  // namespace

/// In admit(): no lease is held yet, so the other pool can be chosen under the same snapshot.
Exchange::Next Exchange::pass_breaker() {
  auto refused = enter_pool();
  if (!refused) [[likely]]
    return Next::GoOn;
  if (may_overflow_to_live()) {
    choice_.pool = service_->live;
    choice_.reason = policy::Reason::Fallback;
    refused = enter_pool();
    if (!refused) {
      counters_->fallbacks.add();
      counters_->breaker_fallbacks.add();
      return Next::GoOn;
    }
  }
  answer_no_room(*refused);
  return Next::Answered;
}

/// Whether the pool of the choice takes one more. What it takes is given back by leave_pool().
std::optional<Refusal> Exchange::enter_pool() {
  const model::CircuitBreaker& breakers = settings().breakers;
  model::PoolCell& cell = *pool().cell;
  if (breakers.pool.requests != 0) {
    if (!core::take_place(cell.requests, breakers.pool.requests)) return Refusal::RequestLimit;
    requests_in_ = &cell.requests;
  }
  if (settings().adaptive.is_on && !enter_adaptive()) {
    give_back(requests_in_);
    return Refusal::AdaptiveLimit;
  }
  const model::RouteBreaker* const route = route_of_request();
  const model::BreakerRule& rule = route != nullptr ? route->rule : breakers.rule;
  policy::BreakerCell& breaker =
      route != nullptr ? route->cell->breakers[core::index(choice_.pool)] : cell.breaker;
  if (!rule.is_on || pool_seat_.take_closed(breaker, rule, route)) [[likely]]
    return std::nullopt;
  return enter_opened(breaker, rule, route);
}

std::optional<Refusal> Exchange::enter_opened(policy::BreakerCell& breaker,
                                              const model::BreakerRule& rule,
                                              const model::RouteBreaker* route) {
  const policy::BreakerEntry entry = pool_seat_.take(breaker, rule, route, context_.loop.now());
  if (entry.turn) tell({.pool = choice_.pool, .endpoint = nullptr, .route = route}, *entry.turn);
  was_probe_ |= entry.admission.is_probe;
  if (entry.admission.admit) return std::nullopt;
  give_back(requests_in_);
  leave_adaptive();
  was_turned_away_ = true;
  retry_after_ = entry.admission.retry_after;
  return Refusal::BreakerOpen;
}

/// Once for each pool that a request was admitted to; its outcome is that of its last attempt
/// there. One that nobody waits for has not mended the failure of the one before.
void Exchange::leave_pool() {
  if (pool_seat_.is_taken()) leave(pool_seat_, failed_ ? Heard::Failure : Heard::Nothing, nullptr);
  give_back(requests_in_);
  leave_adaptive();
}

/// Of the pool of the choice. 0: control has not looked yet.
bool Exchange::enter_adaptive() {
  policy::AdaptiveCell& cell = pool().cell->adaptive;
  const std::uint32_t limit = cell.limit.load(std::memory_order_relaxed);
  if (!core::take_place(cell.in_flight, model::most(limit))) {
    cell.refused.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  adaptive_ = &cell;
  return true;
}

void Exchange::leave_adaptive() {
  if (adaptive_ == nullptr) return;
  std::exchange(adaptive_, nullptr)->in_flight.fetch_sub(1, std::memory_order_relaxed);
}

/// From the whole request to the head of its answer. A server error may have cost the pool nothing,
/// and would make it look faster than it is.
void Exchange::sample_latency(std::uint16_t status) {
  if (status >= 500 || upload_ != Upload::Ended || awaiting_since_ == core::Instant{}) return;
  adaptive_->samples.fetch_add(policy::LatencySum::of(context_.loop.now() - awaiting_since_),
                               std::memory_order_relaxed);
}

/// Whether an endpoint takes one more. What it takes is given back by leave_endpoint().
bool Exchange::enter_endpoint(const model::Endpoint& endpoint) {
  const model::CircuitBreaker& breakers = settings().breakers;
  model::EndpointCell& cell = *endpoint.cell;
  if (retries_ > 0 && breakers.endpoint.retries != 0) {
    if (!core::take_place(cell.repeating, breakers.endpoint.retries)) return false;
    repeats_on_ = &cell.repeating;
  }
  if (core::take_place(cell.in_flight, model::most(breakers.endpoint.requests))) {
    if (!breakers.endpoint_rule.is_on || ignores_breakers_) return true;
    if (endpoint_seat_.take_closed(cell.breaker, breakers.endpoint_rule, nullptr)) return true;
    const policy::BreakerEntry entry =
        endpoint_seat_.take(cell.breaker, breakers.endpoint_rule, nullptr, context_.loop.now());
    if (entry.turn)
      tell({.pool = choice_.pool, .endpoint = &endpoint, .route = nullptr}, *entry.turn);
    was_probe_ |= entry.admission.is_probe;
    if (entry.admission.admit) return true;
    cell.in_flight.fetch_sub(1, std::memory_order_relaxed);
  }
  give_back(repeats_on_);
  return false;
}

void Exchange::leave_endpoint() {
  if (endpoint_seat_.is_taken()) leave(endpoint_seat_, Heard::Nothing, endpoint_);
  give_back(repeats_on_);
}

/// By the head of the answer, and not at its end: a body may go on for hours, and a probe that is
/// not heard of has failed.
void Exchange::tell_breakers(std::uint16_t status) {
  if (status >= 500) has_attempt_failed_ = true;
  if (pool_seat_.is_taken()) leave(pool_seat_, Heard::Answer, nullptr);
  if (endpoint_seat_.is_taken()) leave(endpoint_seat_, Heard::Answer, endpoint_);
}

void Exchange::leave(BreakerSeat& seat, Heard heard, const model::Endpoint* endpoint) {
  const auto turn = seat.leave(outcome_under(seat.rule(), heard), context_.loop.now());
  if (turn) [[unlikely]]
    tell({.pool = choice_.pool, .endpoint = endpoint, .route = seat.route()}, *turn);
}

/// Of the attempt that runs, or was the last one. What a client would not wait for was slow, once
/// it has waited so long.
Outcome Exchange::outcome_under(const model::BreakerRule& rule, Heard heard) const {
  if (has_attempt_failed_) return Outcome::Failure;
  const bool had_all = upload_ != Upload::Flowing && awaiting_since_ != core::Instant{};
  const bool is_slow = had_all && rule.slow_call > core::Millis::zero() &&
                       context_.loop.now() - awaiting_since_ > rule.slow_call;
  switch (heard) {
    case Heard::Answer:
      return is_slow ? Outcome::Slow : Outcome::Success;
    case Heard::Nothing:
      return is_slow ? Outcome::Slow : Outcome::Abandoned;
    case Heard::Failure:
      return Outcome::Failure;
  }
  core::unreachable();
}

const model::RouteBreaker* Exchange::find_route() const {
  thread_local std::array<char, core::limits::kRequestHeadMax> scratch;
  std::string_view path;
  const auto refusal = http::normalize_path(head.path, scratch, path);
  ENSURE(!refusal, "the path of a request that has a service has a normal form");
  return settings().breakers.route_of(path);
}

policy::BreakerCell& Exchange::breaker_of(core::PoolName name) const {
  const model::RouteBreaker* const route = route_of_request();
  return route != nullptr ? route->cell->breakers[core::index(name)]
                          : settings().pool(name).cell->breaker;
}

/// Where the candidate has no room, or its breaker is open.
bool Exchange::may_overflow_to_live() const {
  if (!is_candidate() || asset_ask_ != AssetAsk::None) return false;
  const model::RouteBreaker* const route = route_of_request();
  const auto fallback = route != nullptr ? route->fallback : settings().breakers.fallback;
  return fallback == model::BreakerFallback::Live;
}

/// Whether another pool would take it now: none is asked for what it would only turn away, as long
/// as there is an answer that can be passed on instead. A look may be what moves the breaker on.
bool Exchange::takes_more(core::PoolName name) const {
  const model::CircuitBreaker& breakers = settings().breakers;
  const model::PoolCell& cell = *settings().pool(name).cell;
  if (!is_below(cell.requests, breakers.pool.requests)) return false;
  const bool can_connect = is_below(cell.connections, breakers.pool.connections) &&
                           is_below(cell.pending, breakers.pool.pending);
  if (!can_connect && !context_.upstreams.has_idle(settings().pool(name))) return false;
  if (settings().adaptive.is_on &&
      !is_below(cell.adaptive.in_flight, cell.adaptive.limit.load(std::memory_order_relaxed)))
    return false;
  const model::RouteBreaker* const route = route_of_request();
  const model::BreakerRule& rule = route != nullptr ? route->rule : breakers.rule;
  if (!rule.is_on) return true;
  const policy::BreakerLook look = policy::look(breaker_of(name), context_.loop.now(), rule.policy);
  if (look.turn) tell({.pool = name, .endpoint = nullptr, .route = route}, *look.turn);
  return look.admits;
}

bool Exchange::is_below_ceilings(const model::Endpoint& endpoint) const {
  const model::Ceilings& ceilings = settings().breakers.endpoint;
  const model::EndpointCell& cell = *endpoint.cell;
  return is_below(cell.in_flight, ceilings.requests) &&
         (retries_ == 0 || is_below(cell.repeating, ceilings.retries));
}

/// Of an endpoint that could be used otherwise. As takes_more().
bool Exchange::has_room(const model::Endpoint& endpoint) const {
  if (!is_below_ceilings(endpoint)) return false;
  const model::BreakerRule& rule = settings().breakers.endpoint_rule;
  if (!rule.is_on || ignores_breakers_) return true;
  policy::BreakerCell& breaker = endpoint.cell->breaker;
  if (policy::ticket_if_closed(breaker.word.load(std::memory_order_relaxed))) return true;
  const policy::BreakerLook look = policy::look(breaker, context_.loop.now(), rule.policy);
  if (look.turn) tell({.pool = choice_.pool, .endpoint = &endpoint, .route = nullptr}, *look.turn);
  return look.admits;
}

/// For another connection beside the one that is open.
bool Exchange::has_place_to_spare() const {
  const model::CircuitBreaker& breakers = settings().breakers;
  return is_below(pool().cell->connections, breakers.pool.connections) &&
         is_below(endpoint_->cell->connections, breakers.endpoint.connections);
}

/// The ceiling that keeps an endpoint of this pool from it, which could be used otherwise.
std::optional<Refusal> Exchange::full_endpoint() const {
  if (full_) return full_;
  const bool is_any_full =
      guards_endpoints() && std::ranges::any_of(pool().endpoints, [this](const auto& endpoint) {
        return endpoint.is_usable() && !is_below_ceilings(endpoint);
      });
  return is_any_full ? std::optional(Refusal::RequestLimit) : std::nullopt;
}

/// This endpoint has no room for another connection; others may.
void Exchange::pass_over(Refusal why) {
  tried_.set(static_cast<std::size_t>(endpoint_ - pool().endpoints.data()));
  vacate();
  full_ = why;
  connect();
}

/// The pool, or its endpoint, has no room for what this request needs.
void Exchange::no_room(Refusal why) {
  if (failed_) return give_up_repeated(*failed_);
  if (may_overflow_to_live()) return fall_back_to_live(Because::NoRoom);
  answer_no_room(why);
}

void Exchange::answer_no_room(Refusal why) {
  // A file that the other pool has no time to be asked for is a 404, and nothing was shed.
  if (asset_ask_ != AssetAsk::Open) {
    if (why == Refusal::AdaptiveLimit) shed_ = "adaptive_concurrency";
    if (why == Refusal::PendingNew) shed_ = "pending";
  }
  answer(503, words_of(why), why);
}

void Exchange::tell(const BreakerScope& scope, const policy::BreakerTurn& turn) const {
  if (!context_.on_breaker) return;
  context_.on_breaker({.service = settings().id,
                       .pool = scope.pool,
                       .endpoint = scope.endpoint != nullptr ? scope.endpoint->text : std::string(),
                       .route = scope.route != nullptr ? scope.route->path_prefix : std::string(),
                       .turn = turn});
}

}  // namespace sluice::proxy
