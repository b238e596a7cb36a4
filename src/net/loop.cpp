#include "net/loop.hpp"

#include <algorithm>
#include <utility>

#include "sluice/core/ensure.hpp"

namespace sluice::net {

Loop::Loop(const core::Clock& clock, std::uint64_t seed, std::function<void()> wake)
    : clock_(clock), now_(clock.now()), rng_(seed), timers_(now_), mailbox_(std::move(wake)) {}

Loop::~Loop() {
  mailbox_.close();
  // Not reaped here: the slabs that the objects go back to may be gone already.
  ENSURE(retired_.empty(), "a loop ends with objects that wait for the reaper");
}

void Loop::defer(Deferred& work) {
  if (!work.is_linked()) deferred_.push_back(work);
}

void Loop::retire(Reapable& object) {
  if (!object.is_linked()) retired_.push_back(object);
}

void Loop::begin_turn() {
  start_turn();
  timers_.advance(now_);
}

void Loop::begin_turn_of_sockets() {
  start_turn();
  if (!puts_sockets_first()) [[likely]]
    timers_.advance(now_);
}

void Loop::start_turn() {
  // The loop is the only writer: a load and a store suffice.
  turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  now_ = clock_.now();
}

/// As long as timers are armed it turns at each tick, so what it is late by is time that it missed.
bool Loop::puts_sockets_first() {
  const core::Instant due = timers_.next_tick();
  if (now_ - due <= core::limits::kLoopAway || timers_.empty()) {
    is_catching_up_ = false;
  } else if (!is_catching_up_) {
    is_catching_up_ = true;
    away_from_ = due;
    away_to_ = now_;
  } else {
    is_catching_up_ = is_crowded_ && now_ - away_to_ <= core::limits::kLoopAway;
  }
  return is_catching_up_;
}

core::Nanos Loop::away_since(core::Instant from) const {
  return std::max(away_to_ - std::max(away_from_, from), core::Nanos{0});
}

void Loop::end_turn() {
  mailbox_.run();
  // Again while reap() defers (an owner that learns it was the last one): nothing else would make
  // the loop turn again.
  do {
    while (Deferred* work = deferred_.pop_front()) work->run_deferred();
    while (Reapable* object = retired_.pop_front()) object->reap();
  } while (!deferred_.empty());
}

}  // namespace sluice::net
