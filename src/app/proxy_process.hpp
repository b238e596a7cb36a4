#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/admin_server.hpp"
#include "app/identity_status.hpp"
#include "app/identity_watcher.hpp"
#include "app/log_writer.hpp"
#include "app/memory_use.hpp"
#include "app/notices.hpp"
#include "app/worker_thread.hpp"
#include "control/controller.hpp"
#include "control/name_watcher.hpp"
#include "control/start_state.hpp"
#include "control/state_store.hpp"
#include "net/descriptor_reserve.hpp"
#include "net/event_loop.hpp"
#include "net/listen_socket.hpp"
#include "net/process_runner.hpp"
#include "net/signals.hpp"
#include "net/system_clock.hpp"
#include "net/thread_resolver.hpp"
#include "sluice/config/build.hpp"
#include "sluice/config/schema.hpp"
#include "sluice/model/publication.hpp"

namespace sluice::app {

/// The running proxy: one control loop on the calling thread, one thread per worker, one for the
/// store, one for the access log, one that looks at the files of identities. Only wiring: what each
/// part does stands in its folder. Members are in the order in which they may use each other.
class ProxyProcess {
 public:
  /// `notices` outlives this.
  ProxyProcess(config::Config config, std::string version, Notices& notices);
  ~ProxyProcess();

  /// Opens state, log, listeners and admin socket, and starts the workers. On an error nothing has
  /// been served. From its first step on signals wait for run().
  core::Status start(control::StateSource source);
  /// Until a signal ended it. Returns the exit status.
  int run();

 private:
  core::Status open_log();
  core::Result<control::StartState> open_state(control::StateSource source);
  core::Status open_listeners();
  core::Status start_workers();
  core::Status start_admin();
  std::unique_ptr<net::SocketAcceptor> accept_for(net::OwnedFd socket, net::AcceptEvents& door,
                                                  net::DescriptorClaim claim);
  core::Result<std::size_t> connections_max() const;
  void look_up_names();
  void on_names_changed();
  void watch_identity_files();
  void on_identity_file(IdentityWatcher::News news);
  void write_metrics(metrics::Exposition& out) const;
  void on_signal(int number);
  void begin_stop();
  void remove_socket_files();
  void on_part_stopped();
  void on_farewell() { control_.stop(); }
  void end();
  void end_log();
  void notice(const std::string& line) { notices_.say(line); }

  Notices& notices_;
  config::Config config_;  // constant after construction, which hands the identities on to parts_
  const std::string version_;
  const std::size_t worker_count_;
  net::SystemClock clock_;
  std::uint64_t descriptor_limit_ = 0;
  std::unique_ptr<LogWriter> log_;
  std::unique_ptr<proxy::AddressLimit> address_limit_;
  std::unique_ptr<proxy::TunnelLimit> tunnel_limit_;
  const std::shared_ptr<net::DescriptorReserve> reserve_;
  net::EventLoop control_;
  net::SocketConnector connector_;
  net::SocketConnector checks_;  // of health: what is kept for the operator is not for them
  net::ProcessRunner commands_;
  config::CellRegistry cells_;
  IdentityStatus identity_status_;
  // Lists and services with names: replaced when their files or addresses change, then republished
  config::StaticParts parts_;
  model::Publication publication_;
  model::OverloadCells overload_;  // by worker
  const MemoryUse memory_;
  std::shared_ptr<control::StateDirectory> directory_;
  std::vector<net::ListenSockets> listeners_;  // by position in the configuration
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  std::unique_ptr<control::StateStore> store_;
  std::unique_ptr<control::Controller> controller_;
  std::unique_ptr<net::ThreadResolver> resolver_;
  std::unique_ptr<control::NameWatcher> names_;
  std::unique_ptr<IdentityWatcher> identity_watcher_;
  std::unique_ptr<admin::AdminServer> admin_;
  net::SocketFile admin_file_;
  std::unique_ptr<net::SocketAcceptor> admin_local_;   // the Unix socket
  std::unique_ptr<net::SocketAcceptor> admin_remote_;  // admin.http, read-only
  std::unique_ptr<net::SignalWatch> signals_;
  std::size_t parts_running_ = 0;  // of a graceful stop: the controller's drains and each worker
  bool is_stopping_ = false;
  net::MemberTimer<ProxyProcess, &ProxyProcess::on_farewell> farewell_{*this};
};

}  // namespace sluice::app
