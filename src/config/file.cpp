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

core::Error io_error() {
  return {core::ErrorCode::Io, "",
          fmt::format("can't be read: {}", std::generic_category().message(errno))};
}

}  // namespace

core::Result<OpenedFile> OpenedFile::open(const std::string& path, FileKind kind) {
  // Without O_NONBLOCK the open of a pipe that nobody writes would never return.
  const int wait = kind == FileKind::Regular ? O_NONBLOCK : 0;
  OpenedFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | wait));
  if (file.fd_ < 0) return io_error();
  struct stat info {};
  if (::fstat(file.fd_, &info) != 0) return io_error();
  if (S_ISDIR(info.st_mode))
    return core::Error{core::ErrorCode::Io, "", "is a directory, expected a file"};
  if (kind == FileKind::Regular && !S_ISREG(info.st_mode))
    return core::Error{core::ErrorCode::Io, "", "is no regular file"};
  return file;
}

OpenedFile::~OpenedFile() {
  if (fd_ >= 0) ::close(fd_);
}

core::Result<std::string> OpenedFile::read(std::size_t most) {
  struct stat info {};
  if (::fstat(fd_, &info) != 0) return io_error();
  std::string text;
  if (S_ISREG(info.st_mode))
    text.reserve(std::min(static_cast<std::size_t>(info.st_size), most) + 1);
  std::array<char, 64 * 1024> chunk;
  while (text.size() <= most) {
    const ssize_t count = ::read(fd_, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_error();
    if (count == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
  return text;
}

core::Result<std::string> read_file(const std::string& path, std::size_t most, FileKind kind) {
  core::Result<OpenedFile> file = OpenedFile::open(path, kind);
  if (!file) return file.error();
  return file->read(most);
}

}  // namespace sluice::config
