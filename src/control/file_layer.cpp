#include "control/file_layer.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

namespace sluice::control {

namespace {

constexpr mode_t kFileMode = 0640;  // the group of the service may read the state and the audit
constexpr mode_t kDirectoryMode = 0750;

// A process that was just killed holds its lock until the kernel has taken its memory apart, and a
// service manager may start the next one sooner.
constexpr std::chrono::milliseconds kLockPatience{1000};

core::Error failed(const char* call, const std::string& path) {
  const std::string reason = std::generic_category().message(errno);
  return {core::ErrorCode::Io, path, std::string(call) + ": " + reason};
}

core::Status checked(int result, const char* call, const std::string& path) {
  if (result != 0) return failed(call, path);
  return core::ok();
}

template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

}  // namespace

core::Result<OpenFile> OpenFile::open(FileLayer& files, const std::string& path, OpenMode mode) {
  auto file = files.open(path, mode);
  if (!file) return file.error();
  return OpenFile(files, *file, path);
}

OpenFile::OpenFile(OpenFile&& other) noexcept
    : files_(other.files_), file_(std::exchange(other.file_, -1)), path_(std::move(other.path_)) {}

OpenFile::~OpenFile() {
  if (file_ >= 0) files_->close(file_);
}

core::Status OpenFile::named(core::Status status) const {
  if (status) return status;
  core::Error error = status.error();
  error.where = path_;
  return error;
}

PosixFiles::~PosixFiles() {
  if (lock_file_ >= 0) ::close(lock_file_);
}

int PosixFiles::open_file(const std::string& path, int how) {
  return net::make_descriptor(use_, [&] {
    return uninterrupted([&] { return ::open(path.c_str(), how | O_CLOEXEC, kFileMode); });
  });
}

core::Result<int> PosixFiles::open(const std::string& path, OpenMode mode) {
  const int how = mode == OpenMode::Truncate ? O_TRUNC : O_APPEND;
  const int file = open_file(path, O_WRONLY | O_CREAT | how);
  if (file < 0) return failed("open", path);
  return file;
}

core::Status PosixFiles::write(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = uninterrupted([&] { return ::write(file, bytes.data(), bytes.size()); });
    if (count < 0) return failed("write", "");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return core::ok();
}

core::Status PosixFiles::sync(int file) {
  return checked(uninterrupted([&] { return ::fsync(file); }), "fsync", "");
}

core::Status PosixFiles::truncate(int file, std::uint64_t size) {
  return checked(::ftruncate(file, static_cast<off_t>(size)), "ftruncate", "");
}

void PosixFiles::close(int file) {
  ::close(file);
}

core::Status PosixFiles::rename(const FromTo& names) {
  return checked(::rename(names.from.c_str(), names.to.c_str()), "rename", names.to);
}

core::Status PosixFiles::link(const FromTo& names) {
  return checked(::link(names.from.c_str(), names.to.c_str()), "link", names.to);
}

core::Status PosixFiles::unlink(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("unlink", path);
  return core::ok();
}

core::Status PosixFiles::sync_directory(const std::string& path) {
  const int directory = open_file(path, O_RDONLY | O_DIRECTORY);
  if (directory < 0) return failed("open", path);
  core::Status synced = checked(uninterrupted([&] { return ::fsync(directory); }), "fsync", path);
  ::close(directory);
  return synced;
}

core::Status PosixFiles::make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) != 0 && errno != EEXIST) return failed("mkdir", path);
  return core::ok();
}

core::Result<std::vector<std::string>> PosixFiles::names(const std::string& directory) {
  std::vector<std::string> found;
  const int file = open_file(directory, O_RDONLY | O_DIRECTORY);
  if (file < 0 && errno == ENOENT) return found;
  DIR* const stream = file < 0 ? nullptr : ::fdopendir(file);
  if (stream == nullptr) return failed("opendir", directory);
  for (errno = 0; const dirent* entry = ::readdir(stream);) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") found.emplace_back(name);
  }
  const bool is_whole = errno == 0;
  const core::Error error = failed("readdir", directory);
  ::closedir(stream);
  if (!is_whole) return error;
  return found;
}

core::Result<std::optional<std::uint64_t>> PosixFiles::size(const std::string& path) {
  const auto found = identity(path);
  if (!found) return found.error();
  return found->has_value() ? std::optional((*found)->size) : std::nullopt;
}

core::Result<std::optional<FileIdentity>> PosixFiles::identity(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0) {
    return std::optional(FileIdentity{.device = found.st_dev,
                                      .inode = found.st_ino,
                                      .size = static_cast<std::uint64_t>(found.st_size)});
  }
  if (errno == ENOENT) return std::optional<FileIdentity>();
  return failed("stat", path);
}

core::Result<std::string> PosixFiles::read(const std::string& path, ByteRange range) {
  const int file = open_file(path, O_RDONLY);
  if (file < 0) return failed("open", path);
  std::string bytes(range.length, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = uninterrupted([&] {
      return ::pread(file, bytes.data() + filled, bytes.size() - filled,
                     static_cast<off_t>(range.offset + filled));
    });
    if (count < 0) {
      core::Error error = errno == EISDIR ? core::Error{core::ErrorCode::Corrupt, path,
                                                        "is a directory; move it away first"}
                                          : failed("read", path);
      ::close(file);
      return error;
    }
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  ::close(file);
  bytes.resize(filled);
  return bytes;
}

core::Status PosixFiles::lock(const std::string& path) {
  lock_file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (lock_file_ < 0) return failed("open", path);
  const auto give_up_at = std::chrono::steady_clock::now() + kLockPatience;
  do {
    if (::flock(lock_file_, LOCK_EX | LOCK_NB) == 0) return core::ok();
    if (errno != EWOULDBLOCK && errno != EINTR) return failed("flock", path);
    // Exception: a wait without an event. No descriptor tells when a lock ends.
    ::poll(nullptr, 0, 10);
  } while (std::chrono::steady_clock::now() < give_up_at);
  return core::Error{core::ErrorCode::Conflict, path,
                     "another sluice process uses this state directory"};
}

}  // namespace sluice::control
