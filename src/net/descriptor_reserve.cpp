#include "net/descriptor_reserve.hpp"

#include <sys/eventfd.h>

#include <algorithm>

#include "sluice/core/ensure.hpp"

namespace sluice::net {

namespace {

/// An open file of its own, or the system's table would gain nothing when it is closed (ENFILE).
int placeholder() {
  return ::eventfd(0, EFD_CLOEXEC);
}

// A file and its directory.
static_assert(core::limits::kReserveForState >= 2);

/// How many must be left for those who come behind.
std::size_t left_by(DescriptorClaim claim) {
  using core::limits::kDescriptorReserve;
  using core::limits::kReserveForAnswers;
  using core::limits::kReserveForCallers;
  using core::limits::kReserveForRemote;
  switch (claim) {
    case DescriptorClaim::None:
      return kDescriptorReserve;
    case DescriptorClaim::RemoteAdmin:
      return kDescriptorReserve - kReserveForRemote;
    case DescriptorClaim::LocalAdmin:
      return kDescriptorReserve - kReserveForRemote - kReserveForCallers;
    case DescriptorClaim::Answer:
      return kDescriptorReserve - kReserveForRemote - kReserveForCallers - kReserveForAnswers;
    case DescriptorClaim::State:
      return 0;
  }
  core::unreachable();
}

}  // namespace

DescriptorReserve::DescriptorReserve() {
  make_whole();
}

bool DescriptorReserve::give_up(DescriptorClaim claim) {
  const std::lock_guard lock(mutex_);
  const std::size_t missing_now = missing();
  if (held_.size() - missing_now <= left_by(claim)) return false;
  // Before it is closed, so that the data path sees it in time and leaves the room alone.
  missing_.store(missing_now + 1, std::memory_order_relaxed);
  std::ranges::find_if(held_, &OwnedFd::is_open)->reset();
  return true;
}

bool DescriptorReserve::make_whole() {
  if (missing() == 0) [[likely]]
    return true;
  const std::lock_guard lock(mutex_);
  for (OwnedFd& each : held_) {
    if (!each.is_open()) each.reset(placeholder());
    if (!each.is_open()) break;
  }
  const auto open = std::ranges::count_if(held_, &OwnedFd::is_open);
  missing_.store(held_.size() - static_cast<std::size_t>(open), std::memory_order_relaxed);
  return missing() == 0;
}

}  // namespace sluice::net
