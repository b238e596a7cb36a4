#pragma once
#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>

#include "sluice/core/limits.hpp"

namespace sluice::proxy {

/// Access-log lines on their way from one worker to the log writer's thread: a ring of bytes, one
/// producer, one consumer, no lock. Bounded in bytes and lines; a line that does not fit is dropped
/// and counted by the producer. The memory is touched only as far as lines really wait.
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
  const std::size_t capacity_;
  const std::size_t lines_max_;
  std::unique_ptr<char[]> ring_;
  alignas(64) std::atomic<std::size_t> written_{0};  // bytes ever pushed; worker
  std::atomic<std::size_t> lines_in_{0};             // worker
  alignas(64) std::atomic<std::size_t> read_{0};     // bytes ever consumed; writer
  std::atomic<std::size_t> lines_out_{0};            // writer
};

}  // namespace sluice::proxy
