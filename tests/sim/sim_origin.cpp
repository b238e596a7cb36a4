#include "sim/sim_origin.hpp"

namespace sluice::sim {

using Deed = AnswerPlan::Deed;

std::shared_ptr<Link> SimOrigin::accept() {
  ++accepted;
  auto link = std::make_shared<Link>(kernel_in, kernel_out);
  connections.push_back(std::make_unique<OriginConnection>(*this, link));
  return link;
}

OriginConnection::OriginConnection(SimOrigin& origin, std::shared_ptr<Link> link)
    : origin_(origin),
      peer_(origin.scheduler, std::move(link),
            "origin " + std::to_string(origin.id.raw) + "." + std::to_string(origin.accepted)),
      idle_since_(origin.scheduler.now()) {
  is_reading_ = !origin.stays_silent;
  origin_.scheduler.add(*this);
}

OriginConnection::~OriginConnection() {
  origin_.scheduler.remove(*this);
}

core::Instant OriginConnection::now() const {
  return origin_.scheduler.now();
}

void OriginConnection::complain(const std::string& what) {
  const std::string text = "origin " + std::to_string(origin_.id.raw) + ": " + what;
  if (origin_.scheduler.has_trace()) origin_.scheduler.trace(text);
  origin_.ledger.complaints.push_back(text);
}

std::string OriginConnection::describe() const {
  std::string text = "connection to endpoint " + std::to_string(origin_.id.raw) + ": served " +
                     std::to_string(served_);
  if (entry_ != nullptr) text += ", working for " + std::to_string(entry_->plan.number);
  return text + ", waiting to be sent " + std::to_string(outbox_.size());
}

// ---- what can happen

bool OriginConnection::can_write() const {
  return !outbox_.empty() && now() >= write_at_ && peer_.can_send();
}
bool OriginConnection::can_deed() const {
  return deed_at_ && now() >= *deed_at_;
}
bool OriginConnection::can_close_idle() const {
  return origin_.idle_close && is_idle() && served_ > 0 &&
         now() >= idle_since_ + *origin_.idle_close;
}

bool OriginConnection::ends_tunnel() const {
  return origin_.ends_tunnels || has_seen_end_;
}

bool OriginConnection::is_ready() const {
  if (!peer_.is_open()) return false;
  return can_write() || can_read() || can_see_end() || can_deed() || can_close_idle() ||
         can_end_tunnel();
}

std::optional<core::Instant> OriginConnection::wakes_at() const {
  std::optional<core::Instant> next;
  const auto consider = [&](core::Instant when) {
    if (when > now() && (!next || when < *next)) next = when;
  };
  if (!peer_.is_open()) return next;
  if (!outbox_.empty()) consider(write_at_);
  if (deed_at_) consider(*deed_at_);
  if (origin_.idle_close && is_idle() && served_ > 0) consider(idle_since_ + *origin_.idle_close);
  return next;
}

void OriginConnection::step() {
  const bool reads_first = origin_.scheduler.rng().below(2) == 0;
  if (reads_first && can_read()) return read_some();
  if (can_write()) return write_some();
  if (can_deed()) return do_deed();
  if (can_read()) return read_some();
  if (can_see_end()) return see_end();
  if (can_end_tunnel()) {
    peer_.shutdown();
    if (has_seen_end_) peer_.close();
    return;
  }
  peer_.close();  // idle for long enough
}

// ---- the request

void OriginConnection::read_some() {
  reader_.feed(peer_.receive(origin_.scheduler.rng().below(4) == 0 ? 100 : 1U << 20U));
  if (!reader_.error.empty()) complain("received " + reader_.error);
  if (is_tunnel_) {
    attempt_->tunnel_received = reader_.raw;
  } else {
    look_at_request();
  }
}

void OriginConnection::look_at_request() {
  if (!is_answering_ && attempt_ == nullptr) {
    const Message* message = reader_.done.empty() ? reader_.current() : &reader_.done.front();
    if (message == nullptr) return;
    begin_attempt(*message);
  }
  if (entry_ == nullptr || reader_.done.empty() || attempt_ == nullptr) return;
  if (attempt_->is_request_complete) {
    // To the proxy an answer is complete while the bytes behind it, which belong to nothing, are
    // still to come. Those that came on their own may have been this answer to it.
    if (!attempt_->is_answer_complete && !has_misled())
      complain("a second request before the answer to the first was complete");
    return;
  }
  const Message message = std::move(reader_.done.front());
  reader_.done.pop_front();
  finish_request(message);
  // The end of a request that was answered early can bring the next one with it.
  const bool has_next = !reader_.done.empty() || reader_.current() != nullptr;
  if (attempt_ == nullptr && !is_answering_ && has_next) look_at_request();
}

void OriginConnection::begin_attempt(const Message& message) {
  const std::string target = message.target();
  entry_ = origin_.ledger.find(std::string_view(target).substr(0, target.find('?')));
  if (entry_ == nullptr || !entry_->plan.raw.empty()) {
    complain("received a request that nobody sent: " + message.start);
    entry_ = nullptr;
    return peer_.reset();
  }
  if (message.method() != entry_->plan.method)
    complain("received another method: " + message.start);
  if (message.field("Sluice-Pool") != std::string(core::text(origin_.pool)))
    complain("Sluice-Pool names another pool");
  if (message.field("X-User").value_or("") != entry_->plan.user) complain("another user's request");
  entry_->attempts.push_back(
      {.pool = origin_.pool, .endpoint = origin_.id, .at = now(), .was_reused = served_ > 0});
  attempt_ = &entry_->attempts.back();
  attempt_->plan = &entry_->plan.answer(entry_->attempts.size() - 1);
  ++served_;
  const AnswerPlan& plan = *attempt_->plan;
  is_reading_ = !plan.stops_reading;
  has_decided_ = false;
  if (plan.is_early || plan.stops_reading) {
    decide_deed();
  } else if (message.field("Expect") && plan.sends_continue) {
    outbox_ += "HTTP/1.1 100 Continue\r\n\r\n";
    sent_ = 0;
  }
}

/// Never a shorter complete body than was sent, nor another one.
void OriginConnection::finish_request(const Message& message) {
  const RequestPlan& plan = entry_->plan;
  attempt_->is_request_complete = true;
  if (plan.breaks_body)
    complain("a broken body arrived as a complete request " + std::to_string(plan.number));
  if (message.body !=
      bytes_of(Side::Client, plan.number, plan.form == BodyForm::None ? 0 : plan.body)) {
    complain("the body of request " + std::to_string(plan.number) + " has " +
             std::to_string(message.body.size()) + " bytes, not the " + std::to_string(plan.body) +
             " that its client sent");
  }
  const bool has_trailers = plan.form == BodyForm::Chunked && plan.has_trailers;
  if (message.trailers.size() != (has_trailers ? 1U : 0U))
    complain("the trailers of a request are not those that were sent");
  if (attempt_->is_answer_complete) {  // it came early
    attempt_ = nullptr;
    entry_ = nullptr;
  } else if (!has_decided_) {
    decide_deed();
  }
}

void OriginConnection::decide_deed() {
  has_decided_ = true;
  deed_at_ = now() + attempt_->plan->delay;
}

// ---- the answer

void OriginConnection::do_deed() {
  deed_at_.reset();
  const AnswerPlan& plan = *attempt_->plan;
  switch (plan.deed) {
    case Deed::Silence:
      return;
    case Deed::Leave:
      return peer_.close();
    case Deed::Break:
      return peer_.reset();
    case Deed::Answer:
    case Deed::Raw:
      break;
  }
  is_answering_ = true;
  sent_ = 0;
  outbox_ += compose_answer(entry_->plan, plan, origin_.pool);
  answer_size_ = outbox_.size() - plan.surplus.size();
  if (!plan.surplus.empty()) {
    peer_.mark_surplus(answer_size_, attempt_->surplus_came_alone);
    surplus_came_alone_ = &attempt_->surplus_came_alone;
  }
  if (plan.status == 101 && plan.deed == Deed::Answer) {
    is_tunnel_ = true;
    outbox_ += bytes_of(side_of(origin_.pool), entry_->plan.number, entry_->plan.tunnel_down);
    reader_.go_raw();
    attempt_->tunnel_received = reader_.raw;
  }
  if (outbox_.empty()) end_answer();
}

void OriginConnection::write_some() {
  std::size_t most = outbox_.size();
  if (is_answering_) {
    const AnswerPlan& plan = *attempt_->plan;
    most = std::min(most, plan.most_each);
    if (plan.cut_at) most = std::min(most, *plan.cut_at - std::min(*plan.cut_at, sent_));
    write_at_ = now() + plan.pause_each;
  }
  const std::size_t taken = most == 0 ? 0 : peer_.send(std::string_view(outbox_).substr(0, most));
  outbox_.erase(0, taken);
  if (!is_answering_) return;
  sent_ += taken;
  if (is_tunnel_ && sent_ > answer_size_) attempt_->tunnel_sent = sent_ - answer_size_;
  const AnswerPlan& plan = *attempt_->plan;
  // Behind its last byte it may well arrive whole, whatever comes then.
  if (plan.deed == Deed::Answer && sent_ >= answer_size_ && plan.form != BodyForm::UntilClose) {
    attempt_->is_answer_complete = true;
  }
  if (plan.cut_at && sent_ >= *plan.cut_at)
    return plan.cuts_with_reset ? peer_.reset() : peer_.close();
  if (outbox_.empty() && !is_tunnel_) end_answer();
}

void OriginConnection::end_answer() {
  const AnswerPlan& plan = *attempt_->plan;
  if (plan.deed == Deed::Answer) attempt_->is_answer_complete = true;
  is_answering_ = false;
  const bool ends = plan.closes || plan.form == BodyForm::UntilClose || plan.deed == Deed::Raw;
  const bool is_request_complete = attempt_->is_request_complete;
  if (ends) peer_.shutdown();
  // Early: the rest of the request belongs to this attempt still, and is read until the proxy ends
  // the connection.
  if (is_request_complete && !ends) attempt_ = nullptr;
  if (attempt_ == nullptr) entry_ = nullptr;
  idle_since_ = now();
}

void OriginConnection::see_end() {
  has_seen_end_ = true;
  if (is_tunnel_) {
    attempt_->has_tunnel_ended = peer_.is_ended();
    if (peer_.is_ended() && !outbox_.empty()) return;    // half-close: this direction goes on
    if (peer_.is_ended() && !peer_.has_ended()) return;  // can_end_tunnel() is next
    return peer_.close();
  }
  if (attempt_ != nullptr && !attempt_->is_answer_complete) attempt_->was_cut_off = true;
  peer_.close();
}

}  // namespace sluice::sim
