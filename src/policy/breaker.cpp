#include "sluice/policy/breaker.hpp"

#include <algorithm>

#include "sluice/core/ensure.hpp"

namespace sluice::policy {

namespace {

using State = Breaker::State;

// The word, from the lowest bit on: tick 32, number 14, probes good 6, probes out 6, openings 4,
// state 2. A closed breaker that has never opened is 0.
constexpr unsigned kNumberShift = 32;
constexpr unsigned kGoodShift = kNumberShift + 14;
constexpr unsigned kOutShift = kGoodShift + 6;
constexpr unsigned kOpeningsShift = kOutShift + 6;
constexpr unsigned kStateShift = kOpeningsShift + 4;
static_assert(kStateShift == 62 && kNumberShift == 32, "as ticket_if_closed() knows them");
constexpr std::uint16_t kNumberMask = (1U << 14U) - 1;
constexpr std::uint8_t kOpeningsMost = (1U << 4U) - 1;
static_assert(kBreakerProbesMost == (1U << 6U) - 1);

constexpr core::Millis kTick{10};

std::uint32_t tick_of(core::Instant now) {
  return static_cast<std::uint32_t>(now.time_since_epoch() / kTick);
}

/// Workers read the clock at the beginning of their turns, so a tick may be a little ahead of who
/// looks at it. What seems to be further ahead is so far back that the counter has wrapped.
constexpr core::Millis kSkewMost{3'600'000};

/// From `from` to `to`, also across the wrap; negative when `to` is before it.
core::Millis between(std::uint32_t from, std::uint32_t to) {
  return kTick * static_cast<std::int32_t>(to - from);
}

/// How long ago that was.
core::Millis age_at(std::uint32_t tick, core::Instant now) {
  const core::Millis age = between(tick, tick_of(now));
  if (age >= core::Millis(0)) return age;
  return age > -kSkewMost ? core::Millis(0) : kTick * std::int64_t{tick_of(now) - tick};
}

/// How long until then; 0: it is past.
core::Millis left_until(std::uint32_t tick, core::Instant now, core::Millis most) {
  const core::Millis left = between(tick_of(now), tick);
  if (left > most + kSkewMost) return core::Millis(0);
  // The tick is rounded up: nobody is told to wait longer than it is open.
  return std::clamp(left, core::Millis(0), most);
}

/// Rounded up: a time never ends early.
std::uint32_t tick_after(core::Instant now, core::Millis time) {
  return tick_of(now) + static_cast<std::uint32_t>((time + kTick - core::Millis(1)) / kTick) + 1;
}

Breaker turned(const Breaker& before, State state, std::uint32_t tick) {
  Breaker next;
  next.state = state;
  next.number = static_cast<std::uint16_t>((before.number + 1U) & kNumberMask);
  next.openings = before.openings;
  next.tick = tick;
  return next;
}

/// A breaker that opens again soon after it closed opens for longer, as one whose probes fail.
Breaker opened(Breaker before, core::Instant now, const BreakerPolicy& policy) {
  const bool has_been_well = before.state == State::Closed &&
                             age_at(before.tick, now) >= cool_down(before.openings, policy);
  if (has_been_well) before.openings = 0;
  before.openings =
      std::min<std::uint8_t>(static_cast<std::uint8_t>(before.openings + 1), kOpeningsMost);
  return turned(before, State::Open, tick_after(now, cool_down(before.openings, policy)));
}

BreakerAdmission refused(const Breaker& next, core::Millis retry_after) {
  return {.admit = false,
          .is_probe = false,
          .ticket = {next.number},
          .retry_after = std::max(retry_after, core::Millis(1)),
          .next = next};
}

BreakerAdmission probe(Breaker next, core::Instant now) {
  if (next.probes_out == 0) next.tick = tick_of(now);
  ++next.probes_out;
  return {.admit = true,
          .is_probe = true,
          .ticket = {next.number},
          .retry_after = core::Millis(0),
          .next = next};
}

BreakerAdmission admit_half_open(const Breaker& breaker, core::Instant now,
                                 const BreakerPolicy& policy) {
  const core::Millis waited = age_at(breaker.tick, now);
  if (breaker.probes_out > 0 && waited >= policy.probe_time) {
    const Breaker next = opened(breaker, now, policy);
    return refused(next, cool_down(next.openings, policy));
  }
  if (breaker.probes_out + breaker.probes_good < static_cast<int>(policy.half_open_probes))
    return probe(breaker, now);
  return refused(breaker, std::min(policy.probe_time - waited, policy.open_for));
}

Breaker after_probe(Breaker breaker, Outcome outcome, core::Instant now,
                    const BreakerPolicy& policy) {
  if (breaker.probes_out == 0) return breaker;  // more outcomes than tickets: a broken caller
  const bool is_slow_bad = policy.slow_rate.has_value();
  --breaker.probes_out;
  switch (outcome) {
    case Outcome::Abandoned:
      // Says nothing: another one takes its place. The time of those that are out goes on, or
      // clients that leave one after the other would hide one that hangs.
      return breaker;
    case Outcome::Failure:
      return opened(breaker, now, policy);
    case Outcome::Slow:
      if (is_slow_bad) return opened(breaker, now, policy);
      break;
    case Outcome::Success:
      break;
  }
  // Those that are still out may be as young as this moment. As many extensions as there are
  // probes.
  breaker.tick = tick_of(now);
  ++breaker.probes_good;
  if (breaker.probes_good < policy.half_open_probes) return breaker;
  return turned(breaker, State::Closed, tick_of(now));
}

bool reaches(std::uint32_t part, std::uint32_t all, const std::optional<core::BasisPoints>& rate) {
  if (!rate) return false;
  return std::uint64_t{part} * core::BasisPoints::kAll >= std::uint64_t{all} * rate->count();
}

// A second: slow 15, failures 15, requests 15, and 19 bits of which ten seconds it is: a month
// until an old one could be taken for this one.
constexpr unsigned kCountBits = 15;
constexpr std::uint32_t kCountMost = (1U << kCountBits) - 1;
constexpr unsigned kAgeShift = 3 * kCountBits;

std::int64_t second_of(core::Instant now) {
  return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
}
std::size_t slot_of(std::int64_t second) {
  return static_cast<std::size_t>(second % static_cast<std::int64_t>(kBreakerSlots));
}
/// Never 0, so that a word of 0 is of no second.
std::uint64_t age_of(std::int64_t second) {
  constexpr std::uint64_t kAges = std::uint64_t{1} << (64 - kAgeShift - 1);
  return static_cast<std::uint64_t>(second) / kBreakerSlots % kAges + 1;
}

std::uint32_t count_in(std::uint64_t word, unsigned position) {
  return static_cast<std::uint32_t>(word >> (position * kCountBits)) & kCountMost;
}

}  // namespace

Breaker Breaker::from_word(std::uint64_t word) {
  Breaker breaker;
  breaker.tick = static_cast<std::uint32_t>(word);
  breaker.number = static_cast<std::uint16_t>((word >> kNumberShift) & kNumberMask);
  breaker.probes_good = static_cast<std::uint8_t>((word >> kGoodShift) & kBreakerProbesMost);
  breaker.probes_out = static_cast<std::uint8_t>((word >> kOutShift) & kBreakerProbesMost);
  breaker.openings = static_cast<std::uint8_t>((word >> kOpeningsShift) & kOpeningsMost);
  breaker.state = static_cast<State>(word >> kStateShift);
  return breaker;
}

std::uint64_t Breaker::word() const {
  return std::uint64_t{tick} | std::uint64_t{number} << kNumberShift |
         std::uint64_t{probes_good} << kGoodShift | std::uint64_t{probes_out} << kOutShift |
         std::uint64_t{openings} << kOpeningsShift |
         static_cast<std::uint64_t>(state) << kStateShift;
}

std::string_view text(Breaker::State state) {
  switch (state) {
    case State::Closed:
      return "closed";
    case State::Open:
      return "open";
    case State::HalfOpen:
      return "half_open";
  }
  core::unreachable();
}

BreakerAdmission admit(const Breaker& breaker, core::Instant now, const BreakerPolicy& policy) {
  switch (breaker.state) {
    case State::Closed:
      return {.admit = true,
              .is_probe = false,
              .ticket = {breaker.number},
              .retry_after = core::Millis(0),
              .next = breaker};
    case State::Open: {
      const core::Millis left = left_until(breaker.tick, now, cool_down(breaker.openings, policy));
      if (left > core::Millis(0)) return refused(breaker, left);
      return probe(turned(breaker, State::HalfOpen, 0), now);
    }
    case State::HalfOpen:
      return admit_half_open(breaker, now, policy);
  }
  core::unreachable();
}

bool is_too_bad(const BreakerCounts& counts, const BreakerPolicy& policy) {
  if (counts.requests < policy.min_requests || counts.requests == 0) return false;
  return reaches(counts.failures, counts.requests, policy.error_rate) ||
         reaches(counts.slow, counts.requests, policy.slow_rate);
}

Breaker after_outcome(const Breaker& breaker, BreakerTicket ticket, Outcome outcome,
                      const BreakerCounts& counts, core::Instant now, const BreakerPolicy& policy) {
  if (ticket.number != breaker.number) return breaker;
  switch (breaker.state) {
    case State::Closed:
      return is_too_bad(counts, policy) ? opened(breaker, now, policy) : breaker;
    case State::Open:
      return breaker;  // admits nothing, so nothing has its number
    case State::HalfOpen:
      return after_probe(breaker, outcome, now, policy);
  }
  core::unreachable();
}

core::Millis cool_down(std::uint32_t openings, const BreakerPolicy& policy) {
  core::Millis time = policy.open_for;
  for (std::uint32_t i = 1; i < openings && time < policy.open_most; ++i) time *= 2;
  return std::min(time, std::max(policy.open_most, policy.open_for));
}

BreakerCounts BreakerSecond::counts(std::int64_t second) const {
  if (word_ >> kAgeShift != age_of(second)) return {};
  return {
      .requests = count_in(word_, 2), .failures = count_in(word_, 1), .slow = count_in(word_, 0)};
}

BreakerSecond BreakerSecond::after(std::int64_t second, Outcome outcome) const {
  BreakerCounts now = counts(second);
  if (now.requests == kCountMost)
    now = {.requests = now.requests / 2, .failures = now.failures / 2, .slow = now.slow / 2};
  ++now.requests;
  if (outcome == Outcome::Failure) ++now.failures;
  if (outcome == Outcome::Slow) ++now.slow;
  return BreakerSecond(age_of(second) << kAgeShift | std::uint64_t{now.requests} << 2 * kCountBits |
                       std::uint64_t{now.failures} << kCountBits | now.slow);
}

BreakerCounts window_counts(const BreakerCell& cell, const Breaker& breaker, core::Instant now,
                            const BreakerPolicy& policy) {
  const std::int64_t last = second_of(now);
  std::int64_t first = last - std::int64_t{policy.window_seconds} + 1;
  if (breaker.openings > 0) {
    first = std::max(first, second_of(now - age_at(breaker.tick, now)));
  }
  BreakerCounts sum;
  for (std::int64_t second = std::max<std::int64_t>(first, 0); second <= last; ++second) {
    const BreakerCounts counts =
        BreakerSecond(cell.seconds[slot_of(second)].load(std::memory_order_relaxed)).counts(second);
    sum.requests += counts.requests;
    sum.failures += counts.failures;
    sum.slow += counts.slow;
  }
  return sum;
}

namespace {

core::Millis open_time(const Breaker& breaker, const BreakerPolicy& policy) {
  return breaker.state == State::Open ? cool_down(breaker.openings, policy) : core::Millis(0);
}

/// What a request finds: that a cool-down is over, or that a probe is overdue.
BreakerTurn turn_in_time(const Breaker& before, const Breaker& after, const BreakerPolicy& policy) {
  return {.from = before.state,
          .to = after.state,
          .counts = {},
          .open_for = open_time(after, policy),
          .is_overdue = after.state == State::Open};
}

}  // namespace

BreakerEntry enter(BreakerCell& cell, core::Instant now, const BreakerPolicy& policy) {
  std::uint64_t seen = cell.word.load(std::memory_order_relaxed);
  while (true) {
    const Breaker before = Breaker::from_word(seen);
    const BreakerAdmission admission = admit(before, now, policy);
    const std::uint64_t next = admission.next.word();
    if (next == seen || cell.word.compare_exchange_weak(seen, next, std::memory_order_relaxed)) {
      if (before.state == admission.next.state) return {admission, std::nullopt};
      return {admission, turn_in_time(before, admission.next, policy)};
    }
  }
}

BreakerLook look(BreakerCell& cell, core::Instant now, const BreakerPolicy& policy) {
  std::uint64_t seen = cell.word.load(std::memory_order_relaxed);
  while (true) {
    const Breaker before = Breaker::from_word(seen);
    const BreakerAdmission admission = admit(before, now, policy);
    // A refusal that changes it: a probe is overdue, and it opens again.
    if (admission.admit || admission.next == before) return {admission.admit, std::nullopt};
    if (cell.word.compare_exchange_weak(seen, admission.next.word(), std::memory_order_relaxed))
      return {false, turn_in_time(before, admission.next, policy)};
  }
}

std::optional<BreakerTurn> hold_open(BreakerCell& cell, core::Instant now,
                                     const BreakerPolicy& policy) {
  std::uint64_t seen = cell.word.load(std::memory_order_relaxed);
  while (true) {
    const Breaker before = Breaker::from_word(seen);
    Breaker next = before;
    if (before.state != State::Open) {
      next = turned(before, State::Open, 0);
      next.openings = 1;  // it is no failure of its probes
    }
    const std::uint32_t until = tick_after(now, policy.open_for);
    // A longer cool-down stays.
    if (before.state != State::Open || between(next.tick, until) > core::Millis(0))
      next.tick = until;
    if (!cell.word.compare_exchange_weak(seen, next.word(), std::memory_order_relaxed)) continue;
    if (before.state == State::Open) return std::nullopt;
    return BreakerTurn{
        .from = before.state, .to = State::Open, .counts = {}, .open_for = policy.open_for};
  }
}

std::optional<BreakerTurn> close(BreakerCell& cell, core::Instant now) {
  std::uint64_t seen = cell.word.load(std::memory_order_relaxed);
  while (true) {
    const Breaker before = Breaker::from_word(seen);
    if (before.state == State::Closed) return std::nullopt;
    Breaker next = turned(before, State::Closed, tick_of(now));
    next.openings = 1;  // if it opens at once again, then for longer
    if (!cell.word.compare_exchange_weak(seen, next.word(), std::memory_order_relaxed)) continue;
    // An outcome that is counted at this moment may be lost: it is about what is over.
    for (auto& second : cell.seconds) second.store(0, std::memory_order_relaxed);
    return BreakerTurn{.from = before.state, .to = State::Closed, .counts = {}};
  }
}

namespace {

/// Where an outcome may turn it. `counts`: of the window, if it was closed.
std::optional<BreakerTurn> advance(BreakerCell& cell, std::uint64_t seen, BreakerTicket ticket,
                                   Outcome outcome, const BreakerCounts& counts, core::Instant now,
                                   const BreakerPolicy& policy) {
  while (true) {
    const Breaker before = Breaker::from_word(seen);
    const Breaker after = after_outcome(before, ticket, outcome, counts, now, policy);
    if (after == before) return std::nullopt;
    if (!cell.word.compare_exchange_weak(seen, after.word(), std::memory_order_relaxed)) continue;
    if (after.state == before.state) return std::nullopt;
    return BreakerTurn{.from = before.state,
                       .to = after.state,
                       .counts = counts,
                       .open_for = open_time(after, policy)};
  }
}

/// One more in its second.
void count(BreakerCell& cell, Outcome outcome, core::Instant now) {
  const std::int64_t second = second_of(now);
  std::atomic<std::uint64_t>& slot = cell.seconds[slot_of(second)];
  std::uint64_t old = slot.load(std::memory_order_relaxed);
  // Of a success in a second that has begun only the requests change: nearly always.
  const std::uint64_t age = age_of(second);
  while (outcome == Outcome::Success && old >> kAgeShift == age && count_in(old, 2) < kCountMost) {
    if (slot.compare_exchange_weak(old, old + (std::uint64_t{1} << 2 * kCountBits),
                                   std::memory_order_relaxed))
      return;
  }
  while (!slot.compare_exchange_weak(old, BreakerSecond(old).after(second, outcome).word(),
                                     std::memory_order_relaxed)) {
  }
}

}  // namespace

std::optional<BreakerTurn> leave(BreakerCell& cell, BreakerTicket ticket, Outcome outcome,
                                 core::Instant now, const BreakerPolicy& policy) {
  const std::uint64_t word = cell.word.load(std::memory_order_relaxed);
  const auto closed = ticket_if_closed(word);
  if (!closed) return advance(cell, word, ticket, outcome, {}, now, policy);
  if (closed->number != ticket.number || outcome == Outcome::Abandoned) return std::nullopt;
  count(cell, outcome, now);
  // Judged when something is bad: that spares ten loads where nothing is, and a rate that a success
  // has brought over the minimum is judged with the next failure.
  if (outcome == Outcome::Success) [[likely]]
    return std::nullopt;
  const BreakerCounts counts = window_counts(cell, Breaker::from_word(word), now, policy);
  return advance(cell, word, ticket, outcome, counts, now, policy);
}

}  // namespace sluice::policy
