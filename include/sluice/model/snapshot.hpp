#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/core/address.hpp"
#include "sluice/core/clock.hpp"
#include "sluice/core/ids.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/core/units.hpp"
#include "sluice/http/head_scanner.hpp"
#include "sluice/model/circuit_breaker.hpp"
#include "sluice/model/pins.hpp"
#include "sluice/model/rate_limits.hpp"
#include "sluice/model/service_table.hpp"
#include "sluice/policy/adaptive_limit.hpp"
#include "sluice/policy/asset.hpp"
#include "sluice/policy/ejection.hpp"
#include "sluice/policy/health.hpp"
#include "sluice/policy/identity.hpp"
#include "sluice/policy/retry.hpp"
#include "sluice/policy/split.hpp"

/// The immutable runtime view that a request reads under its hold, and the few shared words beside
/// it.
namespace sluice::model {

/// Live state of one endpoint, the same in every snapshot that contains it (architecture.md §5).
/// Shared by all workers; owned by the snapshots that contain it and by the tunnels on it, so that
/// it ends with the last of them.
struct alignas(64) EndpointCell {
  std::atomic<std::uint32_t> in_flight{0};  // requests and tunnels on it, all workers; relaxed
  // policy::HealthWord; written by control only, relaxed
  std::atomic<std::uint32_t> health{0};
  std::atomic<std::uint64_t> penalty{
      0};  // policy::Penalty; a lost update only shortens or lengthens one penalty
  std::atomic<std::uint64_t> failures{0};  // policy::FailureRun; a full one is taken by control
  // Of all workers, relaxed; counted where circuit_breaker.endpoint bounds them, `connections`
  // always.
  std::atomic<std::uint32_t> connections{0};  // open, idle ones and tunnels too
  std::atomic<std::uint32_t> pending{0};      // requests that wait for a connection
  std::atomic<std::uint32_t> repeating{0};    // requests that are sent again
  std::atomic<bool> wants_place{false};       // somebody has found its max_connections reached
  policy::BreakerCell breaker;
};

/// Who still uses a pool: one count per worker, which only that worker writes. Decrements are
/// release stores; control reads with acquire, after it has read the worker's adopted epoch.
struct PoolCell {
  struct alignas(64) LeaseCount {
    std::atomic<std::uint32_t> count{0};
  };
  explicit PoolCell(std::size_t workers) : leases(workers) {}
  std::vector<LeaseCount> leases;  // by worker
  // Of all workers; relaxed. `repeating`: requests that are sent again here. `rescuing`: those of
  // the other pool that this one answers instead.
  alignas(64) std::atomic<std::uint32_t> pending{0};  // requests that wait for a connection
  std::atomic<std::uint32_t> repeating{0};
  std::atomic<std::uint32_t> rescuing{0};
  std::atomic<std::uint32_t> asset_asks{0};   // for files that the other pool has not
  std::atomic<bool> wants_place{false};       // somebody has found max_connections reached
  std::atomic<std::uint32_t> requests{0};     // in flight; counted where max_requests bounds them
  std::atomic<std::uint32_t> connections{0};  // open, idle ones and tunnels too
  alignas(64) policy::BreakerCell breaker;
  policy::AdaptiveCell adaptive;
};

struct Endpoint {
  core::EndpointId id;
  core::SocketAddress address;
  std::string text;                // as users see it: `127.0.0.1:9001`
  std::vector<std::string> names;  // of the file, that have this address: `app.internal:9001`
  std::string why_down;  // `text` is a name of the file that has no address, and `address` none
                         // either; empty: an address
  std::shared_ptr<EndpointCell> cell;  // never nullptr in a snapshot
  bool is_disabled = false;            // taken out by an operator: EndpointMode is not Enabled

  /// Whether it may get new requests, as far as configuration and operators say.
  bool is_in_use() const { return !is_disabled && why_down.empty(); }
  /// Whether it may get new requests.
  bool is_usable() const { return is_in_use() && health().is_usable(); }
  policy::HealthWord health() const {
    return policy::HealthWord(cell->health.load(std::memory_order_relaxed));
  }
};

struct Pool {
  core::PoolId id;
  core::PoolName name = core::PoolName::Blue;
  PoolCell* cell = nullptr;  // never nullptr in a snapshot
  std::vector<Endpoint> endpoints;
};

enum class TunnelPolicy : std::uint8_t { Drain, Keep, Close };
std::string_view text(TunnelPolicy policy);

struct Timeouts {
  core::Millis connect{1000};
  core::Millis request_header{10'000};
  core::Millis request_body_idle{30'000};
  core::Millis request_body{0};
  core::Millis response_header{30'000};
  core::Millis response_body_idle{30'000};
  core::Millis response_body{0};
  core::Millis keep_alive_idle{60'000};
  core::Millis endpoint_idle{4000};
  core::Millis tunnel_idle{3'600'000};
  // 0 here = off (`off` in the file)
};

/// How slow a client may be, in bytes a second (policy/pace.hpp). 0 = off, and so it is where the
/// silence that it bounds is off.
struct MinRates {
  static constexpr std::uint32_t kDefault = 256;
  std::uint32_t request = kDefault;
  std::uint32_t response = kDefault;
};

/// When a request is sent again: in its pool, and from the candidate to the live one (G11).
struct Repeats {
  policy::RetryRule retry;
  policy::Budget retry_budget{core::BasisPoints::of(2000)};
  bool trusts_idempotency_key = false;  // a request with Idempotency-Key is safe to repeat
  policy::FailureSet rescue = policy::kUsualRescues;
  policy::Budget rescue_budget{core::BasisPoints::of(core::BasisPoints::kAll)};
  std::vector<policy::PathPattern> assets;  // a 404 for these is tried on the other pool
  bool asks_closed_for_assets = false;      // also on a candidate that is closed
};
/// What happens to the users of a candidate of which no endpoint can be used: the live pool takes
/// them, or they get a 503.
enum class OnPoolDown : std::uint8_t { Fallback, Fail };
std::string_view text(OnPoolDown policy);

/// Which Sluice-* fields answers carry.
struct Expose {
  bool pool = false, generation = false, reason = false, bucket = false, endpoint = false,
       rescued = false;
  bool any() const { return pool || generation || reason || bucket || endpoint || rescued; }
};

/// Whether a request has to ask before it goes to a pool, and before it goes to an endpoint.
struct Guards {
  bool pools = false;
  std::array<bool, 2> endpoints{};  // by core::index(PoolName)
};

/// What the configuration says about a service: the same object in all snapshots of one
/// configuration, unless an operator has taken an endpoint out, or a name has other addresses.
struct ServiceSettings {
  core::ServiceId id;
  std::string name;
  std::vector<policy::IdentitySource> identity;
  std::vector<Pin> pins;                          // the first that matches decides
  std::shared_ptr<const RateLimits> rate_limits;  // nullptr: none
  std::array<Pool, 2> pools;                      // by core::index(PoolName)
  Timeouts timeouts;
  MinRates min_rates;
  Repeats repeats;
  http::HeadLimits head_limits;
  std::optional<std::uint64_t> body_bytes_max;  // nullopt: unlimited
  CircuitBreaker breakers;
  Guards guards;  // guards_of()
  Expose expose;
  bool adds_via = true;
  core::Millis drain_deadline{30'000};
  TunnelPolicy tunnels = TunnelPolicy::Drain;
  policy::HealthCheck health_check;
  policy::OutlierPolicy outliers;
  core::Millis slow_start{10'000};  // 0: off
  OnPoolDown on_pool_down = OnPoolDown::Fallback;
  policy::AdaptivePolicy adaptive;

  const Pool& pool(core::PoolName name_of) const { return pools[core::index(name_of)]; }
};

/// What its breakers and ceilings ask of requests, in the form in which each request looks at it.
Guards guards_of(const ServiceSettings& settings);

/// One service in one snapshot: settings and traffic state.
struct Service {
  std::shared_ptr<const ServiceSettings> settings;
  core::Generation generation;  // of the service's last change
  core::PoolName live = core::PoolName::Blue;
  core::BasisPoints split;
  bool is_candidate_open = true;
  std::string salt;

  policy::SplitState split_state() const { return {live, split, is_candidate_open, salt}; }
};

struct Snapshot {
  core::Epoch epoch;
  core::Generation generation;
  std::vector<Service> services;  // by ServiceId
  std::shared_ptr<const ServiceTable> table;
  std::vector<core::Network> trusted_proxies;
  bool trusts_unix = false;
  /// The widest limits of all services: judged before the service is known; the service's own are
  /// judged after.
  http::HeadLimits head_limits;
  /// Of the connection as long as no service is known: the longest of all services.
  core::Millis request_header_timeout{10'000};
  core::Millis keep_alive_idle{60'000};
  std::uint32_t requests_per_connection = 0;  // 0: off

  const Service& service(core::ServiceId id) const { return services[id.raw]; }
};

/// No list, for a configuration that names none. Shared; never nullptr.
const std::shared_ptr<const IdentityLists>& no_lists();

/// What is published under one epoch. The lists stand beside the snapshot and not in it: a request
/// holds its snapshot to its end, which may be hours away, but asks a list only until its pool is
/// chosen; and a list of a million lines is 36 MB.
struct Edition {
  std::shared_ptr<const Snapshot> snapshot;
  std::shared_ptr<const IdentityLists> lists = no_lists();  // what the list pins name by position
};

}  // namespace sluice::model
