#pragma once
#include <cstdint>
#include <functional>
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

struct FileIdentities {
  policy::IdentityList list;
  FileStamp stamp;  // of the file that was read, which may have left `path` meanwhile
};

/// The file at `path` as a list; blocks for as long as the disk takes. Any thread. What is read is
/// whole: the file did not change meanwhile. The key of the list is drawn once per process. Errors:
/// Io (`where` is the path); Unavailable (the same), for want of memory, or when the file changed
/// during each of a few tries; Exhausted (the same), larger than kIdentityFileMax; BadInput
/// (`where` is path:line). `on_read`, for tests, runs when the last byte of a try was read.
core::Result<FileIdentities> read_identities(const std::string& path,
                                             const std::function<void()>& on_read = {});

/// When a file that changed is to be read. Pure: time is the rhythm of the looks.
class FileWatch {
 public:
  /// `read`: the file that was read.
  explicit FileWatch(const std::optional<FileStamp>& read) : known_(read), seen_(read) {}

  /// True: read it now. It differs from what was read, and twice in a row looks alike, so that
  /// nobody seems to be writing it, or has looked different kFileLooksMax times, as one that is
  /// replaced all the time does. Then it counts as read, also if it turns out to be bad or gone:
  /// once is enough to say so.
  bool look(const std::optional<FileStamp>& found);

  /// What look() asked for was done: this is what was read.
  void note_read(const FileStamp& stamp);
  /// It could not be done, for a reason that may pass: look() asks again after 1, 2, 4 looks and so
  /// on, at most kFileRetryLooksMax, also when the file stays as it is.
  void note_failed();

 private:
  std::optional<FileStamp> known_;
  std::optional<FileStamp> seen_;
  unsigned unsettled_ = 0;  // looks in a row that found something else than the one before
  unsigned pause_ = 0;      // looks between the failure and the next try; 0: none failed
  unsigned next_try_ = 0;   // looks until then
};

}  // namespace sluice::config
