#include "app/log_writer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "sluice/core/limits.hpp"
#include "sluice/core/thread_name.hpp"

namespace sluice::app {
namespace {

using proxy::LogQueue;

constexpr std::string_view kStandardOutput = "-";
constexpr std::chrono::milliseconds kLookEvery{100};
constexpr unsigned kPassesMax = 4;
/// At the end: for a reader that is slow, or that nobody has started.
constexpr std::chrono::milliseconds kLastPatience{1000};

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

/// What one write can take: whole lines, so that nobody who shares the pipe writes into one, but
/// for a line that is longer.
std::string_view front_piece(std::string_view text) {
  const std::string_view most = text.substr(0, PIPE_BUF);
  const std::size_t end = most.rfind('\n');
  return end == std::string_view::npos ? most : most.substr(0, end + 1);
}

std::size_t count_lines(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

}  // namespace

core::Result<std::unique_ptr<LogWriter>> LogWriter::open(const std::string& path,
                                                         std::size_t workers, Tell tell) {
  net::OwnedFd file;
  if (path != kStandardOutput) {
    file = open_file(path);
    if (!file.is_open()) {
      return core::Error{core::ErrorCode::Io, path,
                         std::string("the access log can't be opened: ") + std::strerror(errno)};
    }
  }
  return std::unique_ptr<LogWriter>(new LogWriter(std::move(file), path, workers, std::move(tell)));
}

LogWriter::LogWriter(net::OwnedFd file, std::string path, std::size_t workers, Tell tell)
    : path_(std::move(path)), tell_(std::move(tell)) {
  use(std::move(file));
  for (std::size_t i = 0; i < workers; ++i) {
    queues_.push_back(std::make_unique<LogQueue>(core::limits::kAccessLogQueueBytes / workers,
                                                 core::limits::kAccessLogQueueLines / workers));
  }
  thread_ = std::thread([this] {
    core::name_thread("access-log");
    run();
  });
}

void LogWriter::use(net::OwnedFd file) {
  file_ = std::move(file);
  descriptor_ = file_.is_open() ? file_.get() : STDOUT_FILENO;
  is_file_ = is_regular(descriptor_);
}

void LogWriter::reopen() {
  {
    const std::lock_guard lock(mutex_);
    is_reopen_wanted_ = true;
  }
  stop_.notify_one();
}

void LogWriter::reopen_now() {
  if (path_ == kStandardOutput)
    return tell_("the access log is standard output: nothing to reopen");
  net::OwnedFd fresh = open_file(path_);
  if (!fresh.is_open()) {
    return tell_(path_ + ": the access log can't be opened again, so the old file is kept: " +
                 std::strerror(errno));
  }
  use(std::move(fresh));
  tell_(path_ + ": the access log is open again");
}

LogWriter::~LogWriter() {
  stop();
}

void LogWriter::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    patience_ends_ = std::chrono::steady_clock::now() + kLastPatience;
    is_stopping_.store(true, std::memory_order_release);
  }
  stop_.notify_one();
  thread_.join();
}

void LogWriter::run() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    stop_.wait_for(lock, kLookEvery);
    const bool reopens = std::exchange(is_reopen_wanted_, false);
    lock.unlock();
    write_waiting();
    if (reopens) reopen_now();
    lock.lock();
  }
  lock.unlock();
  write_waiting();  // what came behind the last pass, when the stop came during it
}

void LogWriter::write_waiting() {
  for (const auto& queue : queues_) {
    // Until it is empty, with the few lines that came meanwhile: then it begins at its front again.
    for (unsigned pass = 0; pass < kPassesMax; ++pass) {
      const LogQueue::Waiting waiting = queue->peek();
      if (waiting.empty()) break;
      if (is_file_) {
        write_to_file(*queue, waiting);
      } else {
        write_to_stream(*queue, waiting);
      }
    }
  }
}

void LogWriter::write_to_file(LogQueue& queue, const LogQueue::Waiting& waiting) {
  if (!write_all(waiting.first, waiting.second)) lose(waiting.lines);
  queue.consume(waiting);
}

/// False when the disk did not take all of it: a full disk must not stop the proxy, so the lines
/// are lost and counted.
bool LogWriter::write_all(std::string_view first, std::string_view second) {
  while (!first.empty() || !second.empty()) {
    const iovec parts[] = {{const_cast<char*>(first.data()), first.size()},
                           {const_cast<char*>(second.data()), second.size()}};
    const ssize_t written = ::writev(descriptor_, parts, 2);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    const std::size_t of_first = std::min(first.size(), static_cast<std::size_t>(written));
    first.remove_prefix(of_first);
    second.remove_prefix(static_cast<std::size_t>(written) - of_first);
  }
  return true;
}

/// A pipe that nobody reads makes this wait; the queues fill meanwhile, and the workers drop and
/// count what does not fit. What was taken leaves the queue at once, so a reader that comes back
/// finds no line torn.
void LogWriter::write_to_stream(LogQueue& queue, LogQueue::Waiting waiting) {
  while (!waiting.empty()) {
    std::string_view& part = waiting.first.empty() ? waiting.second : waiting.first;
    const std::string_view taken = part.substr(0, write_piece(front_piece(part)));
    if (taken.empty()) {
      lose(waiting.lines);
      return queue.consume(waiting);
    }
    const std::size_t lines = count_lines(taken);
    part.remove_prefix(taken.size());
    waiting.lines -= lines;
    queue.consume({.first = taken, .second = {}, .lines = lines});
  }
}

/// How much was taken. Nothing: the reader has gone, or the patience at the end. After poll() a
/// pipe has room for PIPE_BUF, so this does not block; O_NONBLOCK on standard output would reach
/// everyone who shares it. Requires: at most PIPE_BUF.
std::size_t LogWriter::write_piece(std::string_view piece) {
  while (wait_for_room()) {
    const ssize_t written = ::write(descriptor_, piece.data(), piece.size());
    if (written >= 0) return static_cast<std::size_t>(written);
    if (errno != EINTR && errno != EAGAIN) return 0;
  }
  return 0;
}

/// False when the patience has ended. An error counts as room: the write tells it.
bool LogWriter::wait_for_room() {
  while (!is_out_of_patience()) {
    pollfd room{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&room, 1, static_cast<int>(kLookEvery.count()));
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
  }
  return false;
}

bool LogWriter::is_out_of_patience() const {
  return is_stopping_.load(std::memory_order_acquire) &&
         std::chrono::steady_clock::now() >= patience_ends_;
}

}  // namespace sluice::app
