#include "sluice/policy/rate_limit.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::policy {

namespace {

// Not in the standard, but in both compilers; products of a time and a scale need 97 bits.
__extension__ using Wide = unsigned __int128;

constexpr std::chrono::microseconds kTickLeast{8};
constexpr unsigned kLog2OfTicksMost = 16;
// How far the clocks of two workers that charge the same key may be apart: one of them may have
// been stopped between its look at the clock and its charge.
constexpr std::chrono::seconds kClocksApart{60};

std::uint64_t nanos(core::Nanos time) {
  return static_cast<std::uint64_t>(std::max(time, core::Nanos::zero()).count());
}

unsigned log2_of_ticks(Rate rate) {
  ENSURE(rate.count > 0 && rate.count <= core::limits::kRateMax, "a rate is within its bounds");
  unsigned log2 = kLog2OfTicksMost;
  while (log2 > 0 && ((nanos(rate.period) / rate.count) >> log2) < nanos(kTickLeast)) --log2;
  return log2;
}

}  // namespace

std::string text(Rate rate) {
  using std::chrono::hours;
  const std::string_view unit = rate.period == std::chrono::seconds(1)   ? "s"
                                : rate.period == std::chrono::minutes(1) ? "min"
                                : rate.period == hours(1)                ? "h"
                                                                         : "d";
  return std::to_string(rate.count).append("/").append(unit);
}

RatePolicy::RatePolicy(Rate rate, std::uint32_t burst)
    : rate_(rate),
      burst_(burst),
      shift_(log2_of_ticks(rate)),
      per_request_(std::uint64_t{1} << shift_),
      scale_(rate.count * per_request_),
      full_(burst * per_request_),
      most_ahead_(full_ + nanos(kClocksApart) / 1000),  // a tick is at least 1 us
      is_short_(scale_ <= std::numeric_limits<std::uint64_t>::max() / nanos(rate.period)) {
  ENSURE(burst > 0 && burst <= core::limits::kRateMax, "a burst is within its bounds");
  ENSURE(rate.period >= std::chrono::seconds(1) && rate.period <= std::chrono::hours(24),
         "a rate is per second, minute, hour or day");
}
static_assert((std::uint64_t{core::limits::kRateMax} << kLog2OfTicksMost) + 60'000'000 <
              RatePolicy::kTatMask);

std::uint64_t RatePolicy::tick_at(core::Instant now) const {
  const std::uint64_t time = nanos(now.time_since_epoch());
  const std::uint64_t period = nanos(rate_.period);
  // Of the whole periods nothing is rounded, and what is left over fits 64 bits: a division of 128
  // takes twice the instructions, on the path of each request.
  if (is_short_) return time / period * scale_ + time % period * scale_ / period;
  return static_cast<std::uint64_t>(Wide{time} * scale_ / period);
}

core::Nanos RatePolicy::duration_of(std::uint64_t ticks) const {
  const Wide scaled = Wide{ticks} * nanos(rate_.period) + (scale_ - 1);
  return core::Nanos(static_cast<core::Nanos::rep>(scaled / scale_));
}

RateVerdict RatePolicy::verdict(bool is_admitted, std::uint64_t debt) const {
  if (!is_admitted) return {false, 0, duration_of(debt + per_request_ - full_)};
  const std::uint32_t left = this->left(debt);
  const std::uint64_t debt_of_one_more = full_ - std::min(full_, (left + 1) * per_request_);
  return {true, left, duration_of(debt - std::min(debt, debt_of_one_more))};
}

RateVerdict RatePolicy::standing(const Step& step) const {
  if (!step.is_admitted) return verdict(false, step.debt);
  return verdict(true, step.debt - per_request_);
}

}  // namespace sluice::policy
