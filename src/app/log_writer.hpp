#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/owned_fd.hpp"
#include "proxy/log_queue.hpp"
#include "sluice/core/result.hpp"

namespace sluice::app {

/// Writes the access log: one thread that empties the queues of all workers, so that no event loop
/// waits for a disk. The workers never wake it (a system call per request): it looks ten times a
/// second. A pipe that nobody reads holds up neither start nor end.
class LogWriter {
 public:
  /// Takes one line for whoever runs the process; on the writer's thread.
  using Tell = std::function<void(const std::string&)>;
  /// Opens `path` with O_APPEND (`-`: standard output) and starts the thread. A FIFO needs no
  /// reader yet. Error: Io, names the path.
  static core::Result<std::unique_ptr<LogWriter>> open(const std::string& path, std::size_t workers,
                                                       Tell tell);
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  ~LogWriter();

  /// After the file was renamed: what waits goes to the old one, then a file is opened under the
  /// path anew; when that fails the old one is kept. Tells what came of it. Any thread.
  void reopen();

  /// Writes what waits, to a pipe for a second at most, then ends the thread. The rest is lost and
  /// counted. Requires: the workers have ended. Idempotent.
  void stop();

  proxy::LogQueue& queue(std::size_t worker) { return *queues_[worker]; }
  /// Lines that the disk or the pipe did not take. Any thread.
  std::uint64_t lines_lost() const { return lines_lost_.load(std::memory_order_relaxed); }

 private:
  LogWriter(net::OwnedFd file, std::string path, std::size_t workers, Tell tell);
  void run();
  void use(net::OwnedFd file);
  void reopen_now();
  void write_waiting();
  void write_to_file(proxy::LogQueue& queue, const proxy::LogQueue::Waiting& waiting);
  bool write_all(std::string_view first, std::string_view second);
  void write_to_stream(proxy::LogQueue& queue, proxy::LogQueue::Waiting waiting);
  std::size_t write_piece(std::string_view piece);
  bool wait_for_room();
  bool is_out_of_patience() const;
  void lose(std::size_t lines) { lines_lost_.fetch_add(lines, std::memory_order_relaxed); }

  const std::string path_;
  const Tell tell_;
  // Of the writer's thread, once it runs.
  net::OwnedFd file_;  // empty for standard output
  int descriptor_ = -1;
  bool is_file_ = false;  // a regular one: never "not now"
  std::vector<std::unique_ptr<proxy::LogQueue>> queues_;
  std::atomic<std::uint64_t> lines_lost_{0};
  std::mutex mutex_;
  std::condition_variable stop_;
  std::chrono::steady_clock::time_point patience_ends_;  // written before is_stopping_
  std::atomic<bool> is_stopping_{false};
  bool is_reopen_wanted_ = false;  // under mutex_
  std::thread thread_;             // last: it uses the rest
};

}  // namespace sluice::app
