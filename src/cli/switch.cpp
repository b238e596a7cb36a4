#include "cli/change_command.hpp"
#include "cli/verbs.hpp"

namespace sluice::cli {

int run_switch(const SwitchOptions& options, const Console& console) {
  std::string command = "sluice switch " + options.pool;
  if (options.service) command += " " + *options.service;
  if (options.all) command += " --all";
  if (options.is_dry_run) command += " --dry-run";
  const Session session(console, command, options.where,
                        options.as_json ? Format::Json : Format::Text);
  const Wait wait = options.waits ? Wait::UntilDrained : Wait::No;
  if (options.all) {
    ChangesBody body{"switch",       options.pool,          {},
                     options.waits,  options.drain,         options.is_forced,
                     options.reason, options.if_generation, options.is_dry_run};
    return change_all(session, Verb::Switch, std::move(body));
  }
  const auto service = session.choose_service(options.service);
  if (const int* exit_status = std::get_if<int>(&service)) return *exit_status;
  const SwitchBody body{options.pool,   options.waits,         options.drain,     options.is_forced,
                        options.reason, options.if_generation, options.is_dry_run};
  return change_service(session, Verb::Switch, std::get<std::string>(service), write_body(body),
                        wait);
}

}  // namespace sluice::cli
