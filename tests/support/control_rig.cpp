#include "support/control_rig.hpp"

#include <algorithm>
#include <utility>

#include "sluice/core/ensure.hpp"

namespace sluice::test {

config::Endpoint endpoint_of(const std::string& host, std::uint16_t port) {
  config::Endpoint endpoint;
  endpoint.host = host;
  endpoint.address.port = port;
  endpoint.text = host + ":" + std::to_string(port);
  return endpoint;
}

config::Service service_of(const std::string& name, std::uint16_t blue_port) {
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

config::Config config_of(const std::vector<std::string>& names) {
  config::Config config;
  std::uint16_t port = 9001;
  for (const std::string& name : names) {
    config.services.push_back(service_of(name, port));
    port = static_cast<std::uint16_t>(port + 10);
  }
  return config;
}

std::vector<control::KnownService> known_of(const config::Config& config,
                                            const config::ResolvedNames& names) {
  config::CellRegistry cells(1);
  return control::known_services(config::build_static(config, cells, names).services);
}

namespace {

config::Config config_with(const ControlRig::Options& options) {
  config::Config config = config_of(options.services);
  for (auto& service : config.services) service.tunnels = options.tunnels;
  if (!options.listens_on.empty()) {
    config.listeners.push_back({.name = "main",
                                .bind = core::SocketAddress::parse(options.listens_on, "").value(),
                                .at = {}});
  }
  if (options.hosts.empty()) return config;
  auto& blue = config.services[0].pools[core::index(core::PoolName::Blue)].endpoints;
  blue.clear();
  for (const std::string& host : options.hosts) blue.push_back(endpoint_of(host, 9001));
  return config;
}

}  // namespace

ControlRig::ControlRig() : ControlRig(Options{}) {}

ControlRig::ControlRig(Options options)
    : config(config_with(options)),
      cells(options.workers),
      parts(config::build_static(config, cells)),
      names({.config = config,
             .cells = cells,
             .parts = parts,
             .resolver = resolver,
             .loop = loop,
             .machine = [this] { return machine; },
             .notice = [this](const std::string& line) { notices.push_back(line); }},
            [this] {
              if (controller != nullptr) controller->republish();
            }),
      publication(options.workers) {
  std::vector<model::WorkerPort*> ports;
  for (std::size_t i = 0; i < options.workers; ++i) {
    workers.push_back(std::make_unique<FakeWorker>(i, publication, loop, options.services.size()));
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

ControlRig::~ControlRig() {
  loop.mailbox().close();
}

void ControlRig::turn() {
  loop.begin_turn();
  loop.end_turn();
  for (const auto& worker : workers) worker->turn();
}

void ControlRig::settle() {
  for (int i = 0; i < 12; ++i) turn();
}

void ControlRig::advance(core::Nanos time) {
  const core::Nanos step = core::limits::kTimerTick;
  for (; time > core::Nanos::zero(); time -= step) {
    clock.advance(std::min(step, time));
    turn();
    turn();
  }
  settle();
}

const control::ChangeAnswer& ControlRig::Call::answer() const {
  return std::get<control::ChangeAnswer>(outcome.value());
}

const control::Refusal& ControlRig::Call::refusal() const {
  return std::get<control::Refusal>(outcome.value());
}

bool ControlRig::Call::is_refused() const {
  return outcome && std::holds_alternative<control::Refusal>(*outcome);
}

std::shared_ptr<ControlRig::Call> ControlRig::submit(control::ChangeRequest request) {
  auto call = std::make_shared<Call>();
  controller->submit(std::move(request), [call](const control::ChangeOutcome& outcome) {
    ENSURE(!call->outcome, "a reply comes once");
    call->outcome = outcome;
  });
  return call;
}

std::shared_ptr<ControlRig::Call> ControlRig::done(control::ChangeRequest request) {
  auto call = submit(std::move(request));
  settle();
  return call;
}

const model::Pool& ControlRig::pool(core::PoolName name, std::size_t service) const {
  return parts.services[service]->pool(name);
}

control::ServiceView ControlRig::view(std::size_t service) const {
  return controller->status().services[service];
}

model::Service ControlRig::routed(std::size_t worker, std::size_t service) const {
  return workers[worker]->snapshot->services[service];
}

namespace {

control::ChangeRequest request_of(control::ServiceOrder order) {
  control::ChangeRequest request;
  request.orders.push_back(std::move(order));
  return request;
}

}  // namespace

control::ChangeRequest switch_to(core::PoolName pool, const std::string& service) {
  return request_of({.service = service,
                     .action = control::Action::Switch,
                     .pool = pool,
                     .split = {},
                     .salt = {}});
}

control::ChangeRequest split_to(std::int64_t basis_points, const std::string& service) {
  return request_of({.service = service,
                     .action = control::Action::Split,
                     .pool = {},
                     .split = core::BasisPoints::make(basis_points, "test").value(),
                     .salt = {}});
}

control::ChangeRequest endpoint_to(model::EndpointMode mode, const std::string& endpoint,
                                   const std::string& service) {
  control::ServiceOrder order;
  order.service = service;
  order.action = control::Action::Endpoint;
  order.endpoint = endpoint;
  order.mode = mode;
  return request_of(std::move(order));
}

control::ChangeRequest rollback(const std::string& service) {
  return request_of({.service = service,
                     .action = control::Action::Rollback,
                     .pool = {},
                     .split = {},
                     .salt = {}});
}

}  // namespace sluice::test
