#include <algorithm>

#include "proxy/exchange.hpp"
#include "proxy/upstream_pool.hpp"
#include "sluice/core/take_place.hpp"

// Which endpoint gets a request, the connection to it, and what happens when there is none: a part
// of exchange.cpp, which reads top to bottom where there is one.
namespace sluice::proxy {

using metrics::Refusal;

policy::EndpointView Exchange::view_endpoint(std::size_t index) const {
  policy::EndpointView view = model::view_of(pool().endpoints[index]);
  view.is_usable = view.is_usable && !tried_[index] && avoid_ != index;
  if (view.is_usable && guards_endpoints()) view.is_usable = has_room(pool().endpoints[index]);
  return view;
}

std::optional<std::size_t> Exchange::pick_endpoint() {
  const policy::PoolRole role = model::role_of(*service_, choice_.pool);
  const auto view = [this](std::size_t index) { return view_endpoint(index); };
  const auto pick = [&] {
    return policy::pick_endpoint(pool().endpoints.size(), view, role, context_.loop.now(),
                                 context_.loop.rng());
  };
  const auto picked = pick();
  if (picked) return picked;
  if (avoid_) {
    avoid_.reset();  // there is no other one: a fresh connection to the same
    if (const auto same = pick()) return same;
  }
  if (!guards_endpoints() || !guard_.ignore_endpoint_breakers()) return std::nullopt;
  return pick();
}

bool Exchange::occupy(std::size_t index) {
  const model::Endpoint& endpoint = pool().endpoints[index];
  if (guards_endpoints()) {
    if (!guard_.enter_endpoint(scope(), endpoint, retries_ > 0)) {
      // Another request took the last place. Where that shows, it is passed over as long as it
      // does.
      if (has_room(endpoint)) {
        tried_.set(index);
        full_ = Refusal::RequestLimit;
      }
      return false;
    }
  } else {
    endpoint.cell->in_flight.fetch_add(1, std::memory_order_relaxed);
  }
  endpoint_ = &endpoint;
  has_attempt_failed_ = false;
  awaiting_since_ = {};
  return true;
}

void Exchange::vacate() {
  if (guard_.has_entered_endpoint()) guard_.leave_endpoint(attempt(), *endpoint_);
  endpoint_->cell->in_flight.fetch_sub(1, std::memory_order_relaxed);
  endpoint_ = nullptr;
}

void Exchange::on_connect_failed(net::ConnectError error) {
  const EventScope scope(context_.gather);
  end_connecting();
  connection_place_.give_back();
  if (error == net::ConnectError::LocalResources) return make_room_or_refuse();
  error_ = net::text(error);
  note_failure(policy::FailureKind::Connect);
  punish(*endpoint_);
  tried_.set(static_cast<std::size_t>(endpoint_ - pool().endpoints.data()));
  count_failed_attempt(policy::Failure::Connect);
  has_connect_failed_ = true;
  vacate();
  // Nothing was sent: any method may be tried elsewhere at once.
  if (settings().repeats.retry.when.has(policy::Failure::Connect)) return connect();
  no_endpoint_left();
}

/// Ours, not the endpoint's fault (behaviour.md §4). Once per request, so that a shortage that no
/// idle connection causes does not cost all of them.
void Exchange::make_room_or_refuse() {
  awaiting_since_ = {};
  vacate();
  if (!has_made_room_ && context_.upstreams.close_oldest_idle()) {
    has_made_room_ = true;
    return connect();
  }
  // Ports run out towards one address at a time: the live pool may have some.
  if (may_leave_candidate()) return no_endpoint_left();
  answer(503, "no connection could be opened: a local resource is exhausted",
         Refusal::LocalResources);
}

void Exchange::punish(const model::Endpoint& endpoint) {
  const policy::Penalty before(endpoint.cell->penalty.load(std::memory_order_relaxed));
  endpoint.cell->penalty.store(before.after_failure(context_.loop.now()).word(),
                               std::memory_order_relaxed);
}

/// What was sent already may go to the other pool only as a rescue: it may have had its effect.
void Exchange::no_endpoint_left() {
  if (const auto why = full_endpoint()) return no_room(*why);
  if (failed_) return give_up_repeated(*failed_);
  if (may_leave_candidate()) return fall_back_to_live(Because::NoEndpoint);
  answer(503, is_candidate() ? model::kNoCandidateLeft : model::kNoEndpointLeft,
         Refusal::NoEndpoint, error_.empty() ? "no usable endpoint" : error_);
}

/// The candidate can't serve: its user gets the live pool.
void Exchange::fall_back_to_live(Because why) {
  if (move_to_live(policy::Reason::Fallback) == Next::Answered) return;
  counters_->fallbacks.add();
  if (why == Because::NoRoom) counters_->breaker_fallbacks.add();
  connect();
}

Exchange::Next Exchange::move_to_live(policy::Reason why) {
  leave_pool();
  Hold fresh = context_.slot.hold();
  const core::PoolName live = fresh->service(settings().id).live;
  return move_to(std::move(fresh), live, why);
}

/// A pool is chosen only under the snapshot that is adopted now, so adopt first, then take the new
/// lease, then give back the old one (architecture.md §5). `fresh`: adopted now. Answered: that
/// pool refuses, and what it refuses is no choice.
Exchange::Next Exchange::move_to(Hold fresh, core::PoolName pool_name, policy::Reason why) {
  metrics::ServiceCounters& counted = *counters_;
  counted.in_flight[pool_label()].subtract();
  const core::PoolName failed = choice_.pool;
  admission_.stay_with(settings().rate_limits);  // judged once, for the pool that was chosen first
  service_ = &fresh->service(settings().id);
  choice_.pool = pool_name;
  choice_.reason = why;
  if (choice_.pool != failed) {
    tried_.reset();
    avoid_.reset();
    guard_.heed_endpoint_breakers();
    full_.reset();
  }  // else a switch made the failed pool the live one meanwhile: there a penalty only ranks
  lease_.move_to(context_.leases, pool(), fresh->epoch, context_.worker);
  // The identity, and what the limits said, point into the settings that they were read under.
  if (!first_hold_) first_hold_ = std::move(hold_);
  hold_ = std::move(fresh);
  repeat_.give_back();  // of the pool that it leaves
  retries_ = 0;
  has_attempt_failed_ = has_connect_failed_ = false;
  awaiting_since_ = {};
  is_admitted_ = false;
  if (const auto refused = guard_.enter_pool(scope())) {
    answer_no_room(*refused);
    return Next::Answered;
  }
  is_admitted_ = true;
  counted.in_flight[pool_label()].add();
  counted.choices[pool_label()][static_cast<std::size_t>(choice_.reason)].add();
  return Next::GoOn;
}

/// Each ceiling is for all workers; an idle connection of this worker makes room for one that is
/// needed.
void Exchange::begin_connecting() {
  const model::CircuitBreaker& breakers = settings().breakers;
  std::atomic<std::uint32_t>& in_pool = pool().cell->pending;
  std::atomic<std::uint32_t>& on_endpoint = endpoint_->cell->pending;
  const std::uint32_t places = breakers.pool.pending;
  const std::uint32_t ours = places == 0 ? 0 : policy::places_for(standing(), places);
  if (!core::take_place(in_pool, model::most(ours))) {
    vacate();
    return no_room(ours < places ? Refusal::PendingNew : Refusal::PendingLimit);
  }
  if (!core::take_place(on_endpoint, model::most(breakers.endpoint.pending))) {
    in_pool.fetch_sub(1, std::memory_order_relaxed);
    return pass_over(Refusal::PendingLimit);
  }
  const auto take = [&] { return connection_place_.take(pool(), *endpoint_, breakers); };
  ConnectionPlace::Taken taken = take();
  if (taken == ConnectionPlace::Taken::PoolFull && context_.upstreams.close_oldest_idle(pool()))
    taken = take();
  if (taken == ConnectionPlace::Taken::EndpointFull &&
      context_.upstreams.close_oldest_idle(endpoint_->id))
    taken = take();
  if (taken != ConnectionPlace::Taken::Yes) {
    ConnectionPlace::want(taken, pool(), *endpoint_);
    end_connecting();
    if (taken == ConnectionPlace::Taken::EndpointFull) return pass_over(Refusal::ConnectionLimit);
    vacate();
    return no_room(Refusal::ConnectionLimit);
  }
  connect_started_ = awaiting_since_ = context_.loop.now();
  connecting_ = context_.connector.connect(endpoint_->address, settings().timeouts.connect, *this);
}

/// Whether others can use the connection after this request: not, if a name has lost the address
/// since, or an operator has taken it out.
bool Exchange::is_endpoint_kept() const {
  const model::Snapshot& newest = context_.slot.peek();
  if (newest.epoch == hold_->epoch) return true;
  const auto is_same = [this](const model::Endpoint& each) {
    return each.id == endpoint_->id && each.is_in_use();
  };
  return std::ranges::any_of(newest.service(settings().id).settings->pool(choice_.pool).endpoints,
                             is_same);
}

/// Who gives a connect up says nothing of the endpoint, unless it had more than half of its time:
/// one that answers no connect would hide behind clients who wait for less than all of it.
void Exchange::note_given_up_connect() {
  const core::Nanos waited =
      context_.loop.now() - connect_started_ - context_.loop.away_since(connect_started_);
  if (waited <= settings().timeouts.connect / 2) return;
  has_attempt_failed_ = true;
  note_failure(policy::FailureKind::Connect);
  punish(*endpoint_);
}

/// Before the endpoint is left.
void Exchange::end_connecting() {
  connecting_ = nullptr;
  pool().cell->pending.fetch_sub(1, std::memory_order_relaxed);
  endpoint_->cell->pending.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace sluice::proxy
