#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sluice/core/clock.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/core/units.hpp"

/// A circuit breaker: no requests for what fails too often or takes too long, then a few to see
/// whether it is well again. Its state is one word that workers advance by compare-and-swap; what
/// has happened lately is counted beside it. The steps are pure; the shells that change the words
/// stand at the end.
///
///   Closed --error or slow rate over the window--> Open --cool-down over--> HalfOpen
///     ^                                             ^                          | |
///     |                                             '-- a probe fails or is ---' |
///     |                                                 not heard of in time     |
///     '------------------- half_open_probes have succeeded ----------------------'
namespace sluice::policy {

struct BreakerPolicy {
  std::uint32_t window_seconds = 10;  // 1 to kBreakerSlots; the current second is one of them
  std::uint32_t min_requests = 20;    // in the window, before it is judged
  std::optional<core::BasisPoints> error_rate =
      core::BasisPoints::of(5000);  // at which it opens; nullopt: off
  std::optional<core::BasisPoints> slow_rate = core::BasisPoints::of(5000);  // likewise
  core::Millis open_for{5000};         // first cool-down, at least 1 s; doubles up to ...
  core::Millis open_most{60'000};      // ... this
  std::uint32_t half_open_probes = 3;  // 1 to kBreakerProbesMost
  core::Millis probe_time{30'000};     // a probe not heard of for so long has failed
  friend bool operator==(const BreakerPolicy&, const BreakerPolicy&) = default;
};
inline constexpr std::size_t kBreakerSlots = core::limits::kBreakerWindowMax;
inline constexpr std::uint32_t kBreakerProbesMost = core::limits::kBreakerProbesMax;

/// How an admitted request ended. What failed counts as that, however long it took.
enum class Outcome : std::uint8_t { Success, Slow, Failure, Abandoned };

/// The word, unpacked. Times are ticks of 10 ms and wrap after 497 days; what lies less than half
/// of that apart is told apart rightly.
class Breaker {
 public:
  enum class State : std::uint8_t { Closed, Open, HalfOpen };

  State state = State::Closed;
  std::uint16_t number = 0;      // of its transitions, 14 bits, wraps
  std::uint8_t openings = 0;     // that are not forgotten: the cool-down doubles with each
  std::uint8_t probes_out = 0;   // of HalfOpen: admitted and not heard of
  std::uint8_t probes_good = 0;  // of HalfOpen: succeeded
  std::uint32_t tick = 0;  // Closed: since when; Open: until when; HalfOpen: since when the oldest
                           // probe that is out may be so

  static Breaker from_word(std::uint64_t word);
  std::uint64_t word() const;
  friend bool operator==(const Breaker&, const Breaker&) = default;
};
std::string_view text(Breaker::State state);

/// What an admitted request must bring back with its outcome, once: its number says under which
/// state it was admitted, and an outcome of another one says nothing new.
struct BreakerTicket {
  std::uint16_t number = 0;
};

struct BreakerAdmission {
  bool admit = true;
  bool is_probe = false;
  BreakerTicket ticket;
  core::Millis retry_after{0};  // of a refusal: when it may be otherwise; above 0
  Breaker next;                 // to be stored
};
/// Also where time moves it: from Open to HalfOpen, and to Open again when a probe is overdue.
BreakerAdmission admit(const Breaker& breaker, core::Instant now, const BreakerPolicy& policy);

/// What one second, or the window, has seen.
struct BreakerCounts {
  std::uint32_t requests = 0;
  std::uint32_t failures = 0;
  std::uint32_t slow = 0;
  friend bool operator==(const BreakerCounts&, const BreakerCounts&) = default;
};
/// Whether it opens a closed breaker.
bool is_too_bad(const BreakerCounts& counts, const BreakerPolicy& policy);

/// The breaker after an outcome. `counts`: of the window, this outcome included; looked at when the
/// breaker is closed.
Breaker after_outcome(const Breaker& breaker, BreakerTicket ticket, Outcome outcome,
                      const BreakerCounts& counts, core::Instant now, const BreakerPolicy& policy);

/// open_for, doubled for each opening above 1, at most open_most.
core::Millis cool_down(std::uint32_t openings, const BreakerPolicy& policy);

/// One second of the window as one word: which second it is, and its counts. A count that would run
/// over halves all of them: what remains are the rates.
class BreakerSecond {
 public:
  constexpr explicit BreakerSecond(std::uint64_t word = 0) : word_(word) {}
  constexpr std::uint64_t word() const { return word_; }
  /// Of `second`; nothing when the word is of another one.
  BreakerCounts counts(std::int64_t second) const;
  BreakerSecond after(std::int64_t second, Outcome outcome) const;

 private:
  std::uint64_t word_;
};

/// The ticket of who is admitted by the breaker of this word, if it is closed: then asking changes
/// nothing. The usual case, without unpacking.
inline std::optional<BreakerTicket> ticket_if_closed(std::uint64_t word) {
  constexpr unsigned kStateShift = 62;
  if (word >> kStateShift != static_cast<std::uint64_t>(Breaker::State::Closed))
    return std::nullopt;
  return BreakerTicket{static_cast<std::uint16_t>((word >> 32U) & 0x3FFFU)};
}

/// What all workers share of one breaker. Everything relaxed: nothing else is ordered by it.
struct BreakerCell {
  std::atomic<std::uint64_t> word{0};
  std::array<std::atomic<std::uint64_t>, kBreakerSlots> seconds{};
};
/// Of the window at `now`, from the second on in which `breaker` has closed: what was before has
/// opened it once already. Requires: open_for is at least a second.
BreakerCounts window_counts(const BreakerCell& cell, const Breaker& breaker, core::Instant now,
                            const BreakerPolicy& policy);

/// A change of state that this call has made: whoever gets it tells it, nobody else does.
struct BreakerTurn {
  Breaker::State from = Breaker::State::Closed;
  Breaker::State to = Breaker::State::Closed;
  BreakerCounts counts;      // of the window, when it opened a closed one
  core::Millis open_for{0};  // when it opened: how long
  bool is_overdue = false;   // when it opened a half-open one: a probe was not heard of in time
};
struct BreakerEntry {
  BreakerAdmission admission;
  std::optional<BreakerTurn> turn;
};
/// Any worker. A load while it is closed.
BreakerEntry enter(BreakerCell& cell, core::Instant now, const BreakerPolicy& policy);
struct BreakerLook {
  bool admits = true;
  std::optional<BreakerTurn> turn;
};
/// Any worker. What enter() would say, without a place for the request: no probe is taken. Time
/// moves the breaker here too, or one whose probes are lost would stay as it is when nobody enters.
BreakerLook look(BreakerCell& cell, core::Instant now, const BreakerPolicy& policy);
/// Opens it, or keeps it open, for open_for from now on, whatever the rates say: for what is known
/// to fail. When nobody does so any more it goes on as after any cool-down.
std::optional<BreakerTurn> hold_open(BreakerCell& cell, core::Instant now,
                                     const BreakerPolicy& policy);
/// Any worker, once for each ticket.
std::optional<BreakerTurn> leave(BreakerCell& cell, BreakerTicket ticket, Outcome outcome,
                                 core::Instant now, const BreakerPolicy& policy);

}  // namespace sluice::policy
