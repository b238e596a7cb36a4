#pragma once
#include <cstdint>
#include <string_view>

#include "net/transport.hpp"
#include "sluice/core/address.hpp"
#include "sluice/core/clock.hpp"

namespace sluice::net {

enum class ConnectError : std::uint8_t {
  Refused,
  TimedOut,
  Unreachable,
  LocalResources,  // EADDRNOTAVAIL, EMFILE, ENOBUFS...: ours, not charged to the endpoint
                   // (behaviour.md §4)
};
std::string_view text(ConnectError error);

class ConnectEvents {
 public:
  /// `transport` is connected and paused (ReadMode::Off); the receiver owns its use from now on.
  virtual void on_connected(Transport& transport) = 0;
  virtual void on_connect_failed(ConnectError error) = 0;

 protected:
  ~ConnectEvents() = default;
};

/// One attempt that has not ended. Invalid after its event or after cancel().
class PendingConnect {
 public:
  /// Ends the attempt; no event follows.
  virtual void cancel() = 0;

 protected:
  ~PendingConnect() = default;
};

/// Opens connections to endpoints. Loop thread only. Exactly one event per attempt, never from
/// inside connect().
class Connector {
 public:
  /// Requires: `address` outlives the attempt. Never nullptr; also an immediate failure is an
  /// event.
  virtual PendingConnect* connect(const core::SocketAddress& address, core::Nanos timeout,
                                  ConnectEvents& events) = 0;

 protected:
  ~Connector() = default;
};

}  // namespace sluice::net
