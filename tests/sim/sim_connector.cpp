#include "sim/sim_connector.hpp"

namespace sluice::sim {

namespace {

/// Frees itself through the reaper after its event or cancel().
class Attempt final : public net::PendingConnect, public net::Reapable, public Actor {
 public:
  Attempt(SimNode& node, Network& network, const core::SocketAddress& address,
          net::ConnectEvents& events)
      : node_(node),
        network_(network),
        address_(address),
        events_(events),
        fate_(network.decide(address)),
        due_(node.scheduler.now() + fate_.delay) {
    node_.scheduler.add(*this);
  }

  void start(core::Nanos timeout) { node_.loop.timers().arm(timer_, node_.loop.now() + timeout); }

  void cancel() override {
    if (is_over_) node_.misuse = "cancel() after the event of a connect";
    end();
  }
  void reap() override { delete this; }

  bool is_ready() const override {
    return !is_over_ && fate_.kind != ConnectFate::Kind::NoAnswer && node_.scheduler.now() >= due_;
  }
  std::optional<core::Instant> wakes_at() const override {
    if (is_over_ || fate_.kind == ConnectFate::Kind::NoAnswer) return std::nullopt;
    return due_;
  }
  net::Loop* loop() const override { return &node_.loop; }

  void step() override {
    end();
    switch (fate_.kind) {
      case ConnectFate::Kind::Accept:
        return events_.on_connected(
            *new SimTransport(node_, network_.establish(address_), nullptr));
      case ConnectFate::Kind::Refuse:
        return events_.on_connect_failed(net::ConnectError::Refused);
      case ConnectFate::Kind::Unreachable:
        return events_.on_connect_failed(net::ConnectError::Unreachable);
      case ConnectFate::Kind::LocalResources:
        return events_.on_connect_failed(net::ConnectError::LocalResources);
      case ConnectFate::Kind::NoAnswer:
        break;
    }
    core::unreachable();
  }

 private:
  ~Attempt() { node_.scheduler.remove(*this); }

  void on_timeout() {
    end();
    events_.on_connect_failed(net::ConnectError::TimedOut);
  }

  void end() {
    is_over_ = true;
    node_.loop.timers().disarm(timer_);
    node_.loop.retire(*this);
  }

  SimNode& node_;
  Network& network_;
  const core::SocketAddress&
      address_;  // borrowed on purpose: the contract says that it outlives the attempt
  net::ConnectEvents& events_;
  const ConnectFate fate_;
  const core::Instant due_;
  bool is_over_ = false;
  net::MemberTimer<Attempt, &Attempt::on_timeout> timer_{*this};
};

}  // namespace

net::PendingConnect* SimConnector::connect(const core::SocketAddress& address, core::Nanos timeout,
                                           net::ConnectEvents& events) {
  auto* attempt = new Attempt(node_, network_, address, events);  // frees itself
  attempt->start(timeout);
  return attempt;
}

}  // namespace sluice::sim
