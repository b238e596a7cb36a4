#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "sluice/core/clock.hpp"
#include "sluice/core/rng.hpp"
#include "sluice/core/units.hpp"

/// May a request be sent a second time, when, and how many at once? Pure (behaviour.md §4, promises
/// G10 and G11).
namespace sluice::policy {

/// What an attempt died of. Each is a bit of a FailureSet.
enum class Failure : std::uint8_t {
  Connect,    // no connection: nothing was sent
  Lost,       // the connection ended or was reset before the first byte of an answer
  TimedOut,   // no answer within the time of one attempt
  Status500,  // the endpoint's own answer
  Status502,
  Status503,
  Status504,
};
inline constexpr std::array kAllFailures{Failure::Connect,   Failure::Lost,      Failure::TimedOut,
                                         Failure::Status500, Failure::Status502, Failure::Status503,
                                         Failure::Status504};

class FailureSet {
 public:
  constexpr FailureSet() = default;
  constexpr FailureSet(std::initializer_list<Failure> failures) {
    for (const Failure failure : failures) add(failure);
  }
  constexpr void add(Failure failure) { bits_ |= bit(failure); }
  constexpr bool has(Failure failure) const { return (bits_ & bit(failure)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  friend constexpr bool operator==(FailureSet, FailureSet) = default;

 private:
  static constexpr std::uint8_t bit(Failure failure) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(failure));
  }
  std::uint8_t bits_ = 0;
};

/// What `when` means where nothing is said.
inline constexpr FailureSet kUsualFailures{Failure::Connect,   Failure::Lost,
                                           Failure::TimedOut,  Failure::Status502,
                                           Failure::Status503, Failure::Status504};
/// Likewise of a rescue: what can't be connected falls back anyway.
inline constexpr FailureSet kUsualRescues{Failure::Lost, Failure::TimedOut, Failure::Status502,
                                          Failure::Status503, Failure::Status504};
/// The word of the configuration.
std::string_view text(Failure failure);
/// nullopt: nobody's failure.
std::optional<Failure> failure_of_status(unsigned status);

enum class Repeatable : std::uint8_t { Never, Idempotent, Safe };
enum class ConnectionAge : std::uint8_t { Fresh, Reused };
enum class BodyState : std::uint8_t { AbsentOrHeld, PartlyGone };

struct FailedAttempt {
  Failure failure = Failure::Lost;
  Repeatable method = Repeatable::Never;
  ConnectionAge connection = ConnectionAge::Fresh;
  BodyState body = BodyState::AbsentOrHeld;
  bool response_began = false;  // a byte of an answer has come from the endpoint
  bool answer_sent = false;     // a byte of an answer has gone to the client
};

/// A connection that had been kept, and ended before a byte of the answer: most likely it has idled
/// out, which is no sign of ill health.
constexpr bool is_idle_end(const FailedAttempt& attempt) {
  return attempt.failure == Failure::Lost && !attempt.response_began &&
         attempt.connection == ConnectionAge::Reused;
}

/// How often and when. What a service is configured to.
struct RetryRule {
  std::uint32_t retries_max = 1;
  FailureSet when = kUsualFailures;
  core::Millis per_try_timeout{0};  // 0: the timeout of the whole answer is all
  core::Millis back_off{25};        // before a second attempt at the same endpoint; doubles
};

/// In the same pool. Nothing was sent: any method. Else with the body absent or held whole: safe
/// methods, and other idempotent ones when a reused connection died before the first byte of an
/// answer. An answer that began and broke is no reason: the endpoint has worked on it.
bool may_retry(const FailedAttempt& attempt, const RetryRule& rule, unsigned retries_made);

/// By the live pool instead of the candidate (G11): safe methods, as long as the client has no byte
/// of an answer and the body is absent or held whole.
bool may_rescue(const FailedAttempt& attempt, FailureSet when);

/// Full jitter: anything up to `first` doubled with each retry made before, at most ten times
/// `first`, so that those that failed together do not come back together.
core::Nanos back_off(core::Millis first, unsigned retries_made, core::Rng& rng);

/// A share of the requests in flight that may be repetitions, so that retries do not multiply the
/// load of a pool that fails (G10).
struct Budget {
  core::BasisPoints share;
  static constexpr std::uint32_t kLeast = 3;  // so that a quiet pool has any

  /// How many of `in_flight` may be repetitions.
  std::uint32_t most(std::uint32_t in_flight) const;
  /// The same for who wants to be one of them. All of them is no bound: who is between two
  /// endpoints at the moment is missing in any count of what is in flight, and would be refused.
  std::uint32_t bound(std::uint32_t in_flight) const;
};

}  // namespace sluice::policy
