#include "app/log_target.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "net/owned_fd.hpp"

namespace sluice::app {
namespace {

constexpr std::string_view kStandardOutput = "-";

/// What both kinds share: the descriptor, and which file it is.
class Descriptor : public LogTarget {
 public:
  /// `owned` empty: standard output.
  explicit Descriptor(net::OwnedFd owned)
      : owned_(std::move(owned)), descriptor_(owned_.is_open() ? owned_.get() : STDOUT_FILENO) {}

  bool is_same_as(const LogTarget& other) const override {
    const auto* const one = dynamic_cast<const Descriptor*>(&other);
    if (one == nullptr) return false;
    struct stat mine {};
    struct stat its {};
    return ::fstat(descriptor_, &mine) == 0 && ::fstat(one->descriptor_, &its) == 0 &&
           mine.st_dev == its.st_dev && mine.st_ino == its.st_ino;
  }

 protected:
  bool is_ours() const { return owned_.is_open(); }
  int descriptor() const { return descriptor_; }

 private:
  net::OwnedFd owned_;
  int descriptor_;
};

/// A regular file: never "not now" for want of a reader, but its disk may be full.
class FileTarget final : public Descriptor {
 public:
  enum class Tail : std::uint8_t { WholeLine, Torn };
  FileTarget(net::OwnedFd file, Tail tail)
      : Descriptor(std::move(file)), owes_line_end_(tail == Tail::Torn) {}

  Taken take(std::string_view first, std::string_view second) override {
    if (owes_line_end_) {
      if (::write(descriptor(), "\n", 1) != 1) return not_taken();
      owes_line_end_ = false;
    }
    const iovec parts[] = {{const_cast<char*>(first.data()), first.size()},
                           {const_cast<char*>(second.data()), second.size()}};
    const ssize_t written = ::writev(descriptor(), parts, 2);
    if (written <= 0) return not_taken();
    const auto bytes = static_cast<std::size_t>(written);
    note_run(bytes);
    return {.bytes = bytes};
  }

  /// Only where nobody else has written behind or between them: their lines are not ours to cut.
  bool cut(std::size_t bytes) override {
    struct stat found {};
    if (!is_ours() || ::fstat(descriptor(), &found) != 0 || found.st_size != run_end_) return false;
    const off_t left = run_end_ - static_cast<off_t>(bytes);
    if (left < run_begin_ || ::ftruncate(descriptor(), left) != 0) return false;
    run_end_ = left;
    return true;
  }

  bool is_truncated() const override {
    struct stat found {};
    return ::fstat(descriptor(), &found) == 0 && found.st_size < run_end_;
  }

  bool wait_for_room(std::chrono::milliseconds) override { return false; }

 private:
  static Taken not_taken() {
    if (errno == EINTR) return {};
    return {.bytes = 0, .then = Then::NotNow, .error = errno};
  }

  /// The end of the file that our last write made, and since where all of it is ours. After a write
  /// with O_APPEND the descriptor stands at its end.
  void note_run(std::size_t bytes) {
    const off_t end = ::lseek(descriptor(), 0, SEEK_CUR);
    const off_t begin = end - static_cast<off_t>(bytes);
    if (begin != run_end_) run_begin_ = begin;
    run_end_ = end;
  }

  bool owes_line_end_;
  off_t run_begin_ = 0;
  off_t run_end_ = 0;
};

/// A pipe, a terminal, a device: what a reader has not read yet is in the way.
class StreamTarget final : public Descriptor {
 public:
  using Descriptor::Descriptor;

  /// After poll() a pipe has room for PIPE_BUF, so this does not block; O_NONBLOCK on standard
  /// output would reach everyone who shares it.
  Taken take(std::string_view first, std::string_view second) override {
    if (!has_room(std::chrono::milliseconds(0))) return {.bytes = 0, .then = Then::NotNow};
    const std::string_view piece = front_piece(first.empty() ? second : first);
    const ssize_t written = ::write(descriptor(), piece.data(), piece.size());
    if (written >= 0) return {.bytes = static_cast<std::size_t>(written)};
    if (errno == EINTR) return {};
    if (errno == EAGAIN) return {.bytes = 0, .then = Then::NotNow};
    return {.bytes = 0, .then = Then::Never, .error = errno};
  }

  bool cut(std::size_t) override { return false; }
  bool is_truncated() const override { return false; }

  bool wait_for_room(std::chrono::milliseconds longest) override {
    static_cast<void>(has_room(longest));
    return true;
  }

 private:
  /// What one write can take: whole lines, so that nobody who shares the pipe writes into one, but
  /// for a line that is longer.
  static std::string_view front_piece(std::string_view text) {
    const std::string_view most = text.substr(0, PIPE_BUF);
    const std::size_t end = most.rfind('\n');
    return end == std::string_view::npos ? most : most.substr(0, end + 1);
  }

  /// An error counts as room: the write tells it.
  bool has_room(std::chrono::milliseconds longest) const {
    pollfd room{.fd = descriptor(), .events = POLLOUT, .revents = 0};
    return ::poll(&room, 1, static_cast<int>(longest.count())) != 0;
  }
};

bool is_fifo(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && S_ISFIFO(found.st_mode);
}

bool is_regular(int descriptor) {
  struct stat found {};
  return ::fstat(descriptor, &found) == 0 && S_ISREG(found.st_mode);
}

/// Not for writing alone: that waits for a reader, or without waiting fails, and what a reader left
/// behind would be gone. Who may only write depends on the reader being there first.
net::OwnedFd open_fifo(const std::string& path) {
  net::OwnedFd fifo(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fifo.is_open() && errno == EACCES)
    fifo.reset(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  return fifo;
}

net::OwnedFd open_file(const std::string& path) {
  if (is_fifo(path)) return open_fifo(path);
  return net::OwnedFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
}

/// Whoever may only write can't see it.
FileTarget::Tail tail_of(const std::string& path) {
  const net::OwnedFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  char last = '\n';
  const off_t size = file.is_open() ? ::lseek(file.get(), 0, SEEK_END) : 0;
  if (size > 0 && ::pread(file.get(), &last, 1, size - 1) != 1) last = '\n';
  return last == '\n' ? FileTarget::Tail::WholeLine : FileTarget::Tail::Torn;
}

}  // namespace

core::Result<std::unique_ptr<LogTarget>> open_log_target(const std::string& path) {
  const bool is_standard = path == kStandardOutput;
  net::OwnedFd file;
  if (!is_standard) {
    file = open_file(path);
    if (!file.is_open()) {
      return core::Error{core::ErrorCode::Io, path,
                         std::string("the access log can't be opened: ") + std::strerror(errno)};
    }
  }
  std::unique_ptr<LogTarget> target;
  if (is_regular(is_standard ? STDOUT_FILENO : file.get())) {
    const auto tail = is_standard ? FileTarget::Tail::WholeLine : tail_of(path);
    target = std::make_unique<FileTarget>(std::move(file), tail);
  } else {
    target = std::make_unique<StreamTarget>(std::move(file));
  }
  return target;
}

}  // namespace sluice::app
