#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "app/log_target.hpp"
#include "proxy/log_queue.hpp"

namespace sluice::app {

/// Brings lines from the queues of all workers to a target that may take any part of them. A line
/// leaves its queue when its last byte was taken; while one is torn in the target, nothing else is
/// written behind it. Used by one thread, but for lines_lost().
class LogPump {
 public:
  explicit LogPump(std::vector<std::unique_ptr<proxy::LogQueue>> queues)
      : queues_(std::move(queues)) {}

  struct Pass {
    bool is_stuck = false;  // lines wait because the target takes no more now
    std::size_t bytes = 0;  // taken
    int error = 0;          // the last one of the target; 0: none
  };
  /// What waits, and a little of what comes meanwhile.
  Pass pump(LogTarget& target);

  /// From now on lines go to `next`. A line that is torn in `last` is taken out of it, as far as it
  /// can be, and goes whole to `next`; unless that is the same file, where its rest follows.
  void change(LogTarget& last, const LogTarget& next);

  /// The end: a torn line is taken out of `last`, and all that waits is lost.
  void give_up(LogTarget& last);

  proxy::LogQueue& queue(std::size_t number) { return *queues_[number]; }
  /// Lines of the queues that are not whole in any target. Any thread.
  std::uint64_t lines_lost() const { return lines_lost_.load(std::memory_order_relaxed); }

 private:
  void pump_queue(proxy::LogQueue& queue, LogTarget& target, Pass& pass);
  void note_taken(proxy::LogQueue& queue, proxy::LogQueue::Waiting& waiting, std::size_t bytes);
  void lose(proxy::LogQueue& queue, const proxy::LogQueue::Waiting& waiting);
  void take_out_torn(LogTarget& last);

  std::vector<std::unique_ptr<proxy::LogQueue>> queues_;
  std::size_t next_ = 0;  // the queue that a pass begins with: that of a torn line
  std::size_t torn_ = 0;  // bytes of its first line that the target has
  std::atomic<std::uint64_t> lines_lost_{0};
};

}  // namespace sluice::app
