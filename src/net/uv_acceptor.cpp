#include "net/uv_acceptor.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "net/raw_address.hpp"
#include "net/socket_transport.hpp"
#include "sluice/core/ensure.hpp"

namespace sluice::net {

namespace {

using core::limits::kAcceptPause;
using core::limits::kAcceptsPerEvent;

void bump(std::atomic<std::uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

Peer peer_of(const RawAddress& raw) {
  if (raw.family() != AF_INET && raw.family() != AF_INET6) return {};
  const core::SocketAddress address = from_raw(raw);
  return {.ip = address.ip, .port = address.port};
}

bool is_out_of_resources(int error_number) {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS ||
         error_number == ENOMEM;
}

}  // namespace

struct UvAcceptor::Watcher {
  UvAcceptor* acceptor;  // nullptr after close
  OwnedFd socket;
  std::size_t listener;
  uv_poll_t poll{};
};

UvAcceptor::UvAcceptor(UvLoop& loop, std::vector<ListenSocket> sockets, AcceptEvents& events)
    : loop_(loop), events_(events) {
  for (ListenSocket& each : sockets) {
    auto* watcher = new Watcher{this, std::move(each.socket), each.listener};
    ENSURE(uv_poll_init(loop.raw(), &watcher->poll, watcher->socket.get()) == 0,
           "a listening socket can be watched");
    watcher->poll.data = watcher;
    watchers_.push_back(watcher);
  }
}

UvAcceptor::~UvAcceptor() {
  close_watchers();
}

void UvAcceptor::pause() {
  if (state_ == State::Accepting) state_ = State::Paused;
  watch_or_not();
}

void UvAcceptor::resume() {
  if (state_ == State::Paused) state_ = State::Accepting;
  watch_or_not();
}

void UvAcceptor::stop() {
  if (state_ == State::Stopped) return;
  state_ = State::Stopped;
  for (Watcher* watcher : watchers_) {
    Accepted result = Accepted::One;
    while (result == Accepted::One || result == Accepted::Skipped) result = accept_one(*watcher);
  }
  close_watchers();
}

void UvAcceptor::on_poll(uv_poll_t* poll, int /*status*/, int /*events*/) {
  auto& watcher = *static_cast<Watcher*>(poll->data);
  watcher.acceptor->loop_.enter();
  watcher.acceptor->accept_some(watcher);
}

void UvAcceptor::accept_some(Watcher& watcher) {
  // Bounded: the loop must turn also in a connection storm. on_accept() may pause or stop us.
  for (unsigned i = 0; i < kAcceptsPerEvent && is_accepting(); ++i) {
    switch (accept_one(watcher)) {
      case Accepted::One:
      case Accepted::Skipped:
        break;
      case Accepted::QueueEmpty:
        return;
      case Accepted::OutOfResources:
        return rest();
    }
  }
}

UvAcceptor::Accepted UvAcceptor::accept_one(Watcher& watcher) {
  RawAddress raw;
  OwnedFd socket(
      ::accept4(watcher.socket.get(), raw.get(), &raw.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
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

void UvAcceptor::close_watchers() {
  rest_timer_.unlink();
  for (Watcher* watcher : watchers_) {
    uv_close(reinterpret_cast<uv_handle_t*>(&watcher->poll),
             [](uv_handle_t* handle) { delete static_cast<Watcher*>(handle->data); });
    watcher->acceptor = nullptr;
    watcher->socket.reset();
  }
  watchers_.clear();
}

/// Level-triggered readiness would spin while the connection that can't be accepted waits.
void UvAcceptor::rest() {
  bump(rests_);
  loop_.core().timers().arm(rest_timer_, loop_.core().now() + kAcceptPause);
  watch_or_not();
}

void UvAcceptor::on_rested() {
  watch_or_not();
}

void UvAcceptor::watch_or_not() {
  if (is_watching_ == is_accepting()) return;
  is_watching_ = is_accepting();
  for (Watcher* watcher : watchers_) {
    if (is_watching_) {
      ENSURE(uv_poll_start(&watcher->poll, UV_READABLE, on_poll) == 0, "a listener can be watched");
    } else {
      uv_poll_stop(&watcher->poll);
    }
  }
}

}  // namespace sluice::net
