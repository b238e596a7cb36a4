#include <malloc.h>
#include <poll.h>

#include <cstdio>

#include "app/notices.hpp"
#include "app/proxy_process.hpp"
#include "cli/main_cli.hpp"
#include "control/audit_files.hpp"
#include "net/signals.hpp"
#include "sluice/config/parse.hpp"

namespace {

using namespace sluice;

/// A block of this size and more lies apart, so that the kernel has it back once it is freed. glibc
/// would raise the bound to the largest block that was ever freed; the next allow list and the text
/// it is read from then lie in a heap that keeps their places (measured: with a list of 18 MB that
/// is exchanged again and again, 75 MB instead of 21).
void keep_large_blocks_apart() {
#if defined(__GLIBC__)
  constexpr int kApart = 1 << 20;
  static_cast<void>(::mallopt(M_MMAP_THRESHOLD, kApart));
#endif
}

control::StateSource source_of(const cli::RunOptions& options) {
  if (!options.state) return control::StateSource::Saved;
  return *options.state == cli::StateMode::Discard ? control::StateSource::Discard
                                                   : control::StateSource::Previous;
}

int run_proxy(const cli::RunOptions& options) {
  config::Loaded loaded = config::load(options.config_file, config::process_environment());
  for (const config::Problem& problem : loaded.problems)
    std::fprintf(stderr, "%s\n", problem.text().c_str());
  if (!loaded.config) return 1;
  app::Notices notices;
  app::ProxyProcess proxy(std::move(*loaded.config), SLUICE_VERSION, notices);
  if (const core::Status started = proxy.start(source_of(options)); !started) {
    notices.say(started.error().text());
    return 1;
  }
  return proxy.run();
}

cli::AuditVerdict verify_audit_once(const std::string& directory, cli::AuditStart start) {
  control::PosixFiles files;
  const auto report = control::verify_audit(
      files, directory,
      start == cli::AuditStart::First ? control::ChainStart::First : control::ChainStart::Any);
  cli::AuditVerdict verdict;
  if (!report) {
    verdict.trouble = report.error().text();
    return verdict;
  }
  verdict.files = report->files;
  verdict.lines = report->lines;
  verdict.first_generation = report->first.value_or(core::Generation{0}).raw;
  verdict.last_generation = report->last.value_or(core::Generation{0}).raw;
  if (report->broken) {
    verdict.bad_file = directory + "/" + report->broken->file;
    verdict.bad_line = report->broken->line;
    verdict.why = report->broken->what;
  }
  return verdict;
}

/// A proxy that is just appending a line or beginning a new file makes the end of the chain look
/// broken for a moment; what is broken stays so.
cli::AuditVerdict verify_audit(const std::string& directory, cli::AuditStart start) {
  constexpr int kLooks = 3;
  constexpr int kPauseMillis = 100;
  cli::AuditVerdict verdict = verify_audit_once(directory, start);
  for (int look = 1; look < kLooks && !(verdict.bad_file + verdict.trouble).empty(); ++look) {
    ::poll(nullptr, 0, kPauseMillis);
    verdict = verify_audit_once(directory, start);
  }
  return verdict;
}

}  // namespace

int main(int argc, char** argv) {
  keep_large_blocks_apart();
  net::ignore_write_signals();
  return cli::run_cli(argc, argv,
                      {.version = SLUICE_VERSION, .run = run_proxy, .verify_audit = verify_audit});
}
