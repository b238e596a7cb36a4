#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "sluice/core/result.hpp"
#include "sluice/policy/identity_list.hpp"

/// Files of identities (`identity_in`), and when one must be read again.
namespace sluice::config {

/// Which file lies at a path, and when it was last written. Differs whenever the content may.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t modified = 0;  // nanoseconds
  std::int64_t changed = 0;   // the same, of the inode: also when somebody sets `modified` back
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

/// nullopt: there is no file, or it can't be seen.
std::optional<FileStamp> stamp_of(const std::string& path);

/// The file at `path` as a list; blocks for as long as the disk takes. Any thread. The key of the
/// list is drawn once per process. Errors: Io (`where` is the path), BadInput (`where` is
/// path:line).
core::Result<policy::IdentityList> read_identities(const std::string& path);

/// When a file that changed is to be read. Pure: time is the rhythm of the looks.
class FileWatch {
 public:
  /// `read`: taken before the file was read.
  explicit FileWatch(const std::optional<FileStamp>& read) : known_(read), seen_(read) {}

  /// True: it differs from what was read, and twice in a row looks alike, so that nobody seems to
  /// be writing it. Then it counts as read, also if it turns out to be bad or gone: once is enough
  /// to say so.
  bool look(const std::optional<FileStamp>& found);

 private:
  std::optional<FileStamp> known_;
  std::optional<FileStamp> seen_;
};

}  // namespace sluice::config
