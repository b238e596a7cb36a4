#include "proxy/log_queue.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::proxy {
namespace {

/// From line to line: an octet by octet count took six instructions for each of 500.
std::size_t count_lines(std::string_view text) {
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string_view::npos; ++at) ++lines;
  return lines;
}

}  // namespace

LogQueue::LogQueue(std::size_t bytes, std::size_t lines)
    : capacity_(bytes),
      lines_max_(lines),
      restart_beyond_(std::min<std::size_t>(bytes / 4, 256 * 1024)),
      ring_(std::make_unique_for_overwrite<char[]>(bytes)) {}

std::size_t LogQueue::first_unread() const {
  return std::max(read_.load(std::memory_order_acquire), start_.load(std::memory_order_relaxed));
}

bool LogQueue::push(std::string_view line) {
  std::size_t written = written_.load(std::memory_order_relaxed);
  const std::size_t lines = lines_in_.load(std::memory_order_relaxed);
  const std::size_t waiting = written - first_unread();
  if (line.size() > capacity_ - waiting) return false;
  if (lines - lines_out_.load(std::memory_order_relaxed) >= lines_max_) return false;

  std::size_t at = written % capacity_;
  if (waiting == 0 && at > restart_beyond_) {
    written += capacity_ - at;
    start_.store(written, std::memory_order_relaxed);
    at = 0;
  }
  const std::size_t head = std::min(line.size(), capacity_ - at);
  std::memcpy(ring_.get() + at, line.data(), head);
  std::memcpy(ring_.get(), line.data() + head, line.size() - head);
  lines_in_.store(lines + 1, std::memory_order_relaxed);
  written_.store(written + line.size(), std::memory_order_release);
  return true;
}

LogQueue::Waiting LogQueue::peek() const {
  const std::size_t written = written_.load(std::memory_order_acquire);
  const std::size_t read = first_unread();
  if (read >= written) return {};
  const std::size_t size = written - read;
  const std::size_t at = read % capacity_;
  const std::size_t head = std::min(size, capacity_ - at);
  Waiting waiting{{ring_.get() + at, head}, {ring_.get(), size - head}, 0};
  waiting.lines = count_lines(waiting.first) + count_lines(waiting.second);
  return waiting;
}

/// While lines wait the worker does not skip, so this begins where peek() began.
void LogQueue::consume(const Waiting& written) {
  lines_out_.store(lines_out_.load(std::memory_order_relaxed) + written.lines,
                   std::memory_order_relaxed);
  read_.store(first_unread() + written.first.size() + written.second.size(),
              std::memory_order_release);
}

}  // namespace sluice::proxy
