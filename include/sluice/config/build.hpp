#pragma once
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sluice/config/endpoints.hpp"
#include "sluice/config/schema.hpp"
#include "sluice/model/snapshot.hpp"
#include "sluice/model/traffic.hpp"

namespace sluice::config {

/// The cells of pools and endpoints: one per (service, pool) and per (service, pool, address).
/// Those of pools live as long as this registry. Those of endpoints belong to who uses them, and
/// the registry forgets one that nobody uses, or names whose addresses rotate would fill the
/// memory. The same for those of rate limits, one per (service, name). Control thread only.
class CellRegistry {
 public:
  explicit CellRegistry(std::size_t workers) : workers_(workers) {}

  struct PoolEntry {
    core::PoolId id;
    std::unique_ptr<model::PoolCell> cell;
  };
  struct EndpointEntry {
    core::EndpointId id;
    std::shared_ptr<model::EndpointCell> cell;
  };
  const PoolEntry& pool(const std::string& service, core::PoolName name);
  /// The same one as long as somebody holds its cell, then a new one with a new id.
  EndpointEntry endpoint(const std::string& service, core::PoolName name,
                         const std::string& address);
  /// The same one as long as somebody holds it and the rule can go on with its tables; else a new
  /// one.
  std::shared_ptr<model::LimitCell> limit(const std::string& service, const model::LimitRule& rule);
  /// The same one as long as somebody holds it.
  std::shared_ptr<model::RouteCell> route(const std::string& service,
                                          const std::string& path_prefix);
  /// Drops what is left of endpoints that nobody uses. O(endpoints).
  void forget_unused();
  /// Endpoints that are remembered: for tests.
  std::size_t endpoints() const { return endpoints_.size(); }

 private:
  struct Remembered {
    core::EndpointId id;
    std::weak_ptr<model::EndpointCell> cell;
  };
  std::size_t workers_;
  std::map<std::string, PoolEntry> pools_;
  std::map<std::string, Remembered> endpoints_;
  std::map<std::string, std::weak_ptr<model::LimitCell>> limits_;
  std::map<std::string, std::weak_ptr<model::RouteCell>> routes_;
  std::uint64_t newest_endpoint_ = 0;
};

/// Addresses of a pool that found no place in it (limits::kEndpointsPerPoolMax).
struct LeftOut {
  std::string service;
  core::PoolName pool = core::PoolName::Blue;
  std::size_t addresses = 0;

  friend bool operator==(const LeftOut&, const LeftOut&) = default;
};

/// An address that a name of a pool must not have.
struct PoolCircle {
  std::string service;
  core::PoolName pool = core::PoolName::Blue;
  Circle circle;

  friend bool operator==(const PoolCircle&, const PoolCircle&) = default;
};

/// The parts of a snapshot that do not depend on the traffic state: built once, shared by all
/// snapshots.
struct StaticParts {
  // Replaced where names have other addresses
  std::vector<std::shared_ptr<const model::ServiceSettings>> services;
  std::shared_ptr<const model::ServiceTable> table;
  /// Replaced when their files change: goes beside each snapshot (model::Edition).
  std::shared_ptr<const model::IdentityLists> lists;
  std::vector<LeftOut> left_out;
  std::vector<PoolCircle> circles;
};
StaticParts build_static(const Config& config, CellRegistry& cells,
                         const ResolvedNames& names = {});
/// `parts` brought up to date with what the names resolve to now: services that have names are
/// built anew, all others stay the same objects. `machine`: Doors::machine. Requires: `parts` was
/// built from `config` and `cells`.
void rebuild_named(const Config& config, CellRegistry& cells, const ResolvedNames& names,
                   StaticParts& parts, std::span<const core::IpAddress> machine = {});

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
/// ones lose it. The same for decisions about endpoints: an address is there while `names` say so,
/// or as long as a name of its pool and port has no address, since nobody knows then. Generation
/// unchanged.
model::TrafficState merge_traffic(const Config& config, model::TrafficState saved,
                                  core::WallTime now, const ResolvedNames& names = {});

}  // namespace sluice::config
