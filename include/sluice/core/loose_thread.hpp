#pragma once
#include <functional>
#include <future>
#include <thread>

#include "sluice/core/clock.hpp"

namespace sluice::core {

/// A thread whose work may hang in a system call: on a disk, on a pipe. Whoever ends it waits for
/// it for a while, and then leaves it to the end of the process. So all that the work uses must
/// belong to it: a shared pointer in its closure. Not thread-safe.
class LooseThread {
 public:
  /// `name`: as name_thread(). `work` goes with the thread, on it.
  LooseThread(const char* name, std::function<void()> work);
  LooseThread(const LooseThread&) = delete;
  LooseThread& operator=(const LooseThread&) = delete;
  /// As end_within() without patience. Whoever wants to wait does it before.
  ~LooseThread();

  /// Once the work was told to end. False: it hangs, and is left; what it still does has no owner.
  /// Idempotent: the first answer stays.
  bool end_within(Nanos patience);

 private:
  std::future<void> ended_;
  std::thread thread_;
  bool was_left_ = false;
};

}  // namespace sluice::core
