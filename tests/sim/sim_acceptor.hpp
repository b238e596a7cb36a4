#pragma once
#include <deque>
#include <memory>

#include "net/acceptor.hpp"
#include "sim/sim_transport.hpp"

namespace sluice::sim {

/// The listening socket of one worker, with its queue.
class SimAcceptor final : public net::Acceptor, public Actor {
 public:
  struct Waiting {
    std::shared_ptr<Link> link;
    net::Peer peer;
    DeliveryWatch* watch = nullptr;
  };

  SimAcceptor(SimNode& node, net::AcceptEvents& events) : node_(node), events_(events) {
    node_.scheduler.add(*this);
  }
  SimAcceptor(const SimAcceptor&) = delete;
  SimAcceptor& operator=(const SimAcceptor&) = delete;
  ~SimAcceptor() { node_.scheduler.remove(*this); }

  /// A client's connect. False: refused, nobody listens.
  bool offer(Waiting waiting) {
    if (is_stopped_) return false;
    queue_.push_back(std::move(waiting));
    return true;
  }
  bool is_paused() const { return is_paused_; }
  bool has_waiting() const { return !queue_.empty(); }

  void pause() override { is_paused_ = true; }
  void resume() override { is_paused_ = false; }
  void stop() override {
    while (!queue_.empty()) accept_one();
    is_stopped_ = true;
  }

  bool is_ready() const override { return !is_paused_ && !queue_.empty(); }
  void step() override { accept_one(); }
  net::Loop* loop() const override { return &node_.loop; }

 private:
  void accept_one() {
    Waiting next = std::move(queue_.front());
    queue_.pop_front();
    events_.on_accept(*new SimTransport(node_, std::move(next.link), next.watch), next.peer, 0);
  }

  SimNode& node_;
  net::AcceptEvents& events_;
  std::deque<Waiting> queue_;
  bool is_paused_ = false;
  bool is_stopped_ = false;
};

}  // namespace sluice::sim
