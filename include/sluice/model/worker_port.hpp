#pragma once
#include <cstdint>
#include <functional>

#include "sluice/core/clock.hpp"
#include "sluice/core/ids.hpp"
#include "sluice/metrics/block.hpp"

/// What control asks of a worker beside publishing snapshots: who still uses a pool, and to end
/// those that do. The worker side is implemented in app/ over proxy::Worker; control knows only
/// this (control never includes proxy).
namespace sluice::model {

/// Exchanges and tunnels that hold a lease on `pool` which was taken under an epoch below `below`.
struct LeaseQuery {
  core::PoolId pool;
  core::Epoch below;
};

struct LeaseReport {
  std::uint32_t requests = 0;
  std::uint32_t tunnels = 0;
};

enum class CutWhat : std::uint8_t { RequestsAndTunnels, RequestsOnly, TunnelsOnly };
enum class CutCause : std::uint8_t { DrainDeadline, TunnelPolicy, Stop };

struct CutOrder {
  LeaseQuery whose;
  CutWhat what = CutWhat::RequestsAndTunnels;
  CutCause cause = CutCause::DrainDeadline;
  core::Nanos tunnel_spread{0};  // tunnels are ended evenly over this time
};

struct CutReport {
  std::uint32_t requests_cut = 0;
  std::uint32_t tunnels_cut = 0;  // with a spread: those that will be
  std::uint32_t tunnels_kept = 0;
};

/// One worker as control sees it. The calls are made on the control thread; each `done` runs on the
/// control thread, later, exactly once; never when the worker hangs or has ended.
class WorkerPort {
 public:
  virtual void count_leases(LeaseQuery query, std::function<void(LeaseReport)> done) = 0;
  virtual void cut_leases(CutOrder order, std::function<void(CutReport)> done) = 0;
  /// No kept connection to the endpoint is used again; those that work end with their request.
  virtual void recycle(core::EndpointId endpoint) = 0;
  /// Makes the worker's loop turn once, so that it adopts the active epoch also without traffic.
  virtual void wake() = 0;
  /// Any thread: grows while the worker's loop turns.
  virtual std::uint64_t turns() const = 0;
  virtual const metrics::Block& metrics() const = 0;
  /// How long an event waits for the worker's loop: lag() tells what the last answer to ask_lag()
  /// has found, or for how long it has been waiting now, if that is longer.
  virtual void ask_lag(core::Instant now) = 0;
  virtual core::Nanos lag(core::Instant now) const = 0;
  /// Closes connections of clients that have been idle for long, some at each call.
  virtual void let_idle_go() = 0;

 protected:
  ~WorkerPort() = default;
};

}  // namespace sluice::model
