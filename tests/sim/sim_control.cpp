#include "sim/sim_control.hpp"

#include <algorithm>

namespace sluice::sim {

using core::PoolName;

SimControl::SimControl(std::size_t workers, const ServiceOptions& options)
    : options_(options),
      publication_(workers),
      lists_(std::make_shared<const model::IdentityLists>(options.lists)) {
  for (auto& cell : pool_cells_) cell = std::make_unique<model::PoolCell>(workers);
  for (std::size_t i = 0; i < options.endpoints[0] + options.endpoints[1]; ++i) {
    endpoint_cells_.push_back(std::make_shared<model::EndpointCell>());
  }
  for (const model::LimitRule& rule : options.rate_limits)
    limit_cells_.push_back(std::make_shared<model::LimitCell>(rule, core::HashKey{1, 2}, workers));
  settings_ = make_settings(options, Generation{});
  table_ = std::make_shared<model::ServiceTable>(std::vector<model::ServiceMatch>{
      {.service = {0}, .hosts = {"shop.test"}, .path_prefix = "/", .listeners = {}}});
  Generation first;
  first.traffic.name = "shop";
  first.traffic.salt = "shop";
  begin(first, core::Generation{1});
  flip();
}

core::SocketAddress SimControl::address_of(std::uint32_t endpoint) {
  return {.ip = core::IpAddress::v4({10, 0, 0, static_cast<std::uint8_t>(endpoint + 1)}),
          .port = 80,
          .unix_path = {}};
}

std::shared_ptr<const model::ServiceSettings> SimControl::make_settings(
    const ServiceOptions& options, const Generation& state) {
  auto settings = std::make_shared<model::ServiceSettings>();
  settings->id = {0};
  settings->name = "shop";
  settings->identity = {{.kind = policy::IdentityKind::Header, .name = "X-User", .max_age = {}}};
  if (options.has_minted_cookie) {
    settings->identity.push_back({.kind = policy::IdentityKind::MintCookie,
                                  .name = "sid",
                                  .max_age = std::chrono::hours(1)});
  }
  using policy::PinTarget;
  model::ValuePin pin{.field = model::ValuePin::Field::Header,
                      .name = "X-Pin",
                      .values = {{"blue", PinTarget::Blue}, {"green", PinTarget::Green}},
                      .from = {}};
  pin.from.networks.push_back(*core::Network::parse("192.0.2.0/24", "pin"));
  settings->pins.emplace_back(std::move(pin));
  settings->pins.insert(settings->pins.end(), options.pins.begin(), options.pins.end());
  std::uint32_t id = 0;
  for (const PoolName name : {PoolName::Blue, PoolName::Green}) {
    const std::size_t index = core::index(name);
    model::Pool& pool = settings->pools[index];
    pool.id = {static_cast<std::uint32_t>(index)};
    pool.name = name;
    pool.cell = pool_cells_[index].get();
    for (std::size_t i = 0; i < options.endpoints[index]; ++i, ++id) {
      if (((state.gone[index] >> i) & 1U) != 0) continue;
      model::Endpoint endpoint;
      endpoint.id = {id};
      endpoint.address = address_of(id);
      endpoint.text = endpoint.address.text();
      endpoint.cell = endpoint_cells_[id];
      endpoint.is_disabled = ((state.disabled[index] >> i) & 1U) != 0;
      pool.endpoints.push_back(std::move(endpoint));
    }
  }
  if (!options.rate_limits.empty()) {
    std::vector<model::RateLimit> limits;
    for (std::size_t i = 0; i < options.rate_limits.size(); ++i)
      limits.push_back(model::make_limit(options.rate_limits[i], limit_cells_[i]));
    settings->rate_limits = std::make_shared<const model::RateLimits>(std::move(limits));
  }
  settings->outliers = options.outliers;
  settings->timeouts = options.timeouts;
  settings->min_rates = options.min_rates;
  settings->repeats = options.repeats;
  settings->on_pool_down = options.on_pool_down;
  settings->breakers = options.breakers;
  settings->adaptive = options.adaptive;
  settings->guards = model::guards_of(*settings);
  settings->body_bytes_max = options.body_bytes_max;
  settings->expose = {.pool = true,
                      .generation = true,
                      .reason = true,
                      .bucket = true,
                      .endpoint = true,
                      .rescued = true};
  settings->tunnels = options.tunnels;
  return settings;
}

std::shared_ptr<const model::Snapshot> SimControl::make_snapshot(const Generation& state,
                                                                 core::Generation generation) {
  if (history_.empty() || state.disabled != history_.back().disabled)
    settings_ = make_settings(options_, state);
  auto snapshot = std::make_shared<model::Snapshot>();
  ++epoch_.raw;
  snapshot->epoch = epoch_;
  snapshot->generation = generation;
  snapshot->services.push_back({.settings = settings_,
                                .generation = state.traffic.generation,
                                .live = state.traffic.live,
                                .split = state.traffic.split,
                                .is_candidate_open = state.traffic.is_candidate_open,
                                .salt = state.traffic.salt});
  snapshot->table = table_;
  snapshot->request_header_timeout = options_.timeouts.request_header;
  snapshot->keep_alive_idle = options_.timeouts.keep_alive_idle;
  snapshot->requests_per_connection = options_.requests_per_connection;
  all_.push_back(snapshot);
  return snapshot;
}

void SimControl::begin(const Generation& next, core::Generation generation) {
  next_ = next;
  next_->traffic.generation = generation;
  prepared_ = make_snapshot(*next_, generation);
  publication_.prepare({prepared_, lists_});
}

bool SimControl::prepare(const model::Transition& transition) {
  ENSURE(!has_prepared(), "one change at a time");
  if (!transition.changed) return false;
  Generation next = current();
  next.traffic = transition.after;
  next_drains_ = transition.drains;
  begin(next, core::Generation{active_.raw + 1});
  return true;
}

bool SimControl::prepare_disabled(PoolName pool, std::uint64_t disabled) {
  Generation next = current();
  if (next.disabled[core::index(pool)] == disabled) return false;
  next.disabled[core::index(pool)] = disabled;
  next_drains_.reset();
  begin(next, core::Generation{active_.raw + 1});
  return true;
}

void SimControl::flip() {
  publication_.flip(prepared_->epoch);
  if (prepared_->generation.raw > active_.raw) history_.push_back(*next_);
  active_ = prepared_->generation;
  prepared_.reset();
  next_.reset();
  drains_ = std::exchange(next_drains_, std::nullopt);
}

void SimControl::withdraw() {
  publication_.withdraw(prepared_->epoch);
  prepared_.reset();
  next_.reset();
  next_drains_.reset();
}

void SimControl::replace_addresses(core::PoolName pool, std::uint64_t gone) {
  history_.back().gone[core::index(pool)] = gone;
  settings_ = make_settings(options_, current());
  republish();
}

void SimControl::republish() {
  next_drains_.reset();
  next_ = current();
  prepared_ = make_snapshot(*next_, active_);
  publication_.prepare({prepared_, lists_});
  flip();
}

void SimControl::replace_lists(model::IdentityLists lists) {
  lists_ = std::make_shared<const model::IdentityLists>(std::move(lists));
  republish();
}

void SimControl::take_back(std::shared_ptr<const model::Snapshot> snapshot) {
  snapshot.reset();
}

std::size_t SimControl::snapshots_alive() {
  return static_cast<std::size_t>(
      std::count_if(all_.begin(), all_.end(), [](const auto& weak) { return !weak.expired(); }));
}

}  // namespace sluice::sim
