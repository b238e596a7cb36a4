#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "sluice/core/loose_thread.hpp"

namespace sluice::app {

/// Lines for whoever runs the process, on standard error. Whoever says something never waits for
/// the one who reads: a thread of its own writes, and what does not fit into kNoticeQueueBytes is
/// counted, which the next line tells. Not by O_NONBLOCK: that would reach everyone who shares the
/// terminal or the pipe.
class Notices {
 public:
  struct Settings {
    int descriptor = 2;                             // borrowed
    std::chrono::milliseconds last_patience{1000};  // of the destructor
  };
  Notices() : Notices(Settings{}) {}
  explicit Notices(Settings settings);
  Notices(const Notices&) = delete;
  Notices& operator=(const Notices&) = delete;
  /// Writes what waits, for `last_patience` at most; a write that hangs is left to the end of the
  /// process.
  ~Notices();

  /// One line, without its end. Any thread.
  void say(const std::string& line);

 private:
  struct Shared;

  const std::chrono::milliseconds last_patience_;
  std::shared_ptr<Shared> shared_;
  core::LooseThread thread_;
};

}  // namespace sluice::app
