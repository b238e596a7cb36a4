#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/file_layer.hpp"
#include "sluice/core/ids.hpp"
#include "sluice/core/result.hpp"

/// Whether the audit of a state directory is whole (behaviour.md §1): its bytes, its order, its
/// beginning, and its end, which is compared with state.json. Only reads; blocking; needs no proxy.
namespace sluice::control {

/// Where a chain may begin. First: with the first record of the installation, and state.json is
/// there to tell its end. Any: older files are archived elsewhere, or these are an archive.
enum class ChainStart : std::uint8_t { First, Any };

struct AuditFinding {
  std::string file;      // its name in the directory
  std::size_t line = 0;  // from 1; 0: the file as a whole
  std::string what;

  friend bool operator==(const AuditFinding&, const AuditFinding&) = default;
};

struct AuditReport {
  std::size_t files = 0;
  std::uint64_t lines = 0;                      // that continue the chain
  std::optional<core::Generation> first, last;  // of these
  /// Empty: the audit is whole. At most kAuditFindingsMax; a line that does not continue the chain
  /// is the last one, as nothing can be said of what stands behind it.
  std::vector<AuditFinding> findings;
  /// No state.json, so nothing tells whether the newest records are here. A finding unless
  /// ChainStart::Any.
  bool is_end_compared = false;
  /// The newest record is in state.json only: a proxy writes it next, or the next start does.
  std::optional<core::Generation> only_in_state;
};

/// One look. Errors: NotFound when there is no audit file, Io. A proxy that is just writing can
/// make it find what is not so: see verify_audit().
core::Result<AuditReport> look_at_audit(FileLayer& files, const std::string& directory,
                                        ChainStart start);

/// Looks again, after `pause`, until kAuditLooksAlike looks in a row have found the same, or
/// nothing: what a proxy is just writing moves on, what is wrong stays. At most kAuditLooksMax.
core::Result<AuditReport> verify_audit(FileLayer& files, const std::string& directory,
                                       ChainStart start, const std::function<void()>& pause);

/// For tests: the number of the first line (from 1) of one file's text that is not in order as the
/// beginning of a chain; nullopt: all are.
std::optional<std::size_t> first_broken_line(std::string_view text);

}  // namespace sluice::control
