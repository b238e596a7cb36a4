#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "sluice/core/clock.hpp"
#include "sluice/metrics/counter.hpp"

namespace sluice::metrics {

/// How long things took, in fixed buckets, so that all workers and services can be added up. One
/// writer, many readers.
class Histogram {
 public:
  /// Upper bounds, inclusive; one more bucket holds the longer ones. The steps of Prometheus and
  /// OpenTelemetry from 5 ms to 10 s, with two below for answers from the same rack and the edges
  /// of common objectives (0.1, 0.5, 2, 3, 5, 10 s).
  static constexpr std::array<core::Nanos, 14> kBounds{
      std::chrono::microseconds(1'000),     std::chrono::microseconds(2'500),
      std::chrono::microseconds(5'000),     std::chrono::microseconds(10'000),
      std::chrono::microseconds(25'000),    std::chrono::microseconds(50'000),
      std::chrono::microseconds(100'000),   std::chrono::microseconds(250'000),
      std::chrono::microseconds(500'000),   std::chrono::microseconds(1'000'000),
      std::chrono::microseconds(2'000'000), std::chrono::microseconds(3'000'000),
      std::chrono::microseconds(5'000'000), std::chrono::microseconds(10'000'000)};
  static constexpr std::size_t kBuckets = kBounds.size() + 1;

  void observe(core::Nanos duration) {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && duration > kBounds[bucket]) ++bucket;
    buckets_[bucket].add();
    total_.add(static_cast<std::uint64_t>(duration.count()));
  }

  /// How many in one bucket (not cumulative), and how many in all.
  std::uint64_t in_bucket(std::size_t bucket) const { return buckets_[bucket].read(); }
  std::uint64_t count() const {
    std::uint64_t sum = 0;
    for (const Counter& bucket : buckets_) sum += bucket.read();
    return sum;
  }
  /// Of all durations together.
  core::Nanos total() const { return core::Nanos{static_cast<std::int64_t>(total_.read())}; }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter total_;  // nanoseconds
};

}  // namespace sluice::metrics
