#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/core/result.hpp"

/// The JSON of the admin API (behaviour.md §5) as plain structs: the views need no JSON, and no
/// exception leaves this file.
namespace sluice::cli {

struct DrainState {
  std::string pool;
  std::uint64_t generation = 0;
  std::string deadline;  // RFC 3339
  std::uint64_t requests = 0;
  std::uint64_t tunnels = 0;
};

struct EndpointState {
  std::string address;
  std::string state;
  std::uint64_t in_flight = 0;
  std::string note = {};  // the names that have the address, why it is down, what ails it
};

/// What is in use of a bound on requests that are sent again.
struct BudgetState {
  std::uint64_t in_use = 0, most = 0, refused = 0;
};

struct PoolState {
  std::string name;
  std::vector<EndpointState> endpoints;
  std::string note = {};  // its breaker when that is not closed, ceilings that are nearly reached
  // nullopt: of a proxy that does not say it
  std::optional<BudgetState> retries{}, rescues{}, assets{};
};

struct LimitState {
  std::string name;
  std::string mode;
  std::string allows;
  std::string candidate_allows;  // empty: one budget for both pools
  std::uint64_t admitted = 0, refused = 0, shadowed = 0;
  std::uint64_t keys = 0, places = 0;  // 0 places: of a proxy that does not say it
};

struct ServiceState {
  std::string name;
  std::uint64_t generation = 0;
  std::string live;
  std::string candidate;
  unsigned split_basis_points = 0;
  // What the split did over the last minute; nullopt: no requests, or a proxy that does not say it
  std::optional<unsigned> observed_basis_points{};
  std::string salt;
  bool is_candidate_open = false;
  std::vector<DrainState> drains;
  std::vector<PoolState> pools;
  std::vector<LimitState> limits = {};
  std::vector<std::string> route_notes = {};  // of those whose breakers are not closed
};

/// How much the process itself has to do.
struct OverloadState {
  std::string level = "normal";
  std::optional<std::uint64_t> memory_used{}, memory_limit{};
  std::uint64_t loop_wait_ms = 0;
  unsigned new_refused_basis_points = 0, known_refused_basis_points = 0;
};

struct StatusAnswer {
  std::uint64_t generation = 0;
  bool is_durable = true;
  std::string version;
  unsigned workers = 0;
  std::vector<std::string> listeners;  // addresses
  std::vector<ServiceState> services;
  OverloadState overload = {};
};
core::Result<StatusAnswer> read_status(std::string_view json);

enum class DrainOutcome { None, Running, Drained, Deadline, Superseded };

struct ChangeAnswer {
  bool changed = false;
  std::uint64_t generation = 0;
  std::string service;
  std::string live;
  unsigned split_basis_points = 0;
  bool is_durable = true;
  std::uint64_t persist_us = 0, flip_us = 0, adopted_us = 0;
  unsigned workers_total = 0, workers_adopted = 0;
  std::vector<unsigned> workers_missing;
  DrainOutcome drain = DrainOutcome::None;
  std::uint64_t requests_cut = 0, tunnels_cut = 0, tunnels_kept = 0;
  std::vector<std::string> warnings;
  bool is_dry_run = false;  // nothing has changed; what follows would be true
  bool would_change = false;
  std::string would_live;
  unsigned would_split_basis_points = 0;
  unsigned moved_basis_points = 0;
  std::uint64_t users_seen = 0, users_moved = 0;  // in the last minute, about
  std::string would_drain;                        // pool; empty: none
  std::uint64_t requests_there = 0, tunnels_there = 0;
  std::string endpoint;        // `blue/127.0.0.1:9001`; empty: the change was about none
  std::string endpoint_state;  // as in EndpointState
};
core::Result<ChangeAnswer> read_change(std::string_view json);
/// `POST /v1/changes`: one entry per service; generation, durability, times and workers are those
/// of the whole change.
core::Result<std::vector<ChangeAnswer>> read_changes(std::string_view json);

/// One service in a record of the audit, as far as a person reads it.
struct AuditService {
  std::string name;
  std::string live;
  unsigned split_basis_points = 0;
  std::string salt;
  std::vector<std::string> endpoints;  // `blue/127.0.0.1:9001 disabled`
};
struct AuditRecord {
  std::string time;
  std::uint64_t generation = 0;
  std::string action;
  std::string reason;
  std::uint64_t uid = 0;
  std::int64_t pid = 0;
  std::vector<AuditService> before, after;
  std::string unreadable;  // the line is no record: its text
};
struct AuditAnswer {
  std::vector<AuditRecord> records;  // newest last
  bool has_older = false;
};
core::Result<AuditAnswer> read_audit(std::string_view json);

struct EventAnswer {
  std::string kind;
  std::string time;
  std::string text;
  std::optional<std::uint64_t> lost;  // of kind `lost`: how many, when that is known
};
core::Result<EventAnswer> read_event(std::string_view json);

/// Why a request goes where it goes. Empty text: null on the wire.
struct ExplainAnswer {
  std::string explanation;
  std::string client;
  bool is_routing_told = false;
  std::string routed_to, host, path_prefix, listener;  // empty routed_to: no service answers
  std::string service, live, candidate, salt;          // empty service: none was found
  bool is_candidate_open = false;
  unsigned split_basis_points = 0;
  std::string identity, identity_source, identity_name;
  std::optional<unsigned> bucket;
  unsigned pin_number = 0;  // 0: none matched
  std::string pin_name, pin_pool;
  bool is_pin_ignored = false;
  std::string pool, reason;
  struct Endpoint {
    std::string pool;
    EndpointState shown;
    std::uint64_t penalty_left_ms = 0;
  };
  std::vector<Endpoint> endpoints;
  struct Limit {
    std::string name, mode, allows, key, standing;  // empty key: it has none
    std::optional<std::uint64_t> left, in_flight;
    std::uint64_t wait_ms = 0;
  };
  std::vector<Limit> limits = {};
  struct Breaker {
    std::string pool, route, state;  // empty route: of the pool
    bool admits = true;
  };
  std::vector<Breaker> breakers = {};
  std::vector<std::string> ceilings = {};  // that are reached: `blue max_requests`
  struct Overload {
    std::string level = "normal";
    std::string cause = "";  // of shedding
    std::string users = "";
    unsigned refused_basis_points = 0;
    bool refuses = false;
  };
  Overload overload = {};
  unsigned answer_status = 0;  // of Sluice itself; 0: an endpoint answers
};
core::Result<ExplainAnswer> read_explain(std::string_view json);

/// RFC 9457. Fields that are absent stay empty; text that is no JSON becomes the detail.
struct Problem {
  std::string code;
  std::string detail;
};
Problem read_problem(std::string_view json);

// ---- request bodies

struct SwitchBody {
  std::string pool;
  bool waits = false;
  std::optional<std::string> drain;
  bool is_forced = false;
  std::optional<std::string> reason;
  std::optional<std::uint64_t> if_generation;
  bool is_dry_run = false;
};
std::string write_body(const SwitchBody& body);

struct SplitBody {
  std::string percent;
  std::optional<std::string> salt;
  std::optional<std::string> reason;
  std::optional<std::uint64_t> if_generation;
  bool is_dry_run = false;
};
std::string write_body(const SplitBody& body);

struct RollbackBody {
  std::optional<std::string> reason;
};
std::string write_body(const RollbackBody& body);

struct EndpointBody {
  std::string endpoint;
  bool is_forced = false;
  std::optional<std::string> reason;
  std::optional<std::uint64_t> if_generation;
};
std::string write_body(const EndpointBody& body);

/// `user` or `request`; what is absent is left out.
struct ExplainBody {
  std::optional<std::string> user = {}, host = {}, path = {};
  std::optional<std::string> request = {};  // bytes
  std::optional<std::string> from = {}, listener = {};
};
std::string write_body(const ExplainBody& body);

/// RFC 4648 §4.
std::string base64(std::string_view bytes);

struct ChangesBody {
  std::string action;  // switch, rollback
  std::string pool;    // of switch
  std::vector<std::string> services;
  bool waits = false;
  std::optional<std::string> drain;
  bool is_forced = false;
  std::optional<std::string> reason;
  std::optional<std::uint64_t> if_generation;
  bool is_dry_run = false;
};
std::string write_body(const ChangesBody& body);

}  // namespace sluice::cli
