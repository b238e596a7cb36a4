#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/console.hpp"

namespace sluice::cli {

/// `sluice run --state ...`: the ways out of a corrupt state file (behaviour.md §1).
enum class StateMode { Discard, Previous };

struct RunOptions {
  std::string config_file;
  std::optional<StateMode> state;  // nullopt: the saved state counts
};

/// What a look at all files of an audit chain found.
struct AuditVerdict {
  std::string trouble;  // the files could not be read; empty: they were
  std::size_t files = 0;
  std::uint64_t lines = 0;  // good ones
  std::uint64_t first_generation = 0, last_generation = 0;
  struct Finding {
    std::string file;      // path
    std::size_t line = 0;  // 0: the file as a whole
    std::string why;
  };
  std::vector<Finding> findings;               // empty: the audit is whole
  bool is_end_compared = false;                // with state.json
  std::optional<std::uint64_t> only_in_state;  // a newest record that is not in the audit yet
};
enum class AuditStart { First, Any };  // Any: older files are archived elsewhere

/// What the program itself brings; every other verb talks to a running proxy through its admin
/// socket.
struct Verbs {
  std::string version;
  std::function<int(const RunOptions&)> run;
  /// Reads the chain in a state directory itself: the proxy may be down, or is what is not trusted.
  std::function<AuditVerdict(const std::string& directory, AuditStart start)> verify_audit = {};
};

/// Parses the command line, carries it out and returns the exit status: 0 done, 1 refused or
/// failed, 2 wrong usage, 3 proxy not reachable.
int run_cli(int argc, char** argv, const Verbs& hooks);
/// The same, writing where the caller says.
int run_cli(int argc, const char* const* argv, const Verbs& hooks, const Console& console);

}  // namespace sluice::cli
