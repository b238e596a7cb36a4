#include "proxy/upstream_pool.hpp"

namespace sluice::proxy {

H1Upstream* UpstreamPool::take_idle(core::EndpointId endpoint) {
  if (endpoint.raw >= idle_.size() || idle_[endpoint.raw] == nullptr) return nullptr;
  H1Upstream* connection = idle_[endpoint.raw]->connections.front();
  if (connection == nullptr) return nullptr;
  remove_idle(*connection);
  context_.metrics.endpoint_connections_reused.add();
  return connection;
}

H1Upstream& UpstreamPool::adopt(net::Transport& transport, core::EndpointId endpoint,
                                core::Millis idle_timeout) {
  context_.metrics.endpoint_connections_opened.add();
  return *slab_.make(context_, transport, idle_of(endpoint), idle_timeout);
}

void UpstreamPool::close_idle() {
  for (const auto& idle : idle_) {
    if (idle == nullptr) continue;
    while (H1Upstream* connection = idle->connections.front()) connection->close_idle();
  }
}

bool UpstreamPool::close_oldest_idle() {
  H1Upstream* oldest = nullptr;
  for (const auto& idle : idle_) {
    H1Upstream* const last = idle == nullptr ? nullptr : idle->connections.back();
    if (last != nullptr && (oldest == nullptr || last->idle_until() < oldest->idle_until())) {
      oldest = last;
    }
  }
  if (oldest != nullptr) oldest->close_idle();
  return oldest != nullptr;
}

IdleUpstreams& UpstreamPool::idle_of(core::EndpointId endpoint) {
  if (endpoint.raw >= idle_.size()) idle_.resize(endpoint.raw + 1);
  if (idle_[endpoint.raw] == nullptr) idle_[endpoint.raw] = std::make_unique<IdleUpstreams>();
  return *idle_[endpoint.raw];
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
