#pragma once
#include <unordered_map>

#include "net/slab.hpp"
#include "proxy/context.hpp"
#include "proxy/h1_upstream.hpp"
#include "sluice/core/ids.hpp"

namespace sluice::proxy {

/// Endpoint connections of one worker, idle ones kept per endpoint for reuse. Owns all of them
/// through its slab. Not thread-safe; worker thread only.
class UpstreamPool {
 public:
  explicit UpstreamPool(Context& context) : context_(context) {}
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;

  /// The most recently used idle connection, or nullptr. Constant time, no allocation. Most recent
  /// first because a request that may not be repeated wants the one that the endpoint is least
  /// likely to have given up (behaviour.md §4).
  H1Upstream* take_idle(core::EndpointId endpoint);
  /// A connection that was just opened.
  H1Upstream& adopt(net::Transport& transport, core::EndpointId endpoint, core::Millis idle_timeout,
                    ConnectionPlace place);
  void close_idle();
  /// Closes the idle ones to it; those that work are not kept.
  void recycle(core::EndpointId endpoint);
  /// Recycles the endpoints that new requests can't get under this snapshot. O(its endpoints).
  void keep_only(const model::Snapshot& snapshot);
  /// The one that will idle out first, to whatever endpoint. False: none is idle. O(endpoints): for
  /// when descriptors have run out.
  bool close_oldest_idle();

  /// The one of this pool that will idle out first; otherwise as close_oldest_idle().
  bool close_oldest_idle(const model::Pool& pool);
  /// The same of this endpoint.
  bool close_oldest_idle(core::EndpointId endpoint);
  bool has_idle(const model::Pool& pool);

  std::size_t in_use() const { return slab_.in_use(); }
  /// To which there is a connection: for tests.
  std::size_t endpoints() const { return endpoints_.size(); }

 private:
  friend class H1Upstream;
  static void retire(IdleUpstreams& idle);
  static void find_older(IdleUpstreams& idle, H1Upstream*& oldest);
  H1Upstream* oldest_idle(const model::Pool& pool);
  static bool close(H1Upstream* idle);
  void put_idle(H1Upstream& connection);
  void remove_idle(H1Upstream& connection);
  void destroy(H1Upstream& connection);

  Context& context_;
  net::Slab<H1Upstream> slab_;
  // Those with a connection: endpoints come and go as names get other addresses. Places stay.
  std::unordered_map<core::EndpointId, IdleUpstreams, core::IdHash> endpoints_;
};

}  // namespace sluice::proxy
