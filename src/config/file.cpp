#include "config/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace sluice::config {

namespace {

/// A descriptor that is closed at the end of its scope.
class File {
 public:
  File(const std::string& path, int flags)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

core::Error io_error() {
  return {core::ErrorCode::Io, "",
          fmt::format("can't be read: {}", std::generic_category().message(errno))};
}

}  // namespace

core::Result<std::string> read_file(const std::string& path, std::size_t most, FileKind kind) {
  // Without O_NONBLOCK the open of a pipe that nobody writes would never return.
  const File file(path, kind == FileKind::Regular ? O_NONBLOCK : 0);
  if (file.fd() < 0) return io_error();
  struct stat info {};
  if (::fstat(file.fd(), &info) != 0) return io_error();
  if (S_ISDIR(info.st_mode))
    return core::Error{core::ErrorCode::Io, "", "is a directory, expected a file"};
  const bool is_regular = S_ISREG(info.st_mode);
  if (kind == FileKind::Regular && !is_regular)
    return core::Error{core::ErrorCode::Io, "", "is no regular file"};
  std::string text;
  if (is_regular) text.reserve(std::min(static_cast<std::size_t>(info.st_size), most) + 1);
  std::array<char, 64 * 1024> chunk;
  while (text.size() <= most) {
    const ssize_t count = ::read(file.fd(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_error();
    if (count == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace sluice::config
