#pragma once
#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "net/owned_fd.hpp"

namespace sluice::net {

/// What a socket is watched for and what it is ready for: bits of epoll_ctl(2).
namespace readiness {
inline constexpr std::uint32_t kRead = EPOLLIN;
inline constexpr std::uint32_t kWrite = EPOLLOUT;
inline constexpr std::uint32_t kPeerEnded = EPOLLRDHUP;
/// Told whether asked for or not, and again until the socket is removed from the set.
inline constexpr std::uint32_t kHungUp = EPOLLHUP;
inline constexpr std::uint32_t kError = EPOLLERR;
}  // namespace readiness

/// Somebody who is told what a socket is ready for.
class SocketWatcher {
 public:
  /// Also after its removal from the set, when both happen in one turn: so a watcher lives until
  /// the turn ends, and knows itself that it is over. A socket that is closed without removal may
  /// be told of for longer (ProgramStart), and its watcher lives that long.
  virtual void on_socket(std::uint32_t ready) = 0;

 protected:
  ~SocketWatcher() = default;
};

/// The sockets that one loop waits for: epoll, level-triggered. One system call per change, none
/// for a socket that is closed while it is in the set. Loop thread only.
class SocketSet {
 public:
  SocketSet();
  SocketSet(const SocketSet&) = delete;
  SocketSet& operator=(const SocketSet&) = delete;

  /// False: the kernel has no memory or no watches left. Requires: `fd` is not in the set.
  [[nodiscard]] bool add(int fd, std::uint32_t wanted, SocketWatcher& watcher);
  /// Requires: `fd` is in the set, under whatever watcher.
  void change(int fd, std::uint32_t wanted, SocketWatcher& watcher);
  void remove(int fd);

  /// Until a socket is ready, a signal comes, or `timeout_ms` have passed; -1: no bound.
  void wait(int timeout_ms);
  /// wait() has found as many as it takes at once: more may be ready.
  bool is_full() const { return count_ == events_.size(); }
  /// Tells the watchers what wait() has found, each at most once.
  void dispatch();

 private:
  // More wait for the next turn..
  static constexpr std::size_t kEventsPerTurn = 256;

  OwnedFd epoll_;
  std::array<epoll_event, kEventsPerTurn> events_;
  std::size_t count_ = 0;
};

}  // namespace sluice::net
