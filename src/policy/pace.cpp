#include "sluice/policy/pace.hpp"

#include <algorithm>

namespace sluice::policy {

namespace {
constexpr std::uint64_t kMillisPerSecond = 1'000;
constexpr std::uint64_t kNanosPerSecond = 1'000'000'000;
}  // namespace

core::Nanos time_bought(const PaceRule& rule, std::uint64_t bytes) {
  if (bytes == 0) return core::Nanos::zero();
  const std::uint64_t rate = rule.bytes_per_second;
  const auto idle = static_cast<std::uint64_t>(rule.idle.count());
  // Usual pieces buy all of it, without a division. Neither product can overflow: a rate has 32
  // bits, `idle` 27.
  if (bytes >= rate * idle / kMillisPerSecond + 1) return rule.idle;
  const std::uint64_t whole = bytes / rate;
  const std::uint64_t part = bytes % rate * kNanosPerSecond / rate;
  return std::min<core::Nanos>(rule.idle, core::Nanos(whole * kNanosPerSecond + part));
}

core::Instant extended(core::Instant deadline, const PaceRule& rule, std::uint64_t bytes,
                       core::Instant now) {
  return std::min(deadline + time_bought(rule, bytes), now + rule.idle);
}

}  // namespace sluice::policy
