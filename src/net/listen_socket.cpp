#include "net/listen_socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "net/raw_address.hpp"
#include "net/socket_options.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::net {

namespace {

using core::Error;
using core::ErrorCode;
using core::Result;

Error io_error(const std::string& where, const char* call, int error_number) {
  return {ErrorCode::Io, where, std::string(call) + ": " + std::strerror(error_number)};
}

Error bind_error(const std::string& where, int error_number) {
  if (error_number == EADDRINUSE) return {ErrorCode::Conflict, where, "address is in use"};
  return io_error(where, "bind", error_number);
}

enum class Sharing { Alone, ReusePort };

Result<OwnedFd> bind_one(const core::SocketAddress& address, Sharing sharing) {
  const std::string where = address.text();
  const Result<RawAddress> raw = to_raw(address);
  if (!raw) return raw.error();
  OwnedFd socket(::socket(raw->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return io_error(where, "socket", errno);
  const int on = 1;
  // TIME_WAIT of an earlier run is then no clash; a live listener still is.
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (sharing == Sharing::ReusePort) {
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  }
  // [::] is IPv6 alone: both families are two listeners, and neither depends on
  // net.ipv6.bindv6only.
  if (address.ip.is_v6()) {
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  set_stream_options(socket.get());
  set_unsent_limit(socket.get());
  if (::bind(socket.get(), raw->get(), raw->size) != 0) return bind_error(where, errno);
  return socket;
}

Result<core::SocketAddress> bound_address(const OwnedFd& socket) {
  RawAddress raw;
  if (::getsockname(socket.get(), raw.get(), &raw.size) != 0) {
    return io_error({}, "getsockname", errno);
  }
  return from_raw(raw);
}

/// 0: somebody answers. ECONNREFUSED: nobody does, the file was left behind. Anything else (a full
/// queue, another kind of socket, no permission) does not show that it may be taken away.
int probe(const RawAddress& raw) {
  const OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return errno;
  return ::connect(socket.get(), raw.get(), raw.size) == 0 ? 0 : errno;
}

core::Status check_replaceable(const std::string& path, const RawAddress& raw) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return core::ok();
  if (!S_ISSOCK(found.st_mode)) {
    return Error{ErrorCode::Conflict, path, "exists and is not a socket"};
  }
  switch (const int found_there = probe(raw)) {
    case ECONNREFUSED:
    case ENOENT:  // gone meanwhile
      return core::ok();
    case 0:
    case EAGAIN:
      return Error{ErrorCode::Conflict, path, "socket is in use"};
    default:
      return Error{ErrorCode::Conflict, path,
                   std::string("exists and may be in use: ") + std::strerror(found_there)};
  }
}

Result<OwnedFd> bind_unix(const std::string& path, unsigned mode) {
  core::SocketAddress address;
  address.unix_path = path;
  const Result<RawAddress> raw = to_raw(address);
  if (!raw) return raw.error();
  OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return io_error(path, "socket", errno);
  ::unlink(path.c_str());  // left by a process that had our number and died here
  // Linux gives the file the mode of the unbound socket, less the umask: it is never wider than
  // asked, not even between these calls. chmod then undoes the umask.
  ::fchmod(socket.get(), mode);
  if (::bind(socket.get(), raw->get(), raw->size) != 0) {
    if (errno == ENOENT) return Error{ErrorCode::Io, path, "its directory does not exist"};
    return bind_error(path, errno);
  }
  if (::chmod(path.c_str(), mode) != 0) return io_error(path, "chmod", errno);
  return socket;
}

}  // namespace

Result<ListenSockets> open_listeners(const core::SocketAddress& address, unsigned workers) {
  ListenSockets listeners{.sockets = {}, .address = address, .file = {}};
  if (address.port != 0) {
    const Result<OwnedFd> probe = bind_one(address, Sharing::Alone);
    if (!probe) return probe.error();
  }
  for (unsigned i = 0; i < workers; ++i) {
    Result<OwnedFd> socket = bind_one(listeners.address, Sharing::ReusePort);
    if (!socket) return socket.error();
    if (i == 0) {
      const Result<core::SocketAddress> chosen = bound_address(*socket);
      if (!chosen) return chosen.error();
      listeners.address = *chosen;
    }
    listeners.sockets.push_back(*std::move(socket));
  }
  return listeners;
}

core::Status listen_all(std::span<const OwnedFd> sockets) {
  for (const OwnedFd& socket : sockets) {
    if (::listen(socket.get(), core::limits::kListenBacklog) == 0) continue;
    const int error_number = errno;
    const Result<core::SocketAddress> address = bound_address(socket);
    const std::string where = address ? address->text() : std::string();
    // Somebody began to listen without SO_REUSEPORT between bind and listen.
    if (error_number == EADDRINUSE) return Error{ErrorCode::Conflict, where, "address is in use"};
    return io_error(where, "listen", error_number);
  }
  return core::ok();
}

Result<OwnedFd> open_unix_listener(const std::string& path, unsigned mode) {
  core::SocketAddress address;
  address.unix_path = path;
  const Result<RawAddress> raw = to_raw(address);
  if (!raw) return raw.error();
  if (const core::Status free = check_replaceable(path, *raw); !free) return free.error();
  const std::string private_path = path + "." + std::to_string(::getpid());
  Result<OwnedFd> socket = bind_unix(private_path, mode);
  if (!socket) return Error{socket.error().code, path, socket.error().what};  // as it is configured
  if (::listen(socket->get(), core::limits::kListenBacklog) != 0 ||
      ::rename(private_path.c_str(), path.c_str()) != 0) {
    const int error_number = errno;
    ::unlink(private_path.c_str());
    return io_error(path, "listen", error_number);
  }
  return socket;
}

Result<ListenSockets> open_unix_listeners(const std::string& path, unsigned mode,
                                          unsigned workers) {
  Result<OwnedFd> socket = open_unix_listener(path, mode);
  if (!socket) return socket.error();
  ListenSockets listeners{.sockets = {}, .address = {{}, 0, path}, .file = SocketFile(path)};
  for (unsigned i = 1; i < workers; ++i) {
    Result<OwnedFd> copy = duplicate(*socket);
    if (!copy) return copy.error();
    listeners.sockets.push_back(*std::move(copy));
  }
  listeners.sockets.push_back(*std::move(socket));
  return listeners;
}

SocketFile::SocketFile(std::string path) : path_(std::move(path)) {
  struct stat found {};
  if (::lstat(path_.c_str(), &found) != 0) return;
  device_ = found.st_dev;
  inode_ = found.st_ino;
}

SocketFile::SocketFile(SocketFile&& from) noexcept
    : path_(std::exchange(from.path_, {})), device_(from.device_), inode_(from.inode_) {}

SocketFile& SocketFile::operator=(SocketFile&& from) noexcept {
  if (this == &from) return *this;
  remove();
  path_ = std::exchange(from.path_, {});
  device_ = from.device_;
  inode_ = from.inode_;
  return *this;
}

void SocketFile::remove() {
  const std::string path = std::exchange(path_, {});
  struct stat found {};
  if (path.empty() || ::lstat(path.c_str(), &found) != 0) return;
  if (found.st_dev == device_ && found.st_ino == inode_) ::unlink(path.c_str());
}

Result<OwnedFd> duplicate(const OwnedFd& socket) {
  OwnedFd copy(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.is_open()) return io_error({}, "dup", errno);
  return copy;
}

}  // namespace sluice::net
