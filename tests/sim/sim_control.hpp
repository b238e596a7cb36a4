#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "sluice/model/publication.hpp"
#include "sluice/model/snapshot.hpp"
#include "sluice/model/traffic.hpp"
#include "sluice/model/worker_port.hpp"

namespace sluice::sim {

/// The one service of a run.
struct ServiceOptions {
  std::array<std::size_t, 2> endpoints{1, 1};
  model::Timeouts timeouts{};
  model::MinRates min_rates{};
  model::Repeats repeats{};
  std::uint32_t requests_per_connection = 0;
  model::OnPoolDown on_pool_down = model::OnPoolDown::Fallback;
  model::CircuitBreaker breakers = model::CircuitBreaker::off();
  policy::AdaptivePolicy adaptive{};
  model::TunnelPolicy tunnels = model::TunnelPolicy::Drain;
  std::optional<std::uint64_t> body_bytes_max{};
  bool has_minted_cookie = false;  // as the last source of identity
  std::vector<model::Pin> pins{};  // behind the header pin that every run has
  model::IdentityLists lists{};
  std::vector<model::LimitRule> rate_limits{};
  policy::OutlierPolicy outliers{};
};

/// The control side of a run: truth, snapshots with epochs, the history of generations.
class SimControl {
 public:
  struct Generation {
    model::ServiceTraffic traffic;
    std::array<std::uint64_t, 2> disabled{};  // bit by position in the pool
    std::array<std::uint64_t, 2> gone{};      // likewise: addresses that no name has any more
  };

  SimControl(std::size_t workers, const ServiceOptions& options);

  model::Publication& publication() { return publication_; }
  const model::ServiceSettings& settings() const { return *settings_; }
  std::uint64_t generation() const { return active_.raw; }
  core::Epoch epoch() const { return epoch_; }
  /// Requires: it was flipped.
  const Generation& at(std::uint64_t generation) const { return history_[generation - 1]; }
  const Generation& current() const { return history_.back(); }
  core::PoolName live() const { return current().traffic.live; }

  /// The first half of a change: placed in every mailbox. False: it changes nothing.
  bool prepare(const model::Transition& transition);
  bool prepare_disabled(core::PoolName pool, std::uint64_t disabled);
  bool has_prepared() const { return prepared_ != nullptr; }
  /// The second half, or its opposite.
  void flip();
  void withdraw();
  /// What drains since the last flip.
  std::optional<core::PoolName> drains() const { return drains_; }
  /// A new epoch without a new generation, as other addresses of a name make it.
  void replace_addresses(core::PoolName pool, std::uint64_t gone);
  /// The same without any change.
  void republish();
  /// As a changed file of identities does it.
  void replace_lists(model::IdentityLists lists);

  /// Snapshots that workers gave back; they die here.
  void take_back(std::shared_ptr<const model::Snapshot> snapshot);
  /// Drops control's own references: what is still alive is held by workers or lost.
  std::size_t snapshots_alive();

  model::EndpointCell& cell(core::EndpointId id) { return *endpoint_cells_[id.raw]; }
  model::LimitCell& limit_cell(std::size_t position) { return *limit_cells_[position]; }
  model::PoolCell& pool_cell(core::PoolName pool) { return *pool_cells_[core::index(pool)]; }
  static core::SocketAddress address_of(std::uint32_t endpoint);
  /// Those of a pool follow each other.
  core::EndpointId first_of(core::PoolName pool) const {
    return {pool == core::PoolName::Blue ? 0U : options_.endpoints[0]};
  }

 private:
  std::shared_ptr<const model::ServiceSettings> make_settings(const ServiceOptions& options,
                                                              const Generation& state);
  std::shared_ptr<const model::Snapshot> make_snapshot(const Generation& state,
                                                       core::Generation generation);
  void begin(const Generation& next, core::Generation generation);

  const ServiceOptions options_;
  model::Publication publication_;
  std::array<std::unique_ptr<model::PoolCell>, 2> pool_cells_;
  std::vector<std::shared_ptr<model::EndpointCell>> endpoint_cells_;
  std::vector<std::shared_ptr<model::LimitCell>> limit_cells_;
  std::shared_ptr<const model::ServiceSettings> settings_;
  std::shared_ptr<const model::ServiceTable> table_;
  std::shared_ptr<const model::IdentityLists> lists_;
  std::vector<Generation> history_;
  core::Generation active_{0};
  core::Epoch epoch_{0};
  std::shared_ptr<const model::Snapshot> prepared_;
  std::optional<Generation> next_;
  std::optional<core::PoolName> drains_;
  std::optional<core::PoolName> next_drains_;
  std::vector<std::weak_ptr<const model::Snapshot>> all_;
};

}  // namespace sluice::sim
