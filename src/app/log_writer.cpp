#include "app/log_writer.hpp"

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "app/log_pump.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEvery{100};

std::vector<std::unique_ptr<proxy::LogQueue>> make_queues(std::size_t workers) {
  std::vector<std::unique_ptr<proxy::LogQueue>> queues;
  for (std::size_t i = 0; i < workers; ++i) {
    queues.push_back(
        std::make_unique<proxy::LogQueue>(core::limits::kAccessLogQueueBytes / workers,
                                          core::limits::kAccessLogQueueLines / workers));
  }
  return queues;
}

}  // namespace

/// What the thread uses, also when it hangs and everything else has ended.
struct LogWriter::Shared {
  Shared(Settings all, std::unique_ptr<LogTarget> opened)
      : settings(std::move(all)), target(std::move(opened)), pump(make_queues(settings.workers)) {}

  struct Wish {
    bool reopens = false;
    std::optional<Clock::time_point> stops_by;
  };

  void run() {
    LogPump::Pass pass;
    while (true) {
      const Wish wish = next_wish(pass.is_stuck);
      pass = pump.pump(*target);
      tell_trouble(pass);
      if (wish.reopens) reopen_now();
      if (wish.stops_by && (!pass.is_stuck || Clock::now() >= *wish.stops_by)) break;
    }
    pump.give_up(*target);
  }

  /// Behind the next look, or when the target that lines wait for has room.
  Wish next_wish(bool is_stuck) {
    const bool has_waited = is_stuck && target->wait_for_room(kLookEvery);
    std::unique_lock lock(mutex);
    if (!has_waited) changed.wait_for(lock, kLookEvery);
    return {.reopens = std::exchange(is_reopen_wanted, false), .stops_by = stops_by};
  }

  /// Once when it begins and once when it is over, not with each look.
  void tell_trouble(const LogPump::Pass& pass) {
    if (pass.error != 0 && !std::exchange(is_in_trouble, true)) {
      tell(settings.path + ": the access log can't be written, lines " +
           (pass.is_stuck ? "wait: " : "are lost: ") + std::strerror(pass.error));
    }
    if (pass.error == 0 && !pass.is_stuck && pass.bytes > 0 && std::exchange(is_in_trouble, false))
      tell(settings.path + ": the access log is written again");
  }

  void reopen_now() {
    if (settings.path == "-") return tell("the access log is standard output: nothing to reopen");
    auto fresh = settings.open(settings.path);
    if (!fresh) return tell(fresh.error().text() + "; the old file is kept");
    pump.change(*target, **fresh);
    target = std::move(*fresh);
    tell(settings.path + ": the access log is open again");
  }

  void tell(const std::string& line) {
    const std::lock_guard lock(mutex);
    if (!is_abandoned) settings.tell(line);
  }

  const Settings settings;
  // Of the thread.
  std::unique_ptr<LogTarget> target;
  LogPump pump;
  bool is_in_trouble = false;
  // Under the mutex.
  std::mutex mutex;
  std::condition_variable changed;
  bool is_reopen_wanted = false;
  std::optional<Clock::time_point> stops_by;
  bool is_abandoned = false;
};

core::Result<std::unique_ptr<LogWriter>> LogWriter::open(Settings settings) {
  auto target = settings.open(settings.path);
  if (!target) return target.error();
  return std::unique_ptr<LogWriter>(
      new LogWriter(std::make_shared<Shared>(std::move(settings), std::move(*target))));
}

LogWriter::LogWriter(std::shared_ptr<Shared> shared)
    : shared_(std::move(shared)), thread_("access-log", [shared = shared_] { shared->run(); }) {}

LogWriter::~LogWriter() {
  stop();
}

void LogWriter::reopen() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->is_reopen_wanted = true;
  }
  shared_->changed.notify_all();
}

LogWriter::Stopped LogWriter::stop() {
  const std::chrono::milliseconds patience = shared_->settings.last_patience;
  {
    const std::lock_guard lock(shared_->mutex);
    if (!shared_->stops_by) shared_->stops_by = Clock::now() + patience;
  }
  shared_->changed.notify_all();
  // Twice: it looks at the time between two writes only, and gives up what waits.
  if (thread_.end_within(2 * patience)) return Stopped::Ended;
  const std::lock_guard lock(shared_->mutex);
  shared_->is_abandoned = true;
  return Stopped::Hangs;
}

proxy::LogQueue& LogWriter::queue(std::size_t worker) {
  return shared_->pump.queue(worker);
}

std::uint64_t LogWriter::lines_lost() const {
  return shared_->pump.lines_lost();
}

}  // namespace sluice::app
