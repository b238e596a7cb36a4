#pragma once
#include "sluice/core/clock.hpp"

namespace sluice::sim {

/// Time that stands still until it is told to move.
class SimClock final : public core::Clock {
 public:
  core::Instant now() const override { return now_; }
  core::WallTime wall() const override {
    return core::WallTime(core::Nanos(kWallStart) + now_.time_since_epoch());
  }
  void advance_to(core::Instant when) {
    if (when > now_) now_ = when;
  }

 private:
  static constexpr std::int64_t kWallStart = 1'750'000'000'000'000'000;  // June 2025
  core::Instant now_{
      std::chrono::seconds(1000)};  // not 0: a deadline of 0 must not look like "due"
};

}  // namespace sluice::sim
