#include "proxy/upstream_pool.hpp"

namespace sluice::proxy {

H1Upstream* UpstreamPool::take_idle(core::EndpointId endpoint) {
  const auto found = endpoints_.find(endpoint);
  if (found == endpoints_.end()) return nullptr;
  while (H1Upstream* connection = found->second.connections.front()) {
    if (context_.loop.is_crowded() && connection->has_unasked_input()) {
      connection->close_idle();
      continue;
    }
    remove_idle(*connection);
    context_.metrics.endpoint_connections_reused.add();
    return connection;
  }
  return nullptr;
}

H1Upstream& UpstreamPool::adopt(net::Transport& transport, core::EndpointId endpoint,
                                core::Millis idle_timeout, ConnectionPlace place) {
  context_.metrics.endpoint_connections_opened.add();
  IdleUpstreams& siblings = endpoints_[endpoint];
  siblings.endpoint = endpoint;
  ++siblings.all;
  return *slab_.make(context_, transport, siblings, idle_timeout, std::move(place));
}

void UpstreamPool::destroy(H1Upstream& connection) {
  IdleUpstreams& siblings = connection.siblings();
  slab_.destroy(&connection);
  if (--siblings.all == 0) endpoints_.erase(siblings.endpoint);
}

void UpstreamPool::close_idle() {
  for (auto& [endpoint, idle] : endpoints_) {
    while (H1Upstream* connection = idle.connections.front()) connection->close_idle();
  }
}

void UpstreamPool::recycle(core::EndpointId endpoint) {
  const auto found = endpoints_.find(endpoint);
  if (found != endpoints_.end()) retire(found->second);
}

void UpstreamPool::retire(IdleUpstreams& idle) {
  ++idle.era;
  while (H1Upstream* connection = idle.connections.front()) connection->close_idle();
}

void UpstreamPool::keep_only(const model::Snapshot& snapshot) {
  if (endpoints_.empty()) return;
  for (const model::Service& service : snapshot.services) {
    for (const model::Pool& pool : service.settings->pools) {
      for (const model::Endpoint& endpoint : pool.endpoints) {
        if (!endpoint.is_in_use()) continue;
        const auto found = endpoints_.find(endpoint.id);
        if (found != endpoints_.end()) found->second.seen_in = snapshot.epoch;
      }
    }
  }
  for (auto& [endpoint, idle] : endpoints_) {
    if (idle.seen_in != snapshot.epoch) retire(idle);
  }
}

void UpstreamPool::find_older(IdleUpstreams& idle, H1Upstream*& oldest) {
  H1Upstream* const last = idle.connections.back();
  if (last == nullptr) return;
  if (oldest == nullptr || last->idle_until() < oldest->idle_until()) oldest = last;
}

H1Upstream* UpstreamPool::oldest_idle(const model::Pool& pool) {
  H1Upstream* oldest = nullptr;
  for (const model::Endpoint& endpoint : pool.endpoints) {
    const auto found = endpoints_.find(endpoint.id);
    if (found != endpoints_.end()) find_older(found->second, oldest);
  }
  return oldest;
}

bool UpstreamPool::close(H1Upstream* idle) {
  if (idle != nullptr) idle->close_idle();
  return idle != nullptr;
}

bool UpstreamPool::close_oldest_idle() {
  H1Upstream* oldest = nullptr;
  for (auto& [endpoint, idle] : endpoints_) find_older(idle, oldest);
  return close(oldest);
}

bool UpstreamPool::close_oldest_idle(const model::Pool& pool) {
  return close(oldest_idle(pool));
}

bool UpstreamPool::close_oldest_idle(core::EndpointId endpoint) {
  const auto found = endpoints_.find(endpoint);
  return found != endpoints_.end() && close(found->second.connections.back());
}

bool UpstreamPool::has_idle(const model::Pool& pool) {
  return oldest_idle(pool) != nullptr;
}

void UpstreamPool::put_idle(H1Upstream& connection) {
  IdleUpstreams& idle = connection.siblings();
  idle.connections.push_front(connection);
  ++idle.count;
  context_.metrics.endpoint_connections_idle.add();
  if (idle.count > core::limits::kIdlePerEndpointMax) idle.connections.back()->close_idle();
}

void UpstreamPool::remove_idle(H1Upstream& connection) {
  connection.core::ListNode<IdleUpstreamTag>::unlink();
  --connection.siblings().count;
  context_.metrics.endpoint_connections_idle.subtract();
}

}  // namespace sluice::proxy
