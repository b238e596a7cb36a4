#include "app/log_writer.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "sluice/core/limits.hpp"

namespace sluice::app {
namespace {
constexpr std::chrono::milliseconds kLookEvery{100};
}

core::Result<std::unique_ptr<LogWriter>> LogWriter::open(const std::string& path, std::size_t workers) {
  if (path == "-") return std::unique_ptr<LogWriter>(new LogWriter(net::OwnedFd(), STDOUT_FILENO, workers));
  net::OwnedFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (file.get() < 0) {
    return core::Error{core::ErrorCode::Io, path, std::string("the access log can't be opened: ") + std::strerror(errno)};
  }
  const int descriptor = file.get();
  return std::unique_ptr<LogWriter>(new LogWriter(std::move(file), descriptor, workers));
}

LogWriter::LogWriter(net::OwnedFd file, int descriptor, std::size_t workers)
    : file_(std::move(file)), descriptor_(descriptor) {
  for (std::size_t i = 0; i < workers; ++i) {
    queues_.push_back(std::make_unique<proxy::LogQueue>(core::limits::kAccessLogQueueBytes / workers,
                                                        core::limits::kAccessLogQueueLines / workers));
  }
  thread_ = std::thread([this] { run(); });
}

LogWriter::~LogWriter() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  stop_.notify_one();
  thread_.join();
}

void LogWriter::run() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    stop_.wait_for(lock, kLookEvery);
    lock.unlock();
    write_waiting();
    lock.lock();
  }
}

void LogWriter::write_waiting() {
  for (const auto& queue : queues_) {
    const proxy::LogQueue::Waiting waiting = queue->peek();
    if (waiting.empty()) continue;
    if (!write_all(waiting.first, waiting.second)) lines_lost_.fetch_add(waiting.lines, std::memory_order_relaxed);
    queue->consume(waiting);
  }
}

/// False when the disk did not take all of it: a full disk must not stop the proxy, so the lines are lost and counted.
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

}  // namespace sluice::app
