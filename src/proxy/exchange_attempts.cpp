#include <algorithm>

#include "proxy/exchange.hpp"

// What happens when an attempt has failed: another one in its pool, or by the live pool instead of
// the candidate; else the answer that says so. The rest of exchange.cpp, which reads top to bottom
// as long as nothing fails.
namespace sluice::proxy {

using metrics::Refusal;
using policy::Failure;

namespace {

bool is_status(Failure failure) {
  return failure >= Failure::Status500;
}

}  // namespace

policy::Repeatable Exchange::repeatable_by_key() const {
  using policy::Repeatable;
  if (settings().repeats.trusts_idempotency_key &&
      !head.fields.find("Idempotency-Key").value_or("").empty())
    return Repeatable::Safe;
  return http::is_idempotent(head.method) ? Repeatable::Idempotent : Repeatable::Never;
}

policy::FailedAttempt Exchange::failed_attempt(Failure failure) const {
  using policy::BodyState;
  using policy::ConnectionAge;
  return {.failure = failure,
          .method = repeatable(),
          .connection = upstream_->was_reused() ? ConnectionAge::Reused : ConnectionAge::Fresh,
          .body = is_body_held_ ? BodyState::AbsentOrHeld : BodyState::PartlyGone,
          .response_began = upstream_->response_began(),
          .answer_sent = answer_ != Answer::None || informational_ != 0};
}

void Exchange::on_upstream_lost(UpstreamLoss loss, std::string_view reason) {
  error_ = reason;
  note_loss(loss);
  if (answer_ == Answer::None && try_again(Failure::Lost, reason)) return;
  upstream_ = nullptr;  // it closed itself
  if (answer_ != Answer::None) return break_answer(reason);
  count_failed_attempt(Failure::Lost);
  if (loss == UpstreamLoss::Malformed)
    return answer(502, "the endpoint's answer is not valid HTTP", Refusal::EndpointProtocol,
                  reason);
  answer(502, "the connection to the endpoint ended before its answer", Refusal::EndpointLost,
         reason);
}

/// Counted in the pool, and in the endpoint's own word, which passive health looks at.
void Exchange::note_failure(policy::FailureKind kind) {
  counters_->endpoint_failures[pool_label()].add();
  policy::report_failure(endpoint_->cell->failures, kind, settings().outliers);
}

/// A failure that is an answer is no failure of the pool's counters: those count what the endpoint
/// left undone.
void Exchange::note_answer(std::uint16_t status) {
  if (status >= 500) {
    policy::report_failure(endpoint_->cell->failures, policy::FailureKind::Status,
                           settings().outliers);
  } else {
    policy::report_success(endpoint_->cell->failures);
  }
}

/// A reused connection that dies before its answer has most likely idled out: no sign of ill
/// health.
void Exchange::note_loss(UpstreamLoss loss) {
  const bool is_stale = upstream_->was_reused() && !upstream_->response_began();
  if (is_stale && loss != UpstreamLoss::Malformed) {
    counters_->endpoint_failures[pool_label()].add();
  } else {
    note_failure(policy::FailureKind::Broken);
  }
}

/// An answer of 400 or more. True: it is not passed on, and something else has begun or was
/// answered.
bool Exchange::is_unwanted(std::uint16_t status) {
  if (status >= 500 && begins_another_for(status)) return true;
  if (asset_ask_ == AssetAsk::Open) return is_no_asset(status);
  return status == 404 && asks_other_pool();
}

bool Exchange::begins_another_for(std::uint16_t status) {
  const auto failure = policy::failure_of_status(status);
  if (!failure) return false;
  if (try_again(*failure, "the endpoint answered with a server error")) return true;
  count_failed_attempt(*failure);
  return false;
}

/// Begins another attempt, if there is one to be made; else the caller answers. `why` is for the
/// log.
bool Exchange::try_again(Failure failure, std::string_view why) {
  const policy::FailedAttempt attempt = failed_attempt(failure);
  const bool is_retry = may_retry_now(attempt);
  if (!is_retry && !may_rescue_now(attempt)) return false;
  count_failed_attempt(failure);
  error_ = why;
  if (is_retry) {
    if (policy::is_idle_end(attempt)) has_attempt_failed_ = false;
    retry(attempt);
  } else {
    rescue(failure);
  }
  return true;
}

/// Its pool has no endpoint left for another attempt.
void Exchange::give_up_repeated(const policy::FailedAttempt& attempt) {
  if (may_rescue_now(attempt)) return rescue(attempt.failure);
  if (attempt.failure == Failure::TimedOut)
    return answer(504, "the endpoint did not answer in time", Refusal::EndpointTimeout);
  answer(502, "the endpoint failed, and no other one could be reached", Refusal::EndpointLost,
         error_);
}

bool Exchange::may_retry_now(const policy::FailedAttempt& attempt) {
  const model::Repeats& repeats = settings().repeats;
  if (!policy::may_retry(attempt, repeats.retry, retries_)) return false;
  // An answer that can be passed on is not given up for one that could not be asked for.
  if (is_status(attempt.failure) && !has_room_for_retry()) {
    counters_->retries_over_budget[pool_label()].add();
    return false;
  }
  // A file is asked for once: who asked has a 404 already.
  if (asset_ask_ == AssetAsk::Open && !policy::is_idle_end(attempt)) return false;
  // Nothing is known against the endpoint, and perhaps nothing has reached it: as with a connect
  // that fails, nobody shall be refused because many idle connections end at once.
  if (policy::is_idle_end(attempt) || repeat_.is_taken()) return true;
  std::atomic<std::uint32_t>& counted = pool().cell->repeating;
  const std::uint32_t most = std::min(repeats.retry_budget.bound(model::requests_in_flight(pool())),
                                      model::most(settings().breakers.pool.retries));
  if (!repeat_.take(counted, most)) {
    counters_->retries_over_budget[pool_label()].add();
    return false;
  }
  return true;
}

/// For the fresh connection of one, and on an endpoint of its pool; on its own without the places
/// that it would give up.
bool Exchange::has_room_for_retry() const {
  const model::CircuitBreaker& breakers = settings().breakers;
  const std::uint32_t places = policy::places_for(standing(), breakers.pool.pending);
  if (!Guard::is_below(pool().cell->pending, places)) return false;
  return std::ranges::any_of(pool().endpoints, [&](const model::Endpoint& each) {
    if (!each.is_usable() || tried_[static_cast<std::size_t>(&each - pool().endpoints.data())])
      return false;
    if (!Guard::is_below(each.cell->pending, breakers.endpoint.pending)) return false;
    if (&each != endpoint_) return Guard::is_below_ceilings(settings(), each, true);
    return guard_.is_retry() || Guard::is_below_retries(settings(), each);
  });
}

bool Exchange::may_rescue_now(const policy::FailedAttempt& attempt) {
  const model::Repeats& repeats = settings().repeats;
  if (!may_leave_candidate() || rescued_from_ || !policy::may_rescue(attempt, repeats.rescue))
    return false;
  // A switch may have made the failed pool the live one meanwhile.
  if (context_.slot.hold()->service(settings().id).live == choice_.pool) return false;
  if (!takes_more(service_->live)) return false;
  std::atomic<std::uint32_t>& counted = settings().pool(service_->live).cell->rescuing;
  const std::uint32_t itself = endpoint_ == nullptr ? 1 : 0;  // not counted in a pool now
  const std::uint32_t in_flight = model::requests_in_flight(settings().pools[0]) +
                                  model::requests_in_flight(settings().pools[1]) + itself;
  if (!rescue_.take(counted, repeats.rescue_budget.bound(in_flight))) {
    counters_->rescues_over_budget[pool_label()].add();
    return false;
  }
  return true;
}

/// No more per-try time for this one: nothing could be tried after it.
bool Exchange::is_last_attempt() const {
  // What was never answered says nothing by the age of its connection.
  const policy::FailedAttempt attempt{
      .failure = Failure::TimedOut,
      .method = repeatable(),
      .body = is_body_held_ ? policy::BodyState::AbsentOrHeld : policy::BodyState::PartlyGone,
      .answer_sent = informational_ != 0};
  const model::Repeats& repeats = settings().repeats;
  const bool has_rescue =
      may_leave_candidate() && !rescued_from_ && policy::may_rescue(attempt, repeats.rescue);
  return !has_rescue && !policy::may_retry(attempt, repeats.retry, retries_);
}

/// From within on_response_head(). A small answer that is not wanted ends by itself, and its
/// connection goes on: else each 503 of a pool in trouble would cost it a connection, and us a port
/// for a minute. At a ceiling its place is needed at once: leave_attempt() closes it.
void Exchange::discard_answer() {
  if (upstream_ == nullptr || !ConnectionPlace::is_left(pool(), *endpoint_, settings().breakers))
    return;
  std::exchange(upstream_, nullptr)->discard();
}

/// Whatever is left of it must not reach the client; the upload waits for the next one.
void Exchange::leave_attempt() {
  drop_upstream();
  is_upload_paused_ = false;
  connect_time_.reset();
  if (endpoint_ != nullptr) vacate();
  context_.loop.timers().disarm(upload_timer_);
  if (upload_ == Upload::Flowing) client_.open_upload(Flow::Pause);
}

/// On a freshly opened connection, to another endpoint when there is one; the lease and its
/// snapshot stay. A second attempt at the same endpoint, or a third one anywhere, waits a moment,
/// unless all that is known to have failed is a connection that had been idle.
void Exchange::retry(const policy::FailedAttempt& attempt) {
  const auto failed = static_cast<std::size_t>(endpoint_ - pool().endpoints.data());
  if (is_status(attempt.failure)) discard_answer();
  leave_attempt();
  ++retries_;
  ++retries_of_all_;
  counters_->retries.add();
  needs_fresh_connection_ = true;
  avoid_ = failed;
  failed_ = attempt;
  state_ = State::Connecting;
  const auto picked = pick_endpoint();
  if (!picked) return no_endpoint_left();
  const core::Millis longest = settings().repeats.retry.back_off;
  if (longest == core::Millis::zero() ||
      (retries_ == 1 && (*picked != failed || policy::is_idle_end(attempt))))
    return connect_to(*picked);
  is_backing_off_ = true;
  arm_until(upload_timer_,
            context_.loop.now() + policy::back_off(longest, retries_ - 1U, context_.loop.rng()));
}

/// The candidate failed its user; the live pool answers. The failure stays counted where it
/// happened (G11).
void Exchange::rescue(Failure failure) {
  const core::PoolName failed_pool = choice_.pool;
  if (is_status(failure)) discard_answer();
  leave_attempt();
  failed_.reset();
  needs_fresh_connection_ = false;
  has_attempt_failed_ = true;  // also when an endpoint was looked at since, which had no room
  if (move_to_live(policy::Reason::Rescue) == Next::Answered) return;
  rescued_from_ = failed_pool;
  counters_->rescues.add();
  connect();
}

void Exchange::count_failed_attempt(Failure failure) {
  has_attempt_failed_ = true;
  if (failure == Failure::TimedOut) note_failure(policy::FailureKind::Timeout);
  counters_->attempt_failures[pool_label()][static_cast<std::size_t>(failure)].add();
}

}  // namespace sluice::proxy
