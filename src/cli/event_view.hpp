#pragma once
#include <string>
#include <string_view>

#include "cli/console.hpp"

namespace sluice::cli {

/// One line for the data of an event: when, of what kind, and what happened. Pure.
std::string event_text(std::string_view json, const Dress& dress);

}  // namespace sluice::cli
