#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>

#include "sluice/core/clock.hpp"
#include "sluice/core/rng.hpp"
#include "sluice/core/units.hpp"

/// How many requests a pool may have in flight, found from their latency (docs/guide/overload.md).
/// Pure: samples and time come from outside.
namespace sluice::policy {

struct AdaptivePolicy {
  bool is_on = false;
  std::uint32_t least = 4;
  std::uint32_t most = 1000;
  /// Latency that is so much above that of an idle pool is still no sign of a queue.
  core::BasisPoints tolerance = core::BasisPoints::of(5000);
  friend bool operator==(const AdaptivePolicy&, const AdaptivePolicy&) = default;
};

/// What the workers of one pool share. Relaxed: nothing else is ordered by it.
struct alignas(64) AdaptiveCell {
  std::atomic<std::uint32_t> limit{0};      // 0: off; written by control
  std::atomic<std::uint32_t> in_flight{0};  // counted while the limit is on
  std::atomic<std::uint32_t> refused{0};    // since the last look
  std::atomic<std::uint64_t> samples{0};    // LatencySum, since the last look
};

/// How many answers, and how long they took in all, as one word: a sample is one addition. Room for
/// a million of 10 s each.
class LatencySum {
 public:
  constexpr explicit LatencySum(std::uint64_t word = 0) : word_(word) {}
  /// The word to be added for one answer; one of more than 10 s counts as of 10 s.
  static std::uint64_t of(core::Nanos latency);
  constexpr std::uint32_t count() const { return static_cast<std::uint32_t>(word_ >> kSumBits); }
  constexpr core::Nanos total() const {
    return std::chrono::microseconds(static_cast<std::int64_t>(word_ & kSumMask));
  }

 private:
  static constexpr unsigned kSumBits = 44;
  static constexpr std::uint64_t kSumMask = (1ULL << kSumBits) - 1;
  std::uint64_t word_;
};

/// What one look has found.
struct AdaptiveSample {
  std::uint32_t answers = 0;
  core::Nanos total{0};         // of their latencies
  std::uint32_t in_flight = 0;  // at the moment
  bool was_refused = false;     // somebody, since the last look
};

/// The limit of one pool, and what it was found from. Control thread only.
///
///   Measuring ──10 answers──► Steady ──30 s in use, or it only fell──► Draining
///       ^───────────────────── the queue has gone ────────────────────────┘
///
/// A window of answers compares their mean latency with the base, that of a pool without a queue:
/// the limit shrinks by the ratio and grows by its square root, and settles where a little more is
/// in flight than the pool works on at a time. The base is only as good as its last measurement, so
/// now and then the limit is lowered until nothing can wait, for as long as it takes to measure.
/// While the pool is not used as far as it may be the limit stays: nothing says what more would do.
class AdaptiveLimit {
 public:
  AdaptiveLimit(const AdaptivePolicy& policy, core::Instant now);

  void look(const AdaptiveSample& sample, core::Instant now, core::Rng& rng);
  /// What holds now: lower than what was found while the base is measured.
  std::uint32_t limit() const;
  /// 0: not known yet.
  core::Nanos base() const { return base_; }

 private:
  enum class Phase : std::uint8_t { Steady, Draining, Measuring };
  struct Window {
    std::uint32_t answers = 0;
    core::Nanos total{0};
    std::uint32_t in_flight_most = 0;
    bool was_refused = false;
    core::Nanos mean() const { return total / std::max<std::int64_t>(answers, 1); }
  };

  void end_window(core::Instant now);
  void adapt(core::Nanos latency);
  void begin_probe(double limit, core::Instant now);
  void end_probe(core::Instant now, core::Rng& rng);
  bool was_in_use() const;
  /// Below what the pool works on at a time, if the limit is right.
  double probe_limit() const;

  AdaptivePolicy policy_;
  double found_;  // the limit; a fraction is kept, so that small steps add up
  double probe_;  // what holds instead in Draining and Measuring
  core::Nanos base_{0};
  core::Nanos latency_{0};  // of the last window
  Window window_;
  unsigned falls_ = 0;  // windows in a row that a queue alone does not explain
  Phase phase_ = Phase::Measuring;
  core::Instant phase_began_;
  core::Instant next_probe_{};  // of Steady
};

}  // namespace sluice::policy
