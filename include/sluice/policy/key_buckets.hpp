#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace sluice::policy {

/// The memory of a table of keys: buckets of eight words, one cache line each. A key has two
/// buckets, so a table that is half full nearly never has to turn a key away.
class KeyBuckets {
 public:
  using Word = std::atomic<std::uint64_t>;
  struct alignas(64) Bucket {
    std::array<Word, 8> words{};
  };

  /// Two places per key, rounded up to a power of two.
  explicit KeyBuckets(std::size_t keys);

  struct Pair {
    Bucket* first;
    Bucket* second;
  };
  /// By 44 bits of the hash, so that the upper 20 can tell apart who meets in a bucket.
  Pair buckets_of(std::uint64_t hash) const {
    const std::size_t first = hash & mask_;
    const std::size_t second = (hash >> 22U) & mask_;
    return {&buckets_[first], &buckets_[second == first ? first ^ 1U : second]};
  }

  std::size_t places() const { return (mask_ + 1) * 8; }
  /// Of all places, in no order.
  template <typename Visit>
  void each(Visit visit) const {
    for (std::size_t i = 0; i <= mask_; ++i) {
      for (const Word& word : buckets_[i].words) visit(word.load(std::memory_order_relaxed));
    }
  }

 private:
  std::size_t mask_;
  std::unique_ptr<Bucket[]> buckets_;
};

}  // namespace sluice::policy
