#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/file_layer.hpp"

namespace sluice::test {

/// A disk in memory that keeps "written" and "synced" apart, for files and for directory entries,
/// and can crash or fail at every single call. What a crash leaves is chosen by the test: see
/// crash().
class FaultFiles final : public control::FileLayer {
 public:
  struct Crashed {};  // thrown in place of the call at which the process died

  /// Unsynced bytes of a file after a crash.
  enum class Tail { Lost, Torn, Kept };

  /// From now on the `n`-th changing call (1 = the next one) throws Crashed instead of being done.
  void crash_at(std::size_t n) { crash_in_ = n; }
  enum class Times { Once, FromThenOn };
  /// The `n`-th changing call fails; a write has written half of its bytes by then.
  void fail_at(std::size_t n, std::string reason, Times times) {
    fail_in_ = n;
    fail_reason_ = std::move(reason);
    fail_times_ = times;
  }
  void heal() { fail_in_.reset(); }
  std::size_t calls() const { return calls_; }
  /// Directory operations that no sync_directory() has made safe.
  std::size_t unsynced_entries() const { return pending_.size(); }

  /// The machine comes back: of the unsynced directory operations those whose bit is set in `kept`
  /// have landed, each file has its synced bytes and of the others what `tail` says. The lock is
  /// free again.
  void crash(Tail tail, std::uint64_t kept) {
    Directory after = synced_;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if ((kept >> i & 1U) != 0) apply(pending_[i], after);
    }
    for (auto& [name, file] : after) {
      const std::string content = surviving(*file, tail);
      file = std::make_shared<File>(File{content, content});
    }
    live_ = synced_ = after;
    pending_.clear();
    open_.clear();
    is_locked_ = false;
    crash_in_.reset();
    fail_in_.reset();
    calls_ = 0;
  }

  // ---- direct access, for tests ----
  /// Before every changing call, and before every reading one.
  std::function<void()> on_change, on_look;
  std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> all;
    for (const auto& [path, file] : live_) all[path] = file->written;
    return all;
  }
  void replace_all(const std::map<std::string, std::string>& all) {
    live_.clear();
    synced_.clear();
    for (const auto& [path, bytes] : all) put(path, bytes);
  }
  std::optional<std::string> content(const std::string& path) const {
    const auto found = live_.find(path);
    if (found == live_.end()) return std::nullopt;
    return found->second->written;
  }
  void put(const std::string& path, const std::string& bytes) {
    live_[path] = synced_[path] = std::make_shared<File>(File{bytes, bytes});
  }
  void remove(const std::string& path) {
    live_.erase(path);
    synced_.erase(path);
  }

  // ---- FileLayer ----
  core::Result<int> open(const std::string& path, control::OpenMode mode) override {
    if (const auto failure = enter("open", path)) return *failure;
    auto found = live_.find(path);
    if (found == live_.end()) {
      const auto file = std::make_shared<File>();
      found = live_.emplace(path, file).first;
      pending_.push_back({.removed = {}, .set = {path, file}});
    }
    if (mode == control::OpenMode::Truncate) found->second->written.clear();
    open_[++newest_] = found->second;
    return newest_;
  }
  core::Status write(int file, std::string_view bytes) override {
    const auto failure = enter("write", "");
    std::string& content = open_.at(file)->written;
    content += failure ? bytes.substr(0, bytes.size() / 2) : bytes;
    if (failure) return *failure;
    return core::ok();
  }
  core::Status sync(int file) override {
    if (const auto failure = enter("fsync", "")) return *failure;
    open_.at(file)->synced = open_.at(file)->written;
    return core::ok();
  }
  core::Status truncate(int file, std::uint64_t size) override {
    if (const auto failure = enter("ftruncate", "")) return *failure;
    open_.at(file)->written.resize(size);
    return core::ok();
  }
  void close(int file) override { open_.erase(file); }
  core::Status rename(const control::FromTo& names) override {
    if (const auto failure = enter("rename", names.to)) return *failure;
    const auto found = live_.find(names.from);
    if (found == live_.end()) return missing("rename", names.from);
    const auto target = live_.find(names.to);
    // POSIX: two names of the same file, and nothing happens.
    if (target != live_.end() && target->second == found->second) return core::ok();
    change({.removed = names.from, .set = {names.to, found->second}});
    return core::ok();
  }
  core::Status link(const control::FromTo& names) override {
    if (const auto failure = enter("link", names.to)) return *failure;
    const auto found = live_.find(names.from);
    if (found == live_.end()) return missing("link", names.from);
    if (live_.contains(names.to)) return error("link", names.to, "File exists");
    change({.removed = {}, .set = {names.to, found->second}});
    return core::ok();
  }
  core::Status unlink(const std::string& path) override {
    if (const auto failure = enter("unlink", path)) return *failure;
    if (live_.contains(path)) change({.removed = path, .set = {}});
    return core::ok();
  }
  core::Status sync_directory(const std::string& path) override {
    if (const auto failure = enter("fsync", path)) return *failure;
    for (const Change& change : pending_) apply(change, synced_);
    pending_.clear();
    return core::ok();
  }
  core::Status make_directory(const std::string&) override { return core::ok(); }
  core::Result<std::vector<std::string>> names(const std::string& directory) override {
    look();
    std::vector<std::string> found;
    for (const auto& [path, file] : live_) {
      if (path.starts_with(directory + "/")) found.push_back(path.substr(directory.size() + 1));
    }
    return found;
  }
  core::Result<std::optional<std::uint64_t>> size(const std::string& path) override {
    look();
    const auto found = content(path);
    if (!found) return std::optional<std::uint64_t>();
    return std::optional<std::uint64_t>(found->size());
  }
  core::Result<std::optional<control::FileIdentity>> identity(const std::string& path) override {
    const auto found = live_.find(path);
    if (found == live_.end()) return std::optional<control::FileIdentity>();
    const auto inode = reinterpret_cast<std::uintptr_t>(found->second.get());
    return std::optional(
        control::FileIdentity{.device = 1, .inode = inode, .size = found->second->written.size()});
  }
  core::Result<std::string> read(const std::string& path, control::ByteRange range) override {
    look();
    const auto found = content(path);
    if (!found) return missing("open", path);
    if (range.offset >= found->size()) return std::string();
    return found->substr(range.offset, range.length);
  }
  core::Status lock(const std::string& path) override {
    if (is_locked_) return core::Error{core::ErrorCode::Conflict, path, "another process"};
    is_locked_ = true;
    return core::ok();
  }

 private:
  struct File {
    std::string written;
    std::string synced;
  };
  using Directory = std::map<std::string, std::shared_ptr<File>>;
  struct Change {
    std::string removed;                                // empty: none
    std::pair<std::string, std::shared_ptr<File>> set;  // empty name: none
  };

  static void apply(const Change& change, Directory& directory) {
    if (!change.removed.empty()) directory.erase(change.removed);
    if (!change.set.first.empty()) directory[change.set.first] = change.set.second;
  }
  void change(Change change) {
    apply(change, live_);
    pending_.push_back(std::move(change));
  }
  static std::string surviving(const File& file, Tail tail) {
    switch (tail) {
      case Tail::Lost:
        return file.synced;
      case Tail::Kept:
        return file.written;
      case Tail::Torn:
        break;
    }
    const std::size_t safe = file.written.starts_with(file.synced) ? file.synced.size() : 0;
    return file.written.substr(0, safe + (file.written.size() - safe) / 2);
  }
  static core::Error error(const char* call, const std::string& path, const std::string& reason) {
    return {core::ErrorCode::Io, path, std::string(call) + ": " + reason};
  }
  static core::Error missing(const char* call, const std::string& path) {
    return error(call, path, "No such file or directory");
  }
  void look() {
    if (on_look) on_look();
  }
  std::optional<core::Error> enter(const char* call, const std::string& path) {
    if (on_change) on_change();
    ++calls_;
    if (crash_in_ && --*crash_in_ == 0) throw Crashed{};
    if (!fail_in_) return std::nullopt;
    if (*fail_in_ > 1) {
      --*fail_in_;
      return std::nullopt;
    }
    if (fail_times_ == Times::Once) fail_in_.reset();
    return error(call, path, fail_reason_);
  }

  Directory live_;
  Directory synced_;
  std::vector<Change> pending_;
  std::map<int, std::shared_ptr<File>> open_;
  int newest_ = 0;
  bool is_locked_ = false;
  std::size_t calls_ = 0;
  std::optional<std::size_t> crash_in_;
  std::optional<std::size_t> fail_in_;
  std::string fail_reason_;
  Times fail_times_ = Times::Once;
};

}  // namespace sluice::test
