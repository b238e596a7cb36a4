#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/events.hpp"
#include "control/health_hooks.hpp"
#include "control/health_probe.hpp"
#include "control/status.hpp"
#include "net/command_runner.hpp"
#include "net/connector.hpp"
#include "net/loop.hpp"
#include "sluice/metrics/exposition.hpp"
#include "sluice/model/snapshot.hpp"

namespace sluice::control {

/// Keeps the health of all endpoints, of both pools, also of the idle one: asks them, takes the
/// failures that workers have counted, and writes into each EndpointCell whether workers may use it
/// and with what share. What a finding means is decided in policy/health.hpp and
/// policy/ejection.hpp. Control thread only.
class HealthChecker {
 public:
  using Services = std::vector<std::shared_ptr<const model::ServiceSettings>>;
  /// All borrowed, and outliving this.
  struct Deps {
    const Services& services;  // as configured; elements may be replaced, then follow()
    net::Loop& loop;
    net::Connector& connector;               // of the checks
    net::CommandRunner* commands = nullptr;  // nullptr: no hook runs
    EventLog& events;
    /// The pool as requests see it, with what operators have decided.
    std::function<const model::Pool&(core::ServiceId, core::PoolName)> in_force;
    std::function<core::PoolName(core::ServiceId)> live;
    std::function<void(const std::string&)> notice;  // one line for the log
    /// No worker uses its kept connections again.
    std::function<void(core::EndpointId)> recycle = {};
  };
  /// `on_changed` runs after an endpoint began or ceased to be usable.
  HealthChecker(Deps deps, std::function<void()> on_changed);
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;
  ~HealthChecker();

  /// First checks within one fast interval. Before it nothing is asked.
  void start();
  /// The services have other endpoints: new ones are checked soon, those that are gone no more.
  void follow();
  /// nullopt: nobody looks after its health.
  std::optional<HealthView> view(core::EndpointId id) const;
  /// As it says itself; nullopt: it does not speak of it.
  std::optional<bool> is_dependency_up(core::EndpointId id, std::string_view name) const;
  void write_metrics(metrics::Exposition& out) const;

 private:
  /// What the configuration says about the endpoints of one service.
  struct Policies {
    std::string service;
    policy::HealthCheck check;
    policy::OutlierPolicy outliers;
    core::Millis slow_start{};
    model::OnPoolDown on_pool_down = model::OnPoolDown::Fallback;
    bool is_watched() const { return check.is_on || outliers.is_on(); }
  };
  class Watched;

  void add(core::ServiceId service, core::PoolName pool, const model::Endpoint& endpoint);
  // Checks
  void on_due(Watched& endpoint);
  void start_waiting();
  void arm_next(Watched& endpoint);
  void on_finding(Watched& endpoint, policy::CheckResult result);
  static std::uint64_t& count_of(Watched& endpoint, policy::Finding finding);
  // What workers have counted, and what time brings
  void look();
  void arm_look();
  bool look_at_failures(Watched& endpoint);
  bool bring_back_needed();
  bool is_needed(const Watched& endpoint) const;
  void bring_back(Watched& endpoint, std::string_view why);
  void eject(Watched& endpoint, policy::FailureRun run);
  void keep(Watched& endpoint, policy::FailureRun run, policy::EjectVerdict verdict);
  policy::PoolCount count_pool(const Watched& endpoint) const;
  // What comes of it
  bool publish(Watched& endpoint);
  void tell_turn(Watched& endpoint, policy::Health::State before,
                 const policy::CheckResult& result);
  void tell_report(Watched& endpoint, policy::CheckResult& result);
  void recycle_for(const Watched& endpoint, const std::string& dependency);
  void call_hook(const Watched& endpoint, std::string_view cause, const std::string& why);
  void tell(const Watched& endpoint, std::string_view state, const std::string& line,
            std::vector<std::pair<std::string_view, EventValue>> more = {});

  Deps deps_;
  std::function<void()> on_changed_;
  std::vector<Policies> policies_;  // by ServiceId; constant
  HealthHooks hooks_;
  std::map<core::EndpointId, std::unique_ptr<Watched>> watched_;
  std::deque<core::EndpointId> waiting_;  // due, and no place was free
  std::size_t running_ = 0;               // checks
  bool is_started_ = false;
  bool has_outliers_ = false;  // of some service failures are looked at
  net::MemberTimer<HealthChecker, &HealthChecker::look> look_{*this};
};

}  // namespace sluice::control
