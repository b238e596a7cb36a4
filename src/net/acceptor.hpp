#pragma once
#include <cstdint>
#include <optional>

#include "net/transport.hpp"
#include "sluice/core/address.hpp"

namespace sluice::net {

/// The other end of an accepted connection. No address: a Unix-socket peer.
struct Peer {
  std::optional<core::IpAddress> ip;
  std::uint16_t port = 0;
};

class AcceptEvents {
 public:
  /// `transport` is paused; the receiver owns its use. `listener` is the position in the
  /// configuration.
  virtual void on_accept(Transport& transport, const Peer& peer, std::size_t listener) = 0;

 protected:
  ~AcceptEvents() = default;
};

/// All listening sockets of one worker. Loop thread only.
class Acceptor {
 public:
  /// At the connection limit: connections wait in the kernel's queue. Idempotent, both.
  virtual void pause() = 0;
  virtual void resume() = 0;
  /// Accepts until the queues are empty (closing a SO_REUSEPORT socket would reset what waits in
  /// it), then closes.
  virtual void stop() = 0;

 protected:
  ~Acceptor() = default;
};

}  // namespace sluice::net
