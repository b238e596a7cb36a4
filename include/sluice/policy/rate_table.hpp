#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "sluice/policy/key_buckets.hpp"
#include "sluice/policy/rate_limit.hpp"

namespace sluice::policy {

/// Who owes how much under one limit: a table of fixed size, one 64-bit word per key (a tag of 20
/// bits and the TAT). Any number of threads at once; no lock, no allocation after construction.
///
/// A key may stand in 16 places, two cache lines. Room is made for a new key in this order: a place
/// that is empty or whose key owes nothing any more; else the place of the key that owes least,
/// which so gets its burst back (an eviction). So a flood of new keys bounds nobody else, and those
/// who are at their limit are the last to be forgotten.
///
/// A key is known by 64 bits of its hash, of which the tag and the places use all. Two keys that
/// share a place and a tag share one budget: 1 in 130,000 for a new key in a table half full.
class RateTable {
 public:
  /// For `keys` keys: 16 bytes each, rounded up to a power of two. Requires: kLimitKeysLeast <=
  /// keys <= kLimitKeysMax.
  explicit RateTable(std::size_t keys) : buckets_(keys) {}

  /// What a charge would do now; valid for one charge() of the same key and policy.
  struct Look {
    RateVerdict verdict(const RatePolicy& policy) const {
      return policy.verdict(step.is_admitted, step.debt);
    }
    RatePolicy::Step step;
    std::atomic<std::uint64_t>* place;
    std::uint64_t word;  // that stood there
    bool is_new;         // the key has no place yet
    bool evicts;         // and takes that of a key that still owes something
  };
  /// Changes nothing. `hash` is a keyed hash of the key; `now` of policy.tick_at().
  Look look(const RatePolicy& policy, std::uint64_t hash, std::uint64_t now) const {
    Look found;
    look(policy, hash, now, found);
    return found;
  }
  /// The same, into memory of the caller.
  void look(const RatePolicy& policy, std::uint64_t hash, std::uint64_t now, Look& look) const;

  /// Charges one request when that is admitted; `look` says then what was done, which may be
  /// another thing than it said before when others charged the same key meanwhile.
  bool charge(const RatePolicy& policy, std::uint64_t hash, std::uint64_t now, Look& look);

  /// As if a request that charge() admitted had not come.
  void refund(const RatePolicy& policy, std::uint64_t hash);

  /// Keys that owe something: about, in a table for more than 65,536. At most 0.1 ms.
  std::size_t count(const RatePolicy& policy, std::uint64_t now) const;
  std::size_t places() const { return buckets_.places(); }

 private:
  void look_for_room(const RatePolicy& policy, std::uint64_t hash, std::uint64_t now,
                     Look& look) const;

  KeyBuckets buckets_;
};

}  // namespace sluice::policy
