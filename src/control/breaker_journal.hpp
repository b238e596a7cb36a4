#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/events.hpp"
#include "control/status.hpp"
#include "net/loop.hpp"
#include "sluice/metrics/exposition.hpp"
#include "sluice/model/snapshot.hpp"

namespace sluice::control {

/// Tells what workers have found of circuit breakers, counts it, and shows how the breakers stand.
/// Control thread only; the cells it reads are everybody's.
class BreakerJournal {
 public:
  using Services = std::vector<std::shared_ptr<const model::ServiceSettings>>;
  struct Deps {
    const Services& services;  // as configured, outliving this; elements may be replaced
    net::Loop& loop;
    EventLog& events;
    std::function<void(const std::string&)> notice;  // one line for the log
    /// As the endpoint says itself; nullopt: it does not speak of it.
    std::function<std::optional<bool>(core::EndpointId, std::string_view)> is_dependency_up;
  };
  explicit BreakerJournal(Deps deps) : deps_(std::move(deps)) {}

  /// From now on those are held open that depend on something which is down.
  void start();
  void on_news(const model::BreakerNews& news);
  /// An operator is about to make the pool live: its breakers must not turn away whom they are
  /// sent.
  void close_for(const model::ServiceSettings& service, core::PoolName pool);

  GuardView view(const model::ServiceSettings& service, const model::Pool& pool) const;
  GuardView view(const model::ServiceSettings& service, const model::Pool& pool,
                 const model::Endpoint& endpoint) const;
  std::vector<RouteView> routes(const model::ServiceSettings& service) const;
  void write_metrics(metrics::Exposition& out) const;
  /// Breakers whose turns are remembered: for tests.
  std::size_t remembered() const { return turns_.size(); }

 private:
  /// Whose breaker, as people name it: `green`, `green/127.0.0.1:9001`, `green /reports`.
  struct Scope {
    std::string service;
    std::string pool;
    std::string name;
    auto operator<=>(const Scope&) const = default;
  };
  using Turns = std::array<std::uint64_t, 3>;  // by the state that was turned to

  BreakerView view_of(const policy::BreakerCell& cell, const model::BreakerRule& rule,
                      const Scope& scope) const;
  void hold();
  void hold(const model::ServiceSettings& service, const model::Pool& pool,
            const model::BreakerRule& rule, policy::BreakerCell& cell, const std::string& route);
  void forget_gone();
  void tell(const Scope& scope, const policy::BreakerTurn& turn, const std::string& what);
  template <typename Visit>
  void for_each(Visit visit) const;
  static Scope scope_of(const model::ServiceSettings& service, core::PoolName pool,
                        const std::string& endpoint, const std::string& route);

  Deps deps_;
  std::map<Scope, Turns> turns_;
  net::MemberTimer<BreakerJournal, &BreakerJournal::hold> hold_timer_{*this};
};

}  // namespace sluice::control
