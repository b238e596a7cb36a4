#include "net/socket_connector.hpp"

#include <netinet/tcp.h>
#include <sys/resource.h>

#include <vector>

#include "net/listen_socket.hpp"
#include "net_fixture.hpp"
#include "support/descriptor_guard.hpp"
#include "support/temp_dir.hpp"

using namespace net_test;
using sluice::core::SocketAddress;
using sluice::net::ConnectError;
using sluice::net::PendingConnect;
using sluice::net::SocketConnector;
using sluice::test::TempDir;

namespace {

struct Outcome final : sluice::net::ConnectEvents {
  Transport* transport = nullptr;
  unsigned events = 0;
  ConnectError error{};
  bool is_inside_call = false;
  void on_connected(Transport& connected) override {
    CHECK_FALSE(is_inside_call);
    ++events;
    transport = &connected;
  }
  void on_connect_failed(ConnectError what) override {
    CHECK_FALSE(is_inside_call);
    ++events;
    error = what;
  }
  ~Outcome() {
    if (transport != nullptr) transport->close();
  }
};

struct ConnectFixture : LoopFixture {
  SocketConnector connector{loop};
  Outcome outcome;
  PendingConnect* start(const SocketAddress& address, Nanos timeout = 5s) {
    outcome.is_inside_call = true;
    PendingConnect* pending = connector.connect(address, timeout, outcome);
    outcome.is_inside_call = false;
    REQUIRE(pending != nullptr);
    CHECK(outcome.events == 0);
    return pending;
  }
  void connect(const SocketAddress& address, Nanos timeout = 5s) {
    start(address, timeout);
    REQUIRE(run_until(loop, [&] { return outcome.events > 0; }));
  }
};

SocketAddress address_of(std::string_view text) {
  return *SocketAddress::parse(text, "test");
}

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  CHECK(::getsockopt(fd, level, name, &value, &size) == 0);
  return value;
}

}  // namespace

TEST_CASE_METHOD(ConnectFixture, "connector: connects over IPv4 and IPv6", "[net][connector]") {
  const auto listeners =
      sluice::net::open_listeners(address_of(GENERATE("127.0.0.1:0", "[::1]:0")), 1);
  REQUIRE(listeners);
  REQUIRE(sluice::net::listen_all(listeners->sockets));
  connect(listeners->address);
  REQUIRE(outcome.transport != nullptr);
  const OwnedFd accepted(::accept4(listeners->sockets[0].get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(accepted.is_open());
  outcome.transport->write("hello");
  char buffer[8];
  CHECK(::recv(accepted.get(), buffer, sizeof buffer, 0) == 5);
  const int fd = static_cast<SocketTransport*>(outcome.transport)->fd();
  CHECK(option(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
  CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 60);
  CHECK(option(fd, IPPROTO_TCP, TCP_KEEPINTVL) == 10);
  CHECK(option(fd, IPPROTO_TCP, TCP_KEEPCNT) == 3);
  CHECK(busy_turns(loop) == 0);
  CHECK(outcome.events == 1);
}

TEST_CASE_METHOD(ConnectFixture, "connector: connects to a Unix socket", "[net][connector]") {
  const TempDir dir;
  SocketAddress address;
  address.unix_path = dir.path + "/app.sock";
  const auto listener = sluice::net::open_unix_listener(address.unix_path, 0600);
  REQUIRE(listener);
  connect(address);
  CHECK(outcome.transport != nullptr);
}

TEST_CASE_METHOD(ConnectFixture, "connector: nobody listens is refused", "[net][connector]") {
  SECTION("TCP") {
    SocketAddress address;
    {
      const auto listeners = sluice::net::open_listeners(address_of("127.0.0.1:0"), 1);
      REQUIRE(listeners);
      address = listeners->address;
    }
    connect(address);
  }
  SECTION("Unix path that is absent") {
    connect(address_of("unix:/nonexistent/app.sock"));
  }
  SECTION("Unix path that is too long") {
    SocketAddress address;
    address.unix_path = std::string(200, 'x');
    connect(address);
  }
  CHECK(outcome.transport == nullptr);
  CHECK(outcome.error == ConnectError::Refused);
}

TEST_CASE_METHOD(ConnectFixture, "connector: times out at a listener whose queue is full",
                 "[net][connector]") {
  const auto listeners = sluice::net::open_listeners(address_of("127.0.0.1:0"), 1);
  REQUIRE(listeners);
  REQUIRE(::listen(listeners->sockets[0].get(), 0) == 0);
  // A queue of 0 holds one; the kernel ignores the SYNs of further ones.
  std::vector<OwnedFd> fillers;
  sockaddr_in raw{};
  raw.sin_family = AF_INET;
  raw.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  raw.sin_port = htons(listeners->address.port);
  for (int i = 0; i < 4; ++i) {
    fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    static_cast<void>(
        ::connect(fillers.back().get(), reinterpret_cast<sockaddr*>(&raw), sizeof raw));
  }
  const Instant begin = clock.now();
  connect(listeners->address, 150ms);
  CHECK(outcome.transport == nullptr);
  CHECK(outcome.error == ConnectError::TimedOut);
  CHECK(clock.now() - begin >= 150ms);
}

TEST_CASE_METHOD(ConnectFixture, "connector: a cancelled attempt has no event",
                 "[net][connector]") {
  const auto listeners = sluice::net::open_listeners(address_of("127.0.0.1:0"), 1);
  REQUIRE(listeners);
  SECTION("that would connect") {
    REQUIRE(sluice::net::listen_all(listeners->sockets));
  }
  SECTION("that would be refused") {}
  PendingConnect* pending = start(listeners->address);
  pending->cancel();
  CHECK(busy_turns(loop) == 0);
  CHECK(outcome.events == 0);
  CHECK(loop.core().timers().armed() == 0);
}

// As a child holds it between fork() and exec().
TEST_CASE_METHOD(ConnectFixture, "connector: cancelled while somebody has a copy of its socket",
                 "[net][connector]") {
  const auto listeners = sluice::net::open_listeners(address_of("127.0.0.1:0"), 1);
  REQUIRE(listeners);
  REQUIRE(sluice::net::listen_all(listeners->sockets));
  const int next = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);  // what the socket will be
  ::close(next);
  PendingConnect* pending = start(listeners->address);
  OwnedFd copy(::fcntl(next, F_DUPFD_CLOEXEC, 0));
  REQUIRE(copy.is_open());
  pending->cancel();
  CHECK(busy_turns(loop) == 0);
  CHECK(outcome.events == 0);
}

TEST_CASE_METHOD(ConnectFixture, "connector: an immediate failure that is cancelled has no event",
                 "[net][connector]") {
  start(address_of("unix:/nonexistent/app.sock"))->cancel();
  CHECK(busy_turns(loop) == 0);
  CHECK(outcome.events == 0);
}

TEST_CASE_METHOD(ConnectFixture, "connector: running out of descriptors is a matter of ours",
                 "[net][connector]") {
  turn_now(loop);
  {
    const NoMoreDescriptors guard;
    start(address_of("127.0.0.1:9"));
  }
  REQUIRE(run_until(loop, [&] { return outcome.events > 0; }));
  CHECK(outcome.error == ConnectError::LocalResources);
}

TEST_CASE_METHOD(ConnectFixture,
                 "connector: out of descriptors, one with a claim connects all the same",
                 "[net][connector][reserve]") {
  const auto listeners = sluice::net::open_listeners(address_of("127.0.0.1:0"), 1);
  REQUIRE(listeners);
  REQUIRE(sluice::net::listen_all(listeners->sockets));
  const auto reserve = std::make_shared<sluice::net::DescriptorReserve>();
  SocketConnector check(loop, {reserve, sluice::net::DescriptorClaim::Answer});
  SocketConnector data(loop, {reserve, sluice::net::DescriptorClaim::None});
  Outcome refused;
  turn_now(loop);
  const NoMoreDescriptors guard;
  check.connect(listeners->address, 5s, outcome);
  data.connect(listeners->address, 5s, refused);
  REQUIRE(run_until(loop, [&] { return outcome.events > 0 && refused.events > 0; }));
  CHECK(outcome.transport != nullptr);
  CHECK(refused.error == ConnectError::LocalResources);
}

TEST_CASE_METHOD(ConnectFixture, "connector: many attempts at once each have one event",
                 "[net][connector]") {
  const auto listeners = sluice::net::open_listeners(address_of("127.0.0.1:0"), 1);
  REQUIRE(listeners);
  REQUIRE(sluice::net::listen_all(listeners->sockets));
  std::vector<std::unique_ptr<Outcome>> outcomes;
  const SocketAddress refused = address_of("unix:/nonexistent/app.sock");
  for (int i = 0; i < 100; ++i) {
    outcomes.push_back(std::make_unique<Outcome>());
    PendingConnect* pending =
        connector.connect(i % 3 == 0 ? refused : listeners->address, 5s, *outcomes.back());
    if (i % 7 == 0) pending->cancel();
  }
  const auto all_done = [&] {
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (outcomes[i]->events != (i % 7 == 0 ? 0U : 1U)) return false;
    }
    return true;
  };
  CHECK(run_until(loop, all_done));
}
