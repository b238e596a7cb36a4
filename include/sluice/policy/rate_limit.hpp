#pragma once
#include <cstdint>
#include <string>

#include "sluice/core/clock.hpp"

/// How many requests per time one key may send: the generic cell rate algorithm (GCRA) as a pure
/// step on one number. Pure: time is a parameter.
namespace sluice::policy {

/// `100/s`: so many requests per period.
struct Rate {
  std::uint32_t count = 1;  // 1..limits::kRateMax
  core::Nanos period{0};    // one second, minute, hour or day
  friend bool operator==(const Rate&, const Rate&) = default;
};
/// `100/s`, as it stands in a configuration.
std::string text(Rate rate);

/// What one request was told, or would be told.
struct RateVerdict {
  bool is_admitted = true;
  std::uint32_t left = 0;     // requests that may follow at once
  core::Nanos until_more{0};  // until one more may follow than now; refused: until one may at all
};

/// A rate and a burst: `burst` requests at once, then one every period / count.
///
/// Time runs in ticks of the limit's own: one request is a whole number of them, so nothing is
/// rounded that could add up, and over any time exactly burst + elapsed / (period / count) requests
/// of a greedy client are admitted. A tick is 8 us or more, except where a request is less than
/// that, and at most 1/65536 of a request's time where that is more.
///
/// The state of a key is its theoretical arrival time (TAT), in 44 bits of ticks that wrap around
/// after 4 years (203 days at 1,000,000/s). A TAT in the past is the same as none. One that nobody
/// has touched for a whole turn looks like one of now: such a key is once judged as if it had just
/// been used.
class RatePolicy {
 public:
  /// Bits of a TAT; the rest of the word of a table is the tag of its key.
  static constexpr unsigned kTatBits = 44;
  static constexpr std::uint64_t kTatMask = (std::uint64_t{1} << kTatBits) - 1;

  /// Requires: count and burst in 1..limits::kRateMax; a period of 1 s to 1 d.
  RatePolicy(Rate rate, std::uint32_t burst);

  Rate rate() const { return rate_; }
  std::uint32_t burst() const { return burst_; }

  /// Whoever waits for one more waits at most a second.
  bool is_one_a_second_or_more() const {
    return rate_.period <= std::chrono::seconds(1) * rate_.count;
  }

  /// The moment on this limit's axis, rounded down to a tick. Before the axis begins: its
  /// beginning.
  std::uint64_t tick_at(core::Instant now) const;
  /// Rounded up.
  core::Nanos duration_of(std::uint64_t ticks) const;

  /// Ticks that the key owes at `now`; 0: it has all of its burst.
  std::uint64_t debt(std::uint64_t tat, std::uint64_t now) const {
    const std::uint64_t ahead = (tat - now) & kTatMask;
    return ahead > most_ahead_ ? 0 : ahead;
  }
  struct Step {
    bool is_admitted;
    std::uint64_t next_tat;  // when admitted
    std::uint64_t debt;      // after the request; refused: unchanged
  };
  /// What one more request does to the TAT.
  Step step(std::uint64_t tat, std::uint64_t now) const {
    const std::uint64_t owed = debt(tat, now);
    if (owed + per_request_ > full_) return {false, tat, owed};
    return {true, (now + owed + per_request_) & kTatMask, owed + per_request_};
  }
  /// The TAT as if a request that step() admitted had not come.
  std::uint64_t take_back(std::uint64_t tat) const { return (tat - per_request_) & kTatMask; }
  /// Requests that may follow at once for who owes `debt`.
  std::uint32_t left(std::uint64_t debt) const {
    return debt >= full_ ? 0 : static_cast<std::uint32_t>((full_ - debt) >> shift_);
  }
  /// In words of time, for who owes `debt` and was admitted or not.
  RateVerdict verdict(bool is_admitted, std::uint64_t debt) const;
  /// The same for who only looks: `left` requests may come now, the one of `step` among them.
  RateVerdict standing(const Step& step) const;

 private:
  Rate rate_;
  std::uint32_t burst_;
  unsigned shift_;             // log2 of the next
  std::uint64_t per_request_;  // ticks
  std::uint64_t scale_;        // ticks per period
  std::uint64_t full_;         // ticks of the whole burst
  std::uint64_t most_ahead_;   // beyond it a TAT is one of long ago
  bool is_short_;              // a period in nanoseconds times its ticks fits 64 bits
};

}  // namespace sluice::policy
