#pragma once
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <span>
#include <string_view>

/// recv and sendmsg of the data path. In a program with threads glibc's are cancellation points,
/// which took 115 of 9,970 instructions per request; nothing of ours is ever cancelled. The
/// sanitizers look at the buffers in the functions of the library, so there those are called.
namespace sluice::net {

/// As recv(2) without flags: -1 and errno.
inline ssize_t receive(int fd, std::span<char> buffer) {
#ifdef SLUICE_SANITIZED
  return ::recv(fd, buffer.data(), buffer.size(), 0);
#else
  return ::syscall(SYS_recvfrom, fd, buffer.data(), buffer.size(), 0, nullptr, nullptr);
#endif
}

/// As send(2) with MSG_NOSIGNAL: -1 and errno. The kernel has no array of parts to fetch, so it
/// costs less than send_message() with one.
inline ssize_t send(int fd, std::string_view bytes) {
#ifdef SLUICE_SANITIZED
  return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
#else
  return ::syscall(SYS_sendto, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0);
#endif
}

/// As sendmsg(2) with MSG_NOSIGNAL: -1 and errno.
inline ssize_t send_message(int fd, const msghdr& message) {
#ifdef SLUICE_SANITIZED
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
#else
  return ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
#endif
}

}  // namespace sluice::net
