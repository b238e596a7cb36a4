#pragma once
#include <memory>

#include "net/connector.hpp"
#include "sim/sim_transport.hpp"

namespace sluice::sim {

/// How an attempt to connect ends.
struct ConnectFate {
  enum class Kind : std::uint8_t { Accept, Refuse, Unreachable, LocalResources, NoAnswer };
  Kind kind = Kind::Accept;
  core::Nanos delay{0};
};

/// What lies behind the endpoints' addresses.
class Network {
 public:
  virtual ConnectFate decide(const core::SocketAddress& address) = 0;
  /// The proxy's end of a fresh connection to `address`; the other end is the network's own.
  virtual std::shared_ptr<Link> establish(const core::SocketAddress& address) = 0;

 protected:
  ~Network() = default;
};

/// net::Connector of one worker. An attempt ends by its fate, or by the timeout, which runs on the
/// loop's own wheel.
class SimConnector final : public net::Connector {
 public:
  SimConnector(SimNode& node, Network& network) : node_(node), network_(network) {}
  net::PendingConnect* connect(const core::SocketAddress& address, core::Nanos timeout,
                               net::ConnectEvents& events) override;

 private:
  SimNode& node_;
  Network& network_;
};

}  // namespace sluice::sim
