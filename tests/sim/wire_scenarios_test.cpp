#include "sim/wire_rig.hpp"
#include "support/catch.hpp"

// What needs two events in one turn of the loop, as epoll reports what was ready together.
namespace sluice::sim {

namespace {

ServiceOptions one_endpoint() {
  ServiceOptions options;
  options.endpoints = {1, 1};
  return options;
}

std::string asks(const char* method, const char* path) {
  return std::string(method) + " " + path + " HTTP/1.1\r\nHost: shop.test\r\n\r\n";
}

const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";

/// A client and an endpoint whose connection is idle behind one exchange, where bytes of nobody's
/// answer wait as the next request comes.
struct StaleAnswer {
  explicit StaleAnswer(const std::string& next) {
    client.give(asks("GET", "/1"));
    rig.settle();
    endpoint().give(kAnswer + "first");
    rig.settle();
    endpoint().give(kAnswer + "stale");
    client.give(next);
    rig.step_together({&client, &endpoint()});
    rig.settle();
  }
  Wire& endpoint(std::size_t number = 0) { return *rig.endpoints().at(number); }
  bool has_got(const char* text) const { return client.sent().find(text) != std::string::npos; }

  WireRig rig{one_endpoint()};
  Wire& client = rig.connect_client();
};

}  // namespace

TEST_CASE("sim wire: bytes that were there before the request are not its answer", "[sim][wire]") {
  StaleAnswer run(asks("GET", "/2"));
  CHECK(run.has_got("first"));
  CHECK_FALSE(run.has_got("stale"));
  CHECK(run.endpoint().is_closed());
  REQUIRE(run.rig.endpoints().size() == 2);  // asked again on a fresh connection
  run.endpoint(1).give(kAnswer + "right");
  run.rig.settle();
  CHECK(run.has_got("right"));
}

TEST_CASE("sim wire: what may not be repeated is a 502 behind such bytes", "[sim][wire]") {
  StaleAnswer run(asks("POST", "/2"));
  CHECK_FALSE(run.has_got("stale"));
  CHECK(run.has_got("502 Bad Gateway"));
  CHECK(run.endpoint().is_closed());
  CHECK(run.rig.endpoints().size() == 1);
}

TEST_CASE("sim wire: a crowded turn does not tell of such bytes, so the kernel is asked",
          "[sim][wire]") {
  for (const char* method : {"GET", "POST"}) {
    WireRig rig(one_endpoint());
    Wire& client = rig.connect_client();
    client.give(asks(method, "/1"));
    rig.settle();
    Wire& first = *rig.endpoints().front();
    first.give(kAnswer + "first");
    rig.settle();
    first.give(kAnswer + "stale");
    client.give(asks(method, "/2"));
    rig.step_crowded(client);  // the event of `first` comes a turn later
    rig.settle();
    CHECK(first.is_closed());
    REQUIRE(rig.endpoints().size() == 2);
    rig.endpoints().back()->give(kAnswer + "right");
    rig.settle();
    CHECK(client.sent().find("stale") == std::string::npos);
    CHECK(client.sent().find("right") != std::string::npos);
    // A connection on which nothing waits is used again, in such a turn too.
    client.give(asks(method, "/3"));
    rig.step_crowded(client);
    rig.settle();
    CHECK(rig.endpoints().size() == 2);
  }
}

TEST_CASE("sim wire: an answer in the turn behind its request is its answer", "[sim][wire]") {
  WireRig rig(one_endpoint());
  Wire& client = rig.connect_client();
  for (const char* path : {"/1", "/2", "/3"}) {
    client.give(asks("POST", path));
    rig.settle();
    rig.endpoints().front()->give(kAnswer + "right");
    rig.step_together({rig.endpoints().front()});
  }
  CHECK(rig.endpoints().size() == 1);
  CHECK(rig.worker().metrics().endpoint_connections_reused.read() == 2);
}

namespace {

/// What ends an exchange whose messages are on their way.
enum class Break : std::uint8_t {
  EndpointFin,
  EndpointRst,
  EndpointNonsense,
  ClientFin,
  ClientRst,
  ClientNonsense,
  Silence,
  DrainDeadline
};

struct BrokenExchange {
  explicit BrokenExchange(const std::string& request) {
    client.give(request);
    rig.settle();
  }
  Wire& endpoint() { return *rig.endpoints().front(); }
  void do_break(Break what) {
    switch (what) {
      case Break::EndpointFin:
        return endpoint().end();
      case Break::EndpointRst:
        return endpoint().break_off();
      case Break::EndpointNonsense:
        return endpoint().give("nonsense");
      case Break::ClientFin:
        return client.end();
      case Break::ClientRst:
        return client.break_off();
      case Break::ClientNonsense:
        return client.give("nonsense");
      case Break::Silence:
        return rig.advance(std::chrono::seconds(31));
      case Break::DrainDeadline:
        rig.worker().cut_leases({.whose = {.pool = {0}, .below = {1'000}}});
        return;
    }
  }
  void check_nothing_is_left() {
    const proxy::Worker::Load load = rig.worker().load();
    CHECK(load.leases == 0);
    CHECK(load.holds == 0);
    CHECK(load.endpoint_connections == 0);
    for (const std::uint32_t id : {0U, 1U})
      CHECK(rig.control().cell(core::EndpointId{id}).in_flight.load() == 0);
    CHECK(rig.take_log().size() == 1);
  }

  WireRig rig{one_endpoint()};
  Wire& client = rig.connect_client();
};

}  // namespace

TEST_CASE("sim wire: behind the break of an answer no byte of it follows", "[sim][wire]") {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
  const std::string sized = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
  const std::string until_close = "HTTP/1.1 200 OK\r\n\r\nhello";
  const auto check = [](const std::string& answer, Break what) {
    BrokenExchange run(asks("GET", "/1"));
    run.endpoint().give(answer);
    run.rig.settle();
    const std::string before = run.client.written();
    INFO(before << " broken by " << static_cast<int>(what));
    REQUIRE(before.find("hello") != std::string::npos);
    run.do_break(what);
    run.rig.settle();
    CHECK(run.client.written() == before);
    CHECK(run.client.is_reset());
    CHECK(run.endpoint().is_closed());
    run.check_nothing_is_left();
  };
  for (const Break what :
       {Break::EndpointRst, Break::ClientFin, Break::Silence, Break::DrainDeadline}) {
    for (const std::string& answer : {chunked, sized, until_close}) check(answer, what);
  }
  for (const std::string& answer : {chunked, sized}) check(answer, Break::EndpointFin);
  check(chunked, Break::EndpointNonsense);
}

TEST_CASE("sim wire: behind the break of an upload no byte of it follows", "[sim][wire]") {
  const std::string head = "POST /1 HTTP/1.1\r\nHost: shop.test\r\n";
  const std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
  const std::string sized = head + "Content-Length: 10\r\n\r\nhello";
  const auto check = [](const std::string& request, Break what) {
    BrokenExchange run(request);
    const std::string before = run.endpoint().written();
    INFO(before << " broken by " << static_cast<int>(what));
    REQUIRE(before.find("hello") != std::string::npos);
    run.do_break(what);
    run.rig.settle();
    CHECK(run.endpoint().written() == before);
    CHECK(run.endpoint().is_closed());
    run.check_nothing_is_left();
  };
  for (const Break what :
       {Break::ClientFin, Break::ClientRst, Break::Silence, Break::DrainDeadline}) {
    for (const std::string& request : {chunked, sized}) check(request, what);
  }
  check(chunked, Break::ClientNonsense);
}

TEST_CASE("sim wire: behind the cut of a tunnel no byte passes", "[sim][wire]") {
  BrokenExchange run(
      "GET /1 HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
  run.endpoint().give("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello");
  run.client.give("hi");
  run.rig.settle();
  REQUIRE(run.client.sent().ends_with("hello"));
  REQUIRE(run.endpoint().sent().ends_with("hi"));
  run.do_break(Break::DrainDeadline);
  run.rig.settle();
  run.endpoint().give("late");
  run.client.give("late");
  run.rig.settle();
  CHECK(run.client.written().ends_with("hello"));
  CHECK(run.endpoint().written().ends_with("hi"));
  CHECK(run.client.has_fin());
  CHECK(run.endpoint().has_fin());
  run.rig.advance(core::limits::kTunnelCutGrace);
  run.rig.settle();
  CHECK(run.client.is_closed());
  run.check_nothing_is_left();
}

TEST_CASE("sim wire: nothing is sent on before the head is whole", "[sim][wire]") {
  WireRig rig(one_endpoint());
  Wire& client = rig.connect_client();
  // The field that decides the framing comes last, so nobody could know it before.
  const std::string head =
      "POST /1 HTTP/1.1\r\nHost: shop.test\r\nX: y\r\nContent-Length: 5\r\n\r\n";
  for (const char octet : head) {
    REQUIRE(rig.endpoints().empty());
    CHECK(rig.worker().load().leases == 0);
    client.give(std::string(1, octet));
    rig.settle();
  }
  REQUIRE(rig.endpoints().size() == 1);
  CHECK(rig.endpoints().front()->sent().starts_with("POST /1 HTTP/1.1\r\n"));
}

TEST_CASE("sim wire: an endpoint that says close, or does not say keep-alive, is left",
          "[sim][wire]") {
  struct Row {
    const char* head;
    bool is_kept;
  };
  for (const Row& row :
       {Row{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true},
        Row{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x, Close\r\n\r\n", false},
        Row{"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", true},
        Row{"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false},
        Row{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nKeep-Alive: timeout=2\r\n\r\n", true},
        Row{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nKeep-Alive: timeout=1\r\n\r\n", false}}) {
    INFO(row.head);
    WireRig rig(one_endpoint());
    Wire& client = rig.connect_client();
    for (std::size_t number = 0; number < 2; ++number) {
      client.give(asks("POST", "/1"));
      rig.settle();
      REQUIRE(rig.endpoints().size() == (row.is_kept ? 1 : number + 1));
      rig.endpoints().back()->give(std::string(row.head) + "right");
      rig.settle();
      CHECK(rig.endpoints().back()->is_closed() != row.is_kept);
    }
    CHECK_FALSE(client.is_closed());
  }
}

TEST_CASE("sim wire: a client that leaves in the turn in which its retry begins", "[sim][wire]") {
  for (const bool client_first : {true, false}) {
    for (const bool resets : {true, false}) {
      BrokenExchange run(asks("GET", "/1"));
      resets ? run.client.break_off() : run.client.end();
      run.endpoint().end();
      if (client_first) {
        run.rig.step_together({&run.client, &run.endpoint()});
      } else {
        run.rig.step_together({&run.endpoint(), &run.client});
      }
      run.rig.settle();
      CHECK(run.rig.endpoints().size() == 1);
      const std::vector<std::string> log = run.rig.take_log();
      REQUIRE(log.size() == 1);
      CHECK(log[0].find("\"status\":499") != std::string::npos);
      CHECK(run.rig.control().cell({0}).in_flight.load() == 0);
      CHECK(run.rig.worker().load().leases == 0);
    }
  }
}

TEST_CASE("sim wire: a 101 before the request's body has ended is a 502", "[sim][wire]") {
  const std::string request =
      "POST /1 HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n"
      "Content-Length: 5\r\n\r\n";
  const std::string switches = "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
  for (const std::string_view body : {"hell", "hello"}) {
    INFO(body);
    BrokenExchange run(request + std::string(body));
    run.endpoint().give(switches + "tunnelled");
    run.rig.settle();
    const bool is_whole = body.size() == 5;
    CHECK((run.client.sent().find("502 Bad Gateway") == std::string::npos) == is_whole);
    CHECK((run.client.sent().find("tunnelled") != std::string::npos) == is_whole);
    CHECK(run.endpoint().is_closed() != is_whole);
  }
}

TEST_CASE("sim wire: a malformed answer is a 502 and ends its connection at once", "[sim][wire]") {
  for (const std::string_view answer :
       {"HTTP/1.1 20 OK\r\n\r\n", "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"}) {
    INFO(answer);
    BrokenExchange run(asks("POST", "/1"));
    run.endpoint().give(answer);
    run.rig.settle();
    CHECK(run.client.sent().starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    CHECK(run.endpoint().is_closed());
    CHECK_FALSE(run.client.is_closed());
    run.check_nothing_is_left();
  }
}

TEST_CASE("sim wire: of more idle connections to an endpoint than are kept the oldest ends",
          "[sim][wire]") {
  constexpr std::size_t kMost = core::limits::kIdlePerEndpointMax;
  for (const std::size_t count : {kMost, kMost + 1}) {
    INFO(count);
    WireRig rig(one_endpoint());
    for (std::size_t i = 0; i < count; ++i) rig.connect_client().give(asks("GET", "/1"));
    rig.settle();
    REQUIRE(rig.endpoints().size() == count);
    for (Wire* const endpoint : rig.endpoints()) {
      endpoint->give(kAnswer + "right");
      rig.settle();
    }
    CHECK(rig.worker().load().endpoint_connections == kMost);
    CHECK(rig.endpoints().front()->is_closed() == (count > kMost));
    CHECK_FALSE(rig.endpoints().back()->is_closed());
  }
}

TEST_CASE("sim wire: an idle connection that sends is closed, whatever it sends", "[sim][wire]") {
  // As servers do that answer 408 to a client which they think too slow.
  for (const std::string_view bytes :
       {"HTTP/1.1 408 Slow\r\nContent-Length: 0\r\n\r\n", "\r\n", "x"}) {
    INFO(bytes);
    BrokenExchange run(asks("POST", "/1"));
    run.endpoint().give(kAnswer + "right");
    run.rig.settle();
    REQUIRE(run.rig.worker().load().endpoint_connections == 1);
    run.endpoint().give(bytes);
    run.rig.settle();
    CHECK(run.endpoint().is_closed());
    CHECK(run.rig.worker().load().endpoint_connections == 0);
    run.client.give(asks("POST", "/2"));
    run.rig.settle();
    REQUIRE(run.rig.endpoints().size() == 2);
    run.rig.endpoints().back()->give(kAnswer + "again");
    run.rig.settle();
    CHECK(run.client.sent().ends_with("again"));
  }
}

TEST_CASE("sim wire: a retry opens a connection, also beside an idle one", "[sim][wire]") {
  WireRig rig(one_endpoint());
  Wire& client = rig.connect_client();
  Wire& other = rig.connect_client();
  client.give(asks("GET", "/1"));
  other.give(asks("GET", "/1"));
  rig.settle();
  REQUIRE(rig.endpoints().size() == 2);
  for (Wire* const endpoint : rig.endpoints()) endpoint->give(kAnswer + "right");
  rig.settle();
  client.give(asks("GET", "/2"));
  rig.settle();
  // Of the two idle ones it has taken the one that was used last, which dies with it.
  Wire& taken = rig.endpoints()[1]->sent().find("GET /2 ") != std::string::npos
                    ? *rig.endpoints()[1]
                    : *rig.endpoints()[0];
  taken.end();
  rig.settle();
  REQUIRE(rig.endpoints().size() == 3);
  CHECK(rig.endpoints()[2]->sent().starts_with("GET /2 "));
  rig.endpoints()[2]->give(kAnswer + "fresh");
  rig.settle();
  CHECK(client.sent().ends_with("fresh"));
}

TEST_CASE("sim wire: behind an answer that closes, so much is discarded and for so long",
          "[sim][wire]") {
  using core::limits::kLingerBytesMax;
  using core::limits::kLingerTimeMax;
  const auto linger = [](WireRig& rig) -> Wire& {
    Wire& client = rig.connect_client();
    client.give("BAD\r\n\r\n");
    rig.settle();
    CHECK(client.sent().starts_with("HTTP/1.1 400 Bad Request\r\n"));
    CHECK(client.has_fin());
    CHECK_FALSE(client.is_closed());
    return client;
  };
  WireRig much(one_endpoint());
  Wire& talker = linger(much);
  talker.give(std::string(kLingerBytesMax, 'x'));
  much.settle();
  CHECK_FALSE(talker.is_closed());
  talker.give("x");
  much.settle();
  CHECK(talker.is_closed());

  WireRig late(one_endpoint());
  Wire& sleeper = linger(late);
  late.advance(kLingerTimeMax - std::chrono::milliseconds(1));
  CHECK_FALSE(sleeper.is_closed());
  late.advance(std::chrono::milliseconds(1));
  CHECK(sleeper.is_closed());

  WireRig gone(one_endpoint());
  Wire& leaver = linger(gone);
  leaver.end();
  gone.settle();
  CHECK(leaver.is_closed());
}

}  // namespace sluice::sim
