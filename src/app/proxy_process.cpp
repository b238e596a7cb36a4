#include "app/proxy_process.hpp"

#include <malloc.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <initializer_list>
#include <thread>

#include "app/process_metrics.hpp"
#include "net/descriptor_limit.hpp"
#include "net/machine_addresses.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::app {
namespace {

/// After the drains: what a client may still need to read its last answer and the FIN behind it.
constexpr std::chrono::milliseconds kFarewell{2000};
constexpr std::chrono::milliseconds kLastWrites{5000};
// SIGTERM last: who sees that it is caught may send any of them. A SIGHUP that came before its own
// watch would end the process.
constexpr std::initializer_list<int> kSignals{SIGHUP, SIGUSR1, SIGUSR2, SIGINT, SIGTERM};

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  const bool is_filled = ::getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed);
  return is_filled ? seed : static_cast<std::uint64_t>(::getpid());
}

/// `auto`: no more than may have a connection each, or `limits.connections` could not be kept.
std::size_t count_workers(const config::Config& config) {
  const std::uint32_t cores = std::max(1U, std::thread::hardware_concurrency());
  const std::uint32_t wanted =
      config.workers.value_or(std::min(cores, config.connections.value_or(cores)));
  return std::min<std::size_t>(wanted, core::limits::kWorkersMax);
}

core::Nanos longest_drain(const config::Config& config) {
  core::Nanos longest{0};
  for (const config::Service& service : config.services)
    longest = std::max<core::Nanos>(longest, service.drain_deadline);
  return longest;
}

/// Between the last watch and exit() a signal would take its default action, and that would be our
/// exit status.
void hold_signals() {
  sigset_t held;
  sigemptyset(&held);
  for (const int number : kSignals) sigaddset(&held, number);
  static_cast<void>(::pthread_sigmask(SIG_BLOCK, &held, nullptr));
}

}  // namespace

ProxyProcess::ProxyProcess(config::Config config, std::string version, Notices& notices)
    : notices_(notices),
      config_(std::move(config)),
      version_(std::move(version)),
      worker_count_(count_workers(config_)),
      reserve_(std::make_shared<net::DescriptorReserve>()),
      control_(clock_, random_seed()),
      connector_(control_, {reserve_, net::DescriptorClaim::Answer}),
      checks_(control_, {reserve_, net::DescriptorClaim::None}),
      commands_(control_),
      cells_(worker_count_),
      identity_status_(config_.identity_files, clock_.wall()),
      parts_(config::build_static(config_, cells_)),
      publication_(worker_count_),
      overload_(worker_count_),
      memory_(config_.memory, {reserve_, net::DescriptorClaim::Answer}) {
  // From here on a list lives as long as the snapshots that have it.
  for (config::IdentityFile& file : config_.identity_files) file.list.reset();
}

ProxyProcess::~ProxyProcess() {
  end();
}

core::Status ProxyProcess::start(control::StateSource source) {
  // First: one that comes during the start waits for run().
  signals_ = std::make_unique<net::SignalWatch>(control_, kSignals,
                                                [this](int number) { on_signal(number); });
  const auto limit = net::raise_descriptor_limit();
  if (!limit) return limit.error();
  descriptor_limit_ = limit->now;

  look_up_names();
  core::Result<control::StartState> state = open_state(source);
  if (!state) return state.error();
  if (core::Status opened = open_log(); !opened) return opened;
  if (core::Status opened = open_listeners(); !opened) return opened;

  for (std::size_t i = 0; i < worker_count_; ++i) {
    workers_.push_back(
        std::make_unique<WorkerThread>(clock_, random_seed(), control_.core().mailbox(),
                                       net::DescriptorUse{reserve_, net::DescriptorClaim::None}));
  }
  store_ = std::make_unique<control::StateStore>(directory_, control_.core().mailbox(),
                                                 state->audit_pending);
  std::vector<model::WorkerPort*> ports;
  for (const auto& worker : workers_) ports.push_back(worker.get());
  controller_ = std::make_unique<control::Controller>(
      control::Controller::Deps{.config = config_,
                                .parts = parts_,
                                .publication = publication_,
                                .store = *store_,
                                .connector = connector_,
                                .loop = control_.core(),
                                .workers = std::move(ports),
                                .notice = [this](const std::string& line) { notice(line); },
                                .commands = &commands_,
                                .checks = &checks_,
                                .overload = &overload_,
                                .memory = [this] { return memory_.look(); },
                                .trim = [] { ::malloc_trim(0); }},
      std::move(*state));
  controller_->start();
  watch_identity_files();
  if (core::Status started = start_admin(); !started) return started;
  return start_workers();
}

core::Result<control::StartState> ProxyProcess::open_state(control::StateSource source) {
  directory_ = std::make_shared<control::StateDirectory>(
      std::make_shared<control::PosixFiles>(reserve_), config_.state_dir);
  control::StartRequest request;
  request.source = source;
  request.now = clock_.wall();
  request.actor = {.uid = ::getuid(), .pid = ::getpid()};
  if (names_ != nullptr) request.names = names_->names();
  core::Result<control::StartState> state = control::open_state(*directory_, config_, request);
  if (state) {
    for (const std::string& line : state->notices) notice(line);
  }
  return state;
}

core::Status ProxyProcess::open_log() {
  if (!config_.access_log) return core::ok();
  auto opened = LogWriter::open({.path = *config_.access_log,
                                 .workers = worker_count_,
                                 .tell = [this](const std::string& line) { notice(line); }});
  if (!opened) return opened.error();
  log_ = std::move(*opened);
  return core::ok();
}

core::Status ProxyProcess::open_listeners() {
  for (const config::Listener& listener : config_.listeners) {
    const auto workers = static_cast<unsigned>(worker_count_);
    auto opened = listener.bind.is_unix()
                      ? net::open_unix_listeners(listener.bind.unix_path, listener.mode, workers)
                      : net::open_listeners(listener.bind, workers);
    if (!opened) return opened.error();
    listeners_.push_back(std::move(*opened));
  }
  return core::ok();
}

/// All sockets listen before any accepts: one that joined later would change the shares of the
/// others.
core::Status ProxyProcess::start_workers() {
  const core::Result<std::size_t> connections = connections_max();
  if (!connections) return connections.error();
  notice("at most " + std::to_string(*connections) + " client connections (descriptor limit " +
         std::to_string(descriptor_limit_) + "), " + std::to_string(worker_count_) +
         (worker_count_ == 1 ? " worker" : " workers"));
  for (net::ListenSockets& listener : listeners_) {
    if (core::Status listening = net::listen_all(listener.sockets); !listening) return listening;
  }
  if (config_.connections_per_address) {
    address_limit_ = std::make_unique<proxy::AddressLimit>(*config_.connections_per_address);
  }
  if (config_.tunnels) tunnel_limit_ = std::make_unique<proxy::TunnelLimit>(*config_.tunnels);
  for (std::size_t i = 0; i < worker_count_; ++i) {
    std::vector<net::ListenSocket> sockets;
    for (std::size_t j = 0; j < listeners_.size(); ++j)
      sockets.push_back({std::move(listeners_[j].sockets[i]), j});
    workers_[i]->start(
        publication_, std::move(sockets),
        {.number = i,
         .services = config_.services.size(),
         .connections_max =
             *connections / worker_count_ + (i < *connections % worker_count_ ? 1 : 0),
         .address_limit = address_limit_.get(),
         .tunnel_limit = tunnel_limit_.get(),
         .on_breaker =
             [this](model::BreakerNews news) {
               control_.core().mailbox().post(
                   [this, news = std::move(news)] { controller_->on_breaker(news); });
             },
         .overload = &overload_[i],
         .log = log_ == nullptr ? nullptr : &log_->queue(i),
         .log_format = config_.log_format == config::LogFormat::Json ? proxy::LogFormat::Json
                                                                     : proxy::LogFormat::Combined});
  }
  std::vector<control::ListenerView> views;
  for (std::size_t j = 0; j < listeners_.size(); ++j) {
    views.push_back({config_.listeners[j].name, listeners_[j].address.text()});
    notice("listening on " + views.back().address + " (" + views.back().name + ")");
  }
  for (const auto& worker : workers_) worker->begin_accepting();
  controller_->set_serving(std::move(views));
  return core::ok();
}

/// Of the whole process: min(configured, (descriptors - reserve) / 2), as each client connection
/// may need one to an endpoint (behaviour.md §4). A worker without any would leave those clients
/// waiting that the kernel gives to it.
core::Result<std::size_t> ProxyProcess::connections_max() const {
  const std::uint64_t reserve = core::limits::kReservedDescriptors;
  const std::uint64_t possible =
      descriptor_limit_ > reserve ? (descriptor_limit_ - reserve) / 2 : 0;
  const std::uint64_t all =
      std::min<std::uint64_t>(config_.connections.value_or(UINT32_MAX), possible);
  if (all >= worker_count_) return static_cast<std::size_t>(all);
  return core::Error{
      core::ErrorCode::Exhausted, all == possible ? "descriptor limit" : "limits.connections",
      "only " + std::to_string(all) + " client connections for " + std::to_string(worker_count_) +
          " workers, expected at least one each (descriptor limit " +
          std::to_string(descriptor_limit_) + ", of which " + std::to_string(reserve) +
          " are kept back)"};
}

/// After the state lock is held, so a socket file left behind is nobody's and is replaced.
core::Status ProxyProcess::start_admin() {
  std::optional<net::ListenSockets> remote;
  if (config_.admin_http) {
    auto opened = net::open_listeners(*config_.admin_http, 1);
    if (!opened) return opened.error();
    remote = std::move(*opened);
  }
  admin_ = std::make_unique<admin::AdminServer>(
      control_.core(),
      admin::Context{.controller = *controller_,
                     .version = version_,
                     .more_metrics = [this](metrics::Exposition& out) { write_metrics(out); },
                     .bound_host = remote ? remote->address.ip.text() : std::string()},
      admin::peer_actor);
  auto local = net::open_unix_listener(config_.admin_socket.path, config_.admin_socket.mode);
  if (!local) return local.error();
  admin_file_ = net::SocketFile(config_.admin_socket.path);
  admin_local_ = accept_for(std::move(*local), admin_->local(), net::DescriptorClaim::LocalAdmin);
  if (!remote) return core::ok();
  if (core::Status listening = net::listen_all(remote->sockets); !listening) return listening;
  notice("admin.http on " + remote->address.text() + ", read-only");
  admin_remote_ = accept_for(std::move(remote->sockets.front()), admin_->remote(),
                             net::DescriptorClaim::RemoteAdmin);
  return core::ok();
}

/// Before the first snapshot, so that a start does not begin with refusals; but not for long: what
/// is not answered by then is taken up when it is.
void ProxyProcess::look_up_names() {
  if (config::hosts_of(config_).empty()) return;
  resolver_ = std::make_unique<net::ThreadResolver>(control_.core().mailbox());
  names_ = std::make_unique<control::NameWatcher>(
      control::NameWatcher::Deps{.config = config_,
                                 .cells = cells_,
                                 .parts = parts_,
                                 .resolver = *resolver_,
                                 .loop = control_.core(),
                                 .machine = net::machine_addresses,
                                 .notice = [this](const std::string& line) { notice(line); }},
      [this] { on_names_changed(); });
  names_->start();
  const auto deadline = std::chrono::steady_clock::now() + core::limits::kResolveAtStart;
  while (names_->has_unanswered() && resolver_->wait_for_answer(deadline))
    control_.core().mailbox().run();
  names_->apply();
}

void ProxyProcess::on_names_changed() {
  if (controller_ != nullptr) controller_->republish();
}

void ProxyProcess::watch_identity_files() {
  if (config_.identity_files.empty()) return;
  identity_watcher_ = std::make_unique<IdentityWatcher>(
      config_.identity_files, control_.core().mailbox(),
      [this](IdentityWatcher::News news) { on_identity_file(std::move(news)); });
}

void ProxyProcess::on_identity_file(IdentityWatcher::News news) {
  if (const auto line = identity_status_.note(news, clock_.wall())) notice(*line);
  if (!news.list) return;
  model::IdentityLists lists = *parts_.lists;
  lists[news.file] = std::move(*news.list);
  parts_.lists = std::make_shared<const model::IdentityLists>(std::move(lists));
  controller_->republish();
}

void ProxyProcess::write_metrics(metrics::Exposition& out) const {
  write_process_metrics(out, {reserve_, net::DescriptorClaim::Answer});
  if (names_ != nullptr) names_->write_metrics(out);
  out.family({"sluice_loop_turn_seconds", metrics::MetricType::Histogram,
              "How long an event loop was busy before it waited for events again."});
  write_turn_times(out, "control", control_.turn_times());
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    write_turn_times(out, "worker-" + std::to_string(i), workers_[i]->turn_times());
  }
  identity_status_.write(out);
  if (log_ == nullptr) return;
  out.family({"sluice_access_log_lines_lost_total", metrics::MetricType::Counter,
              "Access-log lines that the disk or the pipe did not take, and that are in no file."});
  out.sample(log_->lines_lost());
}

std::unique_ptr<net::SocketAcceptor> ProxyProcess::accept_for(net::OwnedFd socket,
                                                              net::AcceptEvents& door,
                                                              net::DescriptorClaim claim) {
  std::vector<net::ListenSocket> sockets;
  sockets.push_back({std::move(socket), 0});
  auto acceptor = std::make_unique<net::SocketAcceptor>(control_, std::move(sockets), door,
                                                        net::DescriptorUse{reserve_, claim});
  acceptor->resume();
  return acceptor;
}

int ProxyProcess::run() {
  control_.run();
  end();
  return 0;
}

void ProxyProcess::on_signal(int number) {
  switch (number) {
    case SIGTERM:
    case SIGINT:
      if (!is_stopping_) return begin_stop();
      notice("second signal: stopping at once");
      return control_.stop();
    case SIGHUP:
      return notice("SIGHUP: reload is not supported by this version");
    case SIGUSR1:
      if (log_ == nullptr) return notice("SIGUSR1: there is no access log to reopen");
      notice("SIGUSR1: reopening the access log");
      return log_->reopen();
    case SIGUSR2:
      return notice("SIGUSR2: upgrade is not supported by this version");
    default:
      return;
  }
}

/// Graceful: listeners are emptied and closed, answers say Connection: close, requests and tunnels
/// have until the drain deadline (behaviour.md §4 "Signals").
void ProxyProcess::begin_stop() {
  is_stopping_ = true;
  notice("stopping: waiting for the requests in progress");
  remove_socket_files();
  parts_running_ = 1 + workers_.size();
  for (const auto& worker : workers_) worker->begin_stop([this] { on_part_stopped(); });
  const core::Nanos deadline = longest_drain(config_);
  controller_->begin_stop(deadline, [this] { on_part_stopped(); });
  control_.core().timers().arm(farewell_, control_.core().now() + deadline + kFarewell);
}

void ProxyProcess::remove_socket_files() {
  for (net::ListenSockets& listener : listeners_) listener.file.remove();
}

void ProxyProcess::on_part_stopped() {
  if (--parts_running_ == 0) control_.stop();
}

/// In the reverse order of use. Idempotent.
void ProxyProcess::end() {
  control_.core().timers().disarm(farewell_);
  if (admin_local_ != nullptr) {
    admin_local_->stop();
    admin_file_.remove();
  }
  if (admin_remote_ != nullptr) admin_remote_->stop();
  admin_.reset();
  admin_local_.reset();
  admin_remote_.reset();
  remove_socket_files();
  identity_watcher_.reset();
  names_.reset();
  resolver_.reset();
  for (const auto& worker : workers_) worker->end();
  control_.core().mailbox().run();  // their last reports
  controller_.reset();
  if (store_ != nullptr && store_->stop(kLastWrites) == control::StateStore::Stopped::DiskHangs) {
    notice("the disk hangs: the last state may not be on it");
  }
  store_.reset();
  workers_.clear();
  end_log();
  hold_signals();
  signals_.reset();
}

void ProxyProcess::end_log() {
  if (log_ == nullptr) return;
  if (log_->stop() == LogWriter::Stopped::Hangs)
    notice("access log: a write hangs, so the last lines may not be in it");
  const std::uint64_t lost = log_->lines_lost();
  if (lost > 0)
    notice("access log: " + std::to_string(lost) + " lines were not taken and are lost");
  log_.reset();
}

}  // namespace sluice::app
