#include "net/socket_acceptor.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <map>
#include <vector>

#include "net/descriptor_limit.hpp"
#include "net/descriptor_reserve.hpp"
#include "net/listen_socket.hpp"
#include "net/peer_credentials.hpp"
#include "net/raw_address.hpp"
#include "net_fixture.hpp"
#include "support/descriptor_guard.hpp"
#include "support/temp_dir.hpp"

using namespace net_test;
using sluice::core::SocketAddress;
using sluice::net::ListenSocket;
using sluice::net::Peer;
using sluice::net::SocketAcceptor;
using sluice::test::TempDir;

namespace {

struct Accepts final : sluice::net::AcceptEvents {
  struct One {
    Transport* transport;
    Peer peer;
    std::size_t listener;
  };
  std::vector<One> all;
  std::function<void()> on_any;
  void on_accept(Transport& transport, const Peer& peer, std::size_t listener) override {
    all.push_back({&transport, peer, listener});
    if (on_any) on_any();
  }
  ~Accepts() {
    for (const One& one : all) one.transport->close();
  }
};

SocketAddress address_of(std::string_view text) {
  return *SocketAddress::parse(text, "test");
}

/// A listening socket, and connections to it.
struct Listener {
  explicit Listener(std::string_view text) {
    auto opened = sluice::net::open_listeners(address_of(text), 1);
    REQUIRE(opened);
    REQUIRE(sluice::net::listen_all(opened->sockets));
    socket = std::move(opened->sockets[0]);
    address = opened->address;
  }
  OwnedFd connect() const {
    const auto raw = sluice::net::to_raw(address);
    OwnedFd fd(::socket(raw->family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(fd.get(), raw->get(), raw->size) == 0);
    return fd;
  }
  OwnedFd socket;
  SocketAddress address;
};

struct AcceptFixture : LoopFixture {
  Accepts accepts;
  Listener first{"127.0.0.1:0"};
  Listener second{"[::1]:0"};
  std::vector<OwnedFd> clients;
  std::unique_ptr<SocketAcceptor> acceptor = make();

  std::unique_ptr<SocketAcceptor> make() {
    std::vector<ListenSocket> sockets;
    sockets.push_back({std::move(first.socket), 3});
    sockets.push_back({std::move(second.socket), 5});
    return std::make_unique<SocketAcceptor>(loop, std::move(sockets), accepts);
  }
  bool run_to(std::size_t count) {
    return run_until(loop, [&] { return accepts.all.size() == count; });
  }
};

std::uint16_t local_port(int fd) {
  sluice::net::RawAddress raw;
  CHECK(::getsockname(fd, raw.get(), &raw.size) == 0);
  return from_raw(raw).port;
}

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  CHECK(::getsockopt(fd, level, name, &value, &size) == 0);
  return value;
}

}  // namespace

TEST_CASE_METHOD(AcceptFixture, "acceptor: tells peer and listener, IPv4 and IPv6",
                 "[net][acceptor]") {
  acceptor->resume();
  clients.push_back(first.connect());
  REQUIRE(run_to(1));
  clients.push_back(second.connect());
  REQUIRE(run_to(2));
  CHECK(accepts.all[0].listener == 3);
  CHECK(accepts.all[0].peer.ip->text() == "127.0.0.1");
  CHECK(accepts.all[0].peer.port == local_port(clients[0].get()));
  CHECK(accepts.all[1].listener == 5);
  CHECK(accepts.all[1].peer.ip->text() == "::1");
  CHECK(acceptor->accepted() == 2);
}

TEST_CASE_METHOD(AcceptFixture, "acceptor: accepted sockets have the options of their listener",
                 "[net][acceptor]") {
  acceptor->resume();
  clients.push_back(first.connect());
  REQUIRE(run_to(1));
  const int fd = static_cast<SocketTransport*>(accepts.all[0].transport)->fd();
  CHECK(option(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
  CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 60);
  CHECK(option(fd, IPPROTO_TCP, TCP_KEEPINTVL) == 10);
  CHECK(option(fd, IPPROTO_TCP, TCP_KEEPCNT) == 3);
  CHECK(option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT) == 64 * 1024);
}

TEST_CASE_METHOD(AcceptFixture, "acceptor: begins paused, pauses and resumes", "[net][acceptor]") {
  clients.push_back(first.connect());
  CHECK(busy_turns(loop) == 0);
  CHECK(accepts.all.empty());
  acceptor->resume();
  acceptor->resume();
  REQUIRE(run_to(1));
  acceptor->pause();
  clients.push_back(second.connect());
  CHECK(busy_turns(loop) <= 2);
  CHECK(accepts.all.size() == 1);
  acceptor->resume();
  CHECK(run_to(2));
}

TEST_CASE_METHOD(AcceptFixture, "acceptor: a pause inside on_accept ends the accepting at once",
                 "[net][acceptor]") {
  for (int i = 0; i < 5; ++i) clients.push_back(first.connect());
  accepts.on_any = [&] {
    if (accepts.all.size() == 2) acceptor->pause();
  };
  acceptor->resume();
  REQUIRE(run_to(2));
  CHECK(busy_turns(loop) <= 2);
  CHECK(accepts.all.size() == 2);
}

TEST_CASE_METHOD(AcceptFixture,
                 "acceptor: takes one in an event, more while the queue stays full, at most 16",
                 "[net][acceptor]") {
  std::map<std::uint64_t, unsigned> in_turn;
  accepts.on_any = [&] { ++in_turn[loop.core().turns()]; };
  constexpr std::size_t kStorm = 8 * (1 + 2 + 4 + 8) + 3 * 16;
  for (std::size_t i = 0; i < kStorm; ++i) clients.push_back(first.connect());
  acceptor->resume();
  REQUIRE(run_to(kStorm));
  std::vector<unsigned> bursts;
  for (const auto& [turn, count] : in_turn) bursts.push_back(count);
  CHECK(bursts.front() == 1);
  CHECK(std::is_sorted(bursts.begin(), bursts.end()));
  CHECK(bursts.back() == 16);
  CHECK(bursts.size() == 4 * 8 + 3);

  // A queue that was found empty: as many as were there, and then one again.
  in_turn.clear();
  for (std::size_t found = 0; found < 3; ++found) {
    clients.push_back(first.connect());
    REQUIRE(run_to(kStorm + found + 1));
  }
  CHECK(in_turn.size() == 3);
  for (int i = 0; i < 2; ++i) clients.push_back(first.connect());
  REQUIRE(run_to(kStorm + 5));
  CHECK(in_turn.size() == 5);
}

TEST_CASE_METHOD(AcceptFixture, "acceptor: rests when descriptors run out, and goes on later",
                 "[net][acceptor]") {
  acceptor->resume();
  turn_now(loop);
  clients.push_back(first.connect());
  {
    const NoMoreDescriptors guard;
    REQUIRE(run_until(loop, [&] { return acceptor->rests() > 0; }));
    CHECK(accepts.all.empty());
    CHECK(acceptor->rests() == 1);
    CHECK(busy_turns(loop, 50ms) <= 2);  // shorter than the rest: no spinning on the listener
  }
  const Instant begin = clock.now();
  REQUIRE(run_to(1));
  CHECK(clock.now() - begin < 5s);
}

TEST_CASE_METHOD(AcceptFixture,
                 "acceptor: with a claim it takes of the reserve, without one it waits until that "
                 "is whole",
                 "[net][acceptor][reserve]") {
  using sluice::net::DescriptorClaim;
  namespace limits = sluice::core::limits;
  constexpr std::size_t kMost = limits::kReserveForRemote + limits::kReserveForCallers;
  const auto reserve = std::make_shared<sluice::net::DescriptorReserve>();
  Listener door("127.0.0.1:0");
  Listener shop("127.0.0.1:0");
  Accepts callers;
  Accepts shoppers;
  const auto acceptor_of = [&](Listener& listener, Accepts& events, DescriptorClaim claim) {
    std::vector<ListenSocket> sockets;
    sockets.push_back({std::move(listener.socket), 0});
    auto made = std::make_unique<SocketAcceptor>(loop, std::move(sockets), events,
                                                 sluice::net::DescriptorUse{reserve, claim});
    made->resume();
    return made;
  };
  const auto admin = acceptor_of(door, callers, DescriptorClaim::LocalAdmin);
  const auto data = acceptor_of(shop, shoppers, DescriptorClaim::None);
  turn_now(loop);
  for (std::size_t i = 0; i <= kMost; ++i) clients.push_back(door.connect());
  clients.push_back(shop.connect());
  {
    const NoMoreDescriptors guard;
    REQUIRE(run_until(loop, [&] { return admin->rests() > 0 && data->rests() > 0; }));
    CHECK(callers.all.size() == kMost);
    CHECK(reserve->missing() == kMost);
    CHECK(busy_turns(loop, 50ms) <= 2);
    // A caller who leaves makes room for the one who waits; the data path gets nothing of it.
    const auto leave = [&] {
      callers.all.back().transport->close();
      callers.all.pop_back();
    };
    leave();
    REQUIRE(run_until(loop, [&] { return callers.all.size() == kMost; }));
    while (!callers.all.empty()) leave();
    REQUIRE(run_until(loop, [&] { return reserve->missing() == 0; }));
    CHECK(shoppers.all.empty());
    const Instant before = clock.now();
    REQUIRE(run_until(loop, [&] { return data->rests() > 2; }));
    CHECK(clock.now() - before < 5s);
    CHECK(shoppers.all.empty());
  }
  CHECK(run_until(loop, [&] { return shoppers.all.size() == 1; }));
}

TEST_CASE_METHOD(AcceptFixture, "acceptor: stop takes what waits in all queues, then closes",
                 "[net][acceptor]") {
  for (int i = 0; i < 20; ++i) clients.push_back((i % 2 == 0 ? first : second).connect());
  const bool is_paused = GENERATE(false, true);
  if (!is_paused) acceptor->resume();
  acceptor->stop();
  CHECK(accepts.all.size() == 20);
  acceptor->stop();
  acceptor->resume();
  const auto raw = sluice::net::to_raw(first.address);
  const OwnedFd late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(::connect(late.get(), raw->get(), raw->size) == -1);
  CHECK(errno == ECONNREFUSED);
  CHECK(busy_turns(loop) == 0);
}

TEST_CASE_METHOD(AcceptFixture, "acceptor: may be stopped inside on_accept", "[net][acceptor]") {
  for (int i = 0; i < 3; ++i) clients.push_back(first.connect());
  accepts.on_any = [&] {
    if (accepts.all.size() == 1) acceptor->stop();
  };
  acceptor->resume();
  REQUIRE(run_to(3));
  CHECK(busy_turns(loop) == 0);
}

TEST_CASE("listeners: port 0 gives every worker the same free port", "[net][listen]") {
  const auto listeners = sluice::net::open_listeners(address_of("127.0.0.1:0"), 4);
  REQUIRE(listeners);
  REQUIRE(listeners->sockets.size() == 4);
  CHECK(listeners->address.port != 0);
  for (const OwnedFd& socket : listeners->sockets) {
    CHECK(local_port(socket.get()) == listeners->address.port);
  }
  CHECK(sluice::net::listen_all(listeners->sockets));
}

TEST_CASE("listeners: an address that somebody listens on is in use, and the error names it",
          "[net][listen]") {
  const std::string_view text = GENERATE("127.0.0.1:0", "[::1]:0");
  const auto holder = sluice::net::open_listeners(address_of(text), 2);
  REQUIRE(holder);
  REQUIRE(sluice::net::listen_all(holder->sockets));
  const auto again = sluice::net::open_listeners(holder->address, 2);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == sluice::core::ErrorCode::Conflict);
  CHECK(again.error().text() == holder->address.text() + ": address is in use");
}

TEST_CASE("listeners: an address is free again while its old connections are in TIME_WAIT",
          "[net][listen]") {
  SocketAddress address;
  {
    const Listener listener("127.0.0.1:0");
    address = listener.address;
    const OwnedFd client = listener.connect();
    const OwnedFd accepted(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    // The side that closes first keeps TIME_WAIT: ours.
    ::shutdown(accepted.get(), SHUT_RDWR);
    char byte = 0;
    CHECK(::recv(client.get(), &byte, 1, 0) == 0);
  }
  CHECK(sluice::net::open_listeners(address, 2));
}

TEST_CASE("listeners: IPv4 and IPv6 of one port are two listeners", "[net][listen]") {
  const auto v6 = sluice::net::open_listeners(address_of("[::]:0"), 1);
  REQUIRE(v6);
  REQUIRE(sluice::net::listen_all(v6->sockets));
  SocketAddress v4 = address_of("0.0.0.0:1");
  v4.port = v6->address.port;
  CHECK(sluice::net::open_listeners(v4, 1));
}

TEST_CASE("listeners: an address that is not ours is an error that names it", "[net][listen]") {
  const auto listeners = sluice::net::open_listeners(address_of("192.0.2.1:8080"), 1);
  REQUIRE_FALSE(listeners);
  CHECK(listeners.error().code == sluice::core::ErrorCode::Io);
  CHECK(listeners.error().where == "192.0.2.1:8080");
}

TEST_CASE("unix listener: has its mode, listens, and tells who connects", "[net][listen]") {
  const TempDir dir;
  const std::string path = dir.path + "/admin.sock";
  const mode_t mode = GENERATE(0600U, 0660U, 0666U);
  const mode_t umask_before = ::umask(0077);
  auto listener = sluice::net::open_unix_listener(path, mode);
  ::umask(umask_before);
  REQUIRE(listener);
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == mode);
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path), {}) == 1);

  sluice::net::SystemClock clock;
  EventLoop loop(clock, 1);
  Accepts accepts;
  std::vector<ListenSocket> sockets;
  sockets.push_back({std::move(*listener), 0});
  SocketAcceptor acceptor(loop, std::move(sockets), accepts);
  acceptor.resume();
  SocketAddress address;
  address.unix_path = path;
  const auto raw = sluice::net::to_raw(address);
  const OwnedFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(client.get(), raw->get(), raw->size) == 0);
  REQUIRE(run_until(loop, [&] { return accepts.all.size() == 1; }));
  CHECK_FALSE(accepts.all[0].peer.ip.has_value());
  const auto who = sluice::net::peer_credentials(*accepts.all[0].transport);
  REQUIRE(who);
  CHECK(who->pid == ::getpid());
  CHECK(who->uid == ::getuid());
  CHECK(who->gid == ::getgid());
}

TEST_CASE_METHOD(AcceptFixture, "peer credentials: a TCP peer has none", "[net][acceptor]") {
  acceptor->resume();
  clients.push_back(first.connect());
  REQUIRE(run_to(1));
  CHECK_FALSE(sluice::net::peer_credentials(*accepts.all[0].transport));
}

TEST_CASE("unix listener: a socket file that nobody answers on is replaced", "[net][listen]") {
  const TempDir dir;
  const std::string path = dir.path + "/admin.sock";
  { REQUIRE(sluice::net::open_unix_listener(path, 0600)); }
  REQUIRE(std::filesystem::exists(path));
  CHECK(sluice::net::open_unix_listener(path, 0600));
}

TEST_CASE("unix listener: only a socket that refuses was left behind", "[net][acceptor]") {
  // A datagram socket and one of packets are in use, though no stream can be opened to them.
  for (const int kind : {SOCK_DGRAM, SOCK_SEQPACKET}) {
    const TempDir directory;
    const std::string path = directory.path + "/other.sock";
    sluice::net::OwnedFd other(::socket(AF_UNIX, kind, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    REQUIRE(::bind(other.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    if (kind == SOCK_SEQPACKET) REQUIRE(::listen(other.get(), 1) == 0);
    const auto refused = sluice::net::open_unix_listener(path, 0600);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text().find("exists and may be in use: ") != std::string::npos);
  }
}

TEST_CASE("unix listener: refuses a path in use, a file, a long path and an absent folder",
          "[net][listen]") {
  using sluice::core::ErrorCode;
  const TempDir dir;
  const std::string path = dir.path + "/admin.sock";
  const auto holder = sluice::net::open_unix_listener(path, 0600);
  REQUIRE(holder);
  const auto second = sluice::net::open_unix_listener(path, 0600);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::Conflict);
  CHECK(second.error().text() == path + ": socket is in use");

  const auto on_folder = sluice::net::open_unix_listener(dir.path, 0600);
  REQUIRE_FALSE(on_folder);
  CHECK(on_folder.error().code == ErrorCode::Conflict);

  const auto too_long =
      sluice::net::open_unix_listener(dir.path + "/" + std::string(108, 'x'), 0600);
  REQUIRE_FALSE(too_long);
  CHECK(too_long.error().code == ErrorCode::BadInput);

  const auto nowhere = sluice::net::open_unix_listener(dir.path + "/absent/a.sock", 0600);
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().code == ErrorCode::Io);
}

TEST_CASE("descriptor limit: the soft limit is raised to the hard one", "[net][limits]") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit lower = before;
  lower.rlim_cur = std::min<rlim_t>(before.rlim_max, 512);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &lower) == 0);
  const auto limit = sluice::net::raise_descriptor_limit();
  REQUIRE(limit);
  CHECK(limit->before == lower.rlim_cur);
  CHECK(limit->now == before.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_CASE("unix listeners: all workers poll one socket, and each connection is accepted once",
          "[net][listen]") {
  const TempDir dir;
  const std::string path = dir.path + "/http.sock";
  auto opened = sluice::net::open_unix_listeners(path, 0600, 3);
  REQUIRE(opened);
  REQUIRE(opened->sockets.size() == 3);
  CHECK(opened->address.text() == "unix:" + path);
  REQUIRE(sluice::net::listen_all(opened->sockets));
  const auto raw = sluice::net::to_raw(opened->address);
  std::vector<OwnedFd> clients;
  for (int i = 0; i < 5; ++i) {
    clients.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(clients.back().get(), raw->get(), raw->size) == 0);
  }
  sluice::net::SystemClock clock;
  EventLoop first_loop(clock, 1);
  EventLoop second_loop(clock, 2);
  Accepts first;
  Accepts second;
  const auto acceptor_on = [&](EventLoop& loop, std::size_t number, Accepts& accepts) {
    std::vector<ListenSocket> sockets;
    sockets.push_back({std::move(opened->sockets[number]), 0});
    return std::make_unique<SocketAcceptor>(loop, std::move(sockets), accepts);
  };
  const auto one = acceptor_on(first_loop, 0, first);
  const auto two = acceptor_on(second_loop, 1, second);
  one->resume();
  two->resume();
  REQUIRE(run_until(first_loop, [&] { return first.all.size() == 5; }));
  CHECK(busy_turns(second_loop) == 0);
  CHECK(second.all.empty());
  one->stop();
  clients.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(clients.back().get(), raw->get(), raw->size) == 0);
  REQUIRE(run_until(second_loop, [&] { return second.all.size() == 1; }));
}

TEST_CASE("unix listeners: a directory that is not there is named with the path as configured",
          "[net][listen]") {
  const TempDir dir;
  const std::string path = dir.in("none/http.sock");
  const auto opened = sluice::net::open_unix_listeners(path, 0600, 1);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().text() == path + ": its directory does not exist");
}

TEST_CASE("socket file: goes with its listener, but not when another one has taken its place",
          "[net][listen]") {
  const TempDir dir;
  const std::string path = dir.path + "/http.sock";
  {
    auto opened = sluice::net::open_unix_listeners(path, 0600, 1);
    REQUIRE(opened);
    const auto moved = std::move(*opened);
    CHECK(std::filesystem::exists(path));
  }
  CHECK_FALSE(std::filesystem::exists(path));
  auto old = sluice::net::open_unix_listeners(path, 0600, 1);
  REQUIRE(old);
  old->sockets.clear();
  auto next = sluice::net::open_unix_listeners(path, 0600, 1);
  REQUIRE(next);
  old->file.remove();
  CHECK(std::filesystem::exists(path));
  next->file.remove();
  CHECK_FALSE(std::filesystem::exists(path));
  next->file.remove();
}
