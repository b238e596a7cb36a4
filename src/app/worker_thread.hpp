#pragma once
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "net/event_loop.hpp"
#include "net/socket_acceptor.hpp"
#include "net/socket_connector.hpp"
#include "proxy/worker.hpp"
#include "sluice/model/worker_port.hpp"

namespace sluice::app {

/// One worker with its thread and loop, and how control reaches it: by messages only. Made, started
/// and ended by control's thread. The port exists before the worker, because control publishes the
/// first snapshot and the worker begins with it.
class WorkerThread final : public model::WorkerPort {
 public:
  /// `control` is control's mailbox; it outlives this.
  WorkerThread(const core::Clock& clock, std::uint64_t seed, net::Mailbox& control,
               net::DescriptorUse descriptors);
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;
  ~WorkerThread();

  /// Makes the worker and runs its loop on its own thread. Requires: a snapshot was flipped.
  void start(model::Publication& publication, std::vector<net::ListenSocket> sockets,
             const proxy::WorkerOptions& options);
  /// When the sockets of all workers listen.
  void begin_accepting();
  /// `on_empty` runs on the control thread when no client connection is left. Requires: started.
  void begin_stop(std::function<void()> on_empty);
  /// Ends what is left and joins the thread. Idempotent.
  void end();

  // model::WorkerPort; what is asked before start() is answered after it.
  void count_leases(model::LeaseQuery query, std::function<void(model::LeaseReport)> done) override;
  void cut_leases(model::CutOrder order, std::function<void(model::CutReport)> done) override;
  void recycle(core::EndpointId endpoint) override;
  void wake() override;
  net::TurnTimes turn_times() const { return loop_.turn_times(); }
  std::uint64_t turns() const override { return loop_.core().turns(); }
  void ask_lag(core::Instant now) override { loop_.ask_lag(now); }
  core::Nanos lag(core::Instant now) const override { return loop_.lag(now); }
  void let_idle_go() override;
  /// Requires: started.
  const metrics::Block& metrics() const override { return worker_->metrics(); }

 private:
  void post(std::function<void()> work) { loop_.core().mailbox().post(std::move(work)); }

  mutable net::EventLoop loop_;
  const net::DescriptorUse descriptors_;
  net::SocketConnector connector_;
  net::Mailbox& control_;
  std::optional<proxy::Worker> worker_;
  std::optional<net::SocketAcceptor> acceptor_;
  std::thread thread_;
};

}  // namespace sluice::app
