#pragma once
#include <cstdint>

/// May a request be sent a second time? Pure (behaviour.md §4 "One retry", promise G10).
namespace sluice::policy {

enum class Repeatable : std::uint8_t { Never, Idempotent, Safe };
enum class ConnectionAge : std::uint8_t { Fresh, Reused };
enum class BodyState : std::uint8_t { AbsentOrHeld, PartlyGone };

struct FailedAttempt {
  Repeatable method = Repeatable::Never;
  ConnectionAge connection = ConnectionAge::Fresh;
  BodyState body = BodyState::AbsentOrHeld;
  bool response_began = false;  // any byte of an answer arrived
  unsigned retries_used = 0;
  unsigned retries_max = 1;
};

/// Safe methods: when any connection died; other idempotent methods: when a reused one died; both
/// only before the first response byte and with the body absent or still held whole.
bool may_retry(const FailedAttempt& attempt);

}  // namespace sluice::policy
