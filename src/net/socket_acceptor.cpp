#include "net/socket_acceptor.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "net/raw_address.hpp"
#include "net/socket_transport.hpp"
#include "sluice/core/ensure.hpp"

namespace sluice::net {

namespace {

using core::limits::kAcceptPause;
using core::limits::kAcceptsPerEvent;

constexpr unsigned kWholeBurstsToGrow = 8;

void bump(std::atomic<std::uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

Peer peer_of(const RawAddress& raw) {
  if (raw.family() != AF_INET && raw.family() != AF_INET6) return {};
  const core::SocketAddress address = from_raw(raw);
  return {.ip = address.ip, .port = address.port};
}

bool is_out_of_resources(int error_number) {
  return is_out_of_descriptors(error_number) || error_number == ENOBUFS || error_number == ENOMEM;
}

}  // namespace

struct SocketAcceptor::Watcher final : SocketWatcher, Reapable {
  Watcher(SocketAcceptor& owner, ListenSocket from)
      : acceptor(&owner), socket(std::move(from.socket)), listener(from.listener) {}
  void on_socket(std::uint32_t) override {
    if (acceptor != nullptr) acceptor->accept_some(*this);
  }
  void reap() override { delete this; }

  // An accept that finds nothing makes a socket and a file and takes them down again: a twentieth
  // of what a short connection costs. So one at a time, and more when the queue stays full.
  void on_queue_empty(unsigned found) {
    burst = std::max(found, 1U);
    whole_bursts = 0;
  }
  void on_whole_burst() {
    if (++whole_bursts < kWholeBurstsToGrow) return;
    burst = std::min(burst * 2, kAcceptsPerEvent);
    whole_bursts = 0;
  }

  SocketAcceptor* acceptor;  // nullptr after close
  OwnedFd socket;
  std::size_t listener;
  unsigned burst = 1;         // accepts per event
  unsigned whole_bursts = 0;  // in a row that found as many connections
};

SocketAcceptor::SocketAcceptor(EventLoop& loop, std::vector<ListenSocket> sockets,
                               AcceptEvents& events, DescriptorUse use)
    : loop_(loop), events_(events), use_(std::move(use)) {
  for (ListenSocket& each : sockets) {
    auto* watcher = new Watcher(*this, std::move(each));
    // In the set from the beginning: what changes there later needs no memory, so it can't fail.
    ENSURE(loop.sockets().add(watcher->socket.get(), 0, *watcher),
           "a listening socket can be watched");
    watchers_.push_back(watcher);
  }
}

SocketAcceptor::~SocketAcceptor() {
  close_watchers();
}

void SocketAcceptor::pause() {
  if (state_ == State::Accepting) state_ = State::Paused;
  watch_or_not();
}

void SocketAcceptor::resume() {
  if (state_ == State::Paused) state_ = State::Accepting;
  watch_or_not();
}

void SocketAcceptor::stop() {
  if (state_ == State::Stopped) return;
  state_ = State::Stopped;
  for (Watcher* watcher : watchers_) {
    Accepted result = Accepted::One;
    while (result == Accepted::One || result == Accepted::Skipped) result = accept_one(*watcher);
  }
  close_watchers();
}

void SocketAcceptor::accept_some(Watcher& watcher) {
  // Bounded: the loop must turn also in a connection storm. on_accept() may pause or stop us.
  for (unsigned i = 0; i < watcher.burst && is_accepting(); ++i) {
    switch (accept_one(watcher)) {
      case Accepted::One:
      case Accepted::Skipped:
        break;
      case Accepted::QueueEmpty:
        return watcher.on_queue_empty(i);
      case Accepted::OutOfResources:
        return rest();
    }
  }
  watcher.on_whole_burst();
}

SocketAcceptor::Accepted SocketAcceptor::accept_one(Watcher& watcher) {
  RawAddress raw;
  // The kernel looks for a free descriptor before it looks for a connection.
  OwnedFd socket(make_descriptor(use_, [&] {
    return ::accept4(watcher.socket.get(), raw.get(), &raw.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  }));
  if (!socket.is_open()) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Accepted::QueueEmpty;
    if (is_out_of_resources(errno)) return Accepted::OutOfResources;
    // The connection died in the queue (accept(2) lists the errors). EBADF or EINVAL would repeat
    // for ever.
    ENSURE(errno != EBADF && errno != EINVAL && errno != ENOTSOCK, "not a listening socket");
    return Accepted::Skipped;
  }
  SocketTransport* transport = SocketTransport::open(loop_, std::move(socket));
  if (transport == nullptr) return Accepted::OutOfResources;
  bump(accepted_);
  events_.on_accept(*transport, peer_of(raw), watcher.listener);
  return Accepted::One;
}

void SocketAcceptor::close_watchers() {
  rest_timer_.unlink();
  for (Watcher* watcher : watchers_) {
    watcher->acceptor = nullptr;
    // Other workers may hold the same socket (Unix), so that closing it would not take it out.
    loop_.sockets().remove(watcher->socket.get());
    watcher->socket.reset();
    loop_.core().retire(*watcher);
  }
  watchers_.clear();
}

/// Level-triggered readiness would spin while the connection that can't be accepted waits.
void SocketAcceptor::rest() {
  bump(rests_);
  loop_.core().timers().arm(rest_timer_, loop_.core().now() + kAcceptPause);
  watch_or_not();
}

void SocketAcceptor::on_rested() {
  watch_or_not();
}

void SocketAcceptor::watch_or_not() {
  if (is_watching_ == is_accepting()) return;
  is_watching_ = is_accepting();
  for (Watcher* watcher : watchers_) {
    loop_.sockets().change(watcher->socket.get(), is_watching_ ? readiness::kRead : 0, *watcher);
  }
}

}  // namespace sluice::net
