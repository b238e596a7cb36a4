#pragma once
#include <algorithm>
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

  /// Memory of a table for `keys` keys: two places each, rounded up to a power of two.
  static std::size_t bytes_for(std::size_t keys);
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
  /// How many places hold a word of which `is_counted` says so. Of a large table a part is looked
  /// at, which stands for all: keys are spread by their hash.
  template <typename IsCounted>
  std::size_t count(IsCounted is_counted) const {
    const std::size_t looked_at = std::min(mask_ + 1, kCountedBuckets);
    std::size_t found = 0;
    for (std::size_t i = 0; i < looked_at; ++i) {
      for (const Word& word : buckets_[i].words)
        found += is_counted(word.load(std::memory_order_relaxed)) ? 1 : 0;
    }
    return found * ((mask_ + 1) / looked_at);
  }

 private:
  // A megabyte: a tenth of a millisecond.
  static constexpr std::size_t kCountedBuckets = 16 * 1024;

  std::size_t mask_;
  std::unique_ptr<Bucket[]> buckets_;
};

}  // namespace sluice::policy
