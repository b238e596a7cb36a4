#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sluice/core/clock.hpp"
#include "sluice/core/units.hpp"

/// Passive health: an endpoint that fails request after request is left out for a while
/// (docs/guide/health.md). Workers count failures in a row in one word per endpoint; control takes
/// a full count from it and decides. Pure, but for the two functions that change the word.
namespace sluice::policy {

struct OutlierPolicy {
  std::uint32_t consecutive_failures = 0;  // 0: off
  core::Millis base_time{10'000};          // of the first ejection; doubles with each further one
  core::Millis max_time{300'000};
  core::BasisPoints max_ejected = core::BasisPoints::of(5000);  // of a pool's endpoints

  bool is_on() const { return consecutive_failures != 0; }
};

/// Why a request says that its endpoint failed.
enum class FailureKind : std::uint8_t {
  Connect,  // no connection
  Timeout,  // no answer in time
  Broken,   // the connection ended before the answer, or the answer is not HTTP
  Status,   // 5xx
};
inline constexpr std::size_t kFailureKinds = 4;

/// Failures without a success between them, by kind, as one word. A full run stays as it is, also
/// when a success follows, until control has taken it.
class FailureRun {
 public:
  /// Most that `consecutive_failures` may be: each kind has so many bits.
  static constexpr std::uint32_t kMost = 1023;

  constexpr explicit FailureRun(std::uint64_t word = 0) : word_(word) {}
  constexpr std::uint64_t word() const { return word_; }
  constexpr bool is_full() const { return (word_ & kFull) != 0; }
  constexpr std::uint32_t count(FailureKind kind) const {
    return static_cast<std::uint32_t>(word_ >> shift(kind)) & kMost;
  }
  constexpr std::uint32_t total() const {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < kFailureKinds; ++i) sum += count(static_cast<FailureKind>(i));
    return sum;
  }

  /// Full when it has `wanted` failures. Requires: 1 <= wanted <= kMost.
  constexpr FailureRun after_failure(FailureKind kind, std::uint32_t wanted) const {
    if (is_full()) return *this;
    FailureRun next(word_ + (std::uint64_t{1} << shift(kind)));
    if (next.total() >= wanted) next.word_ |= kFull;
    return next;
  }
  constexpr FailureRun after_success() const { return is_full() ? *this : FailureRun(); }

 private:
  static constexpr unsigned kBits = 10;
  static constexpr std::uint64_t kFull = std::uint64_t{1} << 63U;
  static constexpr unsigned shift(FailureKind kind) { return kBits * static_cast<unsigned>(kind); }
  static_assert(kMost == (1U << kBits) - 1);
  static_assert(kBits * kFailureKinds < 63);

  std::uint64_t word_;
};

/// Any worker. Nothing is ordered by the word, so relaxed.
inline void report_failure(std::atomic<std::uint64_t>& run, FailureKind kind,
                           const OutlierPolicy& policy) {
  if (!policy.is_on()) return;
  std::uint64_t seen = run.load(std::memory_order_relaxed);
  while (!run.compare_exchange_weak(
      seen, FailureRun(seen).after_failure(kind, policy.consecutive_failures).word(),
      std::memory_order_relaxed)) {
  }
}
/// Any worker. One relaxed load while nothing fails.
inline void report_success(std::atomic<std::uint64_t>& run) {
  std::uint64_t seen = run.load(std::memory_order_relaxed);
  while (seen != 0 && !run.compare_exchange_weak(seen, FailureRun(seen).after_success().word(),
                                                 std::memory_order_relaxed)) {
  }
}

/// Of one endpoint: how long it is out, and how long the next time would be.
struct Ejection {
  std::uint32_t level = 0;  // ejections that are not forgotten; 0: none
  core::Instant until{};    // of the newest; `level` falls from then on

  bool is_out(core::Instant now) const { return level > 0 && now < until; }
  friend bool operator==(const Ejection&, const Ejection&) = default;
};

/// base_time, doubled for each level above 1, at most max_time.
core::Millis ejection_time(std::uint32_t level, const OutlierPolicy& policy);
/// Out from `now` on, for as long as the level says that it then has.
Ejection eject(Ejection before, core::Instant now, const OutlierPolicy& policy);
/// What is forgotten by `now`: each level after as much time in use as its ejection took.
Ejection forget(Ejection before, core::Instant now, const OutlierPolicy& policy);

/// A pool at the moment of a decision.
struct PoolCount {
  std::size_t endpoints = 0;
  std::size_t ejected = 0;
  std::size_t usable = 0;  // get requests now, the one in question included
};
enum class EjectVerdict : std::uint8_t { Eject, MaxEjected, LastUsable };
/// Never more than max_ejected of the pool, rounded down, and never the last one that is usable: an
/// endpoint that fails some requests is better than none.
EjectVerdict may_eject(const PoolCount& pool, const OutlierPolicy& policy);

}  // namespace sluice::policy
