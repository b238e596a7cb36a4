#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/change_plan.hpp"
#include "control/drainer.hpp"
#include "control/events.hpp"
#include "net/loop.hpp"
#include "sluice/model/snapshot.hpp"

namespace sluice::control {

/// Puts what the controller does, and what it sees once a second, into the event log. Control
/// thread only.
class Reporter {
 public:
  /// What is looked at once a second. Each problem is told when it begins and when it is over.
  struct Health {
    bool is_durable = true;
    std::size_t audit_waiting = 0;  // records that the disk does not take
    std::vector<std::size_t> silent_workers;
  };
  using Look = std::function<Health()>;

  /// `services` as configured, outliving the reporter; their elements may be replaced.
  Reporter(net::Loop& loop,
           const std::vector<std::shared_ptr<const model::ServiceSettings>>& services, Look look);

  void start();

  void on_changed(const ChangePlan& plan, const ChangeRequest& request);
  void on_drain_began(DrainId id, const DrainOrder& order);
  void on_drain_ended(DrainId id, const DrainReport& report);
  /// Whether a service has a usable endpoint in its live pool; told when that changes.
  /// Whether it is news.
  bool on_live_pool(const std::string& service, core::PoolName pool, bool is_usable);
  void on_not_durable();
  void on_refused_by_disk(const std::string& why);
  void on_stopping();

  EventLog& log() { return log_; }

 private:
  struct Began {
    std::string service;
    core::PoolName pool = core::PoolName::Blue;
    core::Generation generation;
  };
  struct Problem {
    const char* code;
    bool is_there = false;
  };

  void on_tick();
  /// A host name of one pool, as it was last seen.
  struct Named {
    std::string service;
    std::string endpoint;             // `blue/app.internal:9001`
    std::set<std::string> addresses;  // none: it is down
    std::string why_down;
  };
  using Names = std::map<std::pair<std::string, std::string>, Named>;  // by service and endpoint

  void look_at_endpoints();
  bool look_at_endpoint(const std::string& service, core::PoolName pool,
                        const model::Endpoint& endpoint);
  void look_at_names();
  void tell_name(const Named& now, const Named* before);
  bool set(Problem& problem, bool is_there, const std::string& text);

  net::Loop& loop_;
  const std::vector<std::shared_ptr<const model::ServiceSettings>>& services_;
  Look look_;
  EventLog log_;
  std::map<DrainId, Began> drains_;
  std::set<core::EndpointId> failing_;  // of those that are there
  Names names_;
  Problem durable_{"state_not_durable"};
  Problem audit_{"audit_behind"};
  std::map<std::size_t, Problem> workers_;
  std::map<std::string, Problem> live_pools_;  // by service
  net::MemberTimer<Reporter, &Reporter::on_tick> tick_{*this};
};

}  // namespace sluice::control
