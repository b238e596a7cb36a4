// The store's thread with a real mailbox; waits are condition variables, not sleeps.
#include "control/state_store.hpp"

#include <condition_variable>
#include <mutex>

#include "control/audit_verify.hpp"
#include "control/state_file.hpp"
#include "support/catch.hpp"
#include "support/fault_files.hpp"

namespace {

using namespace sluice;
using namespace std::chrono_literals;
using control::Landing;
using control::OldState;
using control::StateStore;

/// A disk whose first changing call waits until it is let go.
class HangingFiles final : public control::FileLayer {
 public:
  void hang() { set(true); }
  void let_go() { set(false); }
  /// Until `count` files have been opened.
  bool wait_for_opens(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return opened_ >= count; });
  }
  test::FaultFiles inner;

  core::Result<int> open(const std::string& path, control::OpenMode mode) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !is_hanging_; });
    ++opened_;
    changed_.notify_all();
    return inner.open(path, mode);
  }
  core::Status write(int file, std::string_view bytes) override { return inner.write(file, bytes); }
  core::Status sync(int file) override { return inner.sync(file); }
  core::Status truncate(int file, std::uint64_t size) override {
    return inner.truncate(file, size);
  }
  void close(int file) override { inner.close(file); }
  core::Status rename(const control::FromTo& names) override { return inner.rename(names); }
  core::Status link(const control::FromTo& names) override { return inner.link(names); }
  core::Status unlink(const std::string& path) override { return inner.unlink(path); }
  core::Status sync_directory(const std::string& path) override {
    return inner.sync_directory(path);
  }
  core::Status make_directory(const std::string& path) override {
    return inner.make_directory(path);
  }
  core::Result<std::vector<std::string>> names(const std::string& directory) override {
    return inner.names(directory);
  }
  core::Result<std::optional<std::uint64_t>> size(const std::string& path) override {
    return inner.size(path);
  }
  core::Result<std::optional<control::FileIdentity>> identity(const std::string& path) override {
    return inner.identity(path);
  }
  core::Result<std::string> read(const std::string& path, control::ByteRange range) override {
    return inner.read(path, range);
  }
  core::Status lock(const std::string& path) override { return inner.lock(path); }

 private:
  void set(bool is_hanging) {
    const std::lock_guard lock(mutex_);
    is_hanging_ = is_hanging;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_hanging_ = false;
  std::size_t opened_ = 0;
};

/// The control loop's side: its mailbox, run by hand when the store has posted.
struct Control {
  std::mutex mutex;
  std::condition_variable posted;
  std::size_t posts = 0;
  net::Mailbox mailbox{[this] {
    const std::lock_guard lock(mutex);
    ++posts;
    posted.notify_all();
  }};

  void run_after(std::size_t count) {
    std::unique_lock lock(mutex);
    REQUIRE(posted.wait_for(lock, 10s, [&] { return posts >= count; }));
    lock.unlock();
    mailbox.run();
  }
};

control::ChangeRecord record(std::uint64_t generation) {
  control::ChangeRecord record;
  record.generation = core::Generation{generation};
  record.action = generation == 1 ? "start" : "switch";
  return record;
}

std::string state(std::uint64_t generation) {
  control::StateImage image;
  image.state.generation = core::Generation{generation};
  return control::encode_state(image).value();
}

struct Store {
  std::shared_ptr<HangingFiles> files = std::make_shared<HangingFiles>();
  std::shared_ptr<control::StateDirectory> directory =
      std::make_shared<control::StateDirectory>(files, "/state");
  Control control;
  std::unique_ptr<StateStore> store;

  explicit Store(std::vector<control::ChangeRecord> pending = {}, core::Millis retry = 1h) {
    REQUIRE(directory->audit().inspect());
    store = std::make_unique<StateStore>(directory, control.mailbox, std::move(pending), retry);
  }
  std::size_t audit_lines() const {
    const std::string text = files->inner.content("/state/audit.jsonl").value_or("");
    CHECK_FALSE(control::first_broken_line(text));
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
};

}  // namespace

TEST_CASE("store: writes in order and answers on the control loop", "[control][store]") {
  Store s;
  std::vector<Landing> landings;
  for (std::uint64_t i = 1; i <= 5; ++i) {
    s.store->write(
        state(i), i == 1 ? OldState::Drop : OldState::KeepAsPrevious,
        [&landings](const control::WriteResult& result) { landings.push_back(result.landing); });
    s.store->append_audit(record(i));
  }
  CHECK(landings.empty());
  s.control.run_after(5);
  CHECK(landings == std::vector<Landing>(5, Landing::Landed));
  CHECK(s.store->stop(10s) == StateStore::Stopped::Finished);
  CHECK(s.files->inner.content("/state/state.json") == state(5));
  CHECK(s.files->inner.content("/state/state.json.previous") == state(4));
  CHECK(s.audit_lines() == 5);
}

TEST_CASE("store: stop finishes what was handed over, and nobody is called after it",
          "[control][store]") {
  Store s;
  bool is_called = false;
  s.files->hang();
  s.store->write(state(1), OldState::Drop,
                 [&is_called](const control::WriteResult&) { is_called = true; });
  s.store->append_audit(record(1));
  s.files->let_go();
  CHECK(s.store->stop(10s) == StateStore::Stopped::Finished);
  s.control.mailbox.close();
  s.control.mailbox.run();
  CHECK(s.audit_lines() == 1);
  CHECK(s.files->inner.content("/state/state.json") == state(1));
}

TEST_CASE("store: a hung disk does not hold up the end", "[control][store]") {
  Store s;
  s.files->hang();
  s.store->write(state(1), OldState::Drop,
                 [](const control::WriteResult&) { FAIL("after the end"); });
  CHECK(s.store->stop(core::Millis(1)) == StateStore::Stopped::DiskHangs);
  s.store.reset();
  s.files->let_go();  // the thread ends by itself
}

TEST_CASE("store: audit lines wait for a disk that takes them", "[control][store]") {
  Store s({record(1)});
  s.files->inner.fail_at(1, "No space left on device", test::FaultFiles::Times::Once);
  s.store->append_audit(record(2));
  s.store->append_audit(record(3));
  CHECK(s.store->stop(10s) == StateStore::Stopped::Finished);
  CHECK(s.audit_lines() == 3);
}

TEST_CASE("store: a waiting audit line is tried again although nothing else comes",
          "[control][store]") {
  Store s({record(1)}, core::Millis(1));
  CHECK(s.files->wait_for_opens(1));
  CHECK(s.store->stop(10s) == StateStore::Stopped::Finished);
  CHECK(s.audit_lines() == 1);
}

TEST_CASE("store: the audit is read behind the lines that were handed over before",
          "[control][store]") {
  Store s;
  s.store->append_audit(record(1));
  s.store->append_audit(record(2));
  std::optional<core::Result<control::AuditTail>> tail;
  s.store->read_audit(10, [&tail](core::Result<control::AuditTail> found) { tail = found; });
  s.control.run_after(1);
  REQUIRE(tail);
  REQUIRE(*tail);
  CHECK((*tail)->lines.size() == 2);
}
