#include "proxy/exchange.hpp"

// How a request ends, and what the metrics and the access log say of it: the rest of exchange.cpp,
// which reads top to bottom until here.
namespace sluice::proxy {

using metrics::Refusal;

namespace {

/// A page for people stands for what they can't help: the service has no room for them now.
bool is_for_page(Refusal why) {
  return why == Refusal::BreakerOpen || why == Refusal::RequestLimit ||
         why == Refusal::AdaptiveLimit || why == Refusal::ConnectionLimit ||
         why == Refusal::PendingLimit || why == Refusal::PendingNew || why == Refusal::NoEndpoint;
}

bool is_of_endpoint(Refusal why) {
  return why == Refusal::EndpointLost || why == Refusal::EndpointProtocol ||
         why == Refusal::EndpointTimeout;
}

}  // namespace

void Exchange::refuse(const http::Refusal& refusal) {
  answer(refusal.status, refusal.reason, refusal_of(refusal.status));
}

void Exchange::answer_as_last_hop(const http::Refusal& own) {
  if (own.status != 200) return refuse(own);
  answer(200, own.reason, std::nullopt);
}

/// `error` for the log when it knows more than the client is told. What an attempt before died of
/// is over.
void Exchange::answer(std::uint16_t status, std::string_view detail, std::optional<Refusal> why,
                      std::string_view error) {
  // Whatever keeps the pool that was asked for a file from answering: the user has a 404.
  if (asset_ask_ == AssetAsk::Open && answer_ == Answer::None)
    return answer_missing_asset(error.empty() ? detail : error);
  if (why) error_ = error.empty() ? detail : error;
  if (why && is_of_endpoint(*why)) has_attempt_failed_ = true;
  drop_upstream();
  if (answer_ != Answer::None) return break_answer(detail);
  LocalReply reply{.status = status, .detail = detail};
  if (why) {
    reply.error = proxy_status_error(*why);
    count_refusal(*why);
  }
  reply.allow =
      status == 405 || status == 200 ? "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" : "";
  reply.retry_after_s = status == 503 ? 1 : 0;
  if (why == Refusal::BreakerOpen) {
    reply.retry_after_s = static_cast<unsigned>(
        std::chrono::ceil<std::chrono::seconds>(guard_.retry_after()).count());
  }
  if (why && is_for_page(*why) && service_ != nullptr) reply.page = settings().breakers.page.get();
  if (shed_.data() != nullptr)
    reply.retry_after_s += context_.loop.rng().below(policy::kShedRetryMost);
  if (why == Refusal::RateLimited) admission_.tell(reply);
  reply.wants_json = prefers_json(head.fields);
  reply.is_head = head.method == http::Method::Head;
  reply.closes = closes_client();
  reply.says_keep_alive = head.version == http::Version::Http10 && !reply.closes;
  reply.date = context_.date.value();
  reply.request_id = request_id_;
  answer_ = Answer::Complete;
  status_sent_ = status;
  bytes_out_ += client_.send_local(reply);
  finish(status);
}

void Exchange::break_answer(std::string_view why) {
  error_ = why;
  counters_->broken_answers.add();  // an answer that began has a service
  drop_upstream();
  client_.abort();
  finish(status_sent_);
}

void Exchange::on_client_gone() {
  if (state_ == State::Finished) return;
  error_ = "the client left";
  drop_upstream();
  finish(499);
}

void Exchange::cut(model::CutCause cause, core::Nanos) {
  const EventScope scope(context_.gather);
  const bool is_stop = cause == model::CutCause::Stop;
  if (service_ != nullptr) counters_->cut_requests.add();
  answer(503, is_stop ? "cut: the proxy stopped" : "cut at the drain deadline", Refusal::Cut);
}

void Exchange::drop_upstream() {
  if (connecting_ != nullptr) {
    connecting_->cancel();
    note_given_up_connect();
    end_connecting();
    connection_place_.give_back();
  }
  if (upstream_ != nullptr) std::exchange(upstream_, nullptr)->abort();
}

void Exchange::finish(std::uint16_t status) {
  DEBUG_ENSURE(state_ != State::Finished, "an exchange ends once");
  state_ = State::Finished;
  if (asset_ask_ != AssetAsk::None) context_.loop.timers().disarm(asset_timer_);
  context_.loop.timers().disarm(upload_timer_);
  count(status);
  if (context_.log.is_on() && status != 101 && !context_.log.write(log_record(status))) {
    context_.metrics.log_lines_dropped.add();
  }
  if (guard_.has_entered_pool()) leave_pool();
  if (endpoint_ != nullptr) vacate();
  if (lease_.is_taken()) lease_.release();
  admission_.end();
  if (!head.upgrade.empty()) tunnel_place_ = {};
  repeat_.give_back();
  rescue_.give_back();
  if (asset_ask_ == AssetAsk::Open)
    end_asset_ask(answer_ == Answer::None ? policy::AssetOutcome::Failed
                                          : policy::AssetOutcome::Found);
  held_.clear();
  service_ = nullptr;
  counters_ = nullptr;
  hold_.release();
  if (first_hold_) first_hold_.release();
}

void Exchange::count(std::uint16_t status) {
  const std::size_t code = metrics::code_class(status);
  const core::Nanos duration = context_.loop.now() - started_;
  if (counters_ == nullptr) return context_.metrics.unmatched[code].observe(duration);
  counters_->durations[pool_label()][code].observe(duration);
  if (is_admitted_) counters_->in_flight[pool_label()].subtract();
}

void Exchange::count_refusal(Refusal why) {
  auto& refusals = counters_ == nullptr ? context_.metrics.unmatched_refusals : counters_->refusals;
  refusals[static_cast<std::size_t>(why)].add();
}

void Exchange::note_first_byte() {
  first_byte_time_ = context_.loop.now() - started_;
  counters_->endpoint_first_bytes[pool_label()].observe(context_.loop.now() - sent_);
}

std::size_t Exchange::pool_label() const {
  return is_admitted_ ? core::index(choice_.pool)
                      : static_cast<std::size_t>(metrics::PoolLabel::None);
}

LogRecord Exchange::log_record(std::uint16_t status) const {
  LogRecord record;
  record.time = context_.loop.wall();
  record.request_id = request_id_;
  thread_local std::array<char, 46> client_text;
  if (who_.address && who_.peer_is_trusted) {
    record.client = who_.address->write(client_text);
  } else {
    record.client = origin_.peer.ip ? origin_.peer_text() : "unix:";
  }
  record.method = head.method_text;
  record.host = head.host;
  record.path = head.path;
  record.status = status;
  record.bytes_in = bytes_in_;
  record.bytes_out = bytes_out_;
  record.duration = context_.loop.now() - started_;
  record.connect = connect_time_;
  record.first_byte = first_byte_time_;
  record.retries = retries_of_all_;
  if (rescued_from_) record.rescued_from = core::text(*rescued_from_);
  record.user_agent = head.fields.find(http::FieldId::UserAgent).value_or(std::string_view());
  if (context_.log.format() == LogFormat::Combined) {
    record.referer = head.fields.find("Referer").value_or(std::string_view());
    record.protocol = head.version == http::Version::Http10 ? "HTTP/1.0" : "HTTP/1.1";
  }
  record.limited_by = admission_.limited_by();
  record.breaker = guard_.word();
  record.shed = shed_;
  record.error = error_;
  if (hold_) record.generation = hold_->generation.raw;
  if (service_ != nullptr) {
    record.service = settings().name;
    if (is_admitted_) {
      record.pool = core::text(choice_.pool);
      record.reason = policy::text(choice_.reason);
      record.bucket = choice_.bucket;
    }
  }
  if (endpoint_ != nullptr) record.endpoint = endpoint_->text;
  return record;
}

}  // namespace sluice::proxy
