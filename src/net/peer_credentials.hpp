#pragma once
#include <sys/types.h>

#include <optional>

#include "net/transport.hpp"

namespace sluice::net {

/// Who opened the connection, as the kernel recorded it then (SO_PEERCRED).
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

/// nullopt: not a Unix socket. Requires: `transport` comes from a SocketAcceptor or SocketConnector
/// (a SocketTransport), not closed.
std::optional<PeerCredentials> peer_credentials(const Transport& transport);

}  // namespace sluice::net
