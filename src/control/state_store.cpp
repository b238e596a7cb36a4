#include "control/state_store.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>

#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace {

struct WriteJob {
  std::string bytes;
  OldState old = OldState::Drop;
  StateWriter::Done done;
};
struct ReadJob {
  std::size_t lines = 0;
  StateWriter::AuditDone done;
};
struct TryAgain {};  // nothing came: time for the audit lines that wait
using Job = std::variant<TryAgain, WriteJob, ChangeRecord, ReadJob>;

/// Audit lines that wait for a disk that takes them. Store thread only.
class AuditBacklog {
 public:
  explicit AuditBacklog(std::vector<ChangeRecord> first)
      : waiting_(std::make_move_iterator(first.begin()), std::make_move_iterator(first.end())) {}

  void add(ChangeRecord record) {
    // Every other bound fails first: a state write needs the same disk. The oldest goes, as the
    // chain shows the gap anyway.
    if (waiting_.size() == core::limits::kAuditBacklogMax) waiting_.pop_front();
    waiting_.push_back(std::move(record));
  }
  bool empty() const { return waiting_.empty(); }
  void flush(AuditFile& file) {
    while (!waiting_.empty() && file.append(waiting_.front())) waiting_.pop_front();
    left_.store(waiting_.size(), std::memory_order_relaxed);
  }
  /// Any thread: how many the last flush left.
  std::size_t left() const { return left_.load(std::memory_order_relaxed); }

 private:
  std::deque<ChangeRecord> waiting_;
  std::atomic<std::size_t> left_{0};
};

}  // namespace

struct StateStore::Shared {
  Shared(std::shared_ptr<StateDirectory> the_directory, net::Mailbox& the_control,
         std::vector<ChangeRecord> audit_pending, core::Millis the_audit_retry)
      : directory(std::move(the_directory)),
        backlog(std::move(audit_pending)),
        audit_retry(the_audit_retry),
        control(&the_control) {}

  // store thread
  std::shared_ptr<StateDirectory> directory;
  AuditBacklog backlog;
  const core::Millis audit_retry;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> jobs;      // guarded by mutex
  bool is_stopping = false;  // guarded by mutex
  net::Mailbox* control;     // guarded by mutex; nullptr after stop()

  void push(Job job) {
    const std::lock_guard lock(mutex);
    jobs.push_back(std::move(job));
    changed.notify_all();
  }
  /// nullopt: the end.
  std::optional<Job> next() {
    std::unique_lock lock(mutex);
    const auto has_news = [this] { return !jobs.empty() || is_stopping; };
    if (backlog.empty()) {
      changed.wait(lock, has_news);
    } else if (!changed.wait_for(lock, audit_retry, has_news)) {
      return TryAgain{};
    }
    if (jobs.empty()) return std::nullopt;
    Job job = std::move(jobs.front());
    jobs.pop_front();
    return job;
  }
  template <typename Done, typename Result>
  void answer(Done done, Result result) {
    const std::lock_guard lock(mutex);
    if (control == nullptr) return;
    control->post([done = std::move(done), result = std::move(result)] { done(result); });
  }
};

StateStore::StateStore(std::shared_ptr<StateDirectory> directory, net::Mailbox& control,
                       std::vector<ChangeRecord> audit_pending, core::Millis audit_retry)
    : shared_(std::make_shared<Shared>(std::move(directory), control, std::move(audit_pending),
                                       audit_retry)),
      thread_("store", [shared = shared_] { run(shared); }) {}

StateStore::~StateStore() {
  stop(core::limits::kPersistWait);
}

void StateStore::write(std::string bytes, OldState old, Done done) {
  shared_->push(WriteJob{std::move(bytes), old, std::move(done)});
}

void StateStore::append_audit(ChangeRecord record) {
  shared_->push(std::move(record));
}

void StateStore::read_audit(std::size_t lines, AuditDone done) {
  shared_->push(ReadJob{lines, std::move(done)});
}

std::size_t StateStore::audit_waiting() const {
  return shared_->backlog.left();
}

void StateStore::run(const std::shared_ptr<Shared>& shared) {
  while (std::optional<Job> job = shared->next()) {
    if (auto* write = std::get_if<WriteJob>(&*job)) {
      WriteResult result = shared->directory->write(write->bytes, write->old);
      shared->answer(std::move(write->done), std::move(result));
    } else if (auto* record = std::get_if<ChangeRecord>(&*job)) {
      shared->backlog.add(std::move(*record));
    } else if (auto* read = std::get_if<ReadJob>(&*job)) {
      core::Result<AuditTail> tail = shared->directory->audit().tail(read->lines);
      shared->answer(std::move(read->done), std::move(tail));
    }
    shared->backlog.flush(shared->directory->audit());
  }
  shared->backlog.flush(shared->directory->audit());
}

StateStore::Stopped StateStore::stop(core::Millis patience) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->is_stopping = true;
    shared_->control = nullptr;
  }
  shared_->changed.notify_all();
  return thread_.end_within(patience) ? Stopped::Finished : Stopped::DiskHangs;
}

}  // namespace sluice::control
