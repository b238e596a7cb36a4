#pragma once
#include <sys/socket.h>

#include "sluice/core/address.hpp"

namespace sluice::net {

/// A core::SocketAddress in the form of the kernel.
struct RawAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

/// Error: a Unix path that does not fit (107 bytes).
core::Result<RawAddress> to_raw(const core::SocketAddress& address);
/// IP addresses; anything else gives an address without IP and port.
core::SocketAddress from_raw(const RawAddress& raw);

}  // namespace sluice::net
