#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "cli/console.hpp"
#include "cli/main_cli.hpp"
#include "cli/session.hpp"

/// The verbs, one file each. All return the exit status (exit_status.hpp); options come parsed,
/// from main_cli.cpp.
namespace sluice::cli {

struct CheckOptions {
  std::string config_file;
  bool prints = false;
};
int run_check(const CheckOptions& options, const Console& console);

struct StatusOptions {
  SocketChoice where;
  std::optional<std::string> service;
  bool watches = false;
  std::string interval = "1s";  // of watches; checked
  bool as_json = false;
};
int run_status(const StatusOptions& options, const Console& console);

struct SwitchOptions {
  SocketChoice where;
  std::string pool;
  std::optional<std::string> service;
  bool all = false;
  bool waits = false;
  std::optional<std::string> drain;
  std::optional<std::string> reason;
  std::optional<std::uint64_t> if_generation;
  bool is_forced = false;
  bool is_dry_run = false;
  bool as_json = false;
};
int run_switch(const SwitchOptions& options, const Console& console);

struct SplitOptions {
  SocketChoice where;
  std::string percent;
  std::optional<std::string> service;
  std::optional<std::string> salt;
  std::optional<std::string> reason;
  std::optional<std::uint64_t> if_generation;
  bool is_dry_run = false;
  bool as_json = false;
};
int run_split(const SplitOptions& options, const Console& console);

struct RollbackOptions {
  SocketChoice where;
  std::optional<std::string> service;
  bool all = false;
  std::optional<std::string> reason;
  bool as_json = false;
};
int run_rollback(const RollbackOptions& options, const Console& console);

enum class EndpointVerb { Drain, Enable, Disable };
struct EndpointOptions {
  SocketChoice where;
  EndpointVerb verb = EndpointVerb::Drain;
  std::string endpoint;
  std::optional<std::string> service;
  std::optional<std::string> reason;
  std::optional<std::uint64_t> if_generation;
  bool is_forced = false;
  bool as_json = false;
};
int run_endpoint(const EndpointOptions& options, const Console& console);

struct AuditOptions {
  SocketChoice where;
  std::uint64_t limit = 20;
  bool as_json = false;
};
int run_audit(const AuditOptions& options, const Console& console);

struct AuditVerifyOptions {
  std::string state_dir;    // --state-dir, else that of the file
  std::string config_file;  // -c, else the default file when it is there
  AuditStart start = AuditStart::First;
  bool as_json = false;
};
int run_audit_verify(const AuditVerifyOptions& options, const Verbs& hooks, const Console& console);

struct EventsOptions {
  SocketChoice where;
  bool follows = false;
  std::uint64_t recent = 20;
  bool as_json = false;
};
int run_events(const EventsOptions& options, const Console& console);

struct ExplainOptions {
  SocketChoice where;
  std::optional<std::string> service;
  std::optional<std::string> user, host, path;
  std::optional<std::string> request_file;  // `-`: stdin
  std::optional<std::string> from, listener;
  bool as_json = false;
};
int run_explain(const ExplainOptions& options, const Console& console);

struct VersionOptions {
  bool as_json = false;
};
int run_version(const VersionOptions& options, const std::string& version, const Console& console);

}  // namespace sluice::cli
