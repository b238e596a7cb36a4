#pragma once
#include <atomic>
#include <functional>

#include "net/chunk_pool.hpp"
#include "net/mailbox.hpp"
#include "net/reaper.hpp"
#include "net/timer_wheel.hpp"
#include "sluice/core/clock.hpp"
#include "sluice/core/rng.hpp"

namespace sluice::net {

/// What every object on one loop shares: time, timers, chunks, deferred work, the reaper, the
/// mailbox. Knows no libuv: EventLoop drives it in production, the simulator's scheduler in tests.
/// Loop thread only, except mailbox().
///
/// One turn: begin_turn() → events (sockets) → end_turn(): mailbox, deferred work until none is
/// left, then the reaper.
class Loop {
 public:
  Loop(const core::Clock& clock, std::uint64_t seed, std::function<void()> wake);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  /// Requires: nothing waits to be reaped (an end_turn() came last). Mail that waits is dropped.
  ~Loop();

  /// Time at the beginning of this turn.
  core::Instant now() const { return now_; }
  /// How much of the time from then on, to the end of the last one, this loop has stood still for
  /// longer than limits::kLoopAway: whoever answered meanwhile was not slow. Of several times only
  /// the last counts.
  core::Nanos away_since(core::Instant from) const;
  /// Read afresh; for logs.
  core::WallTime wall() const { return clock_.wall(); }
  const core::Clock& clock() const { return clock_; }
  /// Sockets may be ready of which this turn does not hear any more.
  bool is_crowded() const { return is_crowded_; }
  TimerWheel& timers() { return timers_; }
  ChunkPool& chunks() { return chunks_; }
  core::Rng& rng() { return rng_; }
  Mailbox& mailbox() { return mailbox_; }

  /// Runs at the end of this turn, in order. Idempotent while it waits.
  void defer(Deferred& work);
  /// reap() is called at the very end of this turn. Idempotent while it waits.
  void retire(Reapable& object);

  /// For the driver. begin_turn() reads the clock and fires due timers.
  void begin_turn();
  /// Likewise when sockets have been waited for. After a time in which the loop stood still their
  /// events come first, for a turn or for as long as they are crowded (limits::kLoopAway at most):
  /// the answers that came in time are among them.
  void begin_turn_of_sockets();
  void end_turn();
  void set_crowded(bool is_crowded) { is_crowded_ = is_crowded; }
  /// Any thread: how many turns have begun; a loop that hangs shows the same number. Written by the
  /// loop only.
  std::uint64_t turns() const { return turns_.load(std::memory_order_relaxed); }

 private:
  void start_turn();
  bool puts_sockets_first();

  const core::Clock& clock_;
  core::Instant now_;
  core::Instant away_from_{};  // until away_to_ it stood still; no time at all: it never has
  core::Instant away_to_{};
  bool is_catching_up_ = false;
  bool is_crowded_ = false;
  core::Rng rng_;
  TimerWheel timers_;
  ChunkPool chunks_;
  core::IntrusiveList<Deferred, DeferTag> deferred_;
  core::IntrusiveList<Reapable, ReaperTag> retired_;
  Mailbox mailbox_;
  std::atomic<std::uint64_t> turns_{0};
};

}  // namespace sluice::net
