#include "app/identity_watcher.hpp"

#include <condition_variable>
#include <mutex>
#include <string>

#include "sluice/core/limits.hpp"

namespace sluice::app {
namespace {

/// At the end, for a file that is just being read.
constexpr std::chrono::milliseconds kLastPatience{1000};

struct Watched {
  std::string path;
  config::FileWatch watch;
};

}  // namespace

/// What the thread uses, also when it hangs and everything else has ended.
struct IdentityWatcher::Shared {
  Shared(const std::vector<config::IdentityFile>& all, net::Mailbox& control,
         std::function<void(News)> told)
      : mailbox(&control), on_news(std::make_shared<std::function<void(News)>>(std::move(told))) {
    for (const config::IdentityFile& file : all)
      files.push_back({file.path, config::FileWatch(file.read)});
  }

  void run() {
    while (waits_for_next_look()) {
      for (std::size_t i = 0; i < files.size(); ++i) look(i);
    }
  }

  bool waits_for_next_look() {
    std::unique_lock lock(mutex);
    return !changed.wait_for(lock, core::limits::kFileLook, [this] { return mailbox == nullptr; });
  }

  void look(std::size_t number) {
    Watched& file = files[number];
    if (!file.watch.look(config::stamp_of(file.path))) return;
    auto read = config::read_identities(file.path);
    if (read) {
      file.watch.note_read(read->stamp);
      return tell({number, std::make_shared<const policy::IdentityList>(std::move(read->list))});
    }
    // A bad or an overlong file stays so until somebody changes it; what else went wrong may pass.
    const core::ErrorCode code = read.error().code;
    if (code == core::ErrorCode::Io || code == core::ErrorCode::Unavailable)
      file.watch.note_failed();
    tell({number, read.error()});
  }

  /// The receiver may end between the message and its turn.
  void tell(News news) {
    const std::lock_guard lock(mutex);
    if (mailbox == nullptr) return;
    mailbox->post([told = std::weak_ptr(on_news), news = std::move(news)]() mutable {
      if (const auto receiver = told.lock()) (*receiver)(std::move(news));
    });
  }

  std::vector<Watched> files;  // the thread's own
  std::mutex mutex;
  std::condition_variable changed;
  net::Mailbox* mailbox;  // guarded by mutex; nullptr: the end
  std::shared_ptr<std::function<void(News)>> on_news;
};

IdentityWatcher::IdentityWatcher(const std::vector<config::IdentityFile>& files,
                                 net::Mailbox& control, std::function<void(News)> on_news)
    : shared_(std::make_shared<Shared>(files, control, std::move(on_news))),
      thread_("identities", [shared = shared_] { shared->run(); }) {}

IdentityWatcher::~IdentityWatcher() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->mailbox = nullptr;
    shared_->on_news.reset();
  }
  shared_->changed.notify_all();
  thread_.end_within(kLastPatience);
}

}  // namespace sluice::app
