#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sluice/config/schema.hpp"
#include "sluice/model/snapshot.hpp"
#include "sluice/model/traffic.hpp"

namespace sluice::config {

/// The cells of every pool and endpoint that was ever configured in this process: created once per
/// (service, pool, address), never reused, alive as long as this registry. Control thread only.
class CellRegistry {
 public:
  explicit CellRegistry(std::size_t workers) : workers_(workers) {}

  struct PoolEntry {
    core::PoolId id;
    std::unique_ptr<model::PoolCell> cell;
  };
  struct EndpointEntry {
    core::EndpointId id;
    std::unique_ptr<model::EndpointCell> cell;
  };
  const PoolEntry& pool(const std::string& service, core::PoolName name);
  const EndpointEntry& endpoint(const std::string& service, core::PoolName name,
                                const std::string& address);

 private:
  std::size_t workers_;
  std::map<std::string, PoolEntry> pools_;
  std::map<std::string, EndpointEntry> endpoints_;
};

/// The parts of a snapshot that do not depend on the traffic state: built once, shared by all
/// snapshots.
struct StaticParts {
  std::vector<std::shared_ptr<const model::ServiceSettings>> services;
  std::shared_ptr<const model::ServiceTable> table;
  /// The only part that changes while the process runs: goes beside each snapshot (model::Edition).
  std::shared_ptr<const model::IdentityLists> lists;
};
StaticParts build_static(const Config& config, CellRegistry& cells);

/// The only mapping from configuration and traffic state to a snapshot. O(services), and O(its
/// endpoints) for a service of which an endpoint is not enabled.
/// Requires: `traffic` has an entry for every service of `config`.
std::shared_ptr<const model::Snapshot> build_snapshot(const Config& config,
                                                      const StaticParts& parts,
                                                      const model::TrafficState& traffic,
                                                      core::Epoch epoch);

/// The traffic state that `config` starts with: generation 1, each service as `initial` says.
model::TrafficState initial_traffic(const Config& config);

/// `saved` brought up to date with `config`: services that are new get their initial entry with the
/// saved generation, services that left get `gone_since`, and are forgotten 30 days later; returned
/// ones lose it. The same for decisions about endpoints. Generation unchanged.
model::TrafficState merge_traffic(const Config& config, model::TrafficState saved,
                                  core::WallTime now);

}  // namespace sluice::config
