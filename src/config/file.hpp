#pragma once
#include <cstddef>
#include <string>
#include <utility>

#include "sluice/core/result.hpp"

namespace sluice::config {

enum class FileKind { Any, Regular };  // Any: also a pipe (`-c /dev/stdin`)

/// A file that is open for reading; closed at the end of its scope.
class OpenedFile {
 public:
  /// Error: Io, without `where`.
  static core::Result<OpenedFile> open(const std::string& path, FileKind kind);
  OpenedFile(OpenedFile&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}
  OpenedFile(const OpenedFile&) = delete;
  OpenedFile& operator=(const OpenedFile&) = delete;
  ~OpenedFile();

  /// The rest of it; of a longer one the first bytes, more than `most` of them. Error: Io, without
  /// `where`.
  core::Result<std::string> read(std::size_t most);
  int fd() const { return fd_; }

 private:
  explicit OpenedFile(int fd) : fd_(fd) {}
  int fd_;
};

/// The whole file, as OpenedFile::read().
core::Result<std::string> read_file(const std::string& path, std::size_t most, FileKind kind);

}  // namespace sluice::config
