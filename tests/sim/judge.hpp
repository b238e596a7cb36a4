#pragma once
#include <string>
#include <vector>

#include "sim/sim_world.hpp"

namespace sluice::sim {

/// Checks every invariant of a run that has come to rest. Empty: all hold.
std::vector<std::string> judge(SimWorld& world);

/// All findings, one per line, for a failing test.
std::string join(const std::vector<std::string>& findings);

}  // namespace sluice::sim
