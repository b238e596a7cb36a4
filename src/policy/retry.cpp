#include "sluice/policy/retry.hpp"

#include <algorithm>
#include <limits>

#include "sluice/core/ensure.hpp"

namespace sluice::policy {

namespace {

bool is_harmless(const FailedAttempt& attempt) {
  if (attempt.failure == Failure::Connect) return true;
  if (attempt.body != BodyState::AbsentOrHeld) return false;
  switch (attempt.method) {
    case Repeatable::Never:
      return false;
    // A reused connection may have died of its idle timeout before the request reached anyone; a
    // fresh one that dies has most likely been read from, and an idempotent change may have begun.
    case Repeatable::Idempotent:
      return attempt.failure == Failure::Lost && attempt.connection == ConnectionAge::Reused;
    case Repeatable::Safe:
      return true;
  }
  core::unreachable();
}

bool is_broken_answer(const FailedAttempt& attempt) {
  return attempt.failure == Failure::Lost && attempt.response_began;
}

}  // namespace

std::string_view text(Failure failure) {
  switch (failure) {
    case Failure::Connect:
      return "connect_failure";
    case Failure::Lost:
      return "reset_before_response";
    case Failure::TimedOut:
      return "timeout";
    case Failure::Status500:
      return "500";
    case Failure::Status502:
      return "502";
    case Failure::Status503:
      return "503";
    case Failure::Status504:
      return "504";
  }
  core::unreachable();
}

std::optional<Failure> failure_of_status(unsigned status) {
  switch (status) {
    case 500:
      return Failure::Status500;
    case 502:
      return Failure::Status502;
    case 503:
      return Failure::Status503;
    case 504:
      return Failure::Status504;
    default:
      return std::nullopt;
  }
}

bool may_retry(const FailedAttempt& attempt, const RetryRule& rule, unsigned retries_made) {
  // Without a time for each try the request has had all of its time.
  if (attempt.failure == Failure::TimedOut && rule.per_try_timeout == core::Millis{0}) return false;
  return retries_made < rule.retries_max && rule.when.has(attempt.failure) &&
         !attempt.answer_sent && !is_broken_answer(attempt) && is_harmless(attempt);
}

bool may_rescue(const FailedAttempt& attempt, FailureSet when) {
  return when.has(attempt.failure) && !attempt.answer_sent && attempt.method == Repeatable::Safe &&
         attempt.body == BodyState::AbsentOrHeld;
}

core::Nanos back_off(core::Millis first, unsigned retries_made, core::Rng& rng) {
  constexpr unsigned kDoublingsMax = 4;
  constexpr int kMostTimes = 10;
  const core::Nanos longest = std::min<core::Nanos>(
      first * (1U << std::min(retries_made, kDoublingsMax)), first * kMostTimes);
  return longest * rng.below(1U << 16U) / (1U << 16U);
}

std::uint32_t Budget::most(std::uint32_t in_flight) const {
  const auto shared = static_cast<std::uint32_t>(std::uint64_t{in_flight} * share.count() /
                                                 core::BasisPoints::kAll);
  return std::max(shared, kLeast);
}

std::uint32_t Budget::bound(std::uint32_t in_flight) const {
  if (share.count() == core::BasisPoints::kAll) return std::numeric_limits<std::uint32_t>::max();
  return most(in_flight);
}

}  // namespace sluice::policy
