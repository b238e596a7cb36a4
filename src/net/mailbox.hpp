#pragma once
#include <atomic>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace sluice::net {

/// Work handed to a loop by other threads: commands and drains, never requests. FIFO. The lock is
/// held for a push or a swap.
class Mailbox {
 public:
  using Work = std::function<void()>;

  /// `wake` makes the loop turn; it is called from the posting thread and must be thread-safe.
  explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  /// Any thread. After close() the work is dropped and false returned.
  bool post(Work work);
  /// Loop thread: runs what was there when it began, and returns how many.
  std::size_t run();
  /// Loop thread, at its end: drops what waits.
  void close();

 private:
  std::function<void()> wake_;
  // Lets a turn without mail pass without the lock. Written under mutex_; a stale false is mended
  // by the wake that follows.
  std::atomic<bool> has_work_{false};
  std::mutex mutex_;
  std::vector<Work> waiting_;  // guarded by mutex_
  bool is_closed_ = false;     // guarded by mutex_
};

}  // namespace sluice::net
