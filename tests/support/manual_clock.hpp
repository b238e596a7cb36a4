#pragma once
#include "sluice/core/clock.hpp"

namespace sluice::test {

/// Moves only when told. Begins at one hour, so that no difference ever goes below zero.
class ManualClock final : public core::Clock {
 public:
  core::Instant now() const override { return now_; }
  core::WallTime wall() const override { return core::WallTime{} + (now_ - core::Instant{}); }
  void advance(core::Nanos time) { now_ += time; }

 private:
  core::Instant now_{std::chrono::hours(1)};
};

}  // namespace sluice::test
