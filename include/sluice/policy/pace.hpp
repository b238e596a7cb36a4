#pragma once
#include <cstdint>

#include "sluice/core/clock.hpp"

/// How slow a peer may be that sends or takes a body (promise G8). Pure; time is a parameter.
namespace sluice::policy {

/// Silence is bounded by `idle`, and so is a trickle: each byte buys the time that it may take at
/// the rate, and no more than `idle` can be had in advance.
struct PaceRule {
  core::Millis idle{0};                // above 0
  std::uint32_t bytes_per_second = 0;  // 0: any byte buys all of `idle`
};

/// The time that `bytes` buy.
core::Nanos time_bought(const PaceRule& rule, std::uint64_t bytes);

/// The deadline after `bytes` have moved, when it was `deadline` before them. It starts at now +
/// idle.
core::Instant extended(core::Instant deadline, const PaceRule& rule, std::uint64_t bytes,
                       core::Instant now);

}  // namespace sluice::policy
