#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/audit_files.hpp"
#include "control/change_record.hpp"
#include "control/file_layer.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/core/result.hpp"

namespace sluice::control {

/// audit.jsonl: one line per accepted change, each with the hash of the line before it, so that
/// nothing in between can be changed or taken out unseen (behaviour.md §1).
///
///   {"previous":"<hash of the line before>", <members of the record> ,"hash":"<hash>"}
///
/// `hash` is the SHA-256 of the line's bytes before `,"hash":`; the first line's `previous` is 64
/// zeros. A file that has reached its size is renamed to audit-<its first generation>.jsonl, and
/// the first line of the next one carries its last hash. Blocking: store thread only, and the start
/// of the process.
class AuditFile {
 public:
  AuditFile(FileLayer& files, std::string directory,
            std::uint64_t size_max = core::limits::kAuditFileMax);

  struct Found {
    bool exists = false;
    std::uint64_t incomplete_bytes = 0;          // behind the last line break
    std::optional<core::Generation> generation;  // of the last complete line
    bool is_damaged = false;                     // the last complete line is none that Sluice wrote
  };
  /// Reads the end of the chain; changes nothing. Required before append().
  core::Result<Found> inspect();
  /// Appends and syncs one line; begins a new file first when this one is full. What an append that
  /// failed may have left behind is cut off by the next one. When somebody has moved the file away,
  /// or replaced or changed it, a `recovered` record says so first, and the chain goes on in what
  /// lies there, or in a new file.
  core::Status append(const ChangeRecord& record);
  /// The newest lines. Reads at most kAuditTailBytes.
  core::Result<AuditTail> tail(std::size_t lines) const;

 private:
  core::Status find_end(const std::vector<std::string>& names, std::optional<std::string>& line,
                        Found& found);
  core::Status find_changes();
  core::Status take_over(const std::optional<FileIdentity>& found);
  bool is_as_left(const std::optional<FileIdentity>& found) const;
  core::Status write_line(const ChangeRecord& record);
  core::Status set_aside();
  core::Status cut_rest(OpenFile& file);
  core::Result<std::string> free_name() const;
  std::string in(const std::string& name) const { return directory_ + "/" + name; }

  FileLayer& files_;
  std::string directory_;
  std::string path_;
  std::uint64_t size_max_;
  std::uint64_t good_size_ = 0;   // whole lines
  bool has_rest_ = false;         // something may stand behind them
  bool is_new_ = true;            // its directory entry is not synced yet
  bool follows_another_ = false;  // as a new file: the rename that made room may not be synced yet
  std::optional<core::Generation> first_generation_;  // of this file; unknown when its line is none
  std::string last_hash_;
  std::optional<core::Generation> last_generation_;  // of the last line
  std::optional<FileIdentity> known_;                // as it was left; nullopt: there was none
  std::string to_note_;                              // what somebody did to it; empty: nothing
};

}  // namespace sluice::control
