#pragma once
#include <atomic>
#include <cstdint>
#include <vector>

namespace sluice::model {

struct MemorySample {
  std::uint64_t used = 0;   // bytes
  std::uint64_t limit = 0;  // bytes, above 0
  friend bool operator==(const MemorySample&, const MemorySample&) = default;
};

/// What one worker does about too much load: policy::OverloadWord. Written by control only, read by
/// that worker; relaxed, as it orders nothing else.
struct alignas(64) OverloadCell {
  std::atomic<std::uint32_t> word{0};
};
using OverloadCells = std::vector<OverloadCell>;  // by worker; never resized

}  // namespace sluice::model
