#pragma once
#include <uv.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "net/loop.hpp"
#include "net/slab.hpp"
#include "net/socket_set.hpp"

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

/// net::Loop with the sockets of this process: an epoll set of our own, and libuv inside it for
/// what is no socket (wake-ups from other threads, signals; adr/0019). All on one thread except
/// stop(), turn_times() and core().mailbox(). Sockets, watchers and connectors on it must be closed
/// before it is destroyed (checked); their memory goes in its destructor at the latest.
///
/// A turn: wait for sockets → the clock is read and timers fire → socket events, libuv when it has
/// something → end_turn(). A loop that waits makes none.
class EventLoop {
 public:
  EventLoop(const core::Clock& clock, std::uint64_t seed);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  Loop& core() { return core_; }
  SocketSet& sockets() { return sockets_; }
  /// For what libuv does better than we would: not for sockets.
  uv_loop_t* libuv() { return &libuv_; }
  /// One recv of one socket at a time; valid until the callback returns.
  std::span<char> read_buffer() { return {read_buffer_.get(), core::limits::kReadBufferSize}; }
  Slab<SocketTransport>& transports() { return *transports_; }
  /// Frees a transport whose socket is closed, at the end of a turn: of a later one as long as a
  /// program that is being started may hold that socket open.
  void free_closed(SocketTransport& transport);

  /// Until stop(). May be called again after.
  void run();
  /// Any thread: run() returns after its current turn, or after its first one when it has not
  /// begun.
  void stop();
  /// Waits for events once and handles them: for tests and tools that own their loop.
  void run_once();

  /// Handles what is there now, without waiting: likewise.
  void run_now();

  /// Begins a turn for work that comes from outside of one. Cheap inside a turn.
  void enter() {
    if (is_in_turn_) return;
    core_.begin_turn();
    note_turn();
  }
  /// How long the next turn would wait for a socket; -1: without bound.
  int next_wait_ms();
  /// Any thread; the buckets may be one turn apart from each other.
  TurnTimes turn_times() const;

  /// How long an event waits until this loop handles it, when sockets are ready that wait for their
  /// turn. One other thread asks, at `now`; nothing while the last question is not answered. Makes
  /// the loop turn.
  void ask_lag(core::Instant now);
  /// Any thread: what the last answer has found, or for how long a question has been waiting now,
  /// if that is longer.
  core::Nanos lag(core::Instant now) const;

 private:
  /// What libuv watches, as one socket of ours: its documented way into another loop
  /// (uv_backend_fd).
  struct LibuvWatcher final : SocketWatcher {
    explicit LibuvWatcher(uv_loop_t& loop) : libuv(loop) {}
    void on_socket(std::uint32_t) override { uv_run(&libuv, UV_RUN_NOWAIT); }
    uv_loop_t& libuv;
  };

  void turn(int timeout_ms);
  void note_turn();
  void end_turn();
  void record_turn();
  void free_held();
  void on_wake();

  uv_loop_t libuv_{};
  uv_async_t wake_{};
  LibuvWatcher libuv_watcher_{libuv_};
  SocketSet sockets_;
  std::unique_ptr<char[]> read_buffer_;
  std::unique_ptr<Slab<SocketTransport>> transports_;
  std::vector<SocketTransport*> held_;  // closed, and perhaps still in the set
  Loop core_;
  core::Instant turn_began_{};
  core::Instant turn_ended_{};  // read afresh
  bool is_in_turn_ = false;
  std::atomic<bool> is_stop_wanted_{false};
  // Written by the loop only, read by the metrics.
  std::array<std::atomic<std::uint64_t>, TurnTimes::kBoundsMs.size() + 1> turn_counts_{};
  std::atomic<std::int64_t> all_turns_{0};  // nanoseconds
  std::atomic<std::int64_t> longest_turn_{0};
  // Nanoseconds. Asked: 0 when no question waits; set by who asks, cleared by the loop.
  std::atomic<std::int64_t> lag_asked_{0};
  std::atomic<std::int64_t> lag_found_{0};  // written by the loop only
};

}  // namespace sluice::net
