#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/descriptor_reserve.hpp"
#include "sluice/core/result.hpp"

namespace sluice::control {

/// A part of a file; what lies behind the end is not there.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
struct FromTo {
  std::string from;
  std::string to;
};
/// Which file lies under a name, and how long it is.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
};
enum class OpenMode : std::uint8_t {
  Truncate,  // created, or emptied
  Append,    // created, or written at its end
};

/// The few file operations that the state directory needs, each one system call, so that a test can
/// fail or crash at every single one. Blocking: store thread only, and the start of the process.
/// Errors: Io with path, call and reason.
class FileLayer {
 public:
  virtual ~FileLayer() = default;

  virtual core::Result<int> open(const std::string& path, OpenMode mode) = 0;
  /// All of it; after an error a part may have been written.
  virtual core::Status write(int file, std::string_view bytes) = 0;
  virtual core::Status sync(int file) = 0;
  virtual core::Status truncate(int file, std::uint64_t size) = 0;
  virtual void close(int file) = 0;

  virtual core::Status rename(const FromTo& names) = 0;
  virtual core::Status link(const FromTo& names) = 0;
  /// A name that is not there is no error.
  virtual core::Status unlink(const std::string& path) = 0;
  virtual core::Status sync_directory(const std::string& path) = 0;
  /// One that is there already is no error.
  virtual core::Status make_directory(const std::string& path) = 0;

  /// What is in a directory, in no order; nothing when it is not there.
  virtual core::Result<std::vector<std::string>> names(const std::string& directory) = 0;
  /// nullopt: no such file.
  virtual core::Result<std::optional<std::uint64_t>> size(const std::string& path) = 0;
  /// nullopt: no such file.
  virtual core::Result<std::optional<FileIdentity>> identity(const std::string& path) = 0;
  virtual core::Result<std::string> read(const std::string& path, ByteRange range) = 0;
  /// An exclusive flock for the life of the process. Waits a second for a holder that is ending.
  /// Conflict: another process has it.
  virtual core::Status lock(const std::string& path) = 0;
};

/// Closes its file; a close that matters (nothing here: sync comes first) would be explicit.
class OpenFile {
 public:
  static core::Result<OpenFile> open(FileLayer& files, const std::string& path, OpenMode mode);
  OpenFile(OpenFile&& other) noexcept;
  OpenFile& operator=(OpenFile&&) = delete;
  ~OpenFile();

  core::Status write(std::string_view bytes) { return named(files_->write(file_, bytes)); }
  core::Status sync() { return named(files_->sync(file_)); }
  core::Status truncate(std::uint64_t size) { return named(files_->truncate(file_, size)); }

 private:
  OpenFile(FileLayer& files, int file, std::string path)
      : files_(&files), file_(file), path_(std::move(path)) {}
  core::Status named(core::Status status) const;  // the error says which file

  FileLayer* files_;
  int file_;
  std::string path_;
};

/// `reserve`: what the files are opened with when there is no descriptor left; nullptr: nothing.
class PosixFiles final : public FileLayer {
 public:
  explicit PosixFiles(std::shared_ptr<net::DescriptorReserve> reserve = nullptr)
      : use_{std::move(reserve), net::DescriptorClaim::State} {}
  PosixFiles(const PosixFiles&) = delete;
  PosixFiles& operator=(const PosixFiles&) = delete;
  ~PosixFiles() override;

  core::Result<int> open(const std::string& path, OpenMode mode) override;
  core::Status write(int file, std::string_view bytes) override;
  core::Status sync(int file) override;
  core::Status truncate(int file, std::uint64_t size) override;
  void close(int file) override;
  core::Status rename(const FromTo& names) override;
  core::Status link(const FromTo& names) override;
  core::Status unlink(const std::string& path) override;
  core::Status sync_directory(const std::string& path) override;
  core::Status make_directory(const std::string& path) override;
  core::Result<std::vector<std::string>> names(const std::string& directory) override;
  core::Result<std::optional<std::uint64_t>> size(const std::string& path) override;
  core::Result<std::optional<FileIdentity>> identity(const std::string& path) override;
  core::Result<std::string> read(const std::string& path, ByteRange range) override;
  core::Status lock(const std::string& path) override;

 private:
  int open_file(const std::string& path, int how);

  const net::DescriptorUse use_;
  int lock_file_ = -1;
};

}  // namespace sluice::control
