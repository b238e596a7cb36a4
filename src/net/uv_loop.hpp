#pragma once
#include <uv.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "net/loop.hpp"
#include "net/slab.hpp"

namespace sluice::net {

class SocketTransport;

/// How long the turns of a loop took, since its beginning: "loop stall".
struct TurnTimes {
  /// Upper bounds of the buckets, in milliseconds; one more bucket holds the longer turns.
  static constexpr std::array<std::uint64_t, 6> kBoundsMs{1, 5, 10, 50, 100, 500};
  std::array<std::uint64_t, kBoundsMs.size() + 1> counts{};
  core::Nanos total{};
  core::Nanos longest{};
};

/// net::Loop on libuv. All on one thread except stop(), turn_times() and core().mailbox(). Sockets,
/// watchers and connectors on it must be closed before it is destroyed (checked); their memory goes
/// in its destructor at the latest.
///
/// A turn on libuv: an iteration is timers → prepare → poll (socket events) → check → close
/// callbacks, and nothing runs between the wait and the first socket event. So the first callback
/// of either half begins the turn (enter()), which reads the clock after the wait, and prepare or
/// check ends it. An iteration with timers and events has two turns; one without either has none.
class UvLoop {
 public:
  UvLoop(const core::Clock& clock, std::uint64_t seed);
  UvLoop(const UvLoop&) = delete;
  UvLoop& operator=(const UvLoop&) = delete;
  ~UvLoop();

  Loop& core() { return core_; }
  /// For watchers in this folder.
  uv_loop_t* raw() { return &loop_; }
  /// One recv of one socket at a time; valid until the callback returns.
  std::span<char> read_buffer() { return {read_buffer_.get(), core::limits::kReadBufferSize}; }
  Slab<SocketTransport>& transports() { return *transports_; }

  /// Until stop(). May be called again after.
  void run();
  /// Any thread: run() returns after its current turn, or after its first one when it has not
  /// begun.
  void stop();
  /// Waits for events once and handles them: for tests and tools that own their loop.
  void run_once();

  /// First thing in each libuv callback. Cheap inside a turn.
  void enter() {
    if (!is_in_turn_) begin_turn();
  }
  /// Any thread; the buckets may be one turn apart from each other.
  TurnTimes turn_times() const;

 private:
  void begin_turn();
  void end_turn();
  void record_turn(core::Nanos duration);
  void keep_ticking();

  uv_loop_t loop_{};
  uv_async_t wake_{};
  uv_prepare_t prepare_{};
  uv_check_t check_{};
  uv_timer_t tick_{};
  std::unique_ptr<char[]> read_buffer_;
  std::unique_ptr<Slab<SocketTransport>> transports_;
  Loop core_;
  core::Instant turn_began_{};
  bool is_in_turn_ = false;
  std::atomic<bool> is_stop_wanted_{false};
  // Written by the loop only, read by the metrics.
  std::array<std::atomic<std::uint64_t>, TurnTimes::kBoundsMs.size() + 1> turn_counts_{};
  std::atomic<std::int64_t> all_turns_{0};  // nanoseconds
  std::atomic<std::int64_t> longest_turn_{0};
};

}  // namespace sluice::net
