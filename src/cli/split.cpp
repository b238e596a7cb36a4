#include "cli/change_command.hpp"
#include "cli/verbs.hpp"

namespace sluice::cli {

int run_split(const SplitOptions& options, const Console& console) {
  std::string command = "sluice split " + options.percent;
  if (options.service) command += " " + *options.service;
  if (options.is_dry_run) command += " --dry-run";
  const Session session(console, command, options.where,
                        options.as_json ? Format::Json : Format::Text);
  const auto service = session.choose_service(options.service);
  if (const int* exit_status = std::get_if<int>(&service)) return *exit_status;
  const SplitBody body{options.percent, options.salt, options.reason, options.if_generation,
                       options.is_dry_run};
  return change_service(session, Verb::Split, std::get<std::string>(service), write_body(body),
                        Wait::No);
}

}  // namespace sluice::cli
