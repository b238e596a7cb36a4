#include "net/peer_credentials.hpp"

#include <sys/socket.h>

#include "net/socket_transport.hpp"

namespace sluice::net {

std::optional<PeerCredentials> peer_credentials(const Transport& transport) {
  const int fd = static_cast<const SocketTransport&>(transport).fd();
  // A TCP socket answers as well, with nobody: ask for the family first.
  int family = 0;
  socklen_t family_size = sizeof family;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &family_size) != 0) return std::nullopt;
  if (family != AF_UNIX) return std::nullopt;
  ucred found{};
  socklen_t size = sizeof found;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &size) != 0) return std::nullopt;
  return PeerCredentials{.pid = found.pid, .uid = found.uid, .gid = found.gid};
}

}  // namespace sluice::net
