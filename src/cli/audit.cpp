#include <fmt/format.h>
#include <unistd.h>

#include "cli/audit_view.hpp"
#include "cli/exit_status.hpp"
#include "cli/verbs.hpp"
#include "sluice/config/parse.hpp"

namespace sluice::cli {
namespace {

constexpr const char* kVerify = "sluice audit verify";

int fail(const Console& console, int exit_status, std::string_view why, std::string_view remedy) {
  console.complain(fmt::format("{}: {}\n", kVerify, harmless(why)));
  if (!remedy.empty()) console.complain(fmt::format("  try: {}\n", remedy));
  return exit_status;
}

/// Where the files are; an error when the configuration that says so can't be read.
core::Result<std::string> state_directory(const AuditVerifyOptions& options) {
  if (!options.state_dir.empty()) return options.state_dir;
  std::string file = options.config_file;
  if (file.empty()) {
    file = config::kDefaultFile;
    if (::access(file.c_str(), F_OK) != 0) return config::Config{}.state_dir;
  }
  const config::Loaded loaded = config::load(file, config::process_environment());
  if (loaded.config) return loaded.config->state_dir;
  return core::Error{
      core::ErrorCode::BadInput, "",
      "the file that names the state directory has mistakes: " + loaded.problems.front().text()};
}

}  // namespace

int run_audit(const AuditOptions& options, const Console& console) {
  const Session session(console, "sluice audit", options.where,
                        options.as_json ? Format::Json : Format::Text);
  const auto answer =
      session.ask({.path = fmt::format("/v1/audit?limit={}", options.limit), .body = ""}, "");
  if (const int* failed = std::get_if<int>(&answer)) return *failed;
  const std::string& json = std::get<std::string>(answer);
  if (options.as_json) {
    session.print_json(json);
    return kDone;
  }
  const core::Result<AuditAnswer> audit = read_audit(json);
  if (!audit) return session.refuse(kFailed, audit.error().text(), "sluice audit --json");
  console.print(audit_text(*audit, console.dress));
  return kDone;
}

int run_audit_verify(const AuditVerifyOptions& options, const Verbs& hooks,
                     const Console& console) {
  const core::Result<std::string> directory = state_directory(options);
  if (!directory) return fail(console, kFailed, directory.error().text(), "sluice check -c FILE");
  const AuditVerdict verdict = hooks.verify_audit(*directory, options.start);
  if (options.as_json) console.print(verdict_json(verdict, *directory));
  if (!verdict.trouble.empty()) {
    return fail(console, kFailed, verdict.trouble,
                "sluice audit verify --state-dir DIR, as a user who may read it");
  }
  if (!verdict.findings.empty()) {
    console.complain(findings_text(verdict, kVerify));
    const bool may_be_archived = verdict.lines == 0 && options.start == AuditStart::First;
    if (may_be_archived) {
      console.complain("  try: sluice audit verify --partial, when older files are archived\n");
    }
    return kFailed;
  }
  if (!options.as_json) console.print(verdict_text(verdict, *directory));
  return kDone;
}

}  // namespace sluice::cli
