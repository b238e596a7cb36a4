#pragma once
#include <array>
#include <cstdint>

#include "sluice/core/clock.hpp"
#include "sluice/core/intrusive_list.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::net {

struct TimerTag;

/// What the wheel keeps in a timer. Apart from Timer because gcc takes a friend as one who may call
/// its destructor
/// (-Wnon-virtual-dtor).
class TimerPlace : public core::ListNode<TimerTag> {
  friend class TimerWheel;
  friend class Timer;
  core::Instant deadline_{};
  core::Instant slot_time_{};  // end of its slot: a later deadline is noticed there
};

/// One deadline of one object. Never early, at most one tick late. Disarmed by its destructor.
class Timer : public TimerPlace {
 public:
  /// Once per arming. May re-arm or disarm any timer, its own included; must not destroy other
  /// timers' owners directly (they go through the reaper).
  virtual void on_timer() = 0;
  bool is_armed() const { return is_linked(); }
  core::Instant deadline() const { return deadline_; }

 protected:
  ~Timer() = default;
};

/// A Timer that calls a member function of the object that it is part of.
template <typename Owner, void (Owner::*kMethod)()>
class MemberTimer final : public Timer {
 public:
  explicit MemberTimer(Owner& owner) : owner_(owner) {}
  void on_timer() override { (owner_.*kMethod)(); }

 private:
  Owner& owner_;
};

/// Hashed wheel of one loop (architecture.md §7 "Timers"). Arming later than before is a store,
/// re-checked when the slot fires; arming earlier relinks, both in constant time. Loop thread only.
class TimerWheel {
 public:
  explicit TimerWheel(core::Instant now);

  void arm(Timer& timer, core::Instant deadline);
  void disarm(Timer& timer) { timer.unlink(); }
  /// Fires what is due, in slot order.
  void advance(core::Instant now);
  /// True when no timer is armed: the loop may then stop its ticks. 16 words are looked at when it
  /// is.
  bool empty() const;
  /// Counts: for tests and reports.
  std::size_t armed() const;
  /// The earliest instant at which advance() can find something due: the driver's next tick. An
  /// advance() at each of these instants is what "at most one tick late" rests on.
  core::Instant next_tick() const { return slot_start_ + core::limits::kTimerTick; }

 private:
  static constexpr std::size_t kSlots = core::limits::kTimerSlots;
  static constexpr std::size_t kWordBits = 64;
  static_assert(kSlots % kWordBits == 0);
  using Slot = core::IntrusiveList<Timer, TimerTag>;

  void place(Timer& timer);
  void fire_current_slot(core::Instant now);

  // mutable: IntrusiveList::empty() and front() are cheap and change nothing, but only empty() is
  // const.
  mutable std::array<Slot, kSlots> slots_;
  // A set bit: the slot may hold timers. A timer leaves without telling the wheel, so bits of empty
  // slots are cleared when somebody looks.
  mutable std::array<std::uint64_t, kSlots / kWordBits> occupied_{};
  // Of the current slot; it holds deadlines in (slot_start_, slot_start_ + tick]
  core::Instant slot_start_;
  std::size_t current_ = 0;
};

}  // namespace sluice::net
