#pragma once
#include <string>

#include "cli/console.hpp"
#include "cli/main_cli.hpp"
#include "cli/wire.hpp"

namespace sluice::cli {

/// One line per record, newest last: when, generation, what was done to which service, by whom, and
/// why. Pure.
std::string audit_text(const AuditAnswer& audit, const Dress& dress);

/// `good: 12 lines in 2 files of DIRECTORY, generations 1 to 12`
std::string verdict_text(const AuditVerdict& verdict, const std::string& directory);
/// One line per finding, each behind the name of `command`.
std::string findings_text(const AuditVerdict& verdict, std::string_view command);
std::string verdict_json(const AuditVerdict& verdict, const std::string& directory);

}  // namespace sluice::cli
