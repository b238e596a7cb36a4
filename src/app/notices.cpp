#include "app/notices.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string_view>

#include "app/notice_queue.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::app {

/// What the thread uses, also when it hangs and everything else has ended.
struct Notices::Shared {
  explicit Shared(int where) : descriptor(where) {}

  void run() {
    while (const auto line = next()) write_whole("sluice: " + *line + "\n");
  }

  std::optional<std::string> next() {
    std::unique_lock lock(mutex);
    std::optional<std::string> line = queue.pop();
    while (!line && !is_stopping) {
      changed.wait(lock);
      line = queue.pop();
    }
    return line;
  }

  /// A reader that has gone, or a disk that takes nothing, gets none of it: there is nobody to
  /// tell.
  void write_whole(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor, text.data(), text.size());
      if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
      if (written >= 0 || errno == EINTR) continue;
      if (errno != EAGAIN) return;
      pollfd room{.fd = descriptor, .events = POLLOUT, .revents = 0};  // somebody's O_NONBLOCK
      static_cast<void>(::poll(&room, 1, -1));
    }
  }

  const int descriptor;
  // Under the mutex.
  std::mutex mutex;
  std::condition_variable changed;
  NoticeQueue queue{core::limits::kNoticeQueueBytes};
  bool is_stopping = false;
};

Notices::Notices(Settings settings)
    : last_patience_(settings.last_patience),
      shared_(std::make_shared<Shared>(settings.descriptor)),
      thread_("notices", [shared = shared_] { shared->run(); }) {}

Notices::~Notices() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->is_stopping = true;
  }
  shared_->changed.notify_all();
  thread_.end_within(last_patience_);
}

void Notices::say(const std::string& line) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->queue.push(line);
  }
  shared_->changed.notify_all();
}

}  // namespace sluice::app
