#include "control/health_checker.hpp"

#include "support/catch.hpp"
#include "unit/control/health_checker_rig.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using core::PoolName;
using policy::HealthWord;
using test::HealthPeers;
using test::kError;
using test::kOk;
using test::saying;
using Scene = test::HealthScene;
using Told = std::vector<std::string>;

TEST_CASE("health checker: without a section nobody is asked", "[control][health]") {
  Scene s;
  s.start();
  s.advance(20s);
  CHECK(s.peers.connects == 0);
  CHECK_FALSE(s.checker->view(s.endpoint(0).id));
}

TEST_CASE("health checker: both pools are asked, once soon and then each interval",
          "[control][health]") {
  Scene s;
  s.check();
  s.answer_all_with(kOk);
  s.start();
  CHECK(s.view(0).state == "unknown");
  s.advance(1050ms);
  for (const auto& [port, count] : s.peers.connects_to) CHECK(count == 1);
  CHECK(s.peers.connects_to.size() == 4);
  CHECK(s.view(1, PoolName::Green).state == "up");
  s.advance(30s);
  for (const auto& [port, count] : s.peers.connects_to) {
    CAPTURE(port);
    CHECK((count == 6 || count == 7));  // by where in the first second it began
  }
  CHECK(s.told().empty());
  CHECK(s.changes == 0);
  CHECK(s.peers.open() == 0);
}

TEST_CASE("health checker: an endpoint that fails is asked faster, and is out with the last check",
          "[control][health]") {
  Scene s;
  s.check();
  s.answer_all_with(kOk);
  s.start();
  s.advance(2s);
  s.peers.answers[9001] = kError;
  while (s.peers.connects_to[9001] < 2) s.advance(50ms);
  CHECK(s.word(0).is_usable());
  CHECK(s.view(0).state == "up");
  CHECK(s.view(0).reason == "status 500, expected 200-299");
  s.advance(1050ms);
  CHECK(s.peers.connects_to[9001] == 3);
  CHECK(s.word(0).is_usable());
  s.advance(1050ms);
  CHECK(s.peers.connects_to[9001] == 4);
  CHECK_FALSE(s.word(0).is_usable());
  CHECK(s.word(1).is_usable());
  CHECK(s.view(0).state == "down");
  CHECK(s.view(0).share == 0);
  CHECK(s.told() == Told{"down"});
  CHECK(s.last_text() ==
        "shop: blue/127.0.0.1:9001 is down: 3 checks failed in a row, the last: status 500, "
        "expected 200-299");
  CHECK(s.notices.size() == 1);
  CHECK(s.changes == 1);
  // Down and sure of it: the interval again.
  s.advance(4s);
  CHECK(s.peers.connects_to[9001] == 4);
  s.advance(1100ms);
  CHECK(s.peers.connects_to[9001] == 5);
}

TEST_CASE("health checker: it comes back with a share that grows", "[control][health]") {
  Scene s;
  s.check().unhealthy_after = 1;
  s.config.services[0].slow_start = 10s;
  s.answer_all_with(kOk);
  s.peers.answers[9001] = kError;
  s.start();
  s.advance(1050ms);
  REQUIRE_FALSE(s.word(0).is_usable());
  s.peers.answers[9001] = kOk;
  while (!s.word(0).is_usable()) s.advance(50ms);
  CHECK(s.told() == Told{"down", "up"});
  CHECK(s.word(0).share() == core::limits::kSlowStartLeast);
  std::uint32_t before = s.word(0).share();
  unsigned steps = 0;
  for (int i = 0; i < 99; ++i) {
    s.advance(100ms);
    CHECK(s.word(0).share() >= before);
    steps += s.word(0).share() > before ? 1 : 0;
    before = s.word(0).share();
  }
  CHECK(steps > 50);
  CHECK(before < HealthWord::kWhole);
  s.advance(300ms);
  CHECK(s.word(0).word() == 0);
  CHECK(s.word(1).word() == 0);
}

TEST_CASE("health checker: what is missing here takes nothing out", "[control][health]") {
  Scene s;
  s.check();
  s.answer_all_with(kOk);
  s.start();
  s.advance(2s);
  s.peers.modes[9001] = HealthPeers::Mode::NoResources;
  s.advance(60s);
  CHECK(s.peers.connects_to[9001] > 10);
  CHECK(s.view(0).state == "up");
  CHECK(s.told().empty());
  metrics::Exposition out;
  s.checker->write_metrics(out);
  CHECK(std::string(out.text()).find(R"(result="skipped"} 12)") != std::string::npos);
}

TEST_CASE("health checker: without a slow start it has its whole share at once",
          "[control][health]") {
  Scene s;
  s.check().unhealthy_after = 1;
  s.config.services[0].slow_start = 0ms;
  s.answer_all_with(kOk);
  s.peers.answers[9001] = kError;
  s.start();
  s.advance(1050ms);
  s.peers.answers[9001] = kOk;
  while (!s.word(0).is_usable()) s.advance(50ms);
  CHECK(s.word(0).word() == 0);
}

TEST_CASE("health checker: an origin that asks to be drained is, and comes back",
          "[control][health]") {
  Scene s;
  s.check();
  s.answer_all_with(kOk);
  s.peers.answers[9001] = saying("drain");
  s.start();
  s.advance(1050ms);
  CHECK_FALSE(s.word(0).is_usable());
  CHECK(s.view(0).state == "draining");
  CHECK(s.last_text() ==
        "shop: blue/127.0.0.1:9001 gets no new requests: it asks for no new requests");
  s.peers.answers[9001] = saying("ready");
  while (!s.word(0).is_usable()) s.advance(50ms);
  CHECK(s.told() == Told{"draining", "up"});
  CHECK(s.view(0).reason.empty());
  s.peers.answers[9001] = saying("down");
  while (s.word(0).is_usable()) s.advance(50ms);
  CHECK(s.view(0).state == "down");
  CHECK(s.last_text() == "shop: blue/127.0.0.1:9001 is down: it says so itself");
}

TEST_CASE("health checker: too much memory drains and calls the hook, once", "[control][health]") {
  Scene s;
  s.check().hook = {"/usr/bin/restart", "--now", "a b"};
  s.answer_all_with(kOk);
  s.peers.answers[9001] = saying("ready; memory=91");
  s.start();
  s.advance(20s);
  CHECK(s.view(0).state == "draining");
  CHECK(s.view(0).memory_percent == 91);
  CHECK(s.view(0).reason == "its memory is at 91%, above the limit of 90%");
  REQUIRE(s.commands.commands.size() == 1);
  const net::Command& command = s.commands.commands[0];
  CHECK(command.words == Told{"/usr/bin/restart", "--now", "a b"});
  CHECK(command.timeout == 30s);
  CHECK(command.environment == Told{"SLUICE_SERVICE=shop", "SLUICE_POOL=blue",
                                    "SLUICE_ENDPOINT=127.0.0.1:9001", "SLUICE_STATE=draining",
                                    "SLUICE_CAUSE=memory",
                                    "SLUICE_REASON=its memory is at 91%, above the limit of 90%",
                                    "SLUICE_MEMORY_PERCENT=91"});
  s.commands.end({.how = net::CommandEnd::How::Exited, .number = 0, .error = ""});
  CHECK(s.told() == Told{"draining", "hook_ended"});
  s.peers.answers[9001] = saying("ready; memory=40");
  while (!s.word(0).is_usable()) s.advance(50ms);
  CHECK(s.commands.commands.size() == 1);
}

TEST_CASE("health checker: of one endpoint one hook runs, and the newest waits",
          "[control][health]") {
  Scene s;
  s.check().hook = {"/bin/true"};
  s.check().healthy_after = 1;
  s.answer_all_with(kOk);
  s.start();
  s.advance(2s);
  for (int i = 0; i < 3; ++i) {
    s.peers.answers[9001] = saying("down");
    while (s.word(0).is_usable()) s.advance(50ms);
    s.peers.answers[9001] = kOk;
    while (!s.word(0).is_usable()) s.advance(50ms);
  }
  CHECK(s.commands.commands.size() == 1);
  s.commands.end({.how = net::CommandEnd::How::Exited, .number = 3, .error = ""});
  CHECK(s.last_text() == "shop: blue/127.0.0.1:9001 hook exited with status 3");
  CHECK(s.commands.commands.size() == 2);
  s.commands.end({.how = net::CommandEnd::How::TimedOut, .number = 9, .error = ""});
  CHECK(s.commands.commands.size() == 2);
  CHECK(s.commands.waiting.empty());
}

TEST_CASE("health checker: no more hooks at once than the bound, and the others follow",
          "[control][health]") {
  constexpr std::size_t kEndpoints = core::limits::kHooksMax + 2;
  Scene s(kEndpoints);
  s.check().hook = {"/bin/restart"};
  s.answer_all_with(kOk);
  for (std::size_t i = 0; i < kEndpoints; ++i)
    s.peers.answers[static_cast<std::uint16_t>(9001 + i)] = saying("drain");
  s.start();
  s.advance(2s);
  CHECK(s.commands.commands.size() == core::limits::kHooksMax);
  s.commands.end({});
  CHECK(s.commands.commands.size() == core::limits::kHooksMax + 1);
  while (!s.commands.waiting.empty()) s.commands.end({});
  CHECK(s.commands.commands.size() == kEndpoints);
}

TEST_CASE("health checker: what an origin says of what it needs is told when it turns",
          "[control][health]") {
  Scene s;
  s.check();
  s.answer_all_with(kOk);
  s.peers.answers[9001] = saying("ready; database=up; cache=down");
  s.start();
  s.advance(12s);
  CHECK(s.told() == Told{"dependency_down"});
  s.peers.answers[9001] = saying("ready; database=down; cache=down");
  s.advance(12s);
  CHECK(s.told() == Told{"dependency_down", "dependency_down"});
  CHECK(s.last_text() == "shop: blue/127.0.0.1:9001 says that its database is down");
  CHECK(s.word(0).is_usable());
  REQUIRE(s.view(0).dependencies.size() == 2);
  s.peers.answers[9001] = saying("ready; database=up; cache=up");
  s.advance(6s);
  CHECK(s.told() == Told{"dependency_down", "dependency_down", "dependency_up", "dependency_up"});
}

TEST_CASE("health checker: a report that can't be read is ignored, and told once",
          "[control][health]") {
  Scene s;
  s.check();
  s.answer_all_with(kOk);
  s.peers.answers[9001] = saying("DRAIN");
  s.start();
  s.advance(20s);
  CHECK(s.word(0).is_usable());
  CHECK(s.told() == Told{"unreadable_report"});
}

TEST_CASE("health checker: no more checks at once than the bound, and everybody gets a turn",
          "[control][health]") {
  Scene s(50);
  s.check().timeout = 1000ms;
  s.check().unhealthy_after = 1;
  for (const auto& pool : s.config.services[0].pools) {
    for (const auto& endpoint : pool.endpoints)
      s.peers.modes[endpoint.address.port] = HealthPeers::Mode::Silent;
  }
  s.start();
  s.advance(5500ms);
  CHECK(s.peers.open_most == core::limits::kHealthChecksMax);
  CHECK(s.peers.connects_to.size() == 100);
  CHECK(s.peers.connects == 100);
  for (std::size_t i = 0; i < 50; ++i) CHECK_FALSE(s.word(i).is_usable());
}

TEST_CASE("health checker: endpoints that come are checked, those that go are left alone",
          "[control][health]") {
  Scene s;
  s.check();
  s.answer_all_with(kOk);
  s.peers.modes[9002] = HealthPeers::Mode::Silent;
  s.start();
  s.advance(1050ms);
  CHECK(s.peers.open() == 1);  // 9002 is being asked
  const core::EndpointId gone = s.endpoint(1).id;
  auto other = std::make_shared<model::ServiceSettings>(*s.parts.services[0]);
  model::Pool& blue = other->pools[core::index(PoolName::Blue)];
  const auto entry = s.cells.endpoint("shop", PoolName::Blue, "127.0.0.1:9003");
  blue.endpoints[1].id = entry.id;
  blue.endpoints[1].cell = entry.cell;
  blue.endpoints[1].address.port = 9003;
  blue.endpoints[1].text = "127.0.0.1:9003";
  s.parts.services[0] = other;
  s.peers.answers[9003] = kOk;
  s.checker->follow();
  CHECK(s.peers.open() == 0);
  CHECK_FALSE(s.checker->view(gone));
  const unsigned before = s.peers.connects_to[9002];
  s.advance(11s);
  CHECK(s.peers.connects_to[9002] == before);
  CHECK(s.peers.connects_to[9003] >= 2);
  CHECK(s.peers.connects_to[9001] >= 2);
  CHECK(s.view(1).state == "up");
}

TEST_CASE("health checker: checks of endpoints that go give their places to others",
          "[control][health]") {
  Scene s;
  s.check();
  s.check().timeout = 60s;
  s.answer_all_with(kOk);
  s.start();
  for (std::size_t i = 0; i < core::limits::kHealthChecksMax; ++i) {
    const auto port = static_cast<std::uint16_t>(10'000 + i);
    s.peers.modes[port] = HealthPeers::Mode::Silent;
    auto other = std::make_shared<model::ServiceSettings>(*s.parts.services[0]);
    model::Endpoint& changing = other->pools[0].endpoints[1];
    changing.text = "127.0.0.1:" + std::to_string(port);
    const auto entry = s.cells.endpoint("shop", PoolName::Blue, changing.text);
    changing.id = entry.id;
    changing.cell = entry.cell;
    changing.address.port = port;
    s.parts.services[0] = other;
    s.checker->follow();
    s.advance(1050ms);
    CHECK(s.peers.connects_to[port] == 1);
  }
  const unsigned before = s.peers.connects_to[9001];
  s.advance(11s);
  CHECK(s.peers.connects_to[9001] >= before + 2);
}

TEST_CASE("health checker: one that leaves while it waits, and comes back, is asked once at a time",
          "[control][health]") {
  Scene s(40);
  s.check().timeout = 3s;
  for (const auto& pool : s.config.services[0].pools) {
    for (const auto& endpoint : pool.endpoints)
      s.peers.modes[endpoint.address.port] = HealthPeers::Mode::Silent;
  }
  s.start();
  s.advance(1050ms);
  REQUIRE(s.peers.open() == core::limits::kHealthChecksMax);
  const auto with_all = s.parts.services[0];
  auto with_none = std::make_shared<model::ServiceSettings>(*with_all);
  with_none->pools[0].endpoints.clear();
  // As when a name loses its addresses and has them again: all of the pool, those that wait too.
  s.parts.services[0] = with_none;
  s.checker->follow();
  s.parts.services[0] = with_all;
  s.checker->follow();
  for (int i = 0; i < 120; ++i) {
    s.advance(100ms);
    REQUIRE(s.peers.open() <= core::limits::kHealthChecksMax);
  }
  for (std::size_t i = 0; i < 40; ++i) {
    INFO(s.endpoint(i).text);
    CHECK(s.checker->view(s.endpoint(i).id));
    CHECK(s.peers.connects_to[s.endpoint(i).address.port] >= 1);
  }
}

TEST_CASE("health checker: an address that comes back is a new one", "[control][health]") {
  Scene s(3);
  s.check().unhealthy_after = 1;
  s.outliers();
  s.answer_all_with(kOk);
  s.peers.answers[9001] = kError;
  s.start();
  s.advance(2s);
  s.fail(1, 2);
  REQUIRE_FALSE(s.word(0).is_usable());
  const auto all = s.parts.services[0];
  auto fewer = std::make_shared<model::ServiceSettings>(*all);
  auto& endpoints = fewer->pools[0].endpoints;
  endpoints.erase(endpoints.begin(), endpoints.begin() + 2);
  s.parts.services[0] = fewer;
  s.checker->follow();
  s.peers.answers[9001] = kOk;
  s.parts.services[0] = all;
  s.checker->follow();
  CHECK(s.word(0).is_usable());
  CHECK(s.word(0).share() == HealthWord::kWhole);
  CHECK(s.view(0).state == "unknown");
  s.fail(1, 1);  // the third, if those of before counted
  s.advance(150ms);
  CHECK(s.word(1).is_usable());
  s.fail(1, 2);
  s.advance(150ms);
  CHECK_FALSE(s.word(1).is_usable());
}

TEST_CASE("health checker: its metrics", "[control][health]") {
  Scene s(1);
  s.check().unhealthy_after = 1;
  s.outliers();
  s.peers.answers[9001] = kError;
  s.peers.answers[9101] = saying("ready; memory=42");
  s.start();
  s.advance(1050ms);
  metrics::Exposition out;
  s.checker->write_metrics(out);
  const std::string page(out.text());
  const auto has = [&page](std::string_view line) {
    return page.find(std::string(line) + "\n") != page.npos;
  };
  constexpr std::string_view kBlue = R"({service="shop",pool="blue",endpoint="127.0.0.1:9001")";
  constexpr std::string_view kGreen = R"({service="shop",pool="green",endpoint="127.0.0.1:9101")";
  const auto line = [](std::string_view name, std::string_view labels, std::string_view rest) {
    return std::string(name) + std::string(labels) + std::string(rest);
  };
  CHECK(has(line("sluice_health_checks_total", kBlue, R"(,result="failed"} 1)")));
  CHECK(has(line("sluice_health_checks_total", kGreen, R"(,result="passed"} 1)")));
  CHECK(has(line("sluice_endpoint_share_ratio", kBlue, "} 0")));
  CHECK(has(line("sluice_endpoint_share_ratio", kGreen, "} 1")));
  CHECK(has(line("sluice_endpoint_memory_ratio", kGreen, "} 0.42")));
  CHECK(has(line("sluice_endpoint_ejected", kBlue, "} 0")));
  CHECK(has(line("sluice_endpoint_ejections_total", kBlue, R"(,result="kept"} 0)")));
  CHECK(has(R"(sluice_health_hooks_total{result="failed"} 0)"));
}

TEST_CASE("health checker: each turn is counted by the state that it leads to",
          "[control][health]") {
  Scene s(1);
  s.check().unhealthy_after = 1;
  s.answer_all_with(kOk);
  s.start();
  const auto counted = [&s] {
    metrics::Exposition out;
    s.checker->write_metrics(out);
    const std::string page(out.text());
    std::string counts;
    for (const std::string_view to : {"up", "down", "draining"}) {
      const std::string line =
          R"(sluice_endpoint_transitions_total{service="shop",pool="blue",endpoint="127.0.0.1:9001",to=")" +
          std::string(to) + "\"} ";
      const std::size_t at = page.find(line);
      REQUIRE(at != page.npos);
      counts += page.substr(at + line.size(), page.find('\n', at) - at - line.size()) + " ";
    }
    return counts;
  };
  s.advance(2s);
  CHECK(counted() == "0 0 0 ");  // that it is up was taken for granted
  s.peers.answers[9001] = saying("drain");
  s.advance(12s);
  CHECK(counted() == "0 0 1 ");
  s.peers.answers[9001] = kError;
  s.advance(12s);
  CHECK(counted() == "0 1 1 ");
  s.peers.answers[9001] = kOk;
  s.advance(12s);
  CHECK(counted() == "1 1 1 ");
  s.peers.answers[9001] = saying("down");
  s.advance(12s);
  CHECK(counted() == "1 2 1 ");
}
