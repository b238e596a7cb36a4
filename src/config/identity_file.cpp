#include "sluice/config/identity_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "config/file.hpp"
#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::config {

namespace {

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

}  // namespace

std::optional<FileStamp> stamp_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return FileStamp{.device = info.st_dev,
                   .inode = info.st_ino,
                   .size = info.st_size,
                   .modified = nanoseconds(info.st_mtim),
                   .changed = nanoseconds(info.st_ctim)};
}

core::Result<policy::IdentityList> read_identities(const std::string& path) {
  const auto text = read_file(path, core::limits::kIdentityFileMax, FileKind::Regular);
  if (!text) return core::Error{text.error().code, path, text.error().what};
  if (text->size() > core::limits::kIdentityFileMax) {
    return core::Error{core::ErrorCode::Io, path,
                       fmt::format("larger than {} MiB", core::limits::kIdentityFileMax >> 20U)};
  }
  auto list = policy::IdentityList::parse(*text, process_key());
  if (list) return list;
  return core::Error{list.error().code, path + ":" + list.error().where,
                     "bad identity: " + list.error().what};
}

bool FileWatch::look(const std::optional<FileStamp>& found) {
  const bool is_settled = found == seen_;
  seen_ = found;
  if (!is_settled || found == known_) return false;
  known_ = found;
  return true;
}

}  // namespace sluice::config
