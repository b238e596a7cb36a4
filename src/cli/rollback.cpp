#include "cli/change_command.hpp"
#include "cli/verbs.hpp"

namespace sluice::cli {

int run_rollback(const RollbackOptions& options, const Console& console) {
  std::string command = "sluice rollback";
  if (options.service) command += " " + *options.service;
  if (options.all) command += " --all";
  const Session session(console, command, options.where,
                        options.as_json ? Format::Json : Format::Text);
  if (options.all) {
    ChangesBody body{.action = "rollback",
                     .pool = "",
                     .services = {},
                     .drain = {},
                     .reason = options.reason,
                     .if_generation = {}};
    return change_all(session, Verb::Rollback, std::move(body));
  }
  const auto service = session.choose_service(options.service);
  if (const int* exit_status = std::get_if<int>(&service)) return *exit_status;
  return change_service(session, Verb::Rollback, std::get<std::string>(service),
                        write_body(RollbackBody{options.reason}), Wait::No);
}

}  // namespace sluice::cli
