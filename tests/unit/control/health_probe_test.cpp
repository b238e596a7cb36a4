#include "control/health_probe.hpp"

#include "support/catch.hpp"
#include "support/health_rig.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using policy::Finding;
using test::HealthPeers;

namespace {

struct Probe final : control::ProbeEvents {
  Probe() {
    check.is_on = true;
    endpoint.text = "127.0.0.1:9001";
    endpoint.address = core::SocketAddress::parse(endpoint.text, "").value();
    endpoint.cell = std::make_shared<model::EndpointCell>();
  }
  ~Probe() { loop.mailbox().close(); }

  void on_probe_ended(policy::CheckResult found) override {
    ENSURE(!result, "once");
    result = std::move(found);
  }
  void turn() {
    loop.begin_turn();
    loop.end_turn();
  }
  void start() {
    result.reset();
    probe.start(check, endpoint, core::PoolName::Green);
    CHECK_FALSE(result);
    turn();
  }
  /// A check that gets these bytes as its whole answer.
  policy::CheckResult answered(std::string_view bytes) {
    start();
    peers.at(9001).give(bytes);
    REQUIRE(result);
    CHECK(peers.at(9001).is_closed);
    CHECK_FALSE(probe.is_running());
    return *result;
  }

  test::ManualClock clock;
  net::Loop loop{clock, 1, [] {}};
  HealthPeers peers{loop};
  policy::HealthCheck check;
  model::Endpoint endpoint;
  control::HealthProbe probe{loop, peers, *this};
  std::optional<policy::CheckResult> result;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

}  // namespace

TEST_CASE("health probe: the request says who asks, and whom", "[control][health]") {
  Probe p;
  p.check.path = "/up?full=1";
  CHECK(p.answered(kOk).finding == Finding::Pass);
  CHECK(p.peers.at(9001).sent ==
        "GET /up?full=1 HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nUser-Agent: sluice-health-check\r\n"
        "Accept: */*\r\nSluice-Pool: green\r\nConnection: close\r\n\r\n");
  p.check.host = "shop.internal";
  p.check.method = "HEAD";
  CHECK(p.answered("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n").finding == Finding::Pass);
  CHECK(p.peers.at(9001).sent.starts_with("HEAD /up?full=1 HTTP/1.1\r\nHost: shop.internal\r\n"));
  CHECK(p.peers.connects == 2);
}

TEST_CASE("health probe: an answer in single bytes is the same answer", "[control][health]") {
  Probe p;
  p.check.body = "all good";
  const std::string answer =
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
      "chunked\r\nSluice-Health: ready; memory=12\r\n\r\n4\r\nall \r\n4\r\ngood\r\n0\r\n\r\n";
  p.start();
  for (const char c : answer) {
    CHECK_FALSE(p.result);
    p.peers.at(9001).give(std::string_view(&c, 1));
  }
  REQUIRE(p.result);
  CHECK(p.result->finding == Finding::Pass);
  CHECK(p.result->report->memory_percent == 12);
}

TEST_CASE("health probe: without a text to look for the head is enough", "[control][health]") {
  Probe p;
  CHECK(p.answered("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhal").finding ==
        Finding::Pass);
  CHECK(p.answered("HTTP/1.1 500 No\r\nContent-Length: 1000000\r\n\r\n").why ==
        "status 500, expected 200-299");
}

TEST_CASE("health probe: a body ends by its length, its chunks or the connection",
          "[control][health]") {
  Probe p;
  p.check.body = "good";
  CHECK(p.answered("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood").finding == Finding::Pass);
  CHECK(p.answered("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ngood").finding == Finding::Fail);
  CHECK(p.answered("HTTP/1.1 204 No Content\r\n\r\n").why == "the body lacks the expected text");
  p.start();
  p.peers.at(9001).give("HTTP/1.1 200 OK\r\n\r\ngo");
  p.peers.at(9001).give("od");
  CHECK_FALSE(p.result);
  p.peers.at(9001).end();
  REQUIRE(p.result);
  CHECK(p.result->finding == Finding::Pass);
}

TEST_CASE("health probe: a body is judged by its first 64 KiB", "[control][health]") {
  Probe p;
  p.check.body = "good";
  const std::string padding(core::limits::kHealthBodyMax - 4, 'x');
  const std::string head = "HTTP/1.1 200 OK\r\n\r\n";
  CHECK(p.answered(head + padding + "good and more").finding == Finding::Pass);
  CHECK(p.answered(head + padding + "xgood and more").finding == Finding::Fail);
}

TEST_CASE("health probe: what is no answer is a failure", "[control][health]") {
  Probe p;
  CHECK(p.answered("HTTP/1.1 2000 OK\r\n\r\n").why.starts_with("its answer is not valid HTTP"));
  CHECK(p.answered("SSH-2.0-OpenSSH_9.2\r\n\r\n").why.starts_with("its answer is not valid HTTP"));
  CHECK(p.answered("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: "
                   "upgrade\r\n\r\n")
            .why == "it switched to a protocol that was not asked for");
  CHECK(p.answered("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
            .why.starts_with("its answer is not valid HTTP"));
  std::string hints;
  for (unsigned i = 0; i <= core::limits::kInformationalMax; ++i)
    hints += "HTTP/1.1 103 Early Hints\r\n\r\n";
  CHECK(p.answered(hints).why == "it sent too many informational answers");
  hints.resize(hints.size() / (core::limits::kInformationalMax + 1) *
               core::limits::kInformationalMax);
  CHECK(p.answered(hints + std::string(kOk)).finding == Finding::Pass);  // as many as may come
  p.check.body = "x";
  CHECK(p.answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
            .why.starts_with("its answer is not valid HTTP"));
}

TEST_CASE("health probe: a head that does not end is cut off", "[control][health]") {
  Probe p;
  p.start();
  p.peers.at(9001).give("HTTP/1.1 200 OK\r\nX: " +
                        std::string(core::limits::kResponseHeadMax - 20, 'x'));
  CHECK_FALSE(p.result);
  p.peers.at(9001).give("x");
  REQUIRE(p.result);
  CHECK(p.result->why == "the head of its answer is too large");
}

TEST_CASE("health probe: a head may be as large as its bound, and no larger", "[control][health]") {
  Probe p;
  const auto head_of = [](std::size_t size) {
    const std::string begin = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ";
    return begin + std::string(size - begin.size() - 4, 'x') + "\r\n\r\n";
  };
  CHECK(p.answered(head_of(core::limits::kResponseHeadMax)).finding == Finding::Pass);
  CHECK(p.answered(head_of(core::limits::kResponseHeadMax + 1)).why ==
        "the head of its answer is too large");
}

TEST_CASE("health probe: nothing of a check is left for the next one", "[control][health]") {
  Probe p;
  p.check.body = "good";
  p.start();  // ends in the middle of a chunk
  p.peers.at(9001).give("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\ngoo");
  p.peers.at(9001).end();
  REQUIRE(p.result);
  CHECK(p.result->finding == Finding::Fail);
  CHECK(p.answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n")
            .finding == Finding::Pass);
  p.start();  // in the middle of a head
  p.peers.at(9001).give(
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nSluice-Health: down\r\n");
  p.peers.at(9001).end();
  REQUIRE(p.result);
  CHECK_FALSE(p.result->report);
  const auto found = p.answered("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nd");
  CHECK(found.why == "the body lacks the expected text");
  CHECK_FALSE(found.report);
}

TEST_CASE("health probe: ends of the connection before the answer are failures",
          "[control][health]") {
  Probe p;
  p.start();
  p.peers.at(9001).end();
  CHECK(p.result->why == "it closed the connection without an answer");
  p.check.body = "x";
  p.start();
  p.peers.at(9001).give("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
  p.peers.at(9001).end();
  CHECK(p.result->why == "it closed the connection before its answer was complete");
  p.start();
  p.peers.at(9001).fail();
  CHECK(p.result->why.starts_with("the connection broke: "));
  p.peers.modes[9001] = HealthPeers::Mode::Refuses;
  p.start();
  CHECK(p.result->why.starts_with("no connection: "));
}

TEST_CASE("health probe: what is missing here is no failure of the endpoint", "[control][health]") {
  Probe p;
  p.peers.modes[9001] = HealthPeers::Mode::NoResources;
  p.start();
  REQUIRE(p.result);
  CHECK(p.result->finding == Finding::Skipped);
  CHECK(p.result->why.empty());
}

TEST_CASE("health probe: its time covers connection and answer", "[control][health]") {
  Probe p;
  p.check.timeout = 1000ms;
  p.peers.modes[9001] = HealthPeers::Mode::Silent;
  p.start();
  p.clock.advance(999ms);
  p.turn();
  CHECK_FALSE(p.result);
  p.clock.advance(51ms);
  p.turn();
  REQUIRE(p.result);
  CHECK(p.result->why == "no connection within 1s");
  CHECK(p.peers.open() == 0);

  p.peers.modes.clear();
  p.start();
  p.clock.advance(999ms);
  p.turn();
  p.peers.at(9001).give("HTTP/1.1 200 OK\r\n");
  CHECK_FALSE(p.result);
  p.clock.advance(51ms);
  p.turn();
  REQUIRE(p.result);
  CHECK(p.result->why == "no answer within 1s");
  CHECK(p.peers.at(9001).is_closed);
}

TEST_CASE("health probe: for tcp a connection is enough", "[control][health]") {
  Probe p;
  p.check.type = policy::HealthCheck::Type::Tcp;
  p.start();
  REQUIRE(p.result);
  CHECK(p.result->finding == Finding::Pass);
  CHECK(p.peers.at(9001).sent.empty());
  CHECK(p.peers.at(9001).is_closed);
}

TEST_CASE("health probe: nothing comes of one that was cancelled", "[control][health]") {
  Probe p;
  p.start();
  p.probe.cancel();
  CHECK(p.peers.at(9001).is_closed);
  p.clock.advance(10s);
  p.turn();
  CHECK_FALSE(p.result);
  p.peers.modes[9001] = HealthPeers::Mode::Silent;
  p.start();
  p.probe.cancel();
  CHECK(p.peers.open() == 0);
  p.peers.modes.clear();
  CHECK(p.answered(kOk).finding == Finding::Pass);
}
