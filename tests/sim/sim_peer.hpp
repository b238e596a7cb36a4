#pragma once
#include <memory>
#include <string>

#include "sim/scheduler.hpp"
#include "sim/sim_link.hpp"

namespace sluice::sim {

/// The other end of a Link, as a socket that a scripted client or origin uses. Its kernel answers
/// with a RST what comes after close(), and that may come at any later moment: so it is an actor of
/// its own.
class SimPeer final : public Actor {
 public:
  /// `name` is for the trace.
  SimPeer(Scheduler& scheduler, std::shared_ptr<Link> link, std::string name);
  SimPeer(const SimPeer&) = delete;
  SimPeer& operator=(const SimPeer&) = delete;
  ~SimPeer() { scheduler_.remove(*this); }

  /// How many bytes were taken.
  std::size_t send(std::string_view bytes);
  bool can_send() const {
    return is_open_ && !has_ended_ && !is_reset() && link_->to_proxy.room() > 0;
  }
  /// Up to `most`.
  std::string receive(std::size_t most);
  bool can_receive() const { return is_open_ && !link_->to_peer.unread().empty(); }
  /// Everything was read and the proxy has ended its direction properly.
  bool is_ended() const {
    return link_->to_peer.unread().empty() && link_->to_peer.has_fin && !link_->has_proxy_reset;
  }
  /// Everything that arrived was read and the proxy has reset the connection.
  bool is_broken() const { return link_->to_peer.unread().empty() && link_->has_proxy_reset; }
  bool is_reset() const { return link_->has_proxy_reset; }
  /// Of a connection that is_reset().
  Link::Rst rst() const { return link_->rst; }
  const std::string& lost() const { return link_->lost; }
  /// Behind `bytes` more that will be sent.
  void mark_surplus(std::size_t bytes, bool& came_alone) {
    link_->surplus = {sent_ + bytes, &came_alone};
  }
  bool is_open() const { return is_open_; }
  /// A FIN, a close or a RST was sent.
  bool has_ended() const { return has_ended_ || !is_open_; }
  void shutdown();
  void close();
  /// A RST; some of what was sent before may not arrive any more.
  void reset();
  /// The proxy closed its descriptor.
  bool is_abandoned() const { return link_->is_proxy_closed; }

  bool is_ready() const override;
  void step() override;

 private:
  void trace(const char* what, std::size_t bytes) const;

  Scheduler& scheduler_;
  std::shared_ptr<Link> link_;
  const std::string name_;
  bool is_open_ = true;
  bool has_ended_ = false;
  std::size_t sent_ = 0;
};

}  // namespace sluice::sim
