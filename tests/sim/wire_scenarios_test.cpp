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

}  // namespace sluice::sim
