#pragma once
#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>

#include "sluice/core/limits.hpp"

namespace sluice::proxy {

/// Access-log lines on their way from one worker to the log writer's thread: a ring of bytes, one
/// producer, one consumer, no lock. Bounded in bytes and lines; a line that does not fit is dropped
/// and counted by the producer. Lines that find the ring empty begin at its front again, so memory
/// is touched about as far as lines really wait.
class LogQueue {
 public:
  LogQueue(std::size_t bytes, std::size_t lines);

  /// Worker. False: dropped. `line` ends with '\n'.
  bool push(std::string_view line);
  /// Writer: up to two spans of whole lines that wait (the second one after the wrap), and how many
  /// lines.
  struct Waiting {
    std::string_view first, second;
    std::size_t lines = 0;
    bool empty() const { return first.empty() && second.empty(); }
  };
  Waiting peek() const;
  /// Writer: they are written.
  void consume(const Waiting& written);

 private:
  std::size_t first_unread() const;

  const std::size_t capacity_;
  const std::size_t lines_max_;
  const std::size_t restart_beyond_;  // nearer to the front nothing is won
  std::unique_ptr<char[]> ring_;
  alignas(64) std::atomic<std::size_t> written_{0};  // bytes ever pushed; worker
  std::atomic<std::size_t> lines_in_{0};             // worker
  // Worker: bytes before this one were skipped on the way to the front. Ahead of written_ for a
  // moment.
  std::atomic<std::size_t> start_{0};
  alignas(64) std::atomic<std::size_t> read_{0};  // bytes ever consumed; writer
  std::atomic<std::size_t> lines_out_{0};         // writer
};

}  // namespace sluice::proxy
