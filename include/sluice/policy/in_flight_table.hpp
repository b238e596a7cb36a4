#pragma once
#include <cstddef>
#include <cstdint>

#include "sluice/policy/key_buckets.hpp"

namespace sluice::policy {

/// How many requests of each key run at the moment: a table of fixed size, one 64-bit word per key
/// (a tag of 44 bits and a count of 20). Any number of threads at once; no lock, no allocation
/// after construction. A key without requests has no place. One that finds none free, among 16, is
/// admitted and not counted: who holds a place can't be forgotten.
class InFlightTable {
 public:
  /// As of RateTable.
  explicit InFlightTable(std::size_t keys) : buckets_(keys) {}

  /// One request that is counted, until it is given back. Empty: nothing to give back.
  class Ticket {
   public:
    bool is_counted() const { return place_ != nullptr; }

   private:
    friend class InFlightTable;
    KeyBuckets::Word* place_ = nullptr;
  };

  enum class Outcome : std::uint8_t { Taken, Refused, NoRoom };  // NoRoom: admitted, not counted
  /// `ticket` is set when the outcome is Taken. Requires: most in 1..limits::kRateMax.
  Outcome take(std::uint64_t hash, std::uint32_t most, Ticket& ticket);
  /// Exactly once for each ticket; it is empty afterwards. The table outlives its tickets.
  static void give_back(Ticket& ticket);

  /// Of one key.
  std::uint32_t in_flight(std::uint64_t hash) const;
  /// Keys that have requests: as RateTable::count().
  std::size_t count() const;
  std::size_t places() const { return buckets_.places(); }

 private:
  KeyBuckets buckets_;
};

}  // namespace sluice::policy
