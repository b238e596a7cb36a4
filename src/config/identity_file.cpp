#include "sluice/config/identity_file.hpp"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <new>
#include <utility>

#include "config/file.hpp"
#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::config {

namespace {

constexpr unsigned kTriesMax = 3;

core::HashKey process_key() {
  static const core::HashKey kKey = [] {
    core::HashKey key;
    const ssize_t count = ::getrandom(&key, sizeof key, 0);
    ENSURE(count == static_cast<ssize_t>(sizeof key), "16 bytes come at once (getrandom(2))");
    return key;
  }();
  return kKey;
}

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

FileStamp stamp_from(const struct stat& info) {
  return {.device = info.st_dev,
          .inode = info.st_ino,
          .size = info.st_size,
          .modified = nanoseconds(info.st_mtim),
          .changed = nanoseconds(info.st_ctim)};
}

/// That somebody put another file in its place changes the inode too: it has lost a name. Nobody
/// has written to it then.
bool is_unchanged(const struct stat& before, const struct stat& after) {
  FileStamp then = stamp_from(before);
  const FileStamp now = stamp_from(after);
  if (before.st_nlink != after.st_nlink) then.changed = now.changed;
  return then == now;
}

struct StampedText {
  std::string text;
  FileStamp stamp;
};

/// nullopt: it changed meanwhile.
core::Result<std::optional<StampedText>> try_to_read(const std::string& path,
                                                     const std::function<void()>& on_read) {
  auto file = OpenedFile::open(path, FileKind::Regular);
  if (!file) return file.error();
  struct stat before {};
  struct stat after {};
  const bool is_seen = ::fstat(file->fd(), &before) == 0;
  auto text = file->read(core::limits::kIdentityFileMax);
  if (!text) return text.error();
  if (on_read) on_read();
  if (!is_seen || ::fstat(file->fd(), &after) != 0 || !is_unchanged(before, after))
    return std::optional<StampedText>();
  return std::optional<StampedText>({std::move(*text), stamp_from(after)});
}

core::Result<FileIdentities> read_whole(const std::string& path,
                                        const std::function<void()>& on_read) {
  std::optional<StampedText> read;
  for (unsigned tries = 0; tries < kTriesMax && !read; ++tries) {
    auto tried = try_to_read(path, on_read);
    if (!tried) return core::Error{tried.error().code, path, tried.error().what};
    read = std::move(*tried);
  }
  if (!read) {
    return core::Error{core::ErrorCode::Unavailable, path,
                       "it changes while it is read; write another file and rename it"};
  }
  if (read->text.size() > core::limits::kIdentityFileMax) {
    return core::Error{core::ErrorCode::Exhausted, path,
                       fmt::format("larger than {} MiB", core::limits::kIdentityFileMax >> 20U)};
  }
  auto list = policy::IdentityList::parse(read->text, process_key());
  if (list) return FileIdentities{std::move(*list), read->stamp};
  return core::Error{list.error().code, path + ":" + list.error().where,
                     "bad identity: " + list.error().what};
}

}  // namespace

std::optional<FileStamp> stamp_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return stamp_from(info);
}

core::Result<FileIdentities> read_identities(const std::string& path,
                                             const std::function<void()>& on_read) {
  // Exception: memory that is not there ends the process everywhere else. Here a file that somebody
  // else writes says how much is needed, and there is a list to go on with.
  try {
    return read_whole(path, on_read);
  } catch (const std::bad_alloc&) {
    const auto found = stamp_of(path);
    // The text and the list at once.
    const std::int64_t needed = 2 * (found ? found->size : 0) / (1 << 20) + 1;
    return core::Error{core::ErrorCode::Unavailable, path,
                       fmt::format("needs about {} MiB of memory, which there is not", needed)};
  }
}

bool FileWatch::look(const std::optional<FileStamp>& found) {
  const bool is_settled = found == seen_;
  seen_ = found;
  unsettled_ = is_settled ? 0 : unsettled_ + 1;
  if (found == known_) return next_try_ > 0 && --next_try_ == 0;
  if (!is_settled && unsettled_ < core::limits::kFileLooksMax) return false;
  known_ = found;
  unsettled_ = 0;
  pause_ = next_try_ = 0;
  return true;
}

void FileWatch::note_read(const FileStamp& stamp) {
  known_ = stamp;
  pause_ = next_try_ = 0;
}

void FileWatch::note_failed() {
  pause_ = std::min(std::max(1U, 2 * pause_), core::limits::kFileRetryLooksMax);
  next_try_ = pause_;
}

}  // namespace sluice::config
