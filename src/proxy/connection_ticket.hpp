#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "proxy/origin.hpp"
#include "sluice/metrics/block.hpp"

namespace sluice::proxy {

/// Connections per client address over all workers (`limits.connections_per_address`). Thread-safe.
///
/// One lock, taken when a connection comes and when it goes, and only when the limit is on: exact,
/// and cheap beside an accept. Measured: 1,100 instructions for both together, 1,800 with 100,000
/// addresses; two workers that each open and close one in 20 us of their own time, more than they
/// could serve, find it taken 64 times of 240,000. 64 locks over hash tables with a keyed hash cost
/// 1,400 whatever the number: more for nearly everyone.
class AddressLimit {
 public:
  explicit AddressLimit(std::uint32_t most) : most_(most) {}
  bool admit(const core::IpAddress& address);
  void leave(const core::IpAddress& address);

 private:
  const std::uint32_t most_;
  std::mutex mutex_;
  std::map<core::IpAddress, std::uint32_t> open_;  // guarded by mutex_
};

/// Called by a worker's tickets when a client connection has ended.
class TicketOffice {
 public:
  virtual void on_connection_ended(const net::Peer& peer) = 0;

 protected:
  ~TicketOffice() = default;
};

/// One accepted client connection, from accept to close, whoever has it: a session, then perhaps a
/// tunnel. Move-only.
class ConnectionTicket {
 public:
  ConnectionTicket(TicketOffice& office, const Origin& origin)
      : office_(&office), origin_(origin) {}
  ConnectionTicket(ConnectionTicket&& from) noexcept
      : office_(std::exchange(from.office_, nullptr)), origin_(from.origin_) {}
  ConnectionTicket& operator=(ConnectionTicket&&) = delete;
  ~ConnectionTicket() {
    if (office_ != nullptr) office_->on_connection_ended(origin_.peer);
  }
  const Origin& origin() const { return origin_; }

 private:
  TicketOffice* office_;
  Origin origin_;
};

}  // namespace sluice::proxy
