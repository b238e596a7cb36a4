#pragma once
#include <cstdint>
#include <functional>
#include <optional>

#include "net/acceptor.hpp"
#include "net/connector.hpp"
#include "net/loop.hpp"
#include "proxy/access_log.hpp"
#include "proxy/connection_ticket.hpp"
#include "proxy/context.hpp"
#include "proxy/h1_session.hpp"
#include "proxy/tunnel.hpp"
#include "proxy/upstream_pool.hpp"
#include "sluice/metrics/block.hpp"
#include "sluice/model/overload.hpp"
#include "sluice/model/publication.hpp"
#include "sluice/model/worker_port.hpp"

namespace sluice::proxy {

struct WorkerOptions {
  std::size_t number = 0;
  std::size_t services = 0;  // of the configuration: the size of the counters
  std::size_t connections_max = 1024;
  AddressLimit* address_limit = nullptr;                    // shared by all workers; nullptr: off
  TunnelLimit* tunnel_limit = nullptr;                      // likewise
  std::function<void(model::BreakerNews)> on_breaker = {};  // on the worker's thread; may be empty
  const model::OverloadCell* overload = nullptr;            // its own; nullptr: never too much
  LogQueue* log = nullptr;                                  // nullptr: no access log
  LogFormat log_format = LogFormat::Json;
};

/// One event loop's share of the data path: owns its sessions, tunnels, endpoint connections,
/// snapshot slot and counters. Everything here runs on the loop's thread, except metrics(), whose
/// counters anyone may read.
class Worker final : public net::AcceptEvents, public TicketOffice {
 public:
  /// Adopts the active snapshot. `loop`, `connector` and `publication` outlive it.
  Worker(net::Loop& loop, net::Connector& connector, model::Publication& publication,
         SnapshotSlot::GiveBack give_back, const WorkerOptions& options);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// Paused and resumed at the connection limit. Must be set before connections come, if there is
  /// one.
  void set_acceptor(net::Acceptor& acceptor) { acceptor_ = &acceptor; }

  void on_accept(net::Transport& transport, const net::Peer& peer, std::size_t listener) override;

  // What control asks, by message:
  /// The newest snapshot; connections that it has no use for are closed.
  void adopt();
  void recycle(core::EndpointId endpoint) { upstreams_.recycle(endpoint); }
  model::LeaseReport count_leases(const model::LeaseQuery& query);
  model::CutReport cut_leases(const model::CutOrder& order);
  /// Closes connections that have been idle for kIdleEvictionAge, at most kIdleLetGoMax.
  void let_idle_go();
  /// Accepts what waits, closes the listeners and idle connections; answers say Connection: close.
  /// `on_empty` is called once, when no client connection is left.
  void begin_stop(std::function<void()> on_empty);
  /// Ends everything at once; what was in progress is logged.
  void give_up_all();

  const metrics::Block& metrics() const { return metrics_; }
  /// For the simulator's invariants: all zero when nothing is going on.
  struct Load {
    std::size_t sessions = 0, requests = 0, tunnels = 0, leases = 0, holds = 0,
                endpoint_connections = 0, chunks = 0;
  };
  Load load();

 private:
  void on_connection_ended(const net::Peer& peer) override;
  void make_room();
  void on_accepting_paused();
  void report_if_empty();

  net::Loop& loop_;
  const WorkerOptions options_;
  net::Acceptor* acceptor_ = nullptr;
  bool is_accepting_paused_ = false;
  metrics::Block metrics_;
  AccessLog log_;
  DateCache date_;
  Gather gather_;
  SnapshotSlot slot_;
  LeaseList leases_;
  core::IntrusiveList<Tunnel, TunnelTag> tunnels_;
  Context context_;
  UpstreamPool upstreams_;
  H1Session::Home home_;
  std::function<void()> on_empty_;
  net::MemberTimer<Worker, &Worker::on_accepting_paused> eviction_timer_{*this};
};

}  // namespace sluice::proxy
