#include "sluice/policy/rate_table.hpp"

#include <algorithm>
#include <limits>

namespace sluice::policy {

namespace {

using Word = KeyBuckets::Word;
using Bucket = KeyBuckets::Bucket;

// 0 is the tag of an empty place.
std::uint64_t tag_of(std::uint64_t hash) {
  return std::max<std::uint64_t>(hash >> RatePolicy::kTatBits, 1);
}
std::uint64_t tag_in(std::uint64_t word) {
  return word >> RatePolicy::kTatBits;
}
std::uint64_t word_of(std::uint64_t tag, std::uint64_t tat) {
  return (tag << RatePolicy::kTatBits) | tat;
}
std::uint64_t tat_in(std::uint64_t word) {
  return word & RatePolicy::kTatMask;
}

/// The first place of the tag; nullptr: none.
Word* find(Bucket& bucket, std::uint64_t tag, std::uint64_t& word) {
  for (Word& place : bucket.words) {
    word = place.load(std::memory_order_relaxed);
    if (tag_in(word) == tag) return &place;
  }
  return nullptr;
}

/// What a bucket has for a new key.
struct Room {
  Word* free = nullptr;
  std::uint64_t free_word = 0;
  unsigned free_count = 0;
  Word* least = nullptr;  // whose key owes least
  std::uint64_t least_word = 0;
  std::uint64_t least_debt = std::numeric_limits<std::uint64_t>::max();
};

Room room_in(Bucket& bucket, const RatePolicy& policy, std::uint64_t now) {
  Room room;
  for (Word& place : bucket.words) {
    const std::uint64_t word = place.load(std::memory_order_relaxed);
    const std::uint64_t debt = tag_in(word) == 0 ? 0 : policy.debt(tat_in(word), now);
    if (debt == 0) {
      if (room.free_count++ == 0) {
        room.free = &place;
        room.free_word = word;
      }
    } else if (debt < room.least_debt) {
      room.least = &place;
      room.least_word = word;
      room.least_debt = debt;
    }
  }
  return room;
}

bool has_twin(Bucket& bucket, std::uint64_t tag, const Word* place) {
  return std::ranges::any_of(bucket.words, [&](const Word& other) {
    return &other != place && tag_in(other.load()) == tag;
  });
}

/// Gives back one request of the tag that stands at `place`. The place is emptied when nothing has
/// happened there since `inserted` was put in.
void take_back(Word& place, const RatePolicy& policy, std::uint64_t tag, std::uint64_t inserted) {
  std::uint64_t word = place.load();
  while (tag_in(word) == tag) {
    const std::uint64_t next = word == inserted ? 0 : word_of(tag, policy.take_back(tat_in(word)));
    if (place.compare_exchange_weak(word, next)) return;
  }
}

}  // namespace

void RateTable::look(const RatePolicy& policy, std::uint64_t hash, std::uint64_t now,
                     Look& look) const {
  const std::uint64_t tag = tag_of(hash);
  const auto [first, second] = buckets_.buckets_of(hash);
  std::uint64_t word = 0;
  Word* place = find(*first, tag, word);
  if (place == nullptr) place = find(*second, tag, word);
  if (place == nullptr) return look_for_room(policy, hash, now, look);
  look = {policy.step(tat_in(word), now), place, word, false, false};
}

// Not for a key that is known: with its many variables inside, look() took 25 instructions more to
// save and restore registers.
[[gnu::noinline]] void RateTable::look_for_room(const RatePolicy& policy, std::uint64_t hash,
                                                std::uint64_t now, Look& look) const {
  const auto [first, second] = buckets_.buckets_of(hash);
  look.is_new = true;
  look.evicts = false;
  look.step = policy.step(now, now);
  const Room one = room_in(*first, policy, now);
  const Room two = room_in(*second, policy, now);
  if (one.free_count + two.free_count > 0) {
    const Room& room = one.free_count >= two.free_count ? one : two;
    look.place = room.free;
    look.word = room.free_word;
  } else {
    const Room& room = one.least_debt <= two.least_debt ? one : two;
    look.place = room.least;
    look.word = room.least_word;
    look.evicts = true;
  }
}

bool RateTable::charge(const RatePolicy& policy, std::uint64_t hash, std::uint64_t now,
                       Look& look) {
  const std::uint64_t tag = tag_of(hash);
  for (;; this->look(policy, hash, now, look)) {
    if (!look.step.is_admitted) return false;
    const std::uint64_t next = word_of(tag, look.step.next_tat);
    if (!look.place->compare_exchange_strong(look.word, next)) continue;
    if (!look.is_new) return true;
    // Two threads that see a key for the first time at once may put it into two places. Each looks
    // behind its own write, so at least one of them sees the other, and goes back.
    const auto [first, second] = buckets_.buckets_of(hash);
    if (!has_twin(*first, tag, look.place) && !has_twin(*second, tag, look.place)) return true;
    take_back(*look.place, policy, tag, next);
  }
}

void RateTable::refund(const RatePolicy& policy, std::uint64_t hash) {
  const std::uint64_t tag = tag_of(hash);
  const auto [first, second] = buckets_.buckets_of(hash);
  std::uint64_t word = 0;
  Word* place = find(*first, tag, word);
  if (place == nullptr) place = find(*second, tag, word);
  if (place != nullptr) take_back(*place, policy, tag, 0);
}

std::size_t RateTable::count(const RatePolicy& policy, std::uint64_t now) const {
  return buckets_.count(
      [&](std::uint64_t word) { return tag_in(word) != 0 && policy.debt(tat_in(word), now) != 0; });
}

}  // namespace sluice::policy
