#include "sim/sim_transport.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::sim {

using core::limits::kLowWatermark;
using core::limits::kReadBufferSize;

SimTransport::SimTransport(SimNode& node, std::shared_ptr<Link> link, DeliveryWatch* watch)
    : node_(node),
      number_(node.transports_made++),
      link_(std::move(link)),
      watch_(watch),
      queue_(node.loop.chunks()) {
  ++node_.transports;
  node_.scheduler.add(*this);
}

SimTransport::~SimTransport() {
  node_.scheduler.remove(*this);
  --node_.transports;
}

void SimTransport::expect_open(const char* call) {
  if (life_ == Life::Closed) node_.misuse = std::string(call) + "() after close()";
}

void SimTransport::trace(std::string_view what, std::string_view bytes) const {
  if (!node_.scheduler.has_trace()) return;
  std::string text = (watch_ != nullptr ? "client   " : "endpoint ") +
                     std::to_string(node_.worker) + "#" + std::to_string(number_) + " " +
                     std::string(what);
  if (!bytes.empty())
    text += " " + std::to_string(bytes.size()) + " '" +
            std::string(bytes.substr(0, bytes.find('\r')).substr(0, 60)) + "'";
  node_.scheduler.trace(text + " queued " + std::to_string(queue_.size()));
}

// ---- calls

void SimTransport::read(net::ReadMode mode, std::size_t limit) {
  expect_open("read");
  if (mode != mode_)
    trace(mode == net::ReadMode::On    ? "read on"
          : mode == net::ReadMode::Off ? "read off"
                                       : "watch close");
  if (limit == 0 || limit > kReadBufferSize) node_.misuse = "a read limit out of range";
  if (events_ == nullptr && mode != net::ReadMode::Off) node_.misuse = "reading without a receiver";
  mode_ = mode;
  limit_ = limit;
}

void SimTransport::write(std::span<const std::string_view> parts) {
  expect_open("write");
  for (const std::string_view part : parts) trace("write", part);
  if (life_ != Life::Live || write_side_ != WriteSide::Open) return;
  if (link_->has_peer_reset) return fail_write();
  for (std::string_view part : parts) {
    if (queue_.empty()) part.remove_prefix(link_->to_peer.put(part));
    queue_.append(part);
  }
  node_.queued_most = std::max(node_.queued_most, queue_.size());
}

void SimTransport::shutdown_write() {
  expect_open("shutdown_write");
  trace("shutdown");
  if (life_ != Life::Live || write_side_ != WriteSide::Open) return;
  write_side_ = WriteSide::Ending;
  if (!queue_.empty()) return;
  write_side_ = WriteSide::Ended;
  link_->send_fin(node_.scheduler.now());
}

/// As Linux does: unread input makes it a RST, and then what was still on its way to the peer may
/// be lost.
void SimTransport::close() {
  if (life_ == Life::Closed) return;
  trace("close");
  const bool has_unread = !link_->to_proxy.unread().empty();
  if (has_unread && !link_->is_peer_closed) {
    link_->reset_by_proxy(link_->rst_for_input(node_.scheduler.now()), node_.scheduler.rng());
  } else {
    // Queued bytes are dropped: after them a FIN would be a lie, but that is what the kernel sends.
    link_->send_fin(node_.scheduler.now());
  }
  end();
}

void SimTransport::reset() {
  if (life_ == Life::Closed) return;
  trace("reset");
  link_->reset_by_proxy(Link::Rst::OnPurpose, node_.scheduler.rng());
  end();
}

void SimTransport::end() {
  life_ = Life::Closed;
  link_->is_proxy_closed = true;
  queue_.clear();
  events_ = nullptr;
  node_.loop.retire(*this);
}

void SimTransport::fail_write() {
  write_side_ = WriteSide::Failed;
  queue_.clear();
}

bool SimTransport::has_input() const {
  return !link_->to_proxy.unread().empty() || link_->to_proxy.has_fin || link_->has_peer_reset;
}

// ---- events

bool SimTransport::can_read() const {
  if (mode_ != net::ReadMode::On || read_side_ == ReadSide::EndRead) return false;
  return !link_->to_proxy.unread().empty() || link_->to_proxy.has_fin || link_->has_peer_reset;
}

bool SimTransport::can_notice_leaving() const {
  if (mode_ != net::ReadMode::WatchClose) return false;
  return link_->has_peer_reset || (read_side_ == ReadSide::Open && link_->to_proxy.has_fin);
}

bool SimTransport::can_write() const {
  return !queue_.empty() && (link_->has_peer_reset || link_->to_peer.room() > 0);
}

bool SimTransport::is_ready() const {
  if (life_ != Life::Live) return false;
  return can_read() || can_notice_leaving() || can_write() || write_side_ == WriteSide::Failed;
}

void SimTransport::step() {
  if (events_ == nullptr) {
    node_.misuse = "a transport without a receiver";
    return die();
  }
  const bool writes_first = node_.scheduler.rng().below(2) == 0;
  if (writes_first && can_write()) return flush();
  if (can_notice_leaving()) return notice_leaving();
  if (can_read()) return receive();
  if (can_write()) return flush();
  die();  // a write has failed, and what the peer sent before is read or not wanted
}

void SimTransport::receive() {
  const std::string_view unread = link_->to_proxy.unread();
  if (unread.empty()) {
    // A FIN that came before the RST ended the stream properly (Linux: SOCK_DONE comes before
    // sk_err).
    if (!link_->to_proxy.has_fin) return die();
    const bool is_news = read_side_ == ReadSide::Open;
    read_side_ = ReadSide::EndRead;
    trace("-> eof");
    if (is_news) events_->on_eof();
    return;
  }
  core::Rng& rng = node_.scheduler.rng();
  std::size_t count = std::min(limit_, unread.size());
  switch (rng.below(8)) {
    case 0:
      count = 1;
      break;
    case 1:
      count = 1 + rng.below(static_cast<std::uint32_t>(count));
      break;
    default:
      break;
  }
  // Copies: the views must not outlive the call, and a use of them afterwards shall be seen by the
  // sanitizer.
  given_.push_back(take(count));
  may_give_more_ = count == limit_;
  trace("-> read", given_.back());
  events_->on_read(given_.back());
  may_give_more_ = false;
  given_.clear();
}

std::string SimTransport::take(std::size_t count) {
  std::string bytes(link_->to_proxy.unread().substr(0, count));
  link_->to_proxy.consume(count);
  delivered_ += count;
  if (link_->fin_at) link_->read_after_fin += count;
  if (delivered_ == link_->surplus.offset) *link_->surplus.came_alone = true;
  if (watch_ != nullptr) watch_->on_delivery(delivered_);
  return bytes;
}

std::string_view SimTransport::read_more(std::size_t limit) {
  expect_open("read_more");
  const std::size_t there = link_->to_proxy.unread().size();
  if (!std::exchange(may_give_more_, false) || there == 0 || life_ != Life::Live) return {};
  given_.push_back(
      take(1 + node_.scheduler.rng().below(static_cast<std::uint32_t>(std::min(limit, there)))));
  trace("-> more", given_.back());
  return given_.back();
}

void SimTransport::notice_leaving() {
  if (link_->has_peer_reset) return die();
  read_side_ = ReadSide::EndTold;
  trace("-> eof told");
  events_->on_eof();
}

void SimTransport::flush() {
  if (link_->has_peer_reset) return fail_write();
  const std::size_t before = queue_.size();
  std::array<std::string_view, 16> parts;
  const std::size_t filled = queue_.front(parts);
  std::size_t taken = 0;
  for (std::size_t i = 0; i < filled; ++i) {
    const std::size_t count = link_->to_peer.put(parts[i]);
    taken += count;
    if (count < parts[i].size()) break;
  }
  queue_.consume(taken);
  const std::size_t after = queue_.size();
  if (after == 0 && write_side_ == WriteSide::Ending) {
    write_side_ = WriteSide::Ended;
    link_->send_fin(node_.scheduler.now());
  }
  const bool fell_low = before > kLowWatermark && after <= kLowWatermark;
  trace("-> flushed");
  if (after == 0 || fell_low) events_->on_drained();
}

void SimTransport::die() {
  life_ = Life::Dead;
  trace("-> error");
  queue_.clear();
  if (events_ != nullptr) events_->on_error(net::TransportError::Reset);
}

}  // namespace sluice::sim
