#include "net/socket_transport.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "net/event_loop.hpp"
#include "net/socket_calls.hpp"
#include "sluice/core/ensure.hpp"

namespace sluice::net {

namespace {

constexpr std::size_t kPartsPerCall = 64;

bool would_block(int error_number) {
  return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

TransportError classify(int error_number) {
  switch (error_number) {
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      return TransportError::Reset;
    case ETIMEDOUT:
      return TransportError::TimedOut;
    default:
      return TransportError::Other;
  }
}

ssize_t taken_of(ssize_t sent) {
  return sent < 0 && would_block(errno) ? 0 : sent;
}

/// Bytes taken by the kernel, 0 when it takes none now, or -1 with errno.
ssize_t send_parts(int fd, std::span<const std::string_view> parts) {
  std::array<iovec, kPartsPerCall> vectors;
  const std::size_t count = std::min(parts.size(), vectors.size());
  for (std::size_t i = 0; i < count; ++i) {
    vectors[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  return taken_of(net::send_message(fd, message));
}

std::size_t total(std::span<const std::string_view> parts) {
  std::size_t sum = 0;
  for (const std::string_view part : parts) sum += part.size();
  return sum;
}

/// As send_parts() for any number of parts. A failure after bytes were taken shows at the next
/// call.
ssize_t send_all(int fd, std::span<const std::string_view> parts) {
  if (parts.size() == 1) [[likely]]
    return parts.front().empty() ? 0 : taken_of(net::send(fd, parts.front()));
  if (parts.size() <= kPartsPerCall) return total(parts) == 0 ? 0 : send_parts(fd, parts);
  std::size_t taken = 0;
  while (!parts.empty()) {
    const auto batch = parts.first(std::min(parts.size(), kPartsPerCall));
    const std::size_t size = total(batch);
    const ssize_t sent = size > 0 ? send_parts(fd, batch) : 0;
    if (sent < 0 && taken == 0) return sent;
    taken += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    if (sent < static_cast<ssize_t>(size)) break;
    parts = parts.subspan(batch.size());
  }
  return static_cast<ssize_t>(taken);
}

void append_from(ByteQueue& queue, std::span<const std::string_view> parts, std::size_t skip) {
  for (std::string_view part : parts) {
    const std::size_t skipped = std::min(skip, part.size());
    skip -= skipped;
    queue.append(part.substr(skipped));
  }
}

}  // namespace

SocketTransport* SocketTransport::open(EventLoop& loop, OwnedFd socket) {
  SocketTransport* transport = loop.transports().make(loop, socket.get());
  if (!loop.sockets().add(socket.get(), kWatchedFirst, *transport)) {
    loop.transports().destroy(transport);
    return nullptr;
  }
  socket.release();
  return transport;
}

SocketTransport* SocketTransport::take_over(EventLoop& loop, OwnedFd socket) {
  SocketTransport* transport = loop.transports().make(loop, socket.get());
  loop.sockets().change(socket.release(), kWatchedFirst, *transport);
  return transport;
}

SocketTransport::SocketTransport(EventLoop& loop, int fd)
    : loop_(loop), queue_(loop.core().chunks()), fd_(fd), watched_(kWatchedFirst) {}

// ---- events of the loop

void SocketTransport::on_socket(std::uint32_t ready) {
  if (!is_live()) return;  // closed, or found dead, earlier in this turn
  if ((ready & readiness::kError) != 0) {
    watch(0);  // or it would be told in each turn
    on_socket_error();
  } else {
    // Both directions have ended: every call gives its result at once.
    if ((ready & readiness::kHungUp) != 0) ready |= watched_;
    on_ready(ready);
  }
  if (!is_as_first()) settle(ready);
}

void SocketTransport::on_ready(std::uint32_t ready) {
  if ((ready & readiness::kPeerEnded) != 0 && mode_ == ReadMode::WatchClose &&
      read_side_ == ReadSide::Open) {
    read_side_ = ReadSide::EndTold;
    events_->on_eof();
  }
  if ((ready & readiness::kRead) != 0 && is_live() && mode_ == ReadMode::On) receive();
  if ((ready & readiness::kWrite) != 0 && is_live() && !queue_.empty()) flush();
}

void SocketTransport::on_socket_error() {
  if (mode_ == ReadMode::On && read_side_ != ReadSide::EndRead) {
    // The error itself comes from recv, after the bytes that arrived before it.
    if (receive() == Received::Bytes || !is_live()) return;
  } else if (!queue_.empty()) {
    return flush();
  } else if (mode_ == ReadMode::Off) {
    return;  // nothing is watched now, so nothing spins; reading On finds it
  }
  int error_number = 0;
  socklen_t size = sizeof error_number;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error_number, &size);
  if (is_live()) die(classify(error_number));
}

SocketTransport::Received SocketTransport::receive() {
  const std::span<char> buffer = loop_.read_buffer();
  const ssize_t count = net::receive(fd_, buffer.first(read_limit_));
  if (count > 0) {
    const auto size = static_cast<std::uint32_t>(count);
    filled_ = size == read_limit_ ? size : 0;  // a short read has emptied the socket
    events_->on_read({buffer.data(), size});
    filled_ = 0;
    return Received::Bytes;
  }
  if (count == 0) {
    on_end_of_stream();
  } else if (!would_block(errno)) {
    die(classify(errno));
  }
  return Received::Nothing;
}

void SocketTransport::on_end_of_stream() {
  // The failed send has taken the reset from the socket, so recv reports a clean end that was none.
  if (write_side_ == WriteSide::Failed) return die(write_error_);
  const bool is_news = read_side_ == ReadSide::Open;
  read_side_ = ReadSide::EndRead;
  if (is_news) events_->on_eof();
}

/// A write has failed earlier in this turn, or it is closed.
void SocketTransport::run_deferred() {
  if (life_ == Life::Closed) return loop_.free_closed(*this);
  while (is_live() && mode_ == ReadMode::On && read_side_ != ReadSide::EndRead) {
    if (receive() == Received::Nothing) break;
  }
  if (is_live()) die(write_error_);
}

void SocketTransport::die(TransportError error) {
  life_ = Life::Dead;
  queue_.clear();
  watch(0);
  events_->on_error(error);
}

// ---- reading

void SocketTransport::read(ReadMode mode, std::size_t limit) {
  DEBUG_ENSURE(limit > 0 && limit <= core::limits::kReadBufferSize, "read limit out of range");
  DEBUG_ENSURE(events_ != nullptr || mode == ReadMode::Off, "reading without a receiver");
  read_limit_ = static_cast<std::uint32_t>(limit);
  if (mode == mode_) return;
  mode_ = mode;
  settle(0);
}

std::string_view SocketTransport::read_more(std::size_t limit) {
  const std::size_t used = std::exchange(filled_, 0);
  const std::span<char> buffer = loop_.read_buffer();
  if (used == 0 || used == buffer.size() || !is_live()) return {};
  const std::span<char> rest = buffer.subspan(used, std::min(limit, buffer.size() - used));
  const ssize_t count = net::receive(fd_, rest);
  // An end is there to be read again. An error is not: the kernel tells it once.
  if (count < 0 && !would_block(errno)) fail_write(errno);
  return {rest.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
}

bool SocketTransport::has_input() const {
  char first = 0;
  const ssize_t count = ::recv(fd_, &first, 1, MSG_PEEK | MSG_DONTWAIT);
  return count >= 0 || !would_block(errno);
}

// ---- writing

void SocketTransport::write(std::span<const std::string_view> parts) {
  if (!is_live() || write_side_ != WriteSide::Open) return;
  ssize_t sent = 0;
  if (queue_.empty()) {
    sent = send_all(fd_, parts);
    if (sent < 0) return fail_write(errno);
    // The usual case: nothing is left to queue, so epoll watches what it did.
    if (static_cast<std::size_t>(sent) == total(parts)) return;
  }
  append_from(queue_, parts, static_cast<std::size_t>(sent));
  settle(0);
}

std::size_t SocketTransport::untaken() const {
  int in_kernel = 0;
  // tcp(7), unix(7): SIOCOUTQ. It falls in steps: of a Unix socket by whole buffers, of TCP when
  // the peer's window opens again (docs/adr/0026).
  if (::ioctl(fd_, SIOCOUTQ, &in_kernel) != 0 || in_kernel < 0) in_kernel = 0;
  return queue_.size() + static_cast<std::size_t>(in_kernel);
}

void SocketTransport::flush() {
  std::array<std::string_view, 16> parts;
  const std::size_t before = queue_.size();
  const ssize_t sent = send_parts(fd_, std::span(parts).first(queue_.front(parts)));
  if (sent < 0) return fail_write(errno);
  queue_.consume(static_cast<std::size_t>(sent));
  const std::size_t after = queue_.size();
  if (after == 0 && write_side_ == WriteSide::Ending) end_write_side();
  const bool fell_low =
      before > core::limits::kLowWatermark && after <= core::limits::kLowWatermark;
  if (after == 0 || fell_low) events_->on_drained();
}

void SocketTransport::fail_write(int error_number) {
  write_side_ = error_number == EPIPE ? WriteSide::FailedAfterEnd : WriteSide::Failed;
  write_error_ = classify(error_number);
  queue_.clear();
  loop_.core().defer(*this);
}

void SocketTransport::shutdown_write() {
  if (!is_live() || write_side_ != WriteSide::Open) return;
  write_side_ = WriteSide::Ending;
  if (queue_.empty()) end_write_side();
}

void SocketTransport::end_write_side() {
  write_side_ = WriteSide::Ended;
  ::shutdown(fd_, SHUT_WR);  // fails on a dead connection only, and reading or writing tells that
}

// ---- the end

void SocketTransport::close() {
  if (life_ == Life::Closed) return;
  life_ = Life::Closed;
  queue_.clear();
  // Which takes it out of the set, unless a child holds it for a moment (ProgramStart).
  ::close(fd_);
  loop_.core().defer(*this);
}

void SocketTransport::reset() {
  if (life_ == Life::Closed) return;
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

// ---- what epoll watches

std::uint32_t SocketTransport::wanted() const {
  std::uint32_t events = 0;
  // Also the hang-up while reading: the event then tells WatchClose of it without another change.
  // While bytes are unread it fires again and again (level-triggered), as kRead does.
  if (mode_ == ReadMode::On && read_side_ != ReadSide::EndRead) {
    events |= readiness::kRead | readiness::kPeerEnded;
  }
  if (mode_ == ReadMode::WatchClose && read_side_ == ReadSide::Open) {
    events |= readiness::kPeerEnded;
  }
  if (!queue_.empty()) events |= readiness::kWrite;
  return events;
}

/// `ready` came just now. Adds what is missing; removes what fired unwanted, and kWrite, which
/// always would.
void SocketTransport::settle(std::uint32_t ready) {
  if (!is_live()) return;
  const std::uint32_t wanted_now = wanted();
  const std::uint32_t missing = wanted_now & ~watched_;
  const std::uint32_t unwanted = watched_ & ~wanted_now & (ready | readiness::kWrite);
  if (missing != 0 || unwanted != 0) watch(wanted_now);
}

void SocketTransport::watch(std::uint32_t events) {
  if (watched_ == events) return;
  const bool is_in_set = watched_ != 0;
  watched_ = static_cast<std::uint16_t>(events);
  if (events == 0) return loop_.sockets().remove(fd_);  // kHungUp and kError can't be left out
  if (is_in_set) return loop_.sockets().change(fd_, events, *this);
  if (loop_.sockets().add(fd_, events, *this)) return;
  watched_ = 0;
  fail_write(errno);  // nothing would ever be heard of it again
}

}  // namespace sluice::net
