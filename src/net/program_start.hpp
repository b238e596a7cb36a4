#pragma once
#include <atomic>

namespace sluice::net {

/// Lives while a program is being started. Until the child has closed them, it has a copy of every
/// descriptor of this process: a socket that any thread closes meanwhile stays open, and in its
/// epoll set, with the watcher that it was added with (epoll(7), question 6). So what an epoll set
/// points to is not freed in that time.
///
/// Whoever closes a socket and finds afterwards that nothing is under way knows that no child has
/// it: the kernel copies the table of descriptors and takes one out of it under the same lock.
class ProgramStart {
 public:
  ProgramStart() { under_way_.fetch_add(1); }
  ProgramStart(const ProgramStart&) = delete;
  ProgramStart& operator=(const ProgramStart&) = delete;
  ~ProgramStart() { under_way_.fetch_sub(1); }

  /// Any thread.
  static bool is_under_way() { return under_way_.load() != 0; }

 private:
  static inline std::atomic<unsigned> under_way_{0};
};

}  // namespace sluice::net
