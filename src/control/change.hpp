#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/change_record.hpp"
#include "sluice/core/clock.hpp"
#include "sluice/core/ids.hpp"
#include "sluice/core/units.hpp"
#include "sluice/model/traffic.hpp"

/// What is asked of the controller, and what it answers (behaviour.md §1 and §5).
namespace sluice::control {

enum class Action : std::uint8_t { Switch, Split, Rollback, Endpoint };
std::string_view text(Action action);

/// One service's part of a change.
struct ServiceOrder {
  std::string service;  // empty: the only one there is
  Action action = Action::Rollback;
  core::PoolName pool = core::PoolName::Blue;  // of Switch
  core::BasisPoints split;                     // of Split
  std::optional<std::string> salt;             // of Split; absent: the one in force stays
  std::string endpoint = {};                   // of Endpoint: `ADDRESS` or `POOL/ADDRESS`
  model::EndpointMode mode = model::EndpointMode::Enabled;  // of Endpoint
};

/// Which generation `if_generation` is compared with: the service's own when one is named, else the
/// installation's.
enum class Scope : std::uint8_t { Service, List };
/// What is asked of the target before the change: a pool that answers, a live pool that keeps a
/// usable endpoint. `force` skips both.
enum class SafetyCheck : std::uint8_t { Required, Skipped };
enum class AnswerWhen : std::uint8_t { Adopted, Drained };  // `wait`

/// A dry run comes to its turn and is judged like a change, the connect check included; then it is
/// answered and nothing has changed.
enum class Execution : std::uint8_t { Real, DryRun };

struct ChangeRequest {
  Scope scope = Scope::Service;
  std::vector<ServiceOrder> orders;  // of Scope::Service: exactly one
  std::optional<std::uint64_t> if_generation;
  /// Of If-Match: one of them must be the generation; empty: none can be.
  std::optional<std::vector<std::uint64_t>> if_match;
  std::optional<core::Millis> drain;  // absent: the service's own deadline
  SafetyCheck check = SafetyCheck::Required;
  AnswerWhen answer = AnswerWhen::Adopted;
  Execution execution = Execution::Real;
  std::string reason;
  Actor actor;
};

enum class RefusalCode : std::uint8_t {
  UnknownService,
  BadRequest,
  ServiceRequired,
  GenerationMismatch,
  PreconditionFailed,  // If-Match
  PoolUnreachable,
  UnknownEndpoint,
  AmbiguousEndpoint,
  LastEndpoint,
  Superseded,
  StorageUnavailable,
  Busy,  // kChangeQueueMax changes wait already
};
/// As on the wire: `unknown_service`.
std::string_view text(RefusalCode code);

struct Refusal {
  RefusalCode code = RefusalCode::BadRequest;
  std::string detail;  // a sentence for a person
};

enum class DrainOutcome : std::uint8_t { Running, Drained, Deadline, Superseded };
std::string_view text(DrainOutcome outcome);

struct DrainReport {
  DrainOutcome outcome = DrainOutcome::Running;
  std::uint32_t requests_cut = 0;
  std::uint32_t tunnels_cut = 0;
  std::uint32_t tunnels_kept = 0;
};

struct EndpointAnswer {
  core::PoolName pool = core::PoolName::Blue;
  std::string address;
  model::EndpointMode mode = model::EndpointMode::Enabled;
};

/// Of the users seen in the last minute; estimates (metrics::UserSample).
struct MovedUsers {
  std::uint64_t seen = 0;
  std::uint64_t moved = 0;  // would get another pool
};

/// What a dry run found beside what would be true after the change.
struct Preview {
  core::PoolName live = core::PoolName::Blue;  // now
  core::BasisPoints split;                     // now
  core::BasisPoints moved;  // so many of all users would get another pool, pins apart
  MovedUsers users;         // and so many of the last minute's
  std::optional<core::PoolName> drains;
  std::uint64_t requests = 0, tunnels = 0;  // in progress now on the pool that would drain
};

struct ServiceAnswer {
  std::string service;
  // Of a dry run what follows would be true, but for the generation
  bool changed = false;
  core::Generation generation;  // of the service's last change
  core::PoolName live = core::PoolName::Blue;
  core::BasisPoints split;
  std::optional<DrainReport> drain;        // absent: this change started none
  std::optional<EndpointAnswer> endpoint;  // of Endpoint
  std::optional<Preview> preview;          // of a dry run
  std::vector<std::string> warnings;       // sentences for a person: what no other member says
};

struct TookTimes {
  core::Nanos persist{0};
  core::Nanos flip{0};
  core::Nanos adopted{0};
};

struct Adoption {
  std::uint32_t total = 0;
  std::vector<std::size_t>
      missing;  // numbers of the workers that did not adopt in time, or do not answer

  std::size_t adopted() const { return total - missing.size(); }
};

struct ChangeAnswer {
  Scope scope = Scope::Service;
  Execution execution = Execution::Real;
  bool changed = false;         // of a dry run: would be
  core::Generation generation;  // of the installation
  bool is_durable = true;
  TookTimes took;
  Adoption workers;
  std::vector<ServiceAnswer> services;  // in the order of the request
};

using ChangeOutcome = std::variant<ChangeAnswer, Refusal>;
/// Called once, on the control loop, never from inside submit().
using ChangeReply = std::function<void(const ChangeOutcome&)>;

}  // namespace sluice::control
