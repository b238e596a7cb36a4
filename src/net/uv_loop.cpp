#include "net/uv_loop.hpp"

#include <algorithm>

#include "net/socket_transport.hpp"
#include "sluice/core/ensure.hpp"

namespace sluice::net {

namespace {

template <typename Handle>
uv_handle_t* as_handle(Handle& handle) {
  return reinterpret_cast<uv_handle_t*>(&handle);
}

void bump(std::atomic<std::uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

UvLoop::UvLoop(const core::Clock& clock, std::uint64_t seed)
    : read_buffer_(new char[core::limits::kReadBufferSize]),
      transports_(std::make_unique<Slab<SocketTransport>>()),
      core_(clock, seed, [this] { uv_async_send(&wake_); }) {
  // These fail without descriptors or memory only, at start: there is nothing to go on with.
  ENSURE(uv_loop_init(&loop_) == 0, "no event loop");
  const auto on_wake = [](uv_async_t* handle) {
    auto& self = *static_cast<UvLoop*>(handle->data);
    self.enter();
    if (self.is_stop_wanted_.exchange(false)) uv_stop(&self.loop_);
  };
  ENSURE(uv_async_init(&loop_, &wake_, on_wake) == 0, "no event loop");
  uv_prepare_init(&loop_, &prepare_);
  uv_check_init(&loop_, &check_);
  uv_timer_init(&loop_, &tick_);
  wake_.data = prepare_.data = check_.data = tick_.data = this;
  uv_prepare_start(&prepare_,
                   [](uv_prepare_t* handle) { static_cast<UvLoop*>(handle->data)->end_turn(); });
  uv_check_start(&check_,
                 [](uv_check_t* handle) { static_cast<UvLoop*>(handle->data)->end_turn(); });
}

UvLoop::~UvLoop() {
  core_.mailbox().close();
  enter();
  end_turn();
  for (uv_handle_t* handle :
       {as_handle(wake_), as_handle(prepare_), as_handle(check_), as_handle(tick_)}) {
    uv_close(handle, nullptr);
  }
  // Close callbacks come with the next iteration; of signal watchers possibly one later. Bounded,
  // since a socket that somebody forgot would keep the loop alive for ever.
  int result = UV_EBUSY;
  for (int i = 0; i < 16 && result == UV_EBUSY; ++i) {
    uv_run(&loop_, UV_RUN_NOWAIT);
    result = uv_loop_close(&loop_);
  }
  ENSURE(result == 0, "a socket or watcher outlives its loop");
}

void UvLoop::run() {
  enter();  // what was deferred or armed before is not left waiting: prepare ends this turn
  uv_run(&loop_, UV_RUN_DEFAULT);
}

void UvLoop::run_once() {
  enter();
  uv_run(&loop_, UV_RUN_ONCE);
  end_turn();  // in this mode libuv runs timers once more, after check
}

void UvLoop::stop() {
  is_stop_wanted_.store(true);
  uv_async_send(&wake_);
}

void UvLoop::begin_turn() {
  is_in_turn_ = true;
  core_.begin_turn();
  // now() of the turn: a clock that stands still in a test gives turns of no length.
  turn_began_ = core_.now();
}

void UvLoop::end_turn() {
  if (!is_in_turn_) return;
  core_.end_turn();
  is_in_turn_ = false;
  record_turn(core_.clock().now() - turn_began_);
  keep_ticking();
}

void UvLoop::record_turn(core::Nanos duration) {
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

TurnTimes UvLoop::turn_times() const {
  TurnTimes times;
  for (std::size_t i = 0; i < times.counts.size(); ++i) {
    times.counts[i] = turn_counts_[i].load(std::memory_order_relaxed);
  }
  times.total = core::Nanos{all_turns_.load(std::memory_order_relaxed)};
  times.longest = core::Nanos{longest_turn_.load(std::memory_order_relaxed)};
  return times;
}

void UvLoop::keep_ticking() {
  if (uv_is_active(as_handle(tick_)) != 0 || core_.timers().empty()) return;
  const core::Nanos wait = std::max(core_.timers().next_tick() - core_.now(), core::Nanos{0});
  // libuv counts in whole milliseconds from a time that it read at the beginning of its iteration:
  // read it again, and round up, or the tick comes before the slot has ended and finds nothing.
  const auto wait_ms = static_cast<std::uint64_t>(wait / core::Millis{1}) + 2;
  uv_update_time(&loop_);
  const auto on_tick = [](uv_timer_t* timer) { static_cast<UvLoop*>(timer->data)->enter(); };
  uv_timer_start(&tick_, on_tick, wait_ms, 0);
}

}  // namespace sluice::net
