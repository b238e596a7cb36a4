#include <algorithm>

#include "proxy/exchange.hpp"

// What becomes of a request that a breaker or a ceiling turns away: a part of exchange.cpp, which
// reads top to bottom where there is room. Who asks them, and gives back what was taken: Guard.
namespace sluice::proxy {

using metrics::Refusal;

namespace {

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
  auto refused = guard_.enter_pool(scope());
  if (!refused) [[likely]]
    return Next::GoOn;
  if (may_overflow_to_live()) {
    choice_.pool = service_->live;
    choice_.reason = policy::Reason::Fallback;
    refused = guard_.enter_pool(scope());
    if (!refused) {
      counters_->fallbacks.add();
      counters_->breaker_fallbacks.add();
      return Next::GoOn;
    }
  }
  answer_no_room(*refused);
  return Next::Answered;
}

/// Once for each pool that a request was admitted to; its outcome is that of its last attempt
/// there. One that nobody waits for, or that found no room, has not mended the failure of the one
/// before.
void Exchange::leave_pool() {
  const bool has_failed = has_connect_failed_ || (failed_ && !policy::is_idle_end(*failed_));
  guard_.leave_pool(attempt(), has_failed ? Guard::Heard::Failure : Guard::Heard::Nothing);
}

void Exchange::tell_breakers(std::uint16_t status) {
  if (status >= 500) has_attempt_failed_ = true;
  guard_.hear_answer(attempt(), endpoint_);
}

/// From the whole request to the head of its answer. A server error may have cost the pool nothing,
/// and would make it look faster than it is.
void Exchange::sample_latency(std::uint16_t status) {
  if (status >= 500 || upload_ != Upload::Ended || awaiting_since_ == core::Instant{}) return;
  guard_.sample_latency(context_.loop.now() - awaiting_since_ -
                        context_.loop.away_since(awaiting_since_));
}

/// Where the candidate has no room, or its breaker is open.
bool Exchange::may_overflow_to_live() const {
  return is_candidate() && asset_ask_ == AssetAsk::None &&
         guard_.fallback(settings()) == model::BreakerFallback::Live;
}

/// The ceiling that keeps an endpoint of this pool from it, which could be used otherwise.
std::optional<Refusal> Exchange::full_endpoint() const {
  if (full_) return full_;
  const bool is_any_full =
      guards_endpoints() && std::ranges::any_of(pool().endpoints, [this](const auto& endpoint) {
        return endpoint.is_usable() &&
               !tried_[static_cast<std::size_t>(&endpoint - pool().endpoints.data())] &&
               !Guard::is_below_ceilings(settings(), endpoint, retries_ > 0);
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

}  // namespace sluice::proxy
