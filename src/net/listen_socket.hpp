#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "net/owned_fd.hpp"
#include "sluice/core/address.hpp"

namespace sluice::net {

/// The file of a listening Unix socket. Removed at the end of this, unless another one lies there
/// by then: of a process that took the path over.
class SocketFile {
 public:
  SocketFile() = default;
  /// The file that lies at `path` now.
  explicit SocketFile(std::string path);
  SocketFile(SocketFile&& from) noexcept;
  SocketFile& operator=(SocketFile&& from) noexcept;
  ~SocketFile() { remove(); }

  /// Nobody new finds the socket. Idempotent.
  void remove();

 private:
  std::string path_;  // empty: none, or removed
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

/// The sockets of one listening address, one per worker, and where they are: the port that was
/// chosen when 0 was asked.
struct ListenSockets {
  std::vector<OwnedFd> sockets;
  core::SocketAddress address;
  SocketFile file;  // of a Unix socket
};

/// Binds one socket per worker (SO_REUSEPORT), none listens yet. Before that the address is bound
/// once without SO_REUSEPORT: otherwise a second Sluice would take half of the first one's
/// connections instead of failing. Errors: Conflict "in use", Io; both name the address. TCP only.
core::Result<ListenSockets> open_listeners(const core::SocketAddress& address, unsigned workers);

/// All listen before any accepts: a socket that joins the group later would change the share of the
/// others, and one that is bound but does not listen refuses.
core::Status listen_all(std::span<const OwnedFd> sockets);

/// Listens on a Unix socket at `path`, created under a private name, then renamed: nobody meets it
/// with a wrong mode or before it listens. A socket file that nobody answers on is replaced.
/// Errors: Conflict (somebody answers, or the path is not a socket), Io.
core::Result<OwnedFd> open_unix_listener(const std::string& path, unsigned mode);

/// As open_unix_listener(), with one descriptor per worker: all of the same socket, as there is no
/// SO_REUSEPORT for these. Connections wait until somebody accepts.
core::Result<ListenSockets> open_unix_listeners(const std::string& path, unsigned mode,
                                                unsigned workers);

/// The same socket under another number, for a second worker's loop.
core::Result<OwnedFd> duplicate(const OwnedFd& socket);

}  // namespace sluice::net
