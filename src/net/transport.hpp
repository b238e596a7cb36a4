#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "sluice/core/limits.hpp"

namespace sluice::net {

enum class TransportError : std::uint8_t { Reset, TimedOut, Other };
std::string_view text(TransportError error);

/// What a transport tells its user. Called from the loop only, never from inside a call to the
/// transport. The user may call close() or reset() on the transport in any of them.
class TransportEvents {
 public:
  /// At most the read limit. `bytes` are valid during the call only.
  virtual void on_read(std::string_view bytes) = 0;
  /// The peer ended its direction and everything before that was read; with ReadMode::WatchClose:
  /// the peer is gone or has ended its direction, whether or not bytes are unread. Once.
  virtual void on_eof() = 0;
  /// queued() fell to the low watermark from above it, or became 0 after bytes had to wait.
  virtual void on_drained() = 0;
  /// The connection is dead in both directions. Last event; the user calls close().
  virtual void on_error(TransportError error) = 0;

 protected:
  ~TransportEvents() = default;
};

enum class ReadMode : std::uint8_t {
  Off,         // nothing is read, an end of stream is not noticed
  WatchClose,  // nothing is read, but the peer's leaving is an on_eof() (client sockets before a
               // tunnel: behaviour.md §4)
  On,
};

/// A byte pipe: plain TCP or Unix socket, later TLS, or memory in the simulator. Lives on one
/// worker; loop thread only; all calls are non-blocking. Frees itself after close() or reset(),
/// when its loop allows: the user drops its pointer then, and no event arrives after either.
class Transport {
 public:
  /// Before anything else, and again when another object takes over (a tunnel). Events go to the
  /// new one from now on.
  virtual void set_events(TransportEvents& events) = 0;
  /// No system call when nothing changes: a keep-alive request makes no epoll_ctl. `limit`: most
  /// bytes per on_read, 1 to kReadBufferSize; what is not read stays in the kernel.
  virtual void read(ReadMode mode, std::size_t limit = core::limits::kReadBufferSize) = 0;
  /// From within on_read(): what has come beyond its bytes, when they have filled their limit, at
  /// most `limit` and valid as long as they are. Empty: nothing now, or called from elsewhere; an
  /// end or an error is an event, later.
  virtual std::string_view read_more(std::size_t limit) = 0;
  /// Whether bytes, an end or an error wait now. Asks the kernel.
  virtual bool has_input() const = 0;
  /// Sends the parts in order in one system call; what the socket does not take is copied and sent
  /// later. A failure is reported by on_error() later. After shutdown_write() the bytes are
  /// dropped.
  virtual void write(std::span<const std::string_view> parts) = 0;
  void write(std::string_view bytes) { write(std::span(&bytes, 1)); }
  /// Bytes that wait here for the socket. The caller pauses its source above kHighWatermark.
  virtual std::size_t queued() const = 0;
  /// queued(), and what the kernel holds that the peer has not acknowledged: how far a peer is
  /// behind. Asks the kernel.
  virtual std::size_t untaken() const = 0;
  /// FIN after everything queued has been handed to the kernel. Idempotent.
  virtual void shutdown_write() = 0;
  /// Ends both directions; what is still queued here is dropped.
  virtual void close() = 0;
  /// As close(), with a RST: the peer sees a broken, not a complete, message.
  virtual void reset() = 0;

 protected:
  ~Transport() = default;  // owned and reaped by its loop, never deleted through here
};

}  // namespace sluice::net
