#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "cli/wire.hpp"
#include "sluice/core/clock.hpp"

namespace sluice::cli {

enum class Verb { Switch, Split, Rollback, EndpointDrain, EndpointEnable, EndpointDisable };

/// What a person reads after a change: what is true now, how it became true, and what still drains.
/// Pure. `waited`: how long the command waited for the drain's end; nullopt when it did not.
std::string change_text(Verb verb, const ChangeAnswer& change, std::optional<core::Millis> waited,
                        const Dress& dress);
/// Lines for stderr: not yet durable, workers that are late. Empty: nothing to warn of.
std::string change_warnings(const ChangeAnswer& change);

}  // namespace sluice::cli
