#pragma once
#include <optional>
#include <string>
#include <vector>

#include "net/loop.hpp"
#include "sim/sim_clock.hpp"
#include "sluice/core/rng.hpp"

namespace sluice::sim {

/// Something that may happen: bytes that can be read, a connect that can end, a script that wants
/// to go on.
class Actor {
 public:
  /// Whether it could happen now. Cheap, changes nothing.
  virtual bool is_ready() const = 0;
  /// Requires: is_ready(). One event.
  virtual void step() = 0;
  /// When time alone will make it ready; nullopt: time alone will not.
  virtual std::optional<core::Instant> wakes_at() const { return std::nullopt; }
  /// The loop in whose turn it happens; nullptr: outside the proxy.
  virtual net::Loop* loop() const { return nullptr; }

 protected:
  ~Actor() = default;
};

/// Picks what happens next, from a seed. Of a worker's loop it makes what libuv makes of it in
/// production: begin_turn(), one event (sometimes a few), end_turn(). Time moves when nothing can
/// happen, and sometimes a little before that.
class Scheduler {
 public:
  Scheduler(SimClock& clock, std::uint64_t seed);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  void add(Actor& actor) { actors_.push_back(&actor); }
  void remove(Actor& actor);
  void add_loop(net::Loop& loop) { loops_.push_back(&loop); }
  core::Rng& rng() { return rng_; }
  SimClock& clock() { return clock_; }
  core::Instant now() const { return clock_.now(); }

  /// One event now. False: nothing can happen before time moves.
  bool step_event();
  /// The next instant at which something can happen; nullopt: never again.
  std::optional<core::Instant> next_instant() const;
  /// Moves time and lets every loop turn once, so that its timers fire.
  void advance_to(core::Instant when);
  /// Off: time moves only when nothing can happen, and a turn is one event. Scenarios are easier to
  /// read so.
  void set_chaos(bool on) {
    has_chaos_ = on;
  }  // Exception: a setter of one switch; an enum would only rename it
  /// An event, or the next instant (not beyond `until`). False: nothing is left to happen before
  /// `until`.
  bool step(core::Instant until);
  std::uint64_t steps() const { return steps_; }
  /// SLUICE_SIM_TRACE=1 in the environment: every event and call of a transport and of a peer goes
  /// to stderr.
  bool has_trace() const { return has_trace_; }
  void trace(const std::string& line) const;

 private:
  bool has_ready(const net::Loop* loop);
  void run_turn(Actor& first);

  SimClock& clock_;
  core::Rng rng_;
  bool has_chaos_ = true;
  const bool has_trace_;
  std::uint64_t steps_ = 0;
  std::vector<Actor*> actors_;
  std::vector<net::Loop*> loops_;
  std::vector<Actor*> ready_;  // of this step
};

}  // namespace sluice::sim
