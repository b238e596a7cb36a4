#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/change_record.hpp"
#include "control/file_layer.hpp"
#include "sluice/core/result.hpp"

/// The audit chain as it lies in a state directory, over all its files. Only reads; blocking.
namespace sluice::control {

inline constexpr std::string_view kAuditName = "audit.jsonl";

/// `audit-12.jsonl`; `audit-12-2.jsonl` when a file of that name is there already (two files may
/// begin with the same generation: a start notes what it has repaired under the one in force).
std::string rotated_audit_name(core::Generation first, unsigned number);
/// The names of the chain's files, oldest first; audit.jsonl, when it is there, comes last.
core::Result<std::vector<std::string>> audit_names(FileLayer& files, const std::string& directory);

/// The newest lines, oldest of them first, as they stand in the files.
struct AuditTail {
  std::vector<std::string> lines;
  bool has_older = false;
};
struct TailBounds {
  std::size_t lines = 0;
  std::size_t bytes = 0;  // read at most
};
core::Result<AuditTail> read_audit_tail(FileLayer& files, const std::string& directory,
                                        TailBounds bounds);

// ---- one line ----

inline constexpr std::string_view kPreviousKey = "{\"previous\":\"";
inline constexpr std::string_view kHashKey = ",\"hash\":\"";
inline constexpr std::string_view kLineEnd = "\"}";

/// `previous` of the very first line.
std::string no_hash();
/// The hash that a line carries; nullopt when it has no such end.
std::optional<std::string> hash_in(std::string_view line);
/// The hash that the line names as the one before it; empty when it has no such beginning.
std::string_view previous_in(std::string_view line);
/// Whether the hash that the line carries is the one of its bytes.
bool is_whole(std::string_view line);

}  // namespace sluice::control
