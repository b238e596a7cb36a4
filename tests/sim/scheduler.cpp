#include "sim/scheduler.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace sluice::sim {

Scheduler::Scheduler(SimClock& clock, std::uint64_t seed)
    : clock_(clock), rng_(seed), has_trace_(std::getenv("SLUICE_SIM_TRACE") != nullptr) {}

void Scheduler::trace(const std::string& line) const {
  const double millis =
      static_cast<double>(now().time_since_epoch().count() % 1'000'000'000'000) / 1e6;
  std::fprintf(stderr, "%10.3f %s\n", millis, line.c_str());
}

void Scheduler::remove(Actor& actor) {
  const auto found = std::find(actors_.begin(), actors_.end(), &actor);
  ENSURE(found != actors_.end(), "an actor is removed once");
  actors_.erase(found);
}

/// Fills ready_; of any loop when `loop` is nullptr.
bool Scheduler::has_ready(const net::Loop* loop) {
  ready_.clear();
  for (Actor* actor : actors_) {
    if ((loop == nullptr || actor->loop() == loop) && actor->is_ready()) ready_.push_back(actor);
  }
  return !ready_.empty();
}

bool Scheduler::step_event() {
  if (!has_ready(nullptr)) return false;
  ++steps_;
  Actor& chosen = *ready_[rng_.below(static_cast<std::uint32_t>(ready_.size()))];
  if (chosen.loop() == nullptr) {
    chosen.step();
  } else {
    run_turn(chosen);
  }
  return true;
}

void Scheduler::run_turn(Actor& first) {
  net::Loop& loop = *first.loop();
  loop.begin_turn();
  // A timer of this turn may have closed what was chosen.
  if (first.is_ready()) first.step();
  while (has_chaos_ && rng_.below(4) == 0 && has_ready(&loop)) {
    ready_[rng_.below(static_cast<std::uint32_t>(ready_.size()))]->step();
  }
  loop.end_turn();
}

std::optional<core::Instant> Scheduler::next_instant() const {
  std::optional<core::Instant> next;
  const auto consider = [&](core::Instant when) {
    if (!next || when < *next) next = when;
  };
  for (const Actor* actor : actors_) {
    if (const auto when = actor->wakes_at()) consider(*when);
  }
  for (const net::Loop* loop : loops_) {
    auto& timers = const_cast<net::Loop*>(loop)->timers();
    if (!timers.empty()) consider(timers.next_tick());
  }
  return next;
}

void Scheduler::advance_to(core::Instant when) {
  clock_.advance_to(when);
  for (net::Loop* loop : loops_) {
    loop->begin_turn();
    loop->end_turn();
  }
}

bool Scheduler::step(core::Instant until) {
  if (has_chaos_ && rng_.below(48) == 0) {
    const core::Instant when = now() + std::chrono::microseconds(rng_.below(4000));
    if (when < until) advance_to(when);
  }
  if (step_event()) return true;
  const auto next = next_instant();
  if (!next || *next > until) return false;
  advance_to(*next);
  return true;
}

}  // namespace sluice::sim
