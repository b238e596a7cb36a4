#include "sluice/policy/key_buckets.hpp"

#include <bit>

#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::policy {

namespace {

constexpr std::size_t kWords = 8;
constexpr unsigned kIndexBits = 22;
static_assert(2 * core::limits::kLimitKeysMax / kWords <= std::size_t{1} << kIndexBits);
static_assert(2 * core::limits::kLimitKeysLeast / kWords >= 2, "a key has two buckets");
static_assert(sizeof(KeyBuckets::Bucket) == 64 && std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace

std::size_t KeyBuckets::bytes_for(std::size_t keys) {
  return std::bit_ceil(keys * 2) * sizeof(Word);
}

KeyBuckets::KeyBuckets(std::size_t keys)
    : mask_(bytes_for(keys) / sizeof(Bucket) - 1), buckets_(std::make_unique<Bucket[]>(mask_ + 1)) {
  ENSURE(keys >= core::limits::kLimitKeysLeast && keys <= core::limits::kLimitKeysMax,
         "the size of a table is within its bounds");
}

}  // namespace sluice::policy
