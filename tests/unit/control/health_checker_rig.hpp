#pragma once
#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/health_checker.hpp"
#include "sluice/config/build.hpp"
#include "support/health_rig.hpp"
#include "support/manual_clock.hpp"

/// A health checker between endpoints and hooks that are played.
namespace sluice::test {

inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
inline constexpr std::string_view kError = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";

inline std::string saying(std::string_view report) {
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
struct HealthScene {
  explicit HealthScene(std::size_t per_pool = 2) {
    config::Service service;
    service.name = "shop";
    for (const core::PoolName name : {core::PoolName::Blue, core::PoolName::Green}) {
      for (std::size_t i = 0; i < per_pool; ++i) {
        const auto port = static_cast<std::uint16_t>(9001 + 100 * core::index(name) + i);
        const core::SocketAddress address{core::IpAddress::v4({127, 0, 0, 1}), port, ""};
        service.pools[core::index(name)].endpoints.push_back({address, address.text(), {}});
      }
    }
    policy::HealthCheck& check = service.health_check;
    check.interval = std::chrono::seconds(5);
    check.fast_interval = std::chrono::seconds(1);
    check.jitter = {};
    config.services.push_back(service);
  }
  ~HealthScene() {
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
            .in_force = [this](core::ServiceId id, core::PoolName name) -> const model::Pool& {
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
    for (; time > core::Nanos::zero(); time -= step) {
      clock.advance(std::min(step, time));
      turn();
    }
  }
  void answer_all_with(std::string_view answer) {
    for (const auto& pool : config.services[0].pools) {
      for (const auto& endpoint : pool.endpoints) peers.answers[endpoint.address.port] = answer;
    }
  }

  const model::Endpoint& endpoint(std::size_t i, core::PoolName pool = core::PoolName::Blue) const {
    return parts.services[0]->pool(pool).endpoints[i];
  }
  policy::HealthWord word(std::size_t i, core::PoolName pool = core::PoolName::Blue) const {
    return endpoint(i, pool).health();
  }
  control::HealthView view(std::size_t i, core::PoolName pool = core::PoolName::Blue) const {
    return checker->view(endpoint(i, pool).id).value();
  }
  void fail(std::size_t i, unsigned times, policy::FailureKind kind = policy::FailureKind::Status) {
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

  ManualClock clock;
  net::Loop loop{clock, 1, [] {}};
  HealthPeers peers{loop};
  FakeCommands commands;
  control::EventLog log{loop};
  config::Config config;
  core::PoolName live = core::PoolName::Blue;
  config::CellRegistry cells{1};
  config::StaticParts parts;
  std::vector<std::string> notices;
  unsigned changes = 0;
  std::unique_ptr<control::HealthChecker> checker;
};

}  // namespace sluice::test
