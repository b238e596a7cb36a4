#pragma once
// A real loop and real sockets of this machine for the tests of src/net: no test sleeps, each runs
// its loop until something is true, with a bound in time.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "net/event_loop.hpp"
#include "net/owned_fd.hpp"
#include "net/socket_transport.hpp"
#include "net/system_clock.hpp"
#include "support/catch.hpp"

namespace net_test {

using namespace std::chrono_literals;
using sluice::core::Instant;
using sluice::core::Nanos;
using sluice::net::EventLoop;
using sluice::net::OwnedFd;
using sluice::net::ReadMode;
using sluice::net::SocketTransport;
using sluice::net::Transport;
using sluice::net::TransportError;

/// Makes the loop turn every tick while it lives, so that a wait for something that never comes
/// ends.
struct Heartbeat final : sluice::net::Timer {
  explicit Heartbeat(EventLoop& owner) : loop(owner) { on_timer(); }
  void on_timer() override { loop.core().timers().arm(*this, loop.core().clock().now() + 50ms); }
  EventLoop& loop;
};

/// True when `done` became true within `most`.
inline bool run_until(EventLoop& loop, const std::function<bool()>& done, Nanos most = 10s) {
  const Heartbeat heartbeat(loop);
  const Instant limit = loop.core().clock().now() + most;
  while (!done() && loop.core().clock().now() < limit) loop.run_once();
  return done();
}

/// Handles what is there now, without waiting.
inline void turn_now(EventLoop& loop) {
  loop.run_now();
}

/// Runs for that time. Returns the turns that were not the heartbeat's: a loop with nothing to do
/// has none, one that spins has thousands.
inline std::uint64_t busy_turns(EventLoop& loop, Nanos time = 150ms) {
  const std::uint64_t begin = loop.core().turns();
  const Instant start = loop.core().clock().now();
  const Instant limit = start + time;
  std::uint64_t rounds = 0;
  const Heartbeat heartbeat(loop);
  for (; loop.core().clock().now() < limit; ++rounds) loop.run_once();
  // A heartbeat is at most three turns (run_once() begins one, the tick another, and libuv 1.50
  // may wake up just before it), and there is one every 50 ms of what it has really taken.
  const Nanos taken = loop.core().clock().now() - start;
  const auto idle = 3 * static_cast<std::uint64_t>(taken / 50ms + 2);
  const std::uint64_t turns = loop.core().turns() - begin;
  return turns > idle ? turns - idle : 0;
}

struct Recorder final : sluice::net::TransportEvents {
  Transport* transport = nullptr;
  std::string received;
  std::size_t largest_read = 0;
  unsigned eofs = 0;
  unsigned drains = 0;
  unsigned errors = 0;
  TransportError error{};
  std::string order;  // r, e, d, x
  std::function<void()> on_any;
  bool is_inside_call = false;  // a call to the transport is on the stack: no event may come

  void on_read(std::string_view bytes) override {
    received += bytes;
    largest_read = std::max(largest_read, bytes.size());
    note('r');
  }
  void on_eof() override {
    ++eofs;
    note('e');
  }
  void on_drained() override {
    ++drains;
    note('d');
  }
  void on_error(TransportError what) override {
    ++errors;
    error = what;
    note('x');
  }
  void note(char what) {
    CHECK_FALSE(is_inside_call);
    if (order.empty() || order.back() != what) order += what;
    if (on_any) on_any();
  }
  bool has(char what) const { return order.find(what) != std::string::npos; }
};

struct SocketPair {
  OwnedFd ours;    // non-blocking
  OwnedFd theirs;  // blocking
};

inline void set_non_blocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

inline SocketPair unix_pair() {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  set_non_blocking(fds[0]);
  return {OwnedFd(fds[0]), OwnedFd(fds[1])};
}

inline SocketPair tcp_pair() {
  const OwnedFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener.get(), raw, size) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  REQUIRE(::getsockname(listener.get(), raw, &size) == 0);
  SocketPair pair;
  pair.theirs.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(pair.theirs.get(), raw, size) == 0);
  pair.ours.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  REQUIRE(pair.ours.is_open());
  return pair;
}

inline void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    REQUIRE(sent > 0);
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// What is there now, without waiting; `end` becomes true at end of stream.
inline std::string receive_now(int fd, bool& end) {
  std::string all;
  char buffer[32 * 1024];
  while (true) {
    const ssize_t count = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count == 0) end = true;
    if (count <= 0) return all;
    all.append(buffer, static_cast<std::size_t>(count));
  }
}

/// Closes with a RST.
inline void break_connection(OwnedFd& fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd.reset();
}

struct LoopFixture {
  sluice::net::SystemClock clock;
  EventLoop loop{clock, 1};
};

/// One transport of ours and the raw other end.
struct TransportFixture : LoopFixture {
  Recorder events;
  OwnedFd peer;
  SocketTransport* transport = nullptr;

  void use(SocketPair pair) {
    transport = SocketTransport::open(loop, std::move(pair.ours));
    REQUIRE(transport != nullptr);
    peer = std::move(pair.theirs);
    events.transport = transport;
    transport->set_events(events);
  }
  void close() {
    if (transport != nullptr) std::exchange(transport, nullptr)->close();
  }
  ~TransportFixture() { close(); }
  bool run(const std::function<bool()>& done) { return run_until(loop, done); }
  /// What the peer receives until the end of the stream.
  std::string receive_all() {
    std::string got;
    bool end = false;
    REQUIRE(run([&] {
      got += receive_now(peer.get(), end);
      return end;
    }));
    return got;
  }
};

inline std::string pattern(std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return bytes;
}

}  // namespace net_test
