#include <cstdio>

#include "app/proxy_process.hpp"
#include "cli/main_cli.hpp"
#include "net/signals.hpp"
#include "sluice/config/parse.hpp"

namespace {

using namespace sluice;

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
  app::ProxyProcess proxy(std::move(*loaded.config), SLUICE_VERSION);
  if (const core::Status started = proxy.start(source_of(options)); !started) {
    app::notice(started.error().text());
    return 1;
  }
  return proxy.run();
}

}  // namespace

int main(int argc, char** argv) {
  net::ignore_sigpipe();
  return cli::run_cli(argc, argv, {.version = SLUICE_VERSION, .run = run_proxy});
}
