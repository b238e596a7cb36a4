#include "sluice/policy/in_flight_table.hpp"

#include <algorithm>

#include "sluice/core/limits.hpp"

namespace sluice::policy {

namespace {

using Word = KeyBuckets::Word;

constexpr unsigned kCountBits = 20;
constexpr std::uint64_t kCountMask = (std::uint64_t{1} << kCountBits) - 1;
static_assert(core::limits::kRateMax <= kCountMask);

// Of the upper bits, as the buckets are found by the lower ones; a word of 0 is an empty place.
std::uint64_t tag_of(std::uint64_t hash) {
  return std::max<std::uint64_t>(hash >> kCountBits, 1);
}

/// What two buckets know of a key.
struct Found {
  Word* place = nullptr;  // the first one of the key
  std::uint64_t word = 0;
  std::uint64_t sum = 0;  // more than one place: two threads have made one each
  Word* free = nullptr;   // of the bucket with more of them
};

Found find(const KeyBuckets::Pair& buckets, std::uint64_t tag) {
  Found found;
  std::size_t most_free = 0;
  for (KeyBuckets::Bucket* bucket : {buckets.first, buckets.second}) {
    std::size_t free = 0;
    Word* first_free = nullptr;
    for (Word& place : bucket->words) {
      const std::uint64_t word = place.load();
      if (word == 0) {
        if (free++ == 0) first_free = &place;
      } else if (word >> kCountBits == tag) {
        found.sum += word & kCountMask;
        if (found.place == nullptr) {
          found.place = &place;
          found.word = word;
        }
      }
    }
    if (free > most_free) {
      most_free = free;
      found.free = first_free;
    }
  }
  return found;
}

}  // namespace

InFlightTable::Outcome InFlightTable::take(std::uint64_t hash, std::uint32_t most, Ticket& ticket) {
  const std::uint64_t tag = tag_of(hash);
  const KeyBuckets::Pair buckets = buckets_.buckets_of(hash);
  for (;;) {
    Found found = find(buckets, tag);
    if (found.sum >= most) return Outcome::Refused;
    const bool is_new = found.place == nullptr;
    if (is_new && found.free == nullptr) return Outcome::NoRoom;
    Word& place = is_new ? *found.free : *found.place;
    if (!place.compare_exchange_strong(found.word,
                                       is_new ? (tag << kCountBits) | 1U : found.word + 1))
      continue;
    ticket.place_ = &place;
    // As in RateTable: each of two threads that make a place at once looks behind its own write.
    if (!is_new || find(buckets, tag).sum <= most) return Outcome::Taken;
    give_back(ticket);
  }
}

void InFlightTable::give_back(Ticket& ticket) {
  Word& place = *ticket.place_;
  ticket.place_ = nullptr;
  std::uint64_t word = place.load();
  while (!place.compare_exchange_weak(word, (word & kCountMask) == 1 ? 0 : word - 1)) {
  }
}

std::uint32_t InFlightTable::in_flight(std::uint64_t hash) const {
  return static_cast<std::uint32_t>(find(buckets_.buckets_of(hash), tag_of(hash)).sum);
}

std::size_t InFlightTable::count() const {
  return buckets_.count([](std::uint64_t word) { return word != 0; });
}

}  // namespace sluice::policy
