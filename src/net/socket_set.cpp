#include "net/socket_set.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sluice/core/ensure.hpp"

namespace sluice::net {

namespace {

epoll_event order(std::uint32_t wanted, SocketWatcher& watcher) {
  epoll_event event{};
  event.events = wanted;
  event.data.ptr = &watcher;
  return event;
}

}  // namespace

SocketSet::SocketSet() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  // Fails without descriptors or memory only, at start: there is nothing to go on with.
  ENSURE(epoll_.is_open(), "no event loop");
}

bool SocketSet::add(int fd, std::uint32_t wanted, SocketWatcher& watcher) {
  epoll_event event = order(wanted, watcher);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return true;
  ENSURE(errno == ENOMEM || errno == ENOSPC, "a socket can be watched, and is so once");
  return false;
}

void SocketSet::change(int fd, std::uint32_t wanted, SocketWatcher& watcher) {
  epoll_event event = order(wanted, watcher);
  ENSURE(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0, "a watched socket is open");
}

void SocketSet::remove(int fd) {
  epoll_event ignored{};
  ENSURE(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &ignored) == 0, "a watched socket is open");
}

void SocketSet::wait(int timeout_ms) {
  const auto look = [this](int wait_ms) {
    return ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), wait_ms);
  };
  int count = look(timeout_ms);
  // A stopped process that goes on: what became ready meanwhile is not left for another turn.
  if (count < 0 && errno == EINTR) count = look(0);
  ENSURE(count >= 0 || errno == EINTR, "a set can be waited for");
  count_ = static_cast<std::size_t>(std::max(count, 0));
}

void SocketSet::dispatch() {
  for (const epoll_event& event : std::span(events_).first(std::exchange(count_, 0))) {
    static_cast<SocketWatcher*>(event.data.ptr)->on_socket(event.events);
  }
}

}  // namespace sluice::net
