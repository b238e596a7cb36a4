#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/change_record.hpp"
#include "control/file_layer.hpp"
#include "sluice/core/result.hpp"

namespace sluice::control {

/// audit.jsonl: one line per accepted change, each with the hash of the line before it, so that
/// nothing in between can be changed or taken out unseen (behaviour.md §1).
///
///   {"previous":"<hash of the line before>", <members of the record> ,"hash":"<hash>"}
///
/// `hash` is the SHA-256 of the line's bytes before `,"hash":`; the first line's `previous` is 64
/// zeros. Blocking: store thread only, and the start of the process.
class AuditFile {
 public:
  AuditFile(FileLayer& files, std::string directory);

  struct Found {
    bool exists = false;
    std::uint64_t incomplete_bytes = 0;          // behind the last line break
    std::optional<core::Generation> generation;  // of the last complete line
    bool is_damaged = false;                     // the last complete line is none that Sluice wrote
  };
  /// Reads the end of the file; changes nothing. Required before append().
  core::Result<Found> inspect();
  /// Appends and syncs one line. What an append that failed may have left behind is cut off by the
  /// next one.
  core::Status append(const ChangeRecord& record);

 private:
  core::Result<std::string> tail(std::uint64_t size);

  FileLayer& files_;
  std::string directory_;
  std::string path_;
  std::uint64_t good_size_ = 0;  // whole lines
  bool has_rest_ = false;        // something may stand behind them
  bool is_new_ = true;           // its directory entry is not synced yet
  std::string last_hash_;
};

/// For tests and `audit verify`: the number of the first line (from 1) that does not continue the
/// chain; nullopt: all do.
std::optional<std::size_t> first_broken_line(std::string_view text);

}  // namespace sluice::control
