#include "net/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace sluice::net {

namespace {

using core::limits::kTimerTick;

core::Nanos ticks(std::size_t count) {
  return static_cast<std::int64_t>(count) * kTimerTick;
}

/// The slot, counted from the current one, whose end is the first at or after the deadline.
std::size_t slots_ahead(core::Instant slot_start, core::Instant deadline, std::size_t most) {
  if (deadline <= slot_start) return 0;
  // Minus one nanosecond: a deadline at the very end of a slot belongs to it, not to the next one.
  const auto ahead = (deadline - slot_start - core::Nanos{1}) / kTimerTick;
  return std::min(static_cast<std::size_t>(ahead), most);
}

}  // namespace

TimerWheel::TimerWheel(core::Instant now) : slot_start_(now) {}

void TimerWheel::arm(Timer& timer, core::Instant deadline) {
  timer.deadline_ = deadline;
  // Later than its slot: the slot finds the new deadline and re-places it. So the common case, an
  // idle timeout that moves with each request, is this one store.
  if (timer.is_linked() && deadline > timer.slot_time_ - kTimerTick) return;
  timer.unlink();
  place(timer);
}

void TimerWheel::place(Timer& timer) {
  // One slot less than there are: while a slot fires, `current_` is already the next one, and a
  // timer that is armed then must not land in the list that is being emptied.
  const std::size_t ahead = slots_ahead(slot_start_, timer.deadline_, kSlots - 2);
  const std::size_t index = (current_ + ahead) % kSlots;
  timer.slot_time_ = slot_start_ + ticks(ahead + 1);
  slots_[index].push_back(timer);
  occupied_[index / kWordBits] |= std::uint64_t{1} << (index % kWordBits);
}

void TimerWheel::advance(core::Instant now) {
  if (now < next_tick()) return;
  auto steps = static_cast<std::size_t>((now - slot_start_) / kTimerTick);
  if (steps > kSlots) {
    // A loop that slept: one round visits every slot, so the rounds before it may be skipped.
    slot_start_ += ticks(steps - kSlots);
    steps = kSlots;
  }
  for (; steps > 0; --steps) fire_current_slot(now);
}

void TimerWheel::fire_current_slot(core::Instant now) {
  const std::size_t index = current_;
  current_ = (current_ + 1) % kSlots;
  slot_start_ += kTimerTick;
  occupied_[index / kWordBits] &= ~(std::uint64_t{1} << (index % kWordBits));
  // From the front each time: on_timer() may disarm or move any other timer of this slot.
  while (Timer* timer = slots_[index].pop_front()) {
    if (timer->deadline_ > now) {
      place(*timer);
    } else {
      timer->on_timer();
    }
  }
}

bool TimerWheel::empty() const {
  for (std::size_t word = 0; word < occupied_.size(); ++word) {
    while (occupied_[word] != 0) {
      const auto bit = static_cast<std::size_t>(std::countr_zero(occupied_[word]));
      if (!slots_[word * kWordBits + bit].empty()) return false;
      occupied_[word] &= occupied_[word] - 1;
    }
  }
  return true;
}

std::size_t TimerWheel::armed() const {
  std::size_t count = 0;
  for (const Slot& slot : slots_) count += slot.size();
  return count;
}

}  // namespace sluice::net
