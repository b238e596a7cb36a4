#pragma once
#include <utility>

#include "net/connector.hpp"
#include "net/descriptor_reserve.hpp"
#include "net/event_loop.hpp"

namespace sluice::net {

/// Connector over non-blocking connect, TCP and Unix. Loop thread only. Each attempt owns itself,
/// so the connector may go before its attempts; their events objects may not (cancel() first).
class SocketConnector final : public Connector {
 public:
  explicit SocketConnector(EventLoop& loop, DescriptorUse use = {})
      : loop_(loop), use_(std::move(use)) {}
  PendingConnect* connect(const core::SocketAddress& address, core::Nanos timeout,
                          ConnectEvents& events) override;

 private:
  EventLoop& loop_;
  const DescriptorUse use_;
};

}  // namespace sluice::net
