#pragma once
#include <chrono>
#include <cstdint>

namespace sluice::core {

using Nanos = std::chrono::nanoseconds;
using Millis = std::chrono::milliseconds;

/// The axis of every deadline (CLOCK_MONOTONIC in production, the scheduler's time in the
/// simulator). It has no now(): time is a parameter.
struct MonotonicAxis {
  using rep = Nanos::rep;
  using period = Nanos::period;
  using duration = Nanos;
  // A name of the standard's.  NOLINTNEXTLINE(readability-identifier-naming)
  static constexpr bool is_steady = true;
};
using Instant = std::chrono::time_point<MonotonicAxis, Nanos>;

/// Wall time since the Unix epoch, UTC: for logs, cookie dates and calendars only, never for
/// deadlines.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Nanos>;

class Clock {
 public:
  virtual Instant now() const = 0;
  virtual WallTime wall() const = 0;

 protected:
  ~Clock() = default;
};

}  // namespace sluice::core
