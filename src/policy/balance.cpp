#include "sluice/policy/balance.hpp"

#include <algorithm>

#include "sluice/core/limits.hpp"

namespace sluice::policy {

namespace {

// Low 48 bits: end of the penalty in milliseconds of the monotonic axis (8,900 years). High 16
// bits: its length as a count of failures in a row, so that the word of a running penalty is never
// 0.
constexpr unsigned kLevelShift = 48;
constexpr std::uint64_t kUntilMask = (std::uint64_t{1} << kLevelShift) - 1;

constexpr core::Millis length_of(std::uint64_t level) {
  core::Millis length = core::limits::kPenaltyFirst;
  for (std::uint64_t i = 1; i < level && length < core::limits::kPenaltyMax; ++i) length *= 2;
  return std::min<core::Millis>(length, core::limits::kPenaltyMax);
}

// The level from which the length no longer grows: counting on would only use up the bits.
constexpr std::uint64_t top_level() {
  std::uint64_t level = 1;
  while (length_of(level) < core::limits::kPenaltyMax) ++level;
  return level;
}
static_assert(length_of(top_level()) == core::limits::kPenaltyMax);

}  // namespace

core::Instant Penalty::until() const {
  return core::Instant(core::Millis(static_cast<core::Millis::rep>(word_ & kUntilMask)));
}

Penalty Penalty::after_failure(core::Instant now) const {
  if (word_ != 0 && now < until()) return *this;
  const std::uint64_t level = std::min((word_ >> kLevelShift) + 1, top_level());
  // Rounded up: a penalty never ends early.
  const auto end = std::chrono::ceil<core::Millis>(now.time_since_epoch() + length_of(level));
  return Penalty((level << kLevelShift) | (static_cast<std::uint64_t>(end.count()) & kUntilMask));
}

}  // namespace sluice::policy
