#include "net/socket_transport.hpp"

#include <sys/ioctl.h>

#include <array>
#include <chrono>
#include <functional>
#include <vector>

#include "net/program_start.hpp"
#include "net_fixture.hpp"

using namespace net_test;
using sluice::core::limits::kHighWatermark;
using sluice::core::limits::kLowWatermark;
using sluice::core::limits::kReadBufferSize;

namespace {

/// Bounded, for what the kernel does in its own time.
bool run_without_loop(const std::function<bool()>& is_done) {
  const auto start = std::chrono::steady_clock::now();
  while (!is_done()) {
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(10)) return false;
  }
  return true;
}

bool is_acknowledged(int fd) {
  int unsent = 0;
  ::ioctl(fd, TIOCOUTQ, &unsent);
  return unsent == 0;
}

}  // namespace

TEST_CASE_METHOD(TransportFixture, "transport: bytes go both ways", "[net][transport]") {
  use(GENERATE(0, 1) == 0 ? unix_pair() : tcp_pair());
  transport->read(ReadMode::On);
  send_all(peer.get(), "question");
  REQUIRE(run([&] { return events.received == "question"; }));
  const std::array<std::string_view, 4> parts{"an", "", "sw", "er"};
  transport->write(parts);
  bool end = false;
  CHECK(receive_now(peer.get(), end) == "answer");
  CHECK(transport->queued() == 0);
  CHECK(events.order == "r");
}

TEST_CASE_METHOD(TransportFixture, "transport: nothing is read while off", "[net][transport]") {
  use(unix_pair());
  transport->read(ReadMode::Off);
  send_all(peer.get(), "early");
  CHECK(busy_turns(loop) == 0);
  CHECK(events.received.empty());
  transport->read(ReadMode::On);
  CHECK(run([&] { return events.received == "early"; }));
}

TEST_CASE_METHOD(TransportFixture,
                 "transport: switched off in on_read it reads no more and does not spin",
                 "[net][transport]") {
  use(unix_pair());
  events.on_any = [&] { transport->read(ReadMode::Off); };
  transport->read(ReadMode::On, 4);
  send_all(peer.get(), "12345678");
  REQUIRE(run([&] { return !events.received.empty(); }));
  CHECK(busy_turns(loop) <= 2);
  CHECK(events.received == "1234");
  events.on_any = nullptr;
  transport->read(ReadMode::On);
  CHECK(run([&] { return events.received == "12345678"; }));
}

TEST_CASE_METHOD(TransportFixture, "transport: a read brings at most the limit",
                 "[net][transport]") {
  const std::size_t limit = GENERATE(std::size_t{1}, std::size_t{7}, kReadBufferSize);
  use(unix_pair());
  transport->read(ReadMode::On, limit);
  const std::string bytes = pattern(limit == 1 ? 50 : 150'000);
  std::size_t sent = 0;
  set_non_blocking(peer.get());
  REQUIRE(run([&] {
    const ssize_t count = ::send(peer.get(), bytes.data() + sent, bytes.size() - sent, 0);
    if (count > 0) sent += static_cast<std::size_t>(count);
    return events.received.size() == bytes.size();
  }));
  CHECK(events.received == bytes);
  CHECK(events.largest_read <= limit);
}

TEST_CASE_METHOD(TransportFixture, "transport: what the socket does not take waits, in order",
                 "[net][transport]") {
  use(GENERATE(0, 1) == 0 ? unix_pair() : tcp_pair());
  const std::string bytes = pattern(8 * 1024 * 1024);
  std::vector<std::string_view> parts;  // more than one system call takes
  for (std::size_t at = 0; at < bytes.size(); at += 9973) {
    parts.push_back(std::string_view(bytes).substr(at, 9973));
  }
  transport->write(std::span(parts).first(300));
  for (std::size_t i = 300; i < parts.size(); ++i) transport->write(parts[i]);
  CHECK(transport->queued() > 0);
  std::string got;
  bool end = false;
  REQUIRE(run([&] {
    got += receive_now(peer.get(), end);
    return got.size() == bytes.size();
  }));
  CHECK(got == bytes);
  REQUIRE(run([&] { return transport->queued() == 0; }));
  CHECK(loop.core().chunks().in_use() == 0);
}

TEST_CASE_METHOD(TransportFixture, "transport: drained is told at the low watermark and at zero",
                 "[net][transport]") {
  SocketPair pair = unix_pair();
  const int small =
      8 * 1024;  // so that the socket takes the watermark and the end in steps of their own
  ::setsockopt(pair.ours.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  use(std::move(pair));
  std::vector<std::size_t> queued;
  std::size_t before = 0;  // queued at the last look: on_drained must come with a fall
  events.on_any = [&] {
    queued.push_back(transport->queued());
    CHECK(transport->queued() < before);
  };
  const std::string bytes = pattern(256 * 1024);
  transport->write(bytes);
  REQUIRE(transport->queued() > kHighWatermark);
  bool end = false;
  std::size_t got = 0;
  for (unsigned i = 0; i < 100'000 && transport->queued() > 0; ++i) {
    before = transport->queued();
    char buffer[4096];
    const ssize_t count = ::recv(peer.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (count > 0) got += static_cast<std::size_t>(count);
    turn_now(loop);
  }
  REQUIRE(transport->queued() == 0);
  got += receive_now(peer.get(), end).size();
  CHECK(got == bytes.size());
  REQUIRE(queued.size() == 2);
  CHECK(queued.front() <= kLowWatermark);
  CHECK(queued.front() > 0);
  CHECK(queued.back() == 0);
}

TEST_CASE_METHOD(TransportFixture,
                 "transport: what the peer has not taken shrinks while our own queue stands still",
                 "[net][transport]") {
  use(GENERATE(0, 1) == 0 ? unix_pair() : tcp_pair());
  transport->read(ReadMode::WatchClose);
  CHECK(transport->untaken() == 0);
  transport->write(pattern(16 * 1024 * 1024));
  busy_turns(loop);
  const std::size_t queued = transport->queued();
  REQUIRE(queued > 0);
  const std::size_t before = transport->untaken();
  CHECK(before > queued);
  // The peer reads, and our loop does not turn: only the kernel knows.
  bool end = false;
  REQUIRE(run_without_loop([&] {
    receive_now(peer.get(), end);
    return transport->untaken() < before;
  }));
  CHECK(transport->queued() == queued);
  REQUIRE(run([&] {
    receive_now(peer.get(), end);
    return transport->untaken() == 0;
  }));
}

TEST_CASE_METHOD(TransportFixture, "transport: drained is not told when nothing had to wait",
                 "[net][transport]") {
  use(unix_pair());
  transport->write("short");
  CHECK(busy_turns(loop) == 0);
  CHECK(events.drains == 0);
}

TEST_CASE_METHOD(TransportFixture, "transport: end of stream comes after the bytes, once",
                 "[net][transport]") {
  use(GENERATE(0, 1) == 0 ? unix_pair() : tcp_pair());
  send_all(peer.get(), "last words");
  ::shutdown(peer.get(), SHUT_WR);
  transport->read(ReadMode::On);
  REQUIRE(run([&] { return events.eofs > 0; }));
  CHECK(events.order == "re");
  CHECK(events.received == "last words");
  CHECK(busy_turns(loop) == 0);
  CHECK(events.eofs == 1);
}

TEST_CASE_METHOD(TransportFixture, "transport: after end of stream it still writes",
                 "[net][transport]") {
  use(GENERATE(0, 1) == 0 ? unix_pair() : tcp_pair());
  transport->read(ReadMode::On);
  ::shutdown(peer.get(), SHUT_WR);
  REQUIRE(run([&] { return events.eofs == 1; }));
  const std::string bytes = pattern(6 * 1024 * 1024);
  transport->write(bytes);
  transport->shutdown_write();
  CHECK(receive_all() == bytes);
  CHECK(events.errors == 0);
}

TEST_CASE_METHOD(TransportFixture,
                 "transport: watching for the close tells it once while bytes are unread",
                 "[net][transport]") {
  use(GENERATE(0, 1) == 0 ? unix_pair() : tcp_pair());
  send_all(peer.get(), "pipelined");
  ::shutdown(peer.get(), SHUT_WR);
  transport->read(ReadMode::WatchClose);
  REQUIRE(run([&] { return events.eofs == 1; }));
  CHECK(busy_turns(loop) == 0);  // EPOLLRDHUP is level-triggered
  CHECK(events.order == "e");
  transport->read(ReadMode::On);  // lingering: the bytes are still there, the end is not told twice
  REQUIRE(run([&] { return events.received == "pipelined"; }));
  CHECK(busy_turns(loop) <= 2);
  CHECK(events.eofs == 1);
}

TEST_CASE_METHOD(TransportFixture,
                 "transport: watching for the close notices it after reading was on",
                 "[net][transport]") {
  use(tcp_pair());
  transport->read(ReadMode::On);
  send_all(peer.get(), "request");
  REQUIRE(run([&] { return events.received == "request"; }));
  transport->read(ReadMode::WatchClose);
  send_all(peer.get(), "pipelined");
  CHECK(busy_turns(loop) <= 2);
  CHECK(events.eofs == 0);
  peer.reset();
  REQUIRE(run([&] { return events.eofs + events.errors == 1; }));
  CHECK(events.received == "request");
  CHECK(busy_turns(loop) == 0);
}

TEST_CASE_METHOD(TransportFixture, "transport: watching for the close tells a reset as an error",
                 "[net][transport]") {
  use(tcp_pair());
  transport->read(ReadMode::WatchClose);
  break_connection(peer);
  REQUIRE(run([&] { return events.errors == 1; }));
  CHECK(events.error == TransportError::Reset);
  CHECK(events.order == "x");
}

TEST_CASE_METHOD(TransportFixture, "transport: a reset while reading is an error after the bytes",
                 "[net][transport]") {
  use(tcp_pair());
  send_all(peer.get(), "part");
  REQUIRE(run([&] { return is_acknowledged(peer.get()); }));
  break_connection(peer);
  transport->read(ReadMode::On);
  REQUIRE(run([&] { return events.errors == 1; }));
  CHECK(events.order == "rx");
  CHECK(events.received == "part");
  CHECK(events.error == TransportError::Reset);
  CHECK(busy_turns(loop) == 0);
}

TEST_CASE_METHOD(TransportFixture,
                 "transport: a reset while off does not spin and shows when reading",
                 "[net][transport]") {
  use(tcp_pair());
  const bool was_on = GENERATE(false, true);
  if (was_on) transport->read(ReadMode::On);
  turn_now(loop);
  transport->read(ReadMode::Off);
  break_connection(peer);
  CHECK(busy_turns(loop) <= 2);
  CHECK(events.order.empty());
  transport->read(ReadMode::On);
  REQUIRE(run([&] { return events.errors == 1; }));
  CHECK(events.eofs == 0);
}

TEST_CASE_METHOD(TransportFixture, "transport: a hang-up while off does not spin",
                 "[net][transport]") {
  use(GENERATE(0, 1) == 0 ? unix_pair() : tcp_pair());
  transport->read(ReadMode::On);
  turn_now(loop);
  transport->read(ReadMode::Off);
  transport->shutdown_write();
  peer.reset();  // both directions are shut now: EPOLLHUP, which nobody can switch off
  CHECK(busy_turns(loop) <= 2);
  CHECK(events.order.empty());
  transport->read(ReadMode::On);
  CHECK(run([&] { return events.eofs == 1; }));
}

TEST_CASE_METHOD(TransportFixture, "transport: a reset with bytes waiting is an error while off",
                 "[net][transport]") {
  use(tcp_pair());
  transport->write(pattern(16 * 1024 * 1024));
  REQUIRE(transport->queued() > 0);
  break_connection(peer);
  REQUIRE(run([&] { return events.errors == 1; }));
  CHECK(events.error == TransportError::Reset);
  CHECK(transport->queued() == 0);
  CHECK(busy_turns(loop) == 0);
}

TEST_CASE_METHOD(TransportFixture, "transport: a failed write is told later, never inside write",
                 "[net][transport]") {
  use(GENERATE(0, 1) == 0 ? unix_pair() : tcp_pair());
  break_connection(peer);
  loop.core().begin_turn();
  events.is_inside_call = true;
  transport->write("to nobody");
  transport->write("to nobody");
  events.is_inside_call = false;
  CHECK(events.errors == 0);
  loop.core().end_turn();
  CHECK(events.errors == 1);
  CHECK(events.error == TransportError::Reset);
  transport->write("dropped");
  CHECK(transport->queued() == 0);
  CHECK(busy_turns(loop) == 0);
  CHECK(events.errors == 1);
}

TEST_CASE_METHOD(TransportFixture,
                 "transport: an early answer before a reset is delivered, not its end",
                 "[net][transport]") {
  use(tcp_pair());
  transport->write("a request body that the peer does not read");
  transport->read(ReadMode::On);
  send_all(peer.get(), "413");
  break_connection(peer);
  // The send takes the reset from the socket, so that the recv after it sees a clean end.
  transport->write("more of the body");
  REQUIRE(run([&] { return events.errors == 1; }));
  CHECK(events.received == "413");
  CHECK(events.order == "rx");
  CHECK(events.eofs == 0);
}

TEST_CASE_METHOD(TransportFixture, "transport: an answer that ended before the reset keeps its end",
                 "[net][transport]") {
  use(tcp_pair());
  transport->read(ReadMode::On);
  send_all(peer.get(), "answer");
  REQUIRE(is_acknowledged(peer.get()));
  peer.reset();                  // FIN
  transport->write("too late");  // answered with a RST
  transport->write("and again");
  REQUIRE(run([&] { return events.errors == 1; }));
  CHECK(events.received == "answer");
  CHECK(events.order == "rex");
}

TEST_CASE_METHOD(TransportFixture, "transport: reset shows as a broken connection, close as an end",
                 "[net][transport]") {
  use(tcp_pair());
  const bool is_reset = GENERATE(false, true);
  transport->write("x");
  if (is_reset) {
    std::exchange(transport, nullptr)->reset();
  } else {
    close();
  }
  char buffer[16];
  ssize_t count = ::recv(peer.get(), buffer, sizeof buffer, 0);
  if (count == 1) count = ::recv(peer.get(), buffer, sizeof buffer, 0);
  CHECK(count == (is_reset ? -1 : 0));
  if (is_reset) CHECK(errno == ECONNRESET);
}

TEST_CASE_METHOD(TransportFixture,
                 "transport: shutdown waits for the queue and takes no more bytes",
                 "[net][transport]") {
  use(unix_pair());
  const std::string bytes = pattern(3 * 1024 * 1024);
  transport->write(bytes);
  REQUIRE(transport->queued() > 0);
  transport->shutdown_write();
  transport->shutdown_write();
  transport->write("not sent");
  CHECK(receive_all() == bytes);
  CHECK(events.errors == 0);
}

TEST_CASE_METHOD(TransportFixture, "transport: may be closed inside each event",
                 "[net][transport]") {
  const char when = GENERATE('r', 'e', 'd', 'x');
  const bool is_reset = GENERATE(false, true);
  use(tcp_pair());
  events.on_any = [&] {
    if (!events.has(when)) return;
    Transport* gone = std::exchange(transport, nullptr);
    REQUIRE(gone != nullptr);
    is_reset ? gone->reset() : gone->close();
    gone->close();  // idempotent
  };
  transport->read(ReadMode::On, when == 'd' ? 1 : 65536);
  bool end = false;
  switch (when) {
    case 'r':
      send_all(peer.get(), "bytes");
      break;
    case 'e':
      ::shutdown(peer.get(), SHUT_WR);
      break;
    case 'd':
      transport->write(pattern(16 * 1024 * 1024));
      break;
    default:
      break_connection(peer);
  }
  REQUIRE(run([&] {
    if (when == 'd') receive_now(peer.get(), end);
    return events.has(when);
  }));
  CHECK(transport == nullptr);
  const std::string order = events.order;
  CHECK(busy_turns(loop) == 0);
  CHECK(events.order == order);
  CHECK(loop.transports().in_use() == 0);
}

TEST_CASE_METHOD(TransportFixture, "transport: no event after close in the same turn",
                 "[net][transport]") {
  use(tcp_pair());
  transport->read(ReadMode::On);
  break_connection(peer);
  transport->write("fails");
  close();
  CHECK(busy_turns(loop) == 0);
  CHECK(events.order.empty());
  CHECK(loop.transports().in_use() == 0);
}

// A child between fork() and exec() holds copies of our sockets; here a copy of our own does.
TEST_CASE_METHOD(TransportFixture, "transport: closed while a child holds its socket",
                 "[net][transport]") {
  use(tcp_pair());
  transport->read(ReadMode::On);
  turn_now(loop);
  auto start = std::make_unique<sluice::net::ProgramStart>();
  OwnedFd copy(::fcntl(transport->fd(), F_DUPFD_CLOEXEC, 0));
  REQUIRE(copy.is_open());
  close();
  // Still in the set: the kernel tells of each of these.
  send_all(peer.get(), "late");
  turn_now(loop);
  break_connection(peer);
  turn_now(loop);
  CHECK(events.order.empty());
  CHECK(loop.transports().in_use() == 1);
  copy.reset();
  start.reset();
  turn_now(loop);
  CHECK(loop.transports().in_use() == 0);
  CHECK(busy_turns(loop) == 0);
}

TEST_CASE_METHOD(TransportFixture, "transport: held for a child when its loop ends",
                 "[net][transport]") {
  const sluice::net::ProgramStart start;
  EventLoop other(clock, 2);
  SocketPair pair = unix_pair();
  SocketTransport* ours = SocketTransport::open(other, std::move(pair.ours));
  REQUIRE(ours != nullptr);
  ours->close();
  other.run_now();
  CHECK(other.transports().in_use() == 1);
}

TEST_CASE_METHOD(TransportFixture, "transport: events go to the new receiver", "[net][transport]") {
  use(unix_pair());
  Recorder tunnel;
  transport->read(ReadMode::On);
  transport->set_events(tunnel);
  send_all(peer.get(), "frame");
  CHECK(run([&] { return tunnel.received == "frame"; }));
  CHECK(events.order.empty());
}

TEST_CASE_METHOD(LoopFixture, "transport: 200 connections closed with writes in flight",
                 "[net][transport]") {
  constexpr std::size_t kConnections = 200;
  std::vector<std::unique_ptr<Recorder>> recorders;
  std::vector<OwnedFd> peers;
  const std::string bytes = pattern(512 * 1024);
  for (std::size_t i = 0; i < kConnections; ++i) {
    SocketPair pair = unix_pair();
    auto* transport = SocketTransport::open(loop, std::move(pair.ours));
    REQUIRE(transport != nullptr);
    recorders.push_back(std::make_unique<Recorder>());
    transport->set_events(*recorders.back());
    transport->read(ReadMode::On);
    transport->write(bytes);
    CHECK(transport->queued() > 0);
    recorders.back()->transport = transport;
    peers.push_back(std::move(pair.theirs));
  }
  // A third at once, a third after the loop has turned, a third from within their events.
  for (std::size_t i = 0; i < kConnections; i += 3) recorders[i]->transport->close();
  turn_now(loop);
  for (std::size_t i = 1; i < kConnections; i += 3) recorders[i]->transport->reset();
  for (std::size_t i = 2; i < kConnections; i += 3) {
    recorders[i]->on_any = [recorder = recorders[i].get()] { recorder->transport->close(); };
  }
  for (const OwnedFd& peer : peers) ::send(peer.get(), "x", 1, MSG_NOSIGNAL);
  CHECK(run_until(loop, [&] { return loop.transports().in_use() == 0; }));
  CHECK(loop.core().chunks().in_use() == 0);
}
