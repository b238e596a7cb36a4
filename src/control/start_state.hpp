#pragma once
#include <string>
#include <vector>

#include "control/state_directory.hpp"
#include "sluice/config/endpoints.hpp"
#include "sluice/config/schema.hpp"

namespace sluice::control {

/// `sluice run --state ...`: Saved is what a start without the option does.
enum class StateSource : std::uint8_t { Saved, Discard, Previous };

/// What the control thread begins with.
struct StartState {
  StateImage image;
  bool is_on_disk = true;  // false: it could not be written now and is to be retried
  std::vector<ChangeRecord> audit_pending;  // lines that could not be written now
  std::vector<std::string> notices;         // for the log
};

struct StartRequest {
  StateSource source = StateSource::Saved;
  core::WallTime now{};
  Actor actor;
  config::ResolvedNames names = {};  // what the names of `config` resolve to now
};

/// Takes the lock, loads the state and brings it up to date with `config`, repairs the end of the
/// audit file. The very first start, Discard and Previous write their new state before they return.
/// With a full disk a start from a good state goes on. Errors: Conflict (another process), Corrupt
/// (the text names both ways out), Io.
core::Result<StartState> open_state(StateDirectory& directory, const config::Config& config,
                                    const StartRequest& request);

/// Where the file's `initial` or `salt` differs from the state in force: the state rules, and a
/// start says so.
std::vector<std::string> differences(const config::Config& config,
                                     const model::TrafficState& state);

}  // namespace sluice::control
