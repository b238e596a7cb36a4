#pragma once
#include <array>
#include <bit>
#include <cstdint>

namespace tools {

/// Counts durations in microseconds, 32 buckets per power of two: an error below 3 %.
class Histogram {
 public:
  void add(std::uint64_t micros) {
    ++buckets_[index(micros)];
    ++count_;
    if (micros > max_) max_ = micros;
  }
  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  /// Upper end of the bucket that holds this share; 0 when empty.
  std::uint64_t percentile(double share) const {
    if (count_ == 0) return 0;
    const auto wanted = static_cast<std::uint64_t>(static_cast<double>(count_ - 1) * share) + 1;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen >= wanted) return upper(i) < max_ ? upper(i) : max_;
    }
    return max_;
  }
  void clear() { *this = Histogram{}; }

 private:
  static constexpr unsigned kSub = 5;
  static std::size_t index(std::uint64_t v) {
    if (v < (1U << kSub)) return v;
    const auto shift = static_cast<unsigned>(std::bit_width(v)) - kSub - 1;
    const std::size_t i = ((shift + 1) << kSub) + ((v >> shift) - (1U << kSub));
    return i < kBuckets ? i : kBuckets - 1;
  }
  static std::uint64_t upper(std::size_t i) {
    if (i < (1U << kSub)) return i;
    const auto shift = static_cast<unsigned>((i >> kSub) - 1);
    return (((i & ((1U << kSub) - 1)) + (1U << kSub) + 1) << shift) - 1;
  }
  static constexpr std::size_t kBuckets = 30U << kSub;
  std::array<std::uint32_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace tools
