#pragma once
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/controller.hpp"
#include "control/name_watcher.hpp"
#include "control/state_file.hpp"
#include "support/fake_transport.hpp"
#include "support/manual_clock.hpp"

/// A controller between fakes, driven by hand: no sockets, no threads, no disk, and time moves when
/// told.
namespace sluice::test {

/// A disk that lands, fails or hangs as told.
class FakeStore final : public control::StateWriter {
 public:
  enum class Mode { Lands, Fails, Uncertain, Hangs };
  struct Write {
    std::string bytes;
    control::OldState old;
    Done done;
  };

  explicit FakeStore(net::Loop& loop) : loop_(loop) {}

  void write(std::string bytes, control::OldState old, Done done) override {
    ++writes;
    olds.push_back(old);
    waiting.push_back({std::move(bytes), old, std::move(done)});
    if (mode != Mode::Hangs) answer(mode);
  }
  void append_audit(control::ChangeRecord record) override { audit.push_back(std::move(record)); }

  void read_audit(std::size_t lines, AuditDone done) override {
    audit_asked.push_back(lines);
    loop_.mailbox().post([done = std::move(done), tail = audit_tail] { done(tail); });
  }

  std::size_t audit_waiting() const override { return audit_left; }

  /// The oldest waiting write ends.
  void answer(Mode how) {
    Write write = std::move(waiting.front());
    waiting.pop_front();
    control::WriteResult result;
    if (how == Mode::Lands) {
      result.landing = control::Landing::Landed;
      on_disk = control::decode_state(write.bytes).value();
    } else {
      result.landing =
          how == Mode::Uncertain ? control::Landing::Uncertain : control::Landing::NotWritten;
      result.error = core::Error{core::ErrorCode::Io, "state.json", "No space left on device"};
    }
    loop_.mailbox().post([done = std::move(write.done), result] { done(result); });
  }

  Mode mode = Mode::Lands;
  std::size_t writes = 0;
  std::deque<Write> waiting;
  std::vector<control::OldState> olds;
  std::vector<control::ChangeRecord> audit;
  core::Result<control::AuditTail> audit_tail = control::AuditTail{};
  std::vector<std::size_t> audit_asked;
  std::size_t audit_left = 0;
  std::optional<control::StateImage> on_disk;

 private:
  net::Loop& loop_;
};

/// A worker that adopts and answers in its own turn, or hangs.
class FakeWorker final : public model::WorkerPort {
 public:
  struct Lease {
    core::PoolId pool;
    core::Epoch epoch;
    bool is_tunnel = false;
  };

  FakeWorker(std::size_t number, model::Publication& publication, net::Loop& control,
             std::size_t services)
      : number_(number), publication_(publication), control_(control), block(services) {}

  void count_leases(model::LeaseQuery query,
                    std::function<void(model::LeaseReport)> done) override {
    work_.push_back([this, query, done = std::move(done)] {
      model::LeaseReport report;
      for (const Lease& lease : leases) {
        if (lease.pool == query.pool && lease.epoch < query.below)
          ++(lease.is_tunnel ? report.tunnels : report.requests);
      }
      control_.mailbox().post([done, report] { done(report); });
    });
  }
  void cut_leases(model::CutOrder order, std::function<void(model::CutReport)> done) override {
    orders.push_back(order);
    work_.push_back([this, order, done = std::move(done)] {
      const model::CutReport report = cut(order);
      control_.mailbox().post([done, report] { done(report); });
    });
  }
  void recycle(core::EndpointId endpoint) override { recycled.push_back(endpoint); }
  void wake() override { ++wakes; }
  std::uint64_t turns() const override { return turns_; }
  const metrics::Block& metrics() const override { return block; }
  void ask_lag(core::Instant) override { ++lags_asked; }
  core::Nanos lag(core::Instant) const override { return waits; }
  void let_idle_go() override { ++idle_let_go; }

  /// A request or tunnel that is routed now, by the snapshot this worker has adopted.
  void take_lease(const model::Pool& pool, bool is_tunnel = false) {
    leases.push_back({pool.id, publication_.adopted(number_), is_tunnel});
    auto& count = pool.cell->leases[number_].count;
    count.store(count.load() + 1);
    cells_[pool.id.raw] = pool.cell;
  }
  void end_lease(std::size_t position) {
    const Lease lease = leases[position];
    leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(position));
    auto& count = cells_.at(lease.pool.raw)->leases[number_].count;
    count.store(count.load() - 1);
  }
  void turn() {
    if (is_hanging) return;
    ++turns_;
    const core::Epoch active = publication_.active();
    if (adopted != active) {
      adopted = active;
      model::Edition edition = publication_.take(number_, active);
      snapshot = std::move(edition.snapshot);
      lists = std::move(edition.lists);
      publication_.set_adopted(number_, active);
    }
    std::deque<std::function<void()>> work;
    work.swap(work_);
    for (const auto& each : work) each();
  }

  bool is_hanging = false;
  std::size_t wakes = 0;
  core::Nanos waits{0};  // what events wait for its loop
  std::size_t lags_asked = 0;
  std::size_t idle_let_go = 0;
  std::vector<Lease> leases;
  std::vector<model::CutOrder> orders;
  std::vector<core::EndpointId> recycled;
  core::Epoch adopted;
  std::shared_ptr<const model::Snapshot> snapshot;
  std::shared_ptr<const model::IdentityLists> lists;

 private:
  model::CutReport cut(const model::CutOrder& order) {
    model::CutReport report;
    for (std::size_t i = leases.size(); i-- > 0;) {
      const Lease lease = leases[i];
      if (lease.pool != order.whose.pool || !(lease.epoch < order.whose.below)) continue;
      const bool spares = lease.is_tunnel ? order.what == model::CutWhat::RequestsOnly
                                          : order.what == model::CutWhat::TunnelsOnly;
      if (spares) {
        report.tunnels_kept += lease.is_tunnel ? 1 : 0;
        continue;
      }
      ++(lease.is_tunnel ? report.tunnels_cut : report.requests_cut);
      end_lease(i);
    }
    return report;
  }

  std::size_t number_;
  model::Publication& publication_;
  net::Loop& control_;
  std::deque<std::function<void()>> work_;
  std::map<std::uint32_t, model::PoolCell*> cells_;
  std::uint64_t turns_ = 0;

 public:
  metrics::Block block;
};

/// Endpoints that accept, refuse or stay silent, by port.
class FakeConnector final : public net::Connector {
 public:
  enum class Mode { Accepts, Refuses, Silent };

  explicit FakeConnector(net::Loop& loop) : loop_(loop) {}

  net::PendingConnect* connect(const core::SocketAddress& address, core::Nanos,
                               net::ConnectEvents& events) override {
    Attempt& attempt = *attempts_.emplace_back(std::make_unique<Attempt>());
    attempt.events = &events;
    open_most = std::max(open_most, open());
    ++attempted[address.port];
    const auto found = modes.find(address.port);
    const Mode mode = found == modes.end() ? Mode::Accepts : found->second;
    if (mode != Mode::Silent) loop_.mailbox().post([&attempt, mode] { answer(attempt, mode); });
    return &attempt;
  }
  std::size_t open() const {
    std::size_t count = 0;
    for (const auto& attempt : attempts_) count += attempt->events != nullptr ? 1 : 0;
    return count;
  }

  std::map<std::uint16_t, Mode> modes;          // by port; else Accepts
  std::map<std::uint16_t, unsigned> attempted;  // by port
  std::size_t open_most = 0;

 private:
  struct Attempt final : net::PendingConnect {
    void cancel() override { events = nullptr; }
    net::ConnectEvents* events = nullptr;
    FakeTransport transport;
  };
  static void answer(Attempt& attempt, Mode mode) {
    net::ConnectEvents* events = std::exchange(attempt.events, nullptr);
    if (events == nullptr) return;
    if (mode == Mode::Accepts) return events->on_connected(attempt.transport);
    events->on_connect_failed(net::ConnectError::Refused);
  }
  net::Loop& loop_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
};

/// Answers at once what `answers` says; what is not there waits for answer() or fail().
class FakeResolver final : public net::Resolver {
 public:
  explicit FakeResolver(net::Loop& loop) : loop_(loop) {}

  void lookup(const std::string& host, Done done) override {
    ++asked[host];
    ENSURE(!waiting.contains(host), "one look-up per name at a time");
    waiting.emplace(host, std::move(done));
    const auto known = answers.find(host);
    if (known != answers.end()) tell(host, known->second);
  }
  void answer(const std::string& host, const std::vector<std::string>& addresses) {
    tell(host, addresses_of(addresses));
  }
  void fail(const std::string& host, const std::string& why = "Name or service not known") {
    tell(host, core::Error{core::ErrorCode::Io, host, why});
  }
  static std::vector<core::IpAddress> addresses_of(const std::vector<std::string>& texts) {
    std::vector<core::IpAddress> addresses;
    for (const std::string& text : texts) addresses.push_back(*core::IpAddress::parse(text));
    return addresses;
  }

  std::map<std::string, Answer> answers;  // by host
  std::map<std::string, unsigned> asked;  // by host
  std::map<std::string, Done> waiting;    // by host

 private:
  void tell(const std::string& host, Answer answer) {
    auto node = waiting.extract(host);
    ENSURE(!node.empty(), "nobody asked");
    loop_.mailbox().post(
        [done = std::move(node.mapped()), answer = std::move(answer)] { done(answer); });
  }
  net::Loop& loop_;
};

inline config::Endpoint endpoint_of(const std::string& host, std::uint16_t port) {
  config::Endpoint endpoint;
  endpoint.host = host;
  endpoint.address.port = port;
  endpoint.text = host + ":" + std::to_string(port);
  return endpoint;
}

inline config::Service service_of(const std::string& name, std::uint16_t blue_port) {
  config::Service service;
  service.name = name;
  service.salt = name;
  for (std::uint16_t i = 0; i < 2; ++i) {
    const core::SocketAddress address{core::IpAddress::v4({127, 0, 0, 1}),
                                      static_cast<std::uint16_t>(blue_port + i), ""};
    service.pools[i].endpoints.push_back({address, address.text(), {}});
  }
  return service;
}

inline config::Config config_of(const std::vector<std::string>& names) {
  config::Config config;
  std::uint16_t port = 9001;
  for (const std::string& name : names) {
    config.services.push_back(service_of(name, port));
    port = static_cast<std::uint16_t>(port + 10);
  }
  return config;
}

inline std::vector<control::KnownService> known_of(const config::Config& config,
                                                   const config::ResolvedNames& names = {}) {
  config::CellRegistry cells(1);
  return control::known_services(config::build_static(config, cells, names).services);
}

struct ControlRig {
  struct Options {
    std::vector<std::string> services{"shop"};
    std::size_t workers = 2;
    // Absent: what the configuration starts with
    std::optional<model::TrafficState> state = std::nullopt;
    model::TunnelPolicy tunnels = model::TunnelPolicy::Drain;
    // Host names in pool blue of the first service, port 9001, instead of its address
    std::vector<std::string> hosts{};
    // What they resolve to at the start; a name that is missing here gets no answer
    std::map<std::string, std::vector<std::string>> addresses{};
    std::string listens_on{};  // empty: nowhere
  };

  ControlRig() : ControlRig(Options{}) {}
  explicit ControlRig(Options options)
      : config(config_with(options)),
        cells(options.workers),
        parts(config::build_static(config, cells)),
        publication(options.workers) {
    std::vector<model::WorkerPort*> ports;
    for (std::size_t i = 0; i < options.workers; ++i) {
      workers.push_back(
          std::make_unique<FakeWorker>(i, publication, loop, options.services.size()));
      ports.push_back(workers.back().get());
    }
    for (const auto& [host, addresses] : options.addresses)
      resolver.answers.emplace(host, FakeResolver::addresses_of(addresses));
    names.start();
    loop.mailbox().run();
    names.apply();
    control::StartState start;
    start.image.state = options.state.value_or(config::initial_traffic(config));
    start.image.record.generation = start.image.state.generation;
    start.image.record.action = "start";
    controller = std::make_unique<control::Controller>(
        control::Controller::Deps{
            .config = config,
            .parts = parts,
            .publication = publication,
            .store = store,
            .connector = connector,
            .loop = loop,
            .workers = ports,
            .notice = [this](const std::string& line) { notices.push_back(line); }},
        std::move(start));
    controller->start();
    controller->set_serving({{"main", "127.0.0.1:8080"}});
    settle();
  }
  ~ControlRig() { loop.mailbox().close(); }

  static config::Config config_with(const Options& options) {
    config::Config config = config_of(options.services);
    for (auto& service : config.services) service.tunnels = options.tunnels;
    if (!options.listens_on.empty()) {
      config.listeners.push_back(
          {.name = "main",
           .bind = core::SocketAddress::parse(options.listens_on, "").value(),
           .at = {}});
    }
    if (options.hosts.empty()) return config;
    auto& blue = config.services[0].pools[core::index(core::PoolName::Blue)].endpoints;
    blue.clear();
    for (const std::string& host : options.hosts) blue.push_back(endpoint_of(host, 9001));
    return config;
  }

  /// One turn of control's loop and of every worker's.
  void turn() {
    loop.begin_turn();
    loop.end_turn();
    for (const auto& worker : workers) worker->turn();
  }
  /// Turns until nothing moves any more, without time passing.
  void settle() {
    for (int i = 0; i < 12; ++i) turn();
  }
  void advance(core::Nanos time) {
    const core::Nanos step = core::limits::kTimerTick;
    for (; time > core::Nanos::zero(); time -= step) {
      clock.advance(std::min(step, time));
      turn();
      turn();
    }
    settle();
  }

  /// A call to the controller and what came of it.
  struct Call {
    std::optional<control::ChangeOutcome> outcome;
    bool is_answered() const { return outcome.has_value(); }
    const control::ChangeAnswer& answer() const {
      return std::get<control::ChangeAnswer>(outcome.value());
    }
    const control::Refusal& refusal() const { return std::get<control::Refusal>(outcome.value()); }
    bool is_refused() const {
      return outcome && std::holds_alternative<control::Refusal>(*outcome);
    }
  };
  std::shared_ptr<Call> submit(control::ChangeRequest request) {
    auto call = std::make_shared<Call>();
    controller->submit(std::move(request), [call](const control::ChangeOutcome& outcome) {
      ENSURE(!call->outcome, "a reply comes once");
      call->outcome = outcome;
    });
    return call;
  }
  std::shared_ptr<Call> done(control::ChangeRequest request) {
    auto call = submit(std::move(request));
    settle();
    return call;
  }

  const model::Pool& pool(core::PoolName name, std::size_t service = 0) const {
    return parts.services[service]->pool(name);
  }
  control::ServiceView view(std::size_t service = 0) const {
    return controller->status().services[service];
  }
  model::Service routed(std::size_t worker = 0, std::size_t service = 0) const {
    return workers[worker]->snapshot->services[service];
  }

  ManualClock clock;
  net::Loop loop{clock, 1, [] {}};
  FakeStore store{loop};
  FakeConnector connector{loop};
  config::Config config;
  config::CellRegistry cells;
  config::StaticParts parts;
  std::vector<std::string> notices;
  FakeResolver resolver{loop};
  control::NameWatcher names{
      {.config = config,
       .cells = cells,
       .parts = parts,
       .resolver = resolver,
       .loop = loop,
       .notice = [this](const std::string& line) { notices.push_back(line); }},
      [this] {
        if (controller != nullptr) controller->republish();
      }};
  model::Publication publication;
  std::vector<std::unique_ptr<FakeWorker>> workers;
  std::unique_ptr<control::Controller> controller;
};

inline control::ChangeRequest switch_to(core::PoolName pool, const std::string& service = "shop") {
  control::ChangeRequest request;
  request.orders.push_back({.service = service,
                            .action = control::Action::Switch,
                            .pool = pool,
                            .split = {},
                            .salt = {}});
  return request;
}
inline control::ChangeRequest split_to(std::int64_t basis_points,
                                       const std::string& service = "shop") {
  control::ChangeRequest request;
  request.orders.push_back({.service = service,
                            .action = control::Action::Split,
                            .pool = {},
                            .split = core::BasisPoints::make(basis_points, "test").value(),
                            .salt = {}});
  return request;
}
inline control::ChangeRequest endpoint_to(model::EndpointMode mode, const std::string& endpoint,
                                          const std::string& service = "shop") {
  control::ChangeRequest request;
  control::ServiceOrder& order = request.orders.emplace_back();
  order.service = service;
  order.action = control::Action::Endpoint;
  order.endpoint = endpoint;
  order.mode = mode;
  return request;
}
inline control::ChangeRequest rollback(const std::string& service = "shop") {
  control::ChangeRequest request;
  request.orders.push_back({.service = service,
                            .action = control::Action::Rollback,
                            .pool = {},
                            .split = {},
                            .salt = {}});
  return request;
}

}  // namespace sluice::test
