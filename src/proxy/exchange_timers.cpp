#include <algorithm>

#include "proxy/exchange.hpp"

// How long each side may take: the deadlines of exchange.cpp and what happens at their ends.
namespace sluice::proxy {

using metrics::Refusal;

namespace {
/// `off`: a deadline that never comes.
constexpr core::Instant kNever = core::Instant::max();
}  // namespace

core::Instant Exchange::after(core::Millis timeout) const {
  return timeout > core::Millis::zero() ? context_.loop.now() + timeout : kNever;
}

/// What was armed for another phase must not end this one.
void Exchange::arm_until(net::Timer& timer, core::Instant deadline) {
  if (deadline != kNever) {
    context_.loop.timers().arm(timer, deadline);
  } else {
    context_.loop.timers().disarm(timer);
  }
}

/// While the client still sends, the endpoint need not answer: its time runs from the last byte of
/// the request.
void Exchange::await_response() {
  if (answer_ != Answer::None) return;
  awaiting_since_ = context_.loop.now();
  if (asset_ask_ == AssetAsk::Open) return;  // it has a time of its own
  const core::Millis whole = settings().timeouts.response_header;
  const core::Millis one_try = settings().repeats.retry.per_try_timeout;
  const bool is_one_of_more = one_try > core::Millis::zero() && !is_last_attempt();
  response_deadline_ = after(whole);
  upstream_->set_deadline(is_one_of_more ? std::min(after(one_try), response_deadline_)
                                         : response_deadline_);
}

void Exchange::await_response_body() {
  upstream_->set_deadline(std::min(after(settings().timeouts.response_body_idle), response_end()));
}

core::Instant Exchange::response_end() const {
  const core::Millis whole = settings().timeouts.response_body;
  return whole > core::Millis::zero() ? started_ + *first_byte_time_ + whole : kNever;
}

/// Once the application answers while it still receives, the two talk at a pace of their own.
policy::PaceRule Exchange::upload_rule() const {
  return {settings().timeouts.request_body_idle,
          answer_ == Answer::None ? settings().min_rates.request : 0};
}

void Exchange::arm_upload_timer() {
  if (upload_ != Upload::Flowing || is_backing_off_) return;
  const model::Timeouts& timeouts = settings().timeouts;
  const bool is_client_asked = !is_upload_paused_ && timeouts.request_body_idle.count() > 0;
  const bool has_end = timeouts.request_body.count() > 0;
  const bool is_probe = !is_upload_paused_ && guard_.holds_probe();
  arm_until(upload_timer_, std::min({is_client_asked ? upload_deadline_ : kNever,
                                     has_end ? started_ + timeouts.request_body : kNever,
                                     is_probe ? probe_until_ : kNever}));
}

void Exchange::on_upstream_deadline() {
  const EventScope scope(context_.gather);
  if (answer_ == Answer::None) {
    constexpr std::string_view kWhy = "the endpoint did not answer in time";
    if (try_again(policy::Failure::TimedOut, kWhy)) return;
    // The time of one try is up, and nothing can follow it after all.
    if (context_.loop.now() < response_deadline_)
      return upstream_->set_deadline(response_deadline_);
    count_failed_attempt(policy::Failure::TimedOut);
    return answer(504, kWhy, Refusal::EndpointTimeout);
  }
  if (context_.loop.now() >= response_end())
    return break_answer("the answer took longer than it may");
  if (is_response_paused_) return on_download_timeout();
  break_answer("the endpoint stopped sending");
}

/// A slow client goes on for as long as it takes enough.
void Exchange::on_download_timeout() {
  const std::size_t before = std::exchange(untaken_, client_.untaken());
  const core::Nanos bought =
      policy::time_bought(download_rule(), before - std::min(before, untaken_));
  if (bought == core::Nanos::zero()) return break_answer("the client stopped reading");
  upstream_->set_deadline(std::min(context_.loop.now() + bought, response_end()));
}

void Exchange::on_upload_timeout() {
  const EventScope scope(context_.gather);
  if (std::exchange(is_backing_off_, false)) return connect();
  if (upload_ == Upload::Waiting)
    return start_upload();  // no 100 came: RFC 9110 §10.1.1 allows to go on
  if (!is_upload_paused_ && guard_.holds_probe() && context_.loop.now() >= probe_until_) {
    guard_.give_up_probes(endpoint_);
    return arm_upload_timer();
  }
  if (is_upload_paused_) {
    count_failed_attempt(policy::Failure::TimedOut);
    return answer(504, "the endpoint did not take the request body in time",
                  Refusal::EndpointTimeout);
  }
  answer(408, "the request body did not arrive in time", Refusal::RequestTimeout);
}

}  // namespace sluice::proxy
