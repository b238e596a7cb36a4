#include "net/socket_connector.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "net/owned_fd.hpp"
#include "net/raw_address.hpp"
#include "net/socket_options.hpp"
#include "net/socket_transport.hpp"

namespace sluice::net {

namespace {

ConnectError classify(int error_number, int family) {
  switch (error_number) {
    case ECONNREFUSED:
    case ECONNRESET:
    case ENOENT:
      return ConnectError::Refused;  // ENOENT: no such Unix socket, as a port without a listener
    case ETIMEDOUT:
      return ConnectError::TimedOut;
    case EAGAIN:
      // Unix: the listener's queue is full, which is its matter. TCP: no local port left.
      return family == AF_UNIX ? ConnectError::Refused : ConnectError::LocalResources;
    case EADDRNOTAVAIL:
    case EADDRINUSE:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return ConnectError::LocalResources;
    default:
      return ConnectError::Unreachable;
  }
}

int socket_error(int fd) {
  int error_number = 0;
  socklen_t size = sizeof error_number;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &size) == 0 ? error_number : errno;
}

/// A connect to a dead local port of the ephemeral range may meet itself (simultaneous open, RFC
/// 9293 §3.5): it succeeds and echoes. Nobody listens there.
bool is_connected_to_itself(int fd, const RawAddress& peer) {
  if (peer.family() == AF_UNIX) return false;
  RawAddress local;
  if (::getsockname(fd, local.get(), &local.size) != 0) return false;
  return from_raw(local) == from_raw(peer);
}

/// One connect. Ends with finish(); its memory goes at the end of that turn.
class Attempt final : public PendingConnect, public Reapable, private SocketWatcher {
 public:
  Attempt(EventLoop& loop, ConnectEvents& events) : loop_(loop), events_(events) {}

  void start(const core::SocketAddress& address, core::Nanos timeout, const DescriptorUse& use);
  void cancel() override { give_up(); }
  void reap() override { delete this; }

 private:
  void begin(const core::SocketAddress& address, const DescriptorUse& use);
  void on_socket(std::uint32_t ready) override;
  void settle_later(int error_number);
  void settle();
  void on_timeout();
  void give_up();
  OwnedFd finish();

  EventLoop& loop_;
  ConnectEvents& events_;
  RawAddress peer_;
  OwnedFd socket_;
  bool is_in_set_ = false;
  int error_number_ = 0;
  MemberTimer<Attempt, &Attempt::on_timeout> timer_{*this};
  MemberDeferred<Attempt, &Attempt::settle> later_{*this};
};

void Attempt::start(const core::SocketAddress& address, core::Nanos timeout,
                    const DescriptorUse& use) {
  loop_.core().timers().arm(timer_, loop_.core().now() + timeout);
  begin(address, use);
}

void Attempt::begin(const core::SocketAddress& address, const DescriptorUse& use) {
  const core::Result<RawAddress> raw = to_raw(address);
  if (!raw) return settle_later(ENOENT);
  peer_ = *raw;
  socket_.reset(make_descriptor(use, [this] {
    return ::socket(peer_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }));
  if (!socket_.is_open()) return settle_later(errno);
  if (peer_.family() != AF_UNIX) set_stream_options(socket_.get());
  if (::connect(socket_.get(), peer_.get(), peer_.size) == 0) return settle_later(0);
  if (errno != EINPROGRESS && errno != EINTR) return settle_later(errno);
  is_in_set_ = loop_.sockets().add(socket_.get(), readiness::kWrite, *this);
  if (!is_in_set_) settle_later(ENOMEM);
}

void Attempt::on_socket(std::uint32_t) {
  if (!socket_.is_open()) return;  // timed out or cancelled earlier in this turn
  error_number_ = socket_error(socket_.get());
  settle();
}

/// No event from inside connect().
void Attempt::settle_later(int error_number) {
  error_number_ = error_number;
  loop_.core().defer(later_);
}

void Attempt::settle() {
  const int family = peer_.family();
  if (error_number_ == 0 && is_connected_to_itself(socket_.get(), peer_)) {
    error_number_ = ECONNREFUSED;
  }
  if (error_number_ != 0) {
    give_up();
    return events_.on_connect_failed(classify(error_number_, family));
  }
  OwnedFd socket = finish();
  SocketTransport* transport = is_in_set_ ? SocketTransport::take_over(loop_, std::move(socket))
                                          : SocketTransport::open(loop_, std::move(socket));
  if (transport == nullptr) return events_.on_connect_failed(ConnectError::LocalResources);
  events_.on_connected(*transport);
}

void Attempt::on_timeout() {
  give_up();
  events_.on_connect_failed(ConnectError::TimedOut);
}

/// Out of the set first: closing it is not enough while a child holds it (ProgramStart).
void Attempt::give_up() {
  if (std::exchange(is_in_set_, false)) loop_.sockets().remove(socket_.get());
  finish();
}

OwnedFd Attempt::finish() {
  timer_.unlink();
  later_.unlink();
  loop_.core().retire(*this);
  return std::move(socket_);
}

}  // namespace

PendingConnect* SocketConnector::connect(const core::SocketAddress& address, core::Nanos timeout,
                                         ConnectEvents& events) {
  auto* attempt = new Attempt(loop_, events);  // frees itself
  attempt->start(address, timeout, use_);
  return attempt;
}

}  // namespace sluice::net
