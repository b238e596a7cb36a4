#pragma once
#include "sluice/core/clock.hpp"

namespace sluice::net {

/// CLOCK_MONOTONIC and CLOCK_REALTIME. Any thread. Both are read without a system call (vDSO).
class SystemClock final : public core::Clock {
 public:
  core::Instant now() const override;
  core::WallTime wall() const override;
};

}  // namespace sluice::net
