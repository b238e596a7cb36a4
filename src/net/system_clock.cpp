#include "net/system_clock.hpp"

#include <ctime>

#include "sluice/core/ensure.hpp"

namespace sluice::net {

namespace {

core::Nanos read_clock(clockid_t id) {
  timespec time{};
  ENSURE(clock_gettime(id, &time) == 0, "a clock that every Linux has");
  return std::chrono::seconds{time.tv_sec} + core::Nanos{time.tv_nsec};
}

}  // namespace

core::Instant SystemClock::now() const {
  return core::Instant{read_clock(CLOCK_MONOTONIC)};
}

core::WallTime SystemClock::wall() const {
  return core::WallTime{read_clock(CLOCK_REALTIME)};
}

}  // namespace sluice::net
