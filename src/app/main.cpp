#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>

#include "app/notices.hpp"
#include "app/proxy_process.hpp"
#include "app/startup_pages.hpp"
#include "cli/main_cli.hpp"
#include "control/audit_verify.hpp"
#include "net/signals.hpp"
#include "sluice/config/parse.hpp"

namespace {

using namespace sluice;

control::StateSource source_of(const cli::RunOptions& options) {
  if (!options.state) return control::StateSource::Saved;
  return *options.state == cli::StateMode::Discard ? control::StateSource::Discard
                                                   : control::StateSource::Previous;
}

/// Two habits of glibc keep freed memory. Places of up to 128 bytes stay apart ("fast bins"), where
/// they never join their neighbours: after 10,000 connections have closed, their 112-byte
/// transports held 3 MiB. A steady request frees nothing, so nothing is slower without. And the
/// bound from which a block lies apart, and goes back to the kernel at once, rises to the largest
/// one that was ever freed: the next allow list, and the text it is read from, then lie in a heap
/// that keeps their places (measured: with a list of 18 MB that is exchanged again and again, 75 MB
/// instead of 21).
void keep_no_freed_memory() {
  constexpr int kLiesApart = 1 << 20;
  static_cast<void>(::mallopt(M_MXFAST, 0));
  static_cast<void>(::mallopt(M_MMAP_THRESHOLD, kLiesApart));
}

int run_proxy(const cli::RunOptions& options) {
  keep_no_freed_memory();
  config::Loaded loaded = config::load(options.config_file, config::process_environment());
  for (const config::Problem& problem : loaded.problems)
    std::fprintf(stderr, "%s\n", cli::harmless(problem.text()).c_str());
  if (!loaded.config) return 1;
  app::Notices notices;
  app::ProxyProcess proxy(std::move(*loaded.config), SLUICE_VERSION, notices);
  if (const core::Status started = proxy.start(source_of(options)); !started) {
    notices.say(started.error().text());
    return 1;
  }
  app::release_startup_pages();
  return proxy.run();
}

cli::AuditVerdict verify_audit(const std::string& directory, cli::AuditStart start) {
  constexpr int kPauseMillis = 100;
  control::PosixFiles files;
  const auto report = control::verify_audit(
      files, directory,
      start == cli::AuditStart::First ? control::ChainStart::First : control::ChainStart::Any,
      [] { ::poll(nullptr, 0, kPauseMillis); });
  cli::AuditVerdict verdict;
  if (!report) {
    verdict.trouble = report.error().text();
    return verdict;
  }
  verdict.files = report->files;
  verdict.lines = report->lines;
  verdict.first_generation = report->first.value_or(core::Generation{0}).raw;
  verdict.last_generation = report->last.value_or(core::Generation{0}).raw;
  verdict.is_end_compared = report->is_end_compared;
  if (report->only_in_state) verdict.only_in_state = report->only_in_state->raw;
  for (const control::AuditFinding& finding : report->findings) {
    verdict.findings.push_back({directory + "/" + finding.file, finding.line, finding.what});
  }
  return verdict;
}

/// A supervisor may start us without them, and sockets that took their numbers would be written to
/// by every library, and closed by none (libuv refuses to).
void open_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDWR));
  }
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_descriptors();
  net::ignore_write_signals();
  return cli::run_cli(argc, argv,
                      {.version = SLUICE_VERSION, .run = run_proxy, .verify_audit = verify_audit});
}
