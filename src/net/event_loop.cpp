#include "net/event_loop.hpp"

#include <algorithm>

#include "net/program_start.hpp"
#include "net/socket_transport.hpp"
#include "sluice/core/ensure.hpp"

namespace sluice::net {

namespace {

void bump(std::atomic<std::uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

EventLoop::EventLoop(const core::Clock& clock, std::uint64_t seed)
    : read_buffer_(new char[core::limits::kReadBufferSize]),
      transports_(std::make_unique<Slab<SocketTransport>>()),
      core_(clock, seed, [this] { uv_async_send(&wake_); }) {
  // These fail without descriptors or memory only, at start: there is nothing to go on with.
  ENSURE(uv_loop_init(&libuv_) == 0, "no event loop");
  const auto on_wake = [](uv_async_t* wake) { static_cast<EventLoop*>(wake->data)->on_wake(); };
  ENSURE(uv_async_init(&libuv_, &wake_, on_wake) == 0, "no event loop");
  wake_.data = this;
  ENSURE(sockets_.add(uv_backend_fd(&libuv_), readiness::kRead, libuv_watcher_), "no event loop");
}

EventLoop::~EventLoop() {
  core_.mailbox().close();
  enter();
  end_turn();
  free_held();  // no event is handed out any more
  ENSURE(transports_->in_use() == 0, "a socket outlives its loop");
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
  // Close callbacks come with the next iteration; of signal watchers possibly one later. Bounded,
  // since a watcher that somebody forgot would keep the loop alive for ever.
  int result = UV_EBUSY;
  for (int i = 0; i < 16 && result == UV_EBUSY; ++i) {
    uv_run(&libuv_, UV_RUN_NOWAIT);
    result = uv_loop_close(&libuv_);
  }
  ENSURE(result == 0, "a watcher outlives its loop");
}

void EventLoop::run() {
  enter();  // what was deferred or armed before is not left waiting
  end_turn();
  while (!is_stop_wanted_.load(std::memory_order_acquire)) turn(next_wait_ms());
  is_stop_wanted_.store(false, std::memory_order_relaxed);
}

void EventLoop::run_once() {
  enter();
  end_turn();
  turn(next_wait_ms());
}

void EventLoop::run_now() {
  enter();
  end_turn();
  turn(0);
}

void EventLoop::stop() {
  is_stop_wanted_.store(true, std::memory_order_release);
  uv_async_send(&wake_);
}

void EventLoop::turn(int timeout_ms) {
  sockets_.wait(timeout_ms);
  core_.set_crowded(sockets_.is_full());
  core_.begin_turn_of_sockets();
  note_turn();
  sockets_.dispatch();
  // 0: it has handles to close or to begin with, of which its descriptor says nothing.
  if (uv_backend_timeout(&libuv_) == 0) uv_run(&libuv_, UV_RUN_NOWAIT);
  end_turn();
}

void EventLoop::note_turn() {
  is_in_turn_ = true;
  // now() of the turn: a clock that stands still in a test gives turns of no length.
  turn_began_ = core_.now();
}

void EventLoop::end_turn() {
  if (!is_in_turn_) return;
  if (!held_.empty() && !ProgramStart::is_under_way()) [[unlikely]]
    free_held();
  core_.end_turn();
  is_in_turn_ = false;
  record_turn();
}

void EventLoop::free_closed(SocketTransport& transport) {
  if (!ProgramStart::is_under_way()) [[likely]]
    return transports_->destroy(&transport);
  held_.push_back(&transport);
}

void EventLoop::free_held() {
  for (SocketTransport* transport : held_) transports_->destroy(transport);
  held_.clear();
}

void EventLoop::record_turn() {
  turn_ended_ = core_.clock().now();
  const core::Nanos duration = turn_ended_ - turn_began_;
  const auto is_within = [duration](std::uint64_t bound) {
    return duration < core::Millis{static_cast<std::int64_t>(bound)};
  };
  const auto* bucket = std::ranges::find_if(TurnTimes::kBoundsMs, is_within);
  bump(turn_counts_[static_cast<std::size_t>(bucket - TurnTimes::kBoundsMs.begin())]);
  all_turns_.store(all_turns_.load(std::memory_order_relaxed) + duration.count(),
                   std::memory_order_relaxed);
  if (duration.count() > longest_turn_.load(std::memory_order_relaxed)) {
    longest_turn_.store(duration.count(), std::memory_order_relaxed);
  }
}

/// A wake-up is an event like those of sockets, and has waited among them.
void EventLoop::on_wake() {
  const std::int64_t asked = lag_asked_.load(std::memory_order_acquire);
  if (asked == 0) return;
  const core::Nanos found = core_.clock().now().time_since_epoch() - core::Nanos{asked};
  lag_found_.store(std::max<std::int64_t>(found.count(), 0), std::memory_order_relaxed);
  lag_asked_.store(0, std::memory_order_release);
}

void EventLoop::ask_lag(core::Instant now) {
  if (lag_asked_.load(std::memory_order_relaxed) != 0) return;
  lag_asked_.store(now.time_since_epoch().count(), std::memory_order_release);
  uv_async_send(&wake_);
}

core::Nanos EventLoop::lag(core::Instant now) const {
  const std::int64_t asked = lag_asked_.load(std::memory_order_acquire);
  const core::Nanos found{lag_found_.load(std::memory_order_relaxed)};
  // A question that was just asked has not waited for long, and says nothing of the wait.
  return asked == 0 ? found : std::max(found, now.time_since_epoch() - core::Nanos{asked});
}

/// -1: nothing but an event ends the wait.
int EventLoop::next_wait_ms() {
  const int libuv_wait = uv_backend_timeout(&libuv_);
  if (libuv_wait == 0 || core_.timers().empty()) return libuv_wait;
  const core::Nanos wait = std::max(core_.timers().next_tick() - turn_ended_, core::Nanos{0});
  // epoll counts whole milliseconds: rounded up, or the tick comes before the slot has ended and
  // finds nothing.
  const int tick_wait = static_cast<int>(wait / core::Millis{1}) + 1;
  return libuv_wait < 0 ? tick_wait : std::min(libuv_wait, tick_wait);
}

TurnTimes EventLoop::turn_times() const {
  TurnTimes times;
  for (std::size_t i = 0; i < times.counts.size(); ++i) {
    times.counts[i] = turn_counts_[i].load(std::memory_order_relaxed);
  }
  times.total = core::Nanos{all_turns_.load(std::memory_order_relaxed)};
  times.longest = core::Nanos{longest_turn_.load(std::memory_order_relaxed)};
  return times;
}

}  // namespace sluice::net
