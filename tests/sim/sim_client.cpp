#include "sim/sim_client.hpp"

namespace sluice::sim {

using Fault = ClientPlan::Fault;

SimClient::SimClient(Surroundings around, ClientPlan plan)
    : around_(std::move(around)),
      plan_(std::move(plan)),
      starts_at_(around_.scheduler.now() + plan_.starts_after) {
  around_.scheduler.add(*this);
}

std::string SimClient::describe() const {
  std::string text = "client with requests";
  for (const unsigned number : plan_.requests) text += " " + std::to_string(number);
  text += ": begun " + std::to_string(begun_.size()) + ", answered " + std::to_string(answered_) +
          ", sent " + std::to_string(sent_) + ", waiting to be sent " +
          std::to_string(outbox_.size()) + ", received " + std::to_string(received_) + ", state " +
          std::to_string(static_cast<int>(state_));
  if (!reader_.error.empty()) text += ", error " + reader_.error;
  return text;
}

// ---- what can happen

bool SimClient::can_write() const {
  return peer_ && !outbox_.empty() && is_writing_ && now() >= write_at_ && peer_->can_send();
}
bool SimClient::can_read() const {
  return peer_ && is_reading_ && now() >= read_at_ && peer_->can_receive();
}
bool SimClient::can_see_end() const {
  if (!peer_ || !peer_->is_open()) return false;
  // Behind the FIN of a tunnel a RST may come; and who writes no more gives up when nobody is
  // there.
  if (has_seen_end_) return peer_->is_reset() || (!is_writing_ && peer_->is_abandoned());
  // Who never reads learns of the end by its next call on the socket, whatever is unread.
  if (!is_reading_) return peer_->is_reset() || peer_->is_abandoned();
  return peer_->is_ended() || peer_->is_broken();
}

bool SimClient::can_begin() const {
  const bool has_said_last =
      !begun_.empty() && entry(begun_.back().number).plan.is_last_of_its_client();
  return !has_said_last && state_ == State::Talking && !is_last_ && !awaits_continue_ &&
         begun_.size() < plan_.requests.size() && begun_.size() - answered_ < plan_.pipelined &&
         now() >= begin_at_ && !peer_->has_ended();
}

bool SimClient::can_give_up_waiting() const {
  return awaits_continue_ && now() >= awaits_until_;
}

/// All is answered, or all of a tunnel is sent: the client's own end.
bool SimClient::can_end() const {
  if (state_ == State::Tunnel) {
    const bool wants_end = plan_.at_end != ClientPlan::AtEnd::Stay || has_seen_end_;
    return wants_end && outbox_.empty() && is_writing_ && !peer_->has_ended();
  }
  return state_ == State::Talking && answered_ == plan_.requests.size() && outbox_.empty() &&
         plan_.at_end != ClientPlan::AtEnd::Stay && !peer_->has_ended();
}

bool SimClient::is_ready() const {
  switch (state_) {
    case State::Waiting:
      return now() >= starts_at_;
    case State::Finished:
      return false;
    case State::Talking:
    case State::Tunnel:
    case State::Ending:
      break;
  }
  return can_write() || can_read() || can_see_end() || can_begin() || can_give_up_waiting() ||
         can_end();
}

std::optional<core::Instant> SimClient::wakes_at() const {
  std::optional<core::Instant> next;
  const auto consider = [&](core::Instant when) {
    if (when > now() && (!next || when < *next)) next = when;
  };
  if (state_ == State::Finished) return next;
  if (state_ == State::Waiting) return starts_at_;
  if (!outbox_.empty()) consider(write_at_);
  if (peer_->can_receive()) consider(read_at_);
  if (begun_.size() < plan_.requests.size()) consider(begin_at_);
  if (awaits_continue_) consider(awaits_until_);
  return next;
}

void SimClient::step() {
  if (state_ == State::Waiting) return start();
  const bool reads_first = around_.scheduler.rng().below(2) == 0;
  if (reads_first && can_read()) return read_some();
  if (can_write()) return write_some();
  if (can_read()) return read_some();
  if (can_begin()) return begin_next();
  if (can_give_up_waiting()) return send_awaited_body();
  if (can_see_end()) return see_end();
  end_well();
}

// ---- sending

void SimClient::start() {
  const auto link = around_.connect(*this);
  if (!link) {
    was_refused_ = true;
    return finish();
  }
  const std::string first =
      plan_.requests.empty() ? "nothing" : "/r/" + std::to_string(plan_.requests.front());
  peer_ = std::make_unique<SimPeer>(around_.scheduler, link, "client of " + first);
  state_ = State::Talking;
}

void SimClient::begin_next() {
  const unsigned number = plan_.requests[begun_.size()];
  Entry& e = entry(number);
  const std::size_t from = sent_ + outbox_.size();
  const std::string head = compose_request_head(e.plan);
  const std::string body = compose_request_body(e.plan);
  reader_.expect(e.plan.method);
  begun_.push_back({number, from + head.size(), from + head.size() + body.size()});
  outbox_ += head;
  if (e.plan.expects) {
    awaits_continue_ = number;
    awaits_until_ = now() + std::chrono::seconds(3);
  } else {
    outbox_ += body;
  }
}

void SimClient::send_awaited_body() {
  outbox_ += compose_request_body(entry(*awaits_continue_).plan);
  awaits_continue_.reset();
}

void SimClient::write_some() {
  const std::size_t until_fault =
      plan_.fault_after_sent > sent_ ? plan_.fault_after_sent - sent_ : SIZE_MAX;
  const std::size_t most = std::min({plan_.most_written, outbox_.size(), until_fault});
  const std::size_t from = sent_;
  const std::size_t taken = peer_->send(std::string_view(outbox_).substr(0, most));
  outbox_.erase(0, taken);
  sent_ += taken;
  if (state_ == State::Tunnel) entry(begun_.back().number).outcome.tunnel_sent += taken;
  write_at_ = now() + plan_.write_pause;
  for (const Begun& begun : begun_) {
    Outcome& outcome = entry(begun.number).outcome;
    const std::size_t begin = &begun == &begun_.front() ? 0 : (&begun - 1)->end;
    if (from <= begin && sent_ > begin && !outcome.is_begun) {
      outcome.is_begun = true;
      outcome.generation_begun = around_.active_generation();
    }
    if (sent_ >= begun.end) outcome.is_sent_whole = true;
  }
  if (sent_ >= plan_.fault_after_sent) commit_fault();
}

void SimClient::on_delivery(std::size_t total) {
  for (std::size_t i = 0; i < begun_.size(); ++i) {
    Begun& begun = begun_[i];
    if (begun.is_delivered || begun.head_end > total) continue;
    begun.is_delivered = true;
    Outcome& outcome = entry(begun.number).outcome;
    outcome.is_delivered = true;
    outcome.was_alone = i == answered_;
    outcome.generation_delivered = around_.active_generation();
  }
}

// ---- receiving

void SimClient::read_some() {
  const std::string bytes = peer_->receive(plan_.most_read);
  received_ += bytes.size();
  read_at_ = now() + plan_.read_pause;
  reader_.feed(bytes);
  take_answers();
  if (received_ >= plan_.fault_after_received && state_ != State::Finished) commit_fault();
}

void SimClient::take_answers() {
  if (!reader_.error.empty())
    around_.ledger.complaints.push_back("a client received " + reader_.error);
  if (state_ == State::Tunnel) {
    Entry& e = entry(begun_.back().number);
    e.outcome.tunnel_received = reader_.raw;
    return;
  }
  if (answered_ < begun_.size()) {
    Outcome& outcome = entry(begun_[answered_].number).outcome;
    if ((reader_.current() != nullptr || !reader_.done.empty()) &&
        outcome.generation_answered == 0) {
      outcome.generation_answered = around_.active_generation();
    }
  }
  while (!reader_.done.empty()) {
    Message message = std::move(reader_.done.front());
    reader_.done.pop_front();
    const unsigned number = begun_[answered_].number;
    if (message.status() >= 200 || message.status() == 101) {
      take_final(std::move(message));
      continue;
    }
    ++entry(number).outcome.informational;
    if (message.status() == 100 && awaits_continue_ == number) send_awaited_body();
  }
}

void SimClient::take_final(Message answer) {
  const unsigned number = begun_[answered_++].number;
  Entry& e = entry(number);
  if (e.outcome.generation_answered == 0)
    e.outcome.generation_answered = around_.active_generation();
  const bool is_switch = answer.status() == 101;
  const auto connection = answer.field("Connection");
  const bool stays = e.plan.is_1_0 ? connection == "keep-alive" : connection != "close";
  e.outcome.answer = std::move(answer);
  begin_at_ = now() + plan_.think;
  if (is_switch) {
    state_ = State::Tunnel;
    reader_.go_raw();
    e.outcome.tunnel_received = reader_.raw;
    if (!peer_->has_ended()) outbox_ += bytes_of(Side::Client, number, e.plan.tunnel_up);
    return;
  }
  if (awaits_continue_ == number) {
    awaits_continue_.reset();  // the body is not wanted, so the connection can't be used again
    is_last_ = true;
  }
  if (stays) return;
  is_last_ = true;
  if (!plan_.sends_on_after_final) outbox_.clear();
}

void SimClient::see_end() {
  has_seen_end_ = true;
  was_broken_ = peer_->is_reset();
  // Who never reads knows that the connection is over, but has not seen a FIN: it comes behind what
  // is unread.
  const bool has_read_fin = peer_->is_ended();
  if (was_broken_) note_lost_answers();
  if (has_read_fin) {
    reader_.end();
    take_answers();
  }
  if (state_ == State::Tunnel) {
    if (has_read_fin) entry(begun_.back().number).outcome.has_tunnel_ended = true;
    if (has_read_fin && !outbox_.empty() && is_writing_)
      return;  // half-close: this direction goes on
  } else if (const Message* partial = reader_.current();
             partial != nullptr && answered_ < begun_.size()) {
    entry(begun_[answered_].number).outcome.partial = *partial;
  }
  finish();
}

/// Answers that were complete with what the RST has taken along of the bytes that had left the
/// proxy.
void SimClient::note_lost_answers() {
  StrictReader reader = reader_;
  reader.feed(peer_->lost());
  if (peer_->rst() == Link::Rst::Lingered) reader.end();  // the FIN was lost as well
  std::size_t number = answered_;
  for (const Message& message : reader.done) {
    if (message.status() < 200 || number >= begun_.size()) continue;
    entry(begun_[number++].number).outcome.lost_by = peer_->rst();
  }
}

// ---- ends

void SimClient::end_well() {
  if (state_ == State::Tunnel) {
    peer_->shutdown();
    if (has_seen_end_) finish();
    return;
  }
  if (plan_.at_end == ClientPlan::AtEnd::Close) return finish();
  peer_->shutdown();
  state_ = State::Ending;
}

void SimClient::commit_fault() {
  plan_.fault_after_sent = plan_.fault_after_received = SIZE_MAX;
  finish_with(plan_.fault);
}

void SimClient::finish_with(Fault fault) {
  switch (fault) {
    case Fault::None:
      return;
    case Fault::StopSending:
      is_writing_ = false;
      return;
    case Fault::StopReading:
      is_reading_ = false;
      return;
    case Fault::Close:
    case Fault::Reset:
    case Fault::HalfClose:
      break;
  }
  if (!peer_ || !peer_->is_open()) return;
  has_left_ = true;
  for (std::size_t i = answered_; i < begun_.size(); ++i)
    entry(begun_[i].number).outcome.has_client_left = true;
  if (state_ == State::Tunnel) entry(begun_.back().number).outcome.has_client_left = true;
  if (fault == Fault::HalfClose) {
    outbox_.clear();
    peer_->shutdown();
    if (state_ == State::Talking) state_ = State::Ending;
    if (has_seen_end_) finish();  // of a tunnel: both directions have ended now
    return;
  }
  if (const Message* partial = reader_.current(); partial != nullptr && answered_ < begun_.size()) {
    entry(begun_[answered_].number).outcome.partial = *partial;
  }
  if (fault == Fault::Reset) peer_->reset();
  finish();
}

void SimClient::finish() {
  state_ = State::Finished;
  outbox_.clear();
  if (peer_) peer_->close();
}

}  // namespace sluice::sim
