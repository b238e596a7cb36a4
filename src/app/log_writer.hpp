#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "app/log_target.hpp"
#include "proxy/log_queue.hpp"
#include "sluice/core/loose_thread.hpp"
#include "sluice/core/result.hpp"

namespace sluice::app {

/// Writes the access log: one thread that empties the queues of all workers, so that no event loop
/// waits for a disk. The workers never wake it (a system call per request): it looks ten times a
/// second. A pipe that nobody reads, a full disk or one that hangs holds up neither start, nor
/// reopen, nor end: lines wait in the queues, and the workers drop and count what does not fit.
class LogWriter {
 public:
  /// Takes one line for whoever runs the process; on the writer's thread.
  using Tell = std::function<void(const std::string&)>;
  using Open = std::function<core::Result<std::unique_ptr<LogTarget>>(const std::string& path)>;
  struct Settings {
    std::string path;  // `-`: standard output
    std::size_t workers = 1;
    Tell tell;
    Open open = open_log_target;                    // on the caller's thread, then on the writer's
    std::chrono::milliseconds last_patience{1000};  // of stop()
  };
  enum class Stopped : std::uint8_t { Ended, Hangs };

  /// Opens the target and starts the thread. Error: Io, names the path.
  static core::Result<std::unique_ptr<LogWriter>> open(Settings settings);
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  ~LogWriter();

  /// After the file was renamed: what the old one takes without waiting goes to it, then a file is
  /// opened under the path anew; when that fails the old one is kept. Tells what came of it. Any
  /// thread.
  void reopen();

  /// Writes what waits, where that is slow for `last_patience` at most, then ends the thread. The
  /// rest is lost and counted. Hangs: a write has not come back, and the thread is left to the end
  /// of the process. Requires: the workers have ended. Idempotent.
  Stopped stop();

  proxy::LogQueue& queue(std::size_t worker);
  /// Lines that are in no file and no pipe, and will not be. Any thread.
  std::uint64_t lines_lost() const;

 private:
  struct Shared;
  explicit LogWriter(std::shared_ptr<Shared> shared);

  std::shared_ptr<Shared> shared_;
  core::LooseThread thread_;
};

}  // namespace sluice::app
