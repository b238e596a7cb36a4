#include "control/health_checker.hpp"

#include "support/catch.hpp"
#include "unit/control/health_checker_rig.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using core::PoolName;
using policy::FailureKind;
using policy::HealthWord;
using test::kError;
using test::kOk;
using Scene = test::HealthScene;
using Told = std::vector<std::string>;

TEST_CASE("health checker: an endpoint that fails in a row is ejected, and comes back slowly",
          "[control][health][ejection]") {
  Scene s;
  s.outliers();
  s.start();
  s.fail(0, 2);
  policy::report_success(s.endpoint(0).cell->failures);
  s.fail(0, 2);
  s.advance(200ms);
  CHECK(s.told().empty());
  s.fail(0, 1, FailureKind::Timeout);
  s.advance(150ms);
  CHECK_FALSE(s.word(0).is_usable());
  CHECK(s.view(0).state == "ejected");
  CHECK(s.last_text() ==
        "shop: blue/127.0.0.1:9001 is ejected for 10s: 3 failures in a row (1 without an answer in "
        "time, 2 with status 5xx)");
  CHECK(s.changes == 1);
  s.fail(0, 10);  // what was on its way
  s.advance(9700ms);
  CHECK_FALSE(s.word(0).is_usable());
  s.advance(350ms);
  CHECK(s.word(0).is_usable());
  CHECK(s.word(0).share() < HealthWord::kWhole);
  CHECK(s.told() == Told{"ejected", "returned"});
  CHECK(s.last_text() == "shop: blue/127.0.0.1:9001 gets requests again, after 10s");
  // It fails again as soon as it is back: twice as long.
  s.fail(0, 3);
  s.advance(150ms);
  CHECK(s.last_text().find("ejected for 20s") != std::string::npos);
  CHECK(s.peers.connects == 0);
}

TEST_CASE("health checker: no more than max_ejected of a pool, told once in base_ejection_time",
          "[control][health][ejection]") {
  Scene s;
  s.outliers();
  s.start();
  s.fail(0, 3);
  s.fail(1, 3);
  s.advance(150ms);
  CHECK_FALSE(s.word(0).is_usable());
  CHECK(s.word(1).is_usable());
  CHECK(s.told() == Told{"ejected", "kept"});
  CHECK(s.last_text() ==
        "shop: blue/127.0.0.1:9002 stays in spite of 3 failures in a row (3 with status 5xx): "
        "max_ejected is 50%");
  for (int i = 0; i < 20; ++i) {
    s.fail(1, 3);
    s.advance(100ms);
  }
  CHECK(s.told() == Told{"ejected", "kept"});
}

TEST_CASE("health checker: a name without an address is none of the endpoints of its pool",
          "[control][health][ejection]") {
  Scene s(4);
  s.outliers();
  s.start();
  auto without = std::make_shared<model::ServiceSettings>(*s.parts.services[0]);
  without->pools[0].endpoints[3].why_down = "not found";
  s.parts.services[0] = without;
  s.checker->follow();
  s.fail(0, 3);
  s.fail(1, 3);
  s.advance(150ms);
  CHECK(s.told() == Told{"ejected", "kept"});  // half of three is one
}

TEST_CASE("health checker: the last usable endpoint of a pool stays",
          "[control][health][ejection]") {
  Scene s;
  s.outliers().max_ejected = core::BasisPoints::make(10'000, "").value();
  s.start();
  auto disabled = std::make_shared<model::ServiceSettings>(*s.parts.services[0]);
  disabled->pools[0].endpoints[1].is_disabled = true;
  s.parts.services[0] = disabled;
  s.fail(0, 3);
  s.advance(150ms);
  CHECK(s.word(0).is_usable());
  CHECK(s.told() == Told{"kept"});
  CHECK(s.last_text().ends_with("it is the last usable one of its pool"));
}

TEST_CASE("health checker: the ejected come back early when nothing else of their pool is usable",
          "[control][health][ejection]") {
  Scene s(5);
  s.outliers();
  s.start();
  s.fail(1, 3);
  s.fail(3, 3);
  s.advance(150ms);
  REQUIRE(s.told() == Told{"ejected", "ejected"});
  const auto disable = [&](std::size_t i, PoolName pool) {
    auto other = std::make_shared<model::ServiceSettings>(*s.parts.services[0]);
    other->pools[core::index(pool)].endpoints[i].is_disabled = true;
    s.parts.services[0] = other;
  };
  disable(0, PoolName::Blue);
  disable(2, PoolName::Blue);
  s.advance(1s);
  CHECK(s.told() == Told{"ejected", "ejected"});  // one is left
  disable(4, PoolName::Blue);
  s.advance(150ms);
  CHECK(s.word(1).is_usable());
  CHECK(s.word(3).is_usable());
  CHECK(s.told() == Told{"ejected", "ejected", "returned", "returned"});
  CHECK(s.last_text() ==
        "shop: blue/127.0.0.1:9004 gets requests again, after 1s: nothing else in its pool is "
        "usable");
  CHECK(s.view(3).reason.empty());
  CHECK(s.changes == 2);
  // They fail again: one may be out, the other one is the last.
  s.fail(1, 3);
  s.fail(3, 3);
  s.advance(150ms);
  CHECK(s.told() == Told{"ejected", "ejected", "returned", "returned", "ejected", "kept"});
}

TEST_CASE("health checker: who stays out while nothing else is usable",
          "[control][health][ejection]") {
  Scene s(2);
  s.check().unhealthy_after = 1;
  s.outliers().base_time = 5min;
  s.answer_all_with(kOk);
  SECTION("what its checks have found down as well") {
    s.start();
    s.fail(0, 3);
    s.advance(150ms);
    s.peers.answers[9001] = kError;
    s.peers.answers[9002] = kError;
    s.advance(20s);
    CHECK_FALSE(s.word(0).is_usable());
    s.peers.answers[9001] = kOk;
    s.advance(20s);
    CHECK(s.word(0).is_usable());
    CHECK(s.told() == Told{"ejected", "down", "down", "up", "returned"});
  }
  SECTION("what an operator has disabled as well") {
    s.start();
    s.fail(0, 3);
    s.advance(150ms);
    auto disabled = std::make_shared<model::ServiceSettings>(*s.parts.services[0]);
    for (model::Endpoint& each : disabled->pools[0].endpoints) each.is_disabled = true;
    s.parts.services[0] = disabled;
    s.advance(20s);
    CHECK(s.told() == Told{"ejected"});
  }
  SECTION("a candidate whose users get the live pool, until it is live") {
    s.live = PoolName::Green;
    s.start();
    s.fail(0, 3);
    s.advance(150ms);
    s.peers.answers[9002] = kError;
    s.advance(20s);
    CHECK_FALSE(s.word(0).is_usable());
    s.live = PoolName::Blue;
    s.advance(150ms);
    CHECK(s.word(0).is_usable());
  }
  SECTION("but not a candidate whose users get nothing else") {
    s.live = PoolName::Green;
    s.config.services[0].on_pool_down = model::OnPoolDown::Fail;
    s.start();
    s.fail(0, 3);
    s.advance(150ms);
    s.peers.answers[9002] = kError;
    s.advance(20s);
    CHECK(s.word(0).is_usable());
  }
}

TEST_CASE("health checker: checks and ejections each take out, and both must let it back",
          "[control][health][ejection]") {
  Scene s;
  s.check().unhealthy_after = 1;
  s.outliers();
  s.answer_all_with(kOk);
  s.start();
  s.advance(2s);
  s.fail(0, 3);
  s.advance(150ms);
  REQUIRE(s.view(0).state == "ejected");
  s.peers.answers[9001] = kError;
  s.advance(10s);
  CHECK_FALSE(s.word(0).is_usable());
  CHECK(s.view(0).state == "down");
  CHECK(s.view(0).reason == "status 500, expected 200-299");
  CHECK(s.told() == Told{"ejected", "down"});
  s.peers.answers[9001] = kOk;
  while (!s.word(0).is_usable()) s.advance(50ms);
  CHECK(s.told() == Told{"ejected", "down", "up"});
  CHECK(s.changes == 2);
}

TEST_CASE("health checker: failures of one that is down for its checks eject nobody",
          "[control][health][ejection]") {
  Scene s;
  s.check().unhealthy_after = 1;
  s.outliers();
  s.answer_all_with(kOk);
  s.peers.answers[9001] = kError;
  s.start();
  s.advance(2s);
  REQUIRE(s.told() == Told{"down"});
  s.fail(0, 3);  // of requests that ran on it
  s.advance(150ms);
  CHECK(s.told() == Told{"down"});
  CHECK(s.view(0).state == "down");
  s.peers.answers[9001] = kOk;
  s.advance(12s);
  CHECK(s.told() == Told{"down", "up"});
}
