#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/owned_fd.hpp"
#include "proxy/log_queue.hpp"
#include "sluice/core/result.hpp"

namespace sluice::app {

/// Writes the access log: one thread that empties the queues of all workers, so that no event loop waits for a disk. The
/// workers never wake it (a system call per request): it looks ten times a second.
class LogWriter {
 public:
  /// Opens `path` with O_APPEND (`-`: standard output) and starts the thread. Error: Io, names the path.
  static core::Result<std::unique_ptr<LogWriter>> open(const std::string& path, std::size_t workers);
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  /// Writes what waits, then ends the thread.
  ~LogWriter();

  proxy::LogQueue& queue(std::size_t worker) { return *queues_[worker]; }
  /// Lines that the disk did not take. Any thread.
  std::uint64_t lines_lost() const { return lines_lost_.load(std::memory_order_relaxed); }

 private:
  LogWriter(net::OwnedFd file, int descriptor, std::size_t workers);
  void run();
  void write_waiting();
  bool write_all(std::string_view first, std::string_view second);

  net::OwnedFd file_;       // empty for standard output
  const int descriptor_;
  std::vector<std::unique_ptr<proxy::LogQueue>> queues_;
  std::atomic<std::uint64_t> lines_lost_{0};
  std::mutex mutex_;
  std::condition_variable stop_;
  bool is_stopping_ = false;  // guarded by mutex_
  std::thread thread_;        // last: it uses the rest
};

}  // namespace sluice::app
