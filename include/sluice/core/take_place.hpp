#pragma once
#include <atomic>
#include <cstdint>

namespace sluice::core {

/// One more in `counted`, if there are fewer than `most`; given back by a subtraction. Exact for
/// all threads; orders nothing else.
inline bool take_place(std::atomic<std::uint32_t>& counted, std::uint32_t most) {
  std::uint32_t now = counted.load(std::memory_order_relaxed);
  while (now < most) {
    if (counted.compare_exchange_weak(now, now + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

}  // namespace sluice::core
