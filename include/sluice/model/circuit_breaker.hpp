#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/core/clock.hpp"
#include "sluice/core/ids.hpp"
#include "sluice/policy/breaker.hpp"

/// What bounds the load on pools and endpoints, and keeps requests away from what fails: the
/// `circuit_breaker` and `routes` of a service (behaviour.md §2).
namespace sluice::model {

/// Most at a time, of all workers together; 0: off.
struct Ceilings {
  std::uint32_t connections = 0;  // open, idle ones and tunnels too
  std::uint32_t pending = 0;      // requests that wait for a connection
  std::uint32_t requests = 0;     // in flight
  std::uint32_t retries = 0;      // of those, sent again
  friend bool operator==(const Ceilings&, const Ceilings&) = default;
};
/// As take_place() wants it.
inline std::uint32_t most(std::uint32_t ceiling) {
  return ceiling == 0 ? UINT32_MAX : ceiling;
}

/// When a breaker opens and closes.
struct BreakerRule {
  bool is_on = true;
  policy::BreakerPolicy policy;
  core::Millis slow_call{5000};  // from the request sent to the head of its answer; 0: none is slow
  /// Without one of which it is held open, as policy::SelfReport names them. Of pools and routes.
  std::vector<std::string> depends_on{};

  static BreakerRule off();
  /// Judged sooner than its pool: one bad endpoint of two must be out before it takes the pool
  /// down.
  static BreakerRule of_endpoint();
  friend bool operator==(const BreakerRule&, const BreakerRule&) = default;
};

/// Where the users of a candidate go that its breaker turns away: to the live pool, or nowhere.
enum class BreakerFallback : std::uint8_t { Live, Fail };
std::string_view text(BreakerFallback fallback);

/// The breakers of one path, one for each pool. The same in every snapshot that contains it.
struct RouteCell {
  std::array<policy::BreakerCell, 2> breakers;  // by core::index(PoolName)
};
/// A path with breakers of its own: its requests say nothing about the rest of the pool.
struct RouteBreaker {
  std::string path_prefix;  // normal_path_prefix()
  BreakerRule rule;
  BreakerFallback fallback = BreakerFallback::Live;
  std::shared_ptr<RouteCell> cell;  // never nullptr in a snapshot
};

struct CircuitBreaker {
  Ceilings pool{.connections = 1024};
  BreakerRule rule;
  BreakerFallback fallback = BreakerFallback::Live;
  Ceilings endpoint;  // each one's own
  BreakerRule endpoint_rule = BreakerRule::of_endpoint();
  std::vector<RouteBreaker> routes;         // a longer prefix first
  std::shared_ptr<const std::string> page;  // HTML, instead of the words of a 503; may be nullptr

  static CircuitBreaker off();
  /// Whether a request has to ask before it goes to a pool, and before it goes to an endpoint.
  bool guards_pools() const { return rule.is_on || pool.requests != 0 || !routes.empty(); }
  /// A breaker of an endpoint never takes the last one of a pool: of one alone it is not asked.
  bool guards_endpoints(std::size_t in_pool) const {
    return (endpoint_rule.is_on && in_pool > 1) || endpoint.requests != 0 || endpoint.retries != 0;
  }
  /// Of `path`, in normal form, the first that matches; nullptr: none does.
  const RouteBreaker* route_of(std::string_view path) const;
};

/// A change of state that a worker has made, for control.
struct BreakerNews {
  core::ServiceId service;
  core::PoolName pool = core::PoolName::Blue;
  std::string endpoint;  // its text; empty: of the pool, or of `route`
  std::string route;     // its prefix; empty: of the pool, or of `endpoint`
  policy::BreakerTurn turn;
};

}  // namespace sluice::model
