#pragma once
#include <string>

#include "sluice/config/schema.hpp"

namespace sluice::cli {

/// One line for each service whose saved traffic state differs from `initial` and `salt` in the
/// file: the state rules (behaviour.md §1). Empty when there is no readable state.
std::string state_notes(const config::Config& config);

}  // namespace sluice::cli
