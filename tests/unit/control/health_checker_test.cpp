#include "control/health_checker.hpp"

#include <set>

#include "sluice/config/build.hpp"
#include "support/catch.hpp"
#include "support/control_rig.hpp"
#include "support/health_rig.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using core::PoolName;
using policy::FailureKind;
using policy::HealthWord;
using test::HealthPeers;

namespace {

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view kError = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";

std::string saying(std::string_view report) {
  return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSluice-Health: " + std::string(report) +
         "\r\n\r\n";
}

class FakeCommands final : public net::CommandRunner {
 public:
  void run(const net::Command& command, Done done) override {
    commands.push_back(command);
    waiting.push_back(std::move(done));
  }
  void end(net::CommandEnd end) {
    const Done done = std::move(waiting.front());
    waiting.pop_front();
    done(end);
  }
  std::vector<net::Command> commands;
  std::deque<Done> waiting;
};

/// One service `shop`: blue on 9001, 9002, ..., green on 9101, ...
struct Scene {
  explicit Scene(std::size_t per_pool = 2) {
    config::Service service;
    service.name = "shop";
    for (const PoolName name : {PoolName::Blue, PoolName::Green}) {
      for (std::size_t i = 0; i < per_pool; ++i) {
        const auto port = static_cast<std::uint16_t>(9001 + 100 * core::index(name) + i);
        const core::SocketAddress address{core::IpAddress::v4({127, 0, 0, 1}), port, ""};
        service.pools[core::index(name)].endpoints.push_back({address, address.text(), {}});
      }
    }
    policy::HealthCheck& check = service.health_check;
    check.interval = 5s;
    check.fast_interval = 1s;
    check.jitter = {};
    config.services.push_back(service);
  }
  ~Scene() {
    checker.reset();
    loop.mailbox().close();
  }

  policy::HealthCheck& check() {
    config.services[0].health_check.is_on = true;
    return config.services[0].health_check;
  }
  policy::OutlierPolicy& outliers() {
    config.services[0].outliers.consecutive_failures = 3;
    return config.services[0].outliers;
  }
  void start() {
    parts = config::build_static(config, cells);
    checker = std::make_unique<control::HealthChecker>(
        control::HealthChecker::Deps{
            .services = parts.services,
            .loop = loop,
            .connector = peers,
            .commands = &commands,
            .events = log,
            .in_force = [this](core::ServiceId id, PoolName name) -> const model::Pool& {
              return parts.services[id.raw]->pool(name);
            },
            .live = [this](core::ServiceId) { return live; },
            .notice = [this](const std::string& line) { notices.push_back(line); }},
        [this] { ++changes; });
    checker->start();
    turn();
  }
  void turn() {
    for (int i = 0; i < 4; ++i) {
      loop.begin_turn();
      loop.end_turn();
      peers.answer_all();
    }
  }
  void advance(core::Nanos time) {
    const core::Nanos step = core::limits::kTimerTick;
    for (; time > 0ns; time -= step) {
      clock.advance(std::min(step, time));
      turn();
    }
  }
  void answer_all_with(std::string_view answer) {
    for (const auto& pool : config.services[0].pools) {
      for (const auto& endpoint : pool.endpoints) peers.answers[endpoint.address.port] = answer;
    }
  }

  const model::Endpoint& endpoint(std::size_t i, PoolName pool = PoolName::Blue) const {
    return parts.services[0]->pool(pool).endpoints[i];
  }
  HealthWord word(std::size_t i, PoolName pool = PoolName::Blue) const {
    return endpoint(i, pool).health();
  }
  control::HealthView view(std::size_t i, PoolName pool = PoolName::Blue) const {
    return checker->view(endpoint(i, pool).id).value();
  }
  void fail(std::size_t i, unsigned times, FailureKind kind = FailureKind::Status) {
    for (unsigned n = 0; n < times; ++n)
      policy::report_failure(endpoint(i).cell->failures, kind, config.services[0].outliers);
  }
  /// States of the events so far, in order.
  std::vector<std::string> told() const {
    std::vector<std::string> states;
    for (std::uint64_t id = log.oldest(); id <= log.newest(); ++id) {
      for (const auto& [name, value] : log.at(id).members) {
        if (name == "state") states.push_back(std::get<std::string>(value));
      }
    }
    return states;
  }
  std::string last_text() const { return log.at(log.newest()).text; }

  test::ManualClock clock;
  net::Loop loop{clock, 1, [] {}};
  HealthPeers peers{loop};
  FakeCommands commands;
  control::EventLog log{loop};
  config::Config config;
  PoolName live = PoolName::Blue;
  config::CellRegistry cells{1};
  config::StaticParts parts;
  std::vector<std::string> notices;
  unsigned changes = 0;
  std::unique_ptr<control::HealthChecker> checker;
};

using Told = std::vector<std::string>;

}  // namespace

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
