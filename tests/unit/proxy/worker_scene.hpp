#pragma once
#include <deque>

#include "proxy/tunnel.hpp"
#include "proxy/upstream_pool.hpp"
#include "support/fake_transport.hpp"
#include "support/manual_clock.hpp"

/// A worker's parts without a worker: for tests of one of them.
namespace proxy_test {

using namespace sluice;
using namespace std::chrono_literals;
using core::EndpointId;

class NoConnector final : public net::Connector {
 public:
  net::PendingConnect* connect(const core::SocketAddress&, core::Nanos,
                               net::ConnectEvents&) override {
    core::unreachable();
  }
};

inline model::Publication& with_snapshot(model::Publication& publication) {
  auto snapshot = std::make_shared<model::Snapshot>();
  snapshot->epoch = {1};
  publication.prepare({.snapshot = std::move(snapshot)});
  publication.flip({1});
  return publication;
}

/// What a worker's pool stands among.
struct Scene {
  test::ManualClock clock;
  net::Loop loop{clock, 1, [] {}};
  NoConnector connector;
  model::Publication publication{1};
  proxy::SnapshotSlot slot{with_snapshot(publication), 0, [](auto) {}};
  proxy::Gather gather;
  proxy::DateCache date{loop};
  proxy::AccessLog log{nullptr, proxy::LogFormat::Json};
  metrics::Block metrics{1};
  proxy::LeaseList leases;
  core::IntrusiveList<proxy::Tunnel, proxy::TunnelTag> tunnels;
  proxy::Context context{.worker = 0,
                         .loop = loop,
                         .connector = connector,
                         .slot = slot,
                         .upstreams = pool,
                         .gather = gather,
                         .date = date,
                         .log = log,
                         .metrics = metrics,
                         .leases = leases,
                         .tunnels = tunnels};
  proxy::UpstreamPool pool{context};
  std::deque<test::FakeTransport> transports;

  proxy::H1Upstream& open(EndpointId endpoint) {
    return pool.adopt(transports.emplace_back(), endpoint, 4s, {});
  }
  void turn() {
    loop.begin_turn();
    loop.end_turn();
  }
};

}  // namespace proxy_test
