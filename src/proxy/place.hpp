#pragma once
#include <atomic>
#include <cstdint>
#include <utility>

#include "sluice/core/ensure.hpp"
#include "sluice/core/take_place.hpp"

namespace sluice::proxy {

/// One of the places of a count that all workers share, as long as somebody has it. Worker thread
/// only; the count outlives it.
class Place {
 public:
  Place() = default;
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { DEBUG_ENSURE(!is_taken(), "a place is given back by who has it"); }

  bool is_taken() const { return counted_ != nullptr; }
  /// False: there are `most` already. Requires: !is_taken().
  bool take(std::atomic<std::uint32_t>& counted, std::uint32_t most) {
    DEBUG_ENSURE(!is_taken(), "one place at a time");
    if (!core::take_place(counted, most)) return false;
    counted_ = &counted;
    return true;
  }
  /// Nothing when it is not taken.
  void give_back() {
    if (is_taken()) std::exchange(counted_, nullptr)->fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t>* counted_ = nullptr;
};

}  // namespace sluice::proxy
