#include "sim/wire_rig.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::sim {

using core::limits::kLowWatermark;

// ================ Wire ================

void Wire::read(net::ReadMode mode, std::size_t limit) {
  ENSURE(!is_closed_, "read() after close()");
  mode_ = mode;
  limit_ = limit;
}

std::string_view Wire::read_more(std::size_t limit) {
  if (!std::exchange(may_give_more_, false) || inbox_.empty() || is_closed_) return {};
  const std::size_t size = std::min(limit, inbox_.size());
  given_.push_back(std::make_unique<char[]>(size));
  std::memcpy(given_.back().get(), inbox_.data(), size);
  read_so_far_.append(inbox_, 0, size);
  inbox_.erase(0, size);
  return {given_.back().get(), size};
}

void Wire::write(std::span<const std::string_view> parts) {
  ENSURE(!is_closed_, "write() after close()");
  if (is_shutting_ || is_dead_ || has_peer_broken_off_) return;
  for (const std::string_view part : parts) {
    (takes_bytes_ && waiting_.empty() ? sent_ : waiting_) += part;
    written_ += part;
  }
}

void Wire::shutdown_write() {
  is_shutting_ = true;
  has_fin_ = waiting_.empty();
}

void Wire::close() {
  if (is_closed_) return;
  is_closed_ = true;
  has_fin_ = has_fin_ || waiting_.empty();
  is_reset_ = is_reset_ || !has_fin_;
  waiting_.clear();
}

void Wire::reset() {
  if (is_closed_) return;
  is_closed_ = is_reset_ = true;
  waiting_.clear();
}

void Wire::break_off() {
  has_peer_broken_off_ = true;
  inbox_.clear();
  waiting_.clear();
}

bool Wire::can_tell_end() const {
  if (!has_peer_ended_ || has_told_end_) return false;
  return mode_ == net::ReadMode::WatchClose || (mode_ == net::ReadMode::On && inbox_.empty());
}

bool Wire::is_ready() const {
  if (is_closed_ || is_dead_ || events_ == nullptr) return false;
  if (has_peer_broken_off_) return mode_ != net::ReadMode::Off;
  return can_flush() || can_tell_end() || (mode_ == net::ReadMode::On && !inbox_.empty());
}

void Wire::step() {
  if (has_peer_broken_off_) {
    is_dead_ = true;
    return events_->on_error(net::TransportError::Reset);
  }
  if (can_flush()) return flush();
  if (mode_ == net::ReadMode::On && !inbox_.empty()) return deliver();
  has_told_end_ = true;
  events_->on_eof();
}

void Wire::deliver() {
  const std::size_t size = std::min(limit_, inbox_.size());
  may_give_more_ = true;
  const std::string_view piece = read_more(size);
  may_give_more_ = size == limit_;
  events_->on_read(piece);
  may_give_more_ = false;
  given_.clear();
}

void Wire::flush() {
  const std::size_t before = waiting_.size();
  // A part at a time, as a socket buffer has room for.
  const std::size_t taken = std::min<std::size_t>(before, kLowWatermark);
  sent_.append(waiting_, 0, taken);
  waiting_.erase(0, taken);
  has_fin_ = has_fin_ || (is_shutting_ && waiting_.empty());
  const bool fell_low = before > kLowWatermark && waiting_.size() <= kLowWatermark;
  if (waiting_.empty() || fell_low) events_->on_drained();
}

// ================ WireRig ================

WireRig::WireRig(const ServiceOptions& options)
    : control_(1, options),
      loop_(clock_, 1, [] {}),
      log_(1U << 20U, 4096),
      worker_(
          loop_, *this, control_.publication(),
          [this](std::shared_ptr<const model::Snapshot> snapshot) {
            control_.take_back(std::move(snapshot));
          },
          proxy::WorkerOptions{.number = 0, .services = 1, .overload = &overload_, .log = &log_}) {
  worker_.set_acceptor(*this);
}

WireRig::~WireRig() {
  give_up();
}

Wire& WireRig::add_wire() {
  return wires_.emplace_back();
}

Wire& WireRig::connect_client() {
  Wire& wire = add_wire();
  loop_.begin_turn();
  worker_.on_accept(wire, {.ip = core::IpAddress::v4({192, 0, 2, 7}), .port = 40'000}, 0);
  loop_.end_turn();
  return wire;
}

net::PendingConnect* WireRig::connect(const core::SocketAddress&, core::Nanos,
                                      net::ConnectEvents& events) {
  Attempt& attempt = attempts_.emplace_back();
  attempt.events = &events;
  return &attempt;
}

/// Within a turn: the oldest attempt that was not cancelled ends.
bool WireRig::step_connects() {
  while (attempts_done_ < attempts_.size()) {
    net::ConnectEvents* const events = std::exchange(attempts_[attempts_done_++].events, nullptr);
    if (events == nullptr) continue;
    if (refuses_) {
      events->on_connect_failed(net::ConnectError::Refused);
    } else {
      endpoints_.push_back(&add_wire());
      events->on_connected(*endpoints_.back());
    }
    return true;
  }
  return false;
}

bool WireRig::step() {
  loop_.begin_turn();
  bool has_happened = step_connects();
  for (std::size_t i = 0; i < wires_.size() && !has_happened; ++i) {
    Wire& wire = wires_[next_++ % wires_.size()];
    if (!wire.is_ready()) continue;
    wire.step();
    has_happened = true;
  }
  loop_.end_turn();
  return has_happened;
}

void WireRig::step_together(std::initializer_list<Wire*> wires) {
  loop_.begin_turn();
  for (Wire* const wire : wires) {
    if (wire->is_ready()) wire->step();
  }
  loop_.end_turn();
}

void WireRig::step_crowded(Wire& wire) {
  loop_.set_crowded(true);
  step_together({&wire});
  loop_.set_crowded(false);
}

void WireRig::advance(core::Nanos time) {
  clock_.advance(time);
  loop_.begin_turn();
  loop_.end_turn();
}

void WireRig::give_up() {
  for (int turn = 0; turn < 2; ++turn) {
    loop_.begin_turn();
    worker_.give_up_all();
    loop_.end_turn();
  }
}

std::vector<std::string> WireRig::take_log() {
  std::vector<std::string> lines;
  const proxy::LogQueue::Waiting waiting = log_.peek();
  for (std::string_view text : {waiting.first, waiting.second}) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      lines.emplace_back(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
  }
  log_.consume(waiting);
  return lines;
}

}  // namespace sluice::sim
