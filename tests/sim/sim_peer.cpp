#include "sim/sim_peer.hpp"

namespace sluice::sim {

SimPeer::SimPeer(Scheduler& scheduler, std::shared_ptr<Link> link, std::string name)
    : scheduler_(scheduler), link_(std::move(link)), name_(std::move(name)) {
  scheduler_.add(*this);
}

void SimPeer::trace(const char* what, std::size_t bytes) const {
  if (!scheduler_.has_trace()) return;
  const std::size_t unread = link_->to_peer.unread().size();
  scheduler_.trace(name_ + " " + what + " " + std::to_string(bytes) + " unread " +
                   std::to_string(unread));
}

std::size_t SimPeer::send(std::string_view bytes) {
  if (!can_send() || bytes.empty()) return 0;
  trace("sends", bytes.size());
  if (link_->is_proxy_closed) {
    // The proxy's kernel answers with a RST, which also overtakes what it had not sent yet.
    link_->reset_by_proxy(link_->rst_for_input(scheduler_.now()), scheduler_.rng());
    return bytes.size();
  }
  const std::size_t taken = link_->to_proxy.put(bytes);
  sent_ += taken;
  return taken;
}

std::string SimPeer::receive(std::size_t most) {
  std::string bytes(link_->to_peer.unread().substr(0, most));
  trace("reads", bytes.size());
  link_->to_peer.consume(bytes.size());
  return bytes;
}

void SimPeer::shutdown() {
  if (!is_open_ || has_ended_) return;
  trace("shuts down", 0);
  has_ended_ = true;
  link_->to_proxy.has_fin = true;
}

void SimPeer::close() {
  if (!is_open_) return;
  if (!link_->to_peer.unread().empty()) return reset();
  trace("closes", 0);
  link_->to_proxy.has_fin = true;
  is_open_ = false;
  link_->is_peer_closed = true;
}

void SimPeer::reset() {
  if (!is_open_) return;
  trace("resets", 0);
  is_open_ = false;
  link_->is_peer_closed = true;
  link_->has_peer_reset = true;
  if (!link_->to_proxy.has_fin) link_->to_proxy.keep_some(scheduler_.rng());
  link_->to_peer.keep_first(0);
}

bool SimPeer::is_ready() const {
  return link_->is_peer_closed && !link_->has_peer_reset && !link_->to_peer.unread().empty() &&
         !link_->is_proxy_closed;
}

void SimPeer::step() {
  link_->has_peer_reset = true;
  link_->to_peer.keep_first(0);
}

}  // namespace sluice::sim
