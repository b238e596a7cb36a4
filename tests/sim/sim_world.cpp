#include "sim/sim_world.hpp"

#include <algorithm>

namespace sluice::sim {

SimWorld::Node::Node(SimWorld& world, std::size_t number, const WorldOptions& options)
    : waker(world.scheduler_),
      loop(world.clock_, options.seed * 31 + number, [this] { waker.is_woken = true; }),
      shared{.scheduler = world.scheduler_, .loop = loop, .worker = number},
      connector(shared, world),
      log(1U << 20U, 8192) {
  waker.home = &loop;
  world.scheduler_.add_loop(loop);
  worker = std::make_unique<proxy::Worker>(
      loop, connector, world.control_.publication(),
      [&world](std::shared_ptr<const model::Snapshot> snapshot) {
        world.control_.take_back(std::move(snapshot));
      },
      proxy::WorkerOptions{
          .number = number,
          .services = 1,
          .connections_max = options.connections_max,
          .tunnel_limit = world.tunnel_limit(),
          .on_breaker =
              [&world](model::BreakerNews news) { world.breaker_news_.push_back(std::move(news)); },
          .log = &log});
  acceptor = std::make_unique<SimAcceptor>(shared, *worker);
  worker->set_acceptor(*acceptor);
}

SimWorld::SimWorld(const WorldOptions& options)
    : scheduler_(clock_, options.seed), control_(options.workers, options.service) {
  scheduler_.set_chaos(options.has_chaos);
  if (options.tunnels_max) tunnel_limit_.emplace(tunnels_max_ = *options.tunnels_max);
  std::uint32_t id = 0;
  for (const core::PoolName pool : {core::PoolName::Blue, core::PoolName::Green}) {
    for (std::size_t i = 0; i < options.service.endpoints[core::index(pool)]; ++i) {
      origins_.push_back(
          std::make_unique<SimOrigin>(scheduler_, ledger_, pool, core::EndpointId{id++}));
    }
  }
  for (std::size_t i = 0; i < options.workers; ++i)
    nodes_.push_back(std::make_unique<Node>(*this, i, options));
  drainer_ = std::make_unique<Drainer>(*this);
  if (options.service.adaptive.is_on) tuner_.emplace(*this);
}

SimWorld::~SimWorld() {
  // A run that failed in the middle: what is left ends here, so that only the failure is reported.
  for (const auto& node : nodes_) {
    node->loop.begin_turn();
    node->worker->give_up_all();
    node->acceptor->stop();
    node->loop.end_turn();
    node->loop.begin_turn();
    node->worker->give_up_all();
    node->loop.end_turn();
  }
}

SimClient& SimWorld::client(ClientPlan plan) {
  SimClient::Surroundings around{
      .scheduler = scheduler_,
      .ledger = ledger_,
      .connect = [this](SimClient& client) -> std::shared_ptr<Link> {
        auto link = std::make_shared<Link>(client.plan().kernel_in, client.plan().kernel_out);
        const net::Peer peer{.ip = core::IpAddress::v4({192, 0, 2, 7}), .port = 40'000};
        return nodes_[client.plan().worker]->acceptor->offer({link, peer, &client}) ? link
                                                                                    : nullptr;
      },
      .active_generation = [this] { return control_.generation(); }};
  clients_.push_back(std::make_unique<SimClient>(std::move(around), std::move(plan)));
  return *clients_.back();
}

// ---- the operator

void SimWorld::switch_to(core::PoolName pool, core::Nanos drain) {
  if (control_.prepare(model::apply_switch(control_.current().traffic, pool))) flip(drain);
}

void SimWorld::split(std::uint16_t basis_points) {
  const auto split = *core::BasisPoints::make(basis_points, "sim");
  if (control_.prepare(model::apply_split(control_.current().traffic, split, std::nullopt)))
    flip({});
}

void SimWorld::rollback(core::Nanos drain) {
  if (control_.prepare(model::apply_rollback(control_.current().traffic))) flip(drain);
}

void SimWorld::disable(core::PoolName pool, std::uint64_t disabled) {
  if (control_.prepare_disabled(pool, disabled)) flip({});
}

void SimWorld::lose_addresses(core::PoolName pool, std::uint64_t gone) {
  control_.replace_addresses(pool, gone);
  adopt_everywhere();
}

void SimWorld::flip(core::Nanos drain) {
  control_.flip();
  // What becomes live again drains no longer (behaviour.md §1 "superseded").
  for (Drain& each : drains_) {
    if (each.pool == control_.live()) each.is_over = true;
  }
  if (const auto pool = control_.drains()) {
    drains_.push_back({.pool = *pool, .below = control_.epoch(), .deadline = now() + drain});
    if (control_.settings().tunnels == model::TunnelPolicy::Close) {
      post_cut({.whose = {.pool = control_.settings().pool(*pool).id, .below = control_.epoch()},
                .what = model::CutWhat::TunnelsOnly,
                .cause = model::CutCause::TunnelPolicy,
                .tunnel_spread = core::limits::kTunnelCutGrace});
    }
  }
  adopt_everywhere();
}

void SimWorld::adopt_everywhere() {
  for (const auto& node : nodes_)
    node->loop.mailbox().post([&worker = *node->worker] { worker.adopt(); });
}

void SimWorld::post_cut(const model::CutOrder& order) {
  for (const auto& node : nodes_) {
    node->loop.mailbox().post([this, order, &worker = *node->worker] {
      const model::CutReport report = worker.cut_leases(order);
      cut_tunnels_ += report.tunnels_cut;
      cut_requests_ += report.requests_cut;
      kept_tunnels_ += report.tunnels_kept;
    });
  }
}

bool SimWorld::Drainer::is_ready() const {
  return std::any_of(world_.drains_.begin(), world_.drains_.end(), [&](const Drain& drain) {
    return !drain.is_over && world_.now() >= drain.deadline;
  });
}

std::optional<core::Instant> SimWorld::Drainer::wakes_at() const {
  std::optional<core::Instant> next;
  for (const Drain& drain : world_.drains_) {
    if (!drain.is_over && (!next || drain.deadline < *next)) next = drain.deadline;
  }
  return next;
}

void SimWorld::Drainer::step() {
  const bool keeps_tunnels = world_.control_.settings().tunnels == model::TunnelPolicy::Keep;
  for (Drain& drain : world_.drains_) {
    if (drain.is_over || world_.now() < drain.deadline) continue;
    drain.is_over = true;
    world_.post_cut(
        {.whose = {.pool = world_.control_.settings().pool(drain.pool).id, .below = drain.below},
         .what = keeps_tunnels ? model::CutWhat::RequestsOnly : model::CutWhat::RequestsAndTunnels,
         .cause = model::CutCause::DrainDeadline});
  }
}

void SimWorld::begin_stop() {
  is_stopping_ = true;
  for (const auto& node : nodes_) {
    node->loop.mailbox().post(
        [this, &worker = *node->worker] { worker.begin_stop([this] { ++reported_empty_; }); });
  }
}

void SimWorld::cut_all() {
  for (const core::PoolName pool : {core::PoolName::Blue, core::PoolName::Green}) {
    post_cut(
        {.whose = {.pool = control_.settings().pool(pool).id, .below = {control_.epoch().raw + 1}},
         .what = model::CutWhat::RequestsAndTunnels,
         .cause = model::CutCause::Stop});
  }
}

void SimWorld::give_up_all() {
  for (const auto& node : nodes_)
    node->loop.mailbox().post([&worker = *node->worker] { worker.give_up_all(); });
}

// ---- time

void SimWorld::settle() {
  while (scheduler_.step_event()) note_peaks();
}

/// Of what its ceilings and its breaker bound.
void SimWorld::note_peaks() {
  for (const core::PoolName name : {core::PoolName::Blue, core::PoolName::Green}) {
    const model::PoolCell& cell = control_.pool_cell(name);
    GuardPeaks& peaks = peaks_[core::index(name)];
    std::uint32_t requests = 0;
    for (const auto& lease : cell.leases) requests += lease.count.load();
    for (const auto& node : nodes_) {
      requests -= static_cast<std::uint32_t>(
          node->worker->metrics().services[0].tunnels[core::index(name)].read());
    }
    peaks.requests = std::max(peaks.requests, requests);
    note_admitted(name, requests);
    peaks.connections = std::max(peaks.connections, cell.connections.load());
    const auto breaker = policy::Breaker::from_word(cell.breaker.word.load());
    if (breaker.state == policy::Breaker::State::HalfOpen) {
      const std::uint32_t probes = std::uint32_t{breaker.probes_out} + breaker.probes_good;
      peaks.probes = std::max(peaks.probes, probes);
    }
  }
}

/// More than before are in flight: the last of them came in under the limit that holds now.
void SimWorld::note_admitted(core::PoolName name, std::uint32_t in_flight) {
  GuardPeaks& peaks = peaks_[core::index(name)];
  const std::uint32_t before = std::exchange(peaks.in_flight, in_flight);
  const std::uint32_t limit = control_.pool_cell(name).adaptive.limit.load();
  if (limit == 0 || in_flight <= before) return;
  if (in_flight > limit) peaks.beyond_adaptive = std::max(peaks.beyond_adaptive, in_flight);
  if (peaks.adaptive_least == 0 || limit < peaks.adaptive_least) peaks.adaptive_least = limit;
}

// ---- limits that are found

SimWorld::Tuner::Tuner(SimWorld& world)
    : world_(world),
      rng_(world.rng().next()),
      next_(world.now()),
      limits_(2, policy::AdaptiveLimit(world.control_.settings().adaptive, world.now())) {
  world_.scheduler_.add(*this);
  step();
}

bool SimWorld::Tuner::has_anything_to_see() const {
  const auto has = [this](core::PoolName name) {
    const policy::AdaptiveCell& cell = world_.control_.pool_cell(name).adaptive;
    return cell.in_flight.load() + cell.refused.load() + cell.samples.load() != 0;
  };
  return has(core::PoolName::Blue) || has(core::PoolName::Green);
}

bool SimWorld::Tuner::is_ready() const {
  return has_anything_to_see() && world_.now() >= next_;
}

std::optional<core::Instant> SimWorld::Tuner::wakes_at() const {
  return has_anything_to_see() ? std::optional(next_) : std::nullopt;
}

void SimWorld::Tuner::step() {
  world_.note_peaks();  // time may have moved in this step, and let somebody in
  next_ = world_.now() + core::limits::kAdaptiveLook;
  for (const core::PoolName name : {core::PoolName::Blue, core::PoolName::Green}) {
    policy::AdaptiveCell& cell = world_.control_.pool_cell(name).adaptive;
    const policy::LatencySum sum(cell.samples.exchange(0));
    policy::AdaptiveLimit& limit = limits_[core::index(name)];
    limit.look({.answers = sum.count(),
                .total = sum.total(),
                .in_flight = cell.in_flight.load(),
                .was_refused = cell.refused.exchange(0) != 0},
               world_.now(), rng_);
    cell.limit.store(limit.limit());
  }
}

void SimWorld::run_for(core::Nanos duration) {
  const core::Instant until = now() + duration;
  while (scheduler_.step(until)) note_peaks();
  scheduler_.advance_to(until);
  settle();
}

bool SimWorld::run_until(const std::function<bool()>& done, core::Nanos limit) {
  const core::Instant until = now() + limit;
  while (!done()) {
    if (!scheduler_.step(until)) return done();
    note_peaks();
  }
  return true;
}

bool SimWorld::is_quiet() const {
  const bool is_finished =
      std::all_of(clients_.begin(), clients_.end(), [](const auto& c) { return c->is_finished(); });
  return is_finished && std::all_of(nodes_.begin(), nodes_.end(), [](const auto& node) {
           return node->loop.timers().empty() && node->shared.transports == 0 &&
                  !node->waker.is_woken && !node->acceptor->has_waiting();
         });
}

void SimWorld::run_to_end(core::Nanos limit) {
  if (!run_until([this] { return is_quiet(); }, limit)) {
    ledger_.complaints.push_back("the run does not come to rest");
    for (const auto& client : clients_) {
      if (!client->is_finished()) ledger_.complaints.push_back(client->describe());
    }
    for (const auto& origin : origins_) {
      for (const auto& connection : origin->connections) {
        if (!connection->is_over()) ledger_.complaints.push_back(connection->describe());
      }
    }
  }
  settle();
  file_log();
}

void SimWorld::file_log() {
  for (const auto& node : nodes_) {
    while (true) {
      const auto waiting = node->log.peek();
      if (waiting.empty()) break;
      ledger_.file_log(std::string(waiting.first) + std::string(waiting.second));
      node->log.consume(waiting);
    }
  }
}

// ---- network

ConnectFate SimWorld::decide(const core::SocketAddress& address) {
  SimOrigin& origin = *origins_[address.ip.octets()[3] - 1U];
  ++origin.connects;
  return origin.fate ? origin.fate() : ConnectFate{};
}

std::shared_ptr<Link> SimWorld::establish(const core::SocketAddress& address) {
  return origins_[address.ip.octets()[3] - 1U]->accept();
}

}  // namespace sluice::sim
