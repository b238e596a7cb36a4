#pragma once
#include <cstdint>

#include "net/byte_queue.hpp"
#include "net/owned_fd.hpp"
#include "net/reaper.hpp"
#include "net/socket_set.hpp"
#include "net/transport.hpp"

namespace sluice::net {

class EventLoop;

/// A Transport over a non-blocking stream socket of our own, in the socket set of its loop. Lives
/// in the slab of its loop and frees itself there at the end of the turn of close() or reset().
/// Loop thread only.
///
/// System calls: write() is one send, a readable event is one recv. What is watched changes late:
/// reading that is switched off stays watched until an event comes that nobody wants, so a request
/// that switches it off and on again costs no epoll_ctl. A connection whose client reads what it
/// asked for costs one in its life.
///
/// A failed write: while reading is On, what the peer sent before it went is delivered first (an
/// endpoint may answer 413 and reset), then on_error(); in the other modes on_error() comes at the
/// end of the turn. A reset that comes while reading is Off and nothing is queued is noticed when
/// reading is On again.
class SocketTransport final : public Transport, private SocketWatcher, private Deferred {
 public:
  /// Takes a connected, non-blocking socket. nullptr: the kernel refuses to watch it (memory,
  /// watches); it is closed then.
  static SocketTransport* open(EventLoop& loop, OwnedFd socket);
  /// The same for a socket that is in the loop's set already, for somebody else until now.
  static SocketTransport* take_over(EventLoop& loop, OwnedFd socket);

  void set_events(TransportEvents& events) override { events_ = &events; }
  void read(ReadMode mode, std::size_t limit = core::limits::kReadBufferSize) override;
  std::string_view read_more(std::size_t limit) override;
  bool has_input() const override;
  using Transport::write;
  void write(std::span<const std::string_view> parts) override;
  std::size_t queued() const override { return queue_.size(); }
  std::size_t untaken() const override;
  void shutdown_write() override;
  void close() override;
  void reset() override;

  int fd() const { return fd_; }

  /// For open() and the slab only.
  SocketTransport(EventLoop& loop, int fd);

 private:
  enum class Life : std::uint8_t {
    Live,
    Dead,
    Closed
  };  // Dead: on_error() was given, close() is awaited
  enum class ReadSide : std::uint8_t {
    Open,
    EndTold,  // WatchClose has seen the end; bytes may be unread before it
    EndRead,
  };
  enum class WriteSide : std::uint8_t {
    Open,
    Ending,  // shutdown_write() waits for the queue
    Ended,
    Failed,          // the peer reset: an end of stream that is read now is none
    FailedAfterEnd,  // the peer ended its stream properly before it reset (EPIPE, not ECONNRESET)
  };
  enum class Received : std::uint8_t { Bytes, Nothing };
  /// Every connection is read soon, or closed.
  static constexpr std::uint16_t kWatchedFirst = readiness::kRead | readiness::kPeerEnded;

  void on_socket(std::uint32_t ready) override;
  void on_ready(std::uint32_t ready);
  void on_socket_error();
  void run_deferred() override;
  Received receive();
  void on_end_of_stream();
  void flush();
  void fail_write(int error_number);
  void die(TransportError error);
  void end_write_side();
  bool is_live() const { return life_ == Life::Live; }
  bool has_write_failed() const {
    return write_side_ == WriteSide::Failed || write_side_ == WriteSide::FailedAfterEnd;
  }
  /// It reads and has nothing to send: the usual end of an event, told by a few comparisons.
  bool is_as_first() const {
    return watched_ == kWatchedFirst && mode_ == ReadMode::On && read_side_ == ReadSide::Open &&
           queue_.empty();
  }
  std::uint32_t wanted() const;
  void settle(std::uint32_t ready);
  void watch(std::uint32_t events);

  EventLoop& loop_;
  TransportEvents* events_ = nullptr;
  ByteQueue queue_;
  int fd_;
  std::uint32_t read_limit_ = core::limits::kReadBufferSize;
  std::uint32_t filled_ =
      0;  // of the loop's buffer, by a read that took all that it was allowed to
  ReadMode mode_ = ReadMode::Off;
  Life life_ = Life::Live;
  ReadSide read_side_ = ReadSide::Open;
  WriteSide write_side_ = WriteSide::Open;
  TransportError write_error_ = TransportError::Other;
  std::uint16_t watched_ = 0;  // readiness; 0: not in the set
};

// An idle client connection is this and its session (architecture.md §7 "Allocation").
static_assert(sizeof(SocketTransport) <= 112);

}  // namespace sluice::net
