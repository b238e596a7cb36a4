#include "control/connect_check.hpp"

#include "support/catch.hpp"
#include "support/control_rig.hpp"

namespace {

using namespace sluice;
using namespace std::chrono_literals;
using Mode = test::FakeConnector::Mode;

struct Check {
  test::ManualClock clock;
  net::Loop loop{clock, 1, [] {}};
  test::FakeConnector connector{loop};
  std::vector<std::shared_ptr<model::Pool>> pools;
  control::ConnectCheck check{loop, connector};
  std::optional<std::optional<std::string>> result;

  ~Check() { loop.mailbox().close(); }

  control::ConnectCheck::Target target(std::uint16_t first_port, std::size_t endpoints) {
    model::Pool& pool = *pools.emplace_back(std::make_shared<model::Pool>());
    for (std::size_t i = 0; i < endpoints; ++i) {
      model::Endpoint& endpoint = pool.endpoints.emplace_back();
      endpoint.address.port = static_cast<std::uint16_t>(first_port + i);
      endpoint.cell = std::make_shared<model::EndpointCell>();
    }
    return {.service = "shop", .pool = pools.back()};
  }
  void start(std::vector<control::ConnectCheck::Target> targets) {
    check.start(std::move(targets), [this](std::optional<std::string> unreachable) {
      ENSURE(!result, "once");
      result = std::move(unreachable);
    });
    CHECK_FALSE(result);
  }
  void settle() {
    for (int i = 0; i < 100; ++i) {
      loop.begin_turn();
      loop.end_turn();
    }
  }
  void refuse(std::uint16_t first, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      connector.modes[static_cast<std::uint16_t>(first + i)] = Mode::Refuses;
  }
};

}  // namespace

TEST_CASE("connect check: one endpoint that answers is enough", "[control][connect]") {
  Check c;
  c.refuse(1, 3);
  c.connector.modes[2] = Mode::Silent;
  c.start({c.target(1, 4)});
  c.settle();
  REQUIRE(c.result);
  CHECK_FALSE(c.result->has_value());
  CHECK(c.connector.open() == 0);
}

TEST_CASE("connect check: when all refuse, it says which pool and why", "[control][connect]") {
  Check c;
  c.refuse(1, 2);
  c.start({c.target(10, 1), c.target(1, 2)});
  c.settle();
  REQUIRE(c.result);
  REQUIRE(c.result->has_value());
  CHECK((*c.result)->find("shop") != std::string::npos);
}

TEST_CASE("connect check: a pool without usable endpoints is not reachable", "[control][connect]") {
  Check c;
  c.start({c.target(1, 0)});
  c.settle();
  REQUIRE(c.result);
  CHECK(c.result->has_value());

  Check disabled;
  const auto target = disabled.target(1, 1);
  disabled.pools[0]->endpoints[0].is_disabled = true;
  disabled.start({target});
  disabled.settle();
  REQUIRE(disabled.result);
  CHECK(disabled.result->has_value());
  CHECK(disabled.connector.attempted.empty());
}

TEST_CASE("connect check: endpoints that their health has taken out are not asked",
          "[control][connect]") {
  Check c;
  const auto target = c.target(1, 2);
  for (model::Endpoint& endpoint : c.pools[0]->endpoints) {
    endpoint.text = "127.0.0.1:" + std::to_string(endpoint.address.port);
    endpoint.cell->health.store(policy::HealthWord::out().word());
  }
  c.start({target});
  c.settle();
  REQUIRE(c.result);
  REQUIRE(c.result->has_value());
  CHECK((*c.result)->ends_with("has no usable endpoint: 127.0.0.1:2: its health has taken it out"));
  CHECK(c.connector.attempted.empty());
}

TEST_CASE("connect check: sockets are bounded, and every endpoint of a pool gets its try",
          "[control][connect]") {
  namespace limits = core::limits;
  Check c;
  c.refuse(1000, 256);
  c.connector.modes[1255] = Mode::Accepts;
  c.start({c.target(1000, 256)});
  c.settle();
  REQUIRE(c.result);
  CHECK_FALSE(c.result->has_value());
  CHECK(c.connector.open_most <= limits::kConnectChecksPerPoolMax);
  CHECK(c.connector.attempted.size() == 256);

  Check many;
  std::vector<control::ConnectCheck::Target> targets;
  for (std::uint16_t i = 0; i < 400; ++i)
    targets.push_back(many.target(static_cast<std::uint16_t>(1000 + i), 1));
  many.start(std::move(targets));
  many.settle();
  REQUIRE(many.result);
  CHECK_FALSE(many.result->has_value());
  CHECK(many.connector.open_most <= limits::kConnectChecksMax);
}

TEST_CASE("connect check: silent endpoints end it after half a second", "[control][connect]") {
  Check c;
  c.connector.modes[1] = Mode::Silent;
  c.start({c.target(1, 1)});
  c.clock.advance(499ms);
  c.settle();
  CHECK_FALSE(c.result);
  c.clock.advance(60ms);
  c.settle();
  REQUIRE(c.result);
  CHECK(c.result->has_value());
  CHECK(c.connector.open() == 0);
}

TEST_CASE("connect check: cancelled, it says nothing and can be started again",
          "[control][connect]") {
  Check c;
  c.connector.modes[1] = Mode::Silent;
  c.start({c.target(1, 1)});
  c.settle();
  c.check.cancel();
  c.clock.advance(1s);
  c.settle();
  CHECK_FALSE(c.result);
  CHECK(c.connector.open() == 0);
  c.start({c.target(2, 1)});
  c.settle();
  CHECK(c.result);
}
