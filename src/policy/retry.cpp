#include "sluice/policy/retry.hpp"

#include "sluice/core/ensure.hpp"

namespace sluice::policy {

bool may_retry(const FailedAttempt& attempt) {
  if (attempt.retries_used >= attempt.retries_max) return false;
  if (attempt.response_began || attempt.body != BodyState::AbsentOrHeld) return false;
  switch (attempt.method) {
    case Repeatable::Never:
      return false;
    // A reused connection may have died of its idle timeout before the request reached anyone; a
    // fresh one that dies has most likely been read from, and an idempotent change may have begun.
    case Repeatable::Idempotent:
      return attempt.connection == ConnectionAge::Reused;
    case Repeatable::Safe:
      return true;
  }
  core::unreachable();
}

}  // namespace sluice::policy
