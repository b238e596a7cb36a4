#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "net/connector.hpp"
#include "net/loop.hpp"
#include "net/slab.hpp"
#include "proxy/access_log.hpp"
#include "proxy/date_cache.hpp"
#include "proxy/gather.hpp"
#include "proxy/lease.hpp"
#include "proxy/snapshot_slot.hpp"
#include "sluice/metrics/block.hpp"
#include "sluice/model/circuit_breaker.hpp"
#include "sluice/policy/overload.hpp"

namespace sluice::proxy {

class UpstreamPool;
class Tunnel;
struct TunnelTag;
class TunnelLimit;

/// Of a worker that nobody tells of too much load.
inline constexpr std::atomic<std::uint32_t> kNeverOverloaded{0};

/// What the objects of one worker share. Owned by the worker, outlives them all. Worker thread
/// only.
struct Context {
  std::size_t worker;
  net::Loop& loop;
  net::Connector& connector;
  SnapshotSlot& slot;
  UpstreamPool& upstreams;
  Gather& gather;
  DateCache& date;
  AccessLog& log;
  metrics::Block& metrics;
  LeaseList& leases;
  core::IntrusiveList<Tunnel, TunnelTag>& tunnels;
  TunnelLimit* tunnel_limit = nullptr;                      // of the process; nullptr: off
  std::function<void(model::BreakerNews)> on_breaker = {};  // may be empty
  const std::atomic<std::uint32_t>* overload_word = &kNeverOverloaded;  // model::OverloadCell
  bool is_stopping = false;  // answers say Connection: close; idle connections are gone

  policy::OverloadWord overload() const {
    return policy::OverloadWord(overload_word->load(std::memory_order_relaxed));
  }
};

}  // namespace sluice::proxy
