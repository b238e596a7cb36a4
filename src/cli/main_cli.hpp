#pragma once
#include <functional>
#include <optional>
#include <string>

#include "cli/console.hpp"

namespace sluice::cli {

/// `sluice run --state ...`: the ways out of a corrupt state file (behaviour.md §1).
enum class StateMode { Discard, Previous };

struct RunOptions {
  std::string config_file;
  std::optional<StateMode> state;  // nullopt: the saved state counts
};

/// What the program itself brings; every other verb talks to a running proxy through its admin
/// socket.
struct Verbs {
  std::string version;
  std::function<int(const RunOptions&)> run;
};

/// Parses the command line, carries it out and returns the exit status: 0 done, 1 refused or
/// failed, 2 wrong usage, 3 proxy not reachable.
int run_cli(int argc, char** argv, const Verbs& hooks);
/// The same, writing where the caller says.
int run_cli(int argc, const char* const* argv, const Verbs& hooks, const Console& console);

}  // namespace sluice::cli
