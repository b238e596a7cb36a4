#include "cli/change_command.hpp"
#include "cli/verbs.hpp"

namespace sluice::cli {
namespace {

struct Words {
  Verb verb;
  const char* typed;
};

Words words_of(EndpointVerb verb) {
  switch (verb) {
    case EndpointVerb::Drain:
      return {Verb::EndpointDrain, "drain"};
    case EndpointVerb::Enable:
      return {Verb::EndpointEnable, "enable"};
    case EndpointVerb::Disable:
      return {Verb::EndpointDisable, "disable"};
  }
  core::unreachable();
}

}  // namespace

int run_endpoint(const EndpointOptions& options, const Console& console) {
  const auto [verb, typed] = words_of(options.verb);
  std::string command = std::string("sluice endpoint ") + typed + " " + options.endpoint;
  if (options.service) command += " " + *options.service;
  const Session session(console, command, options.where,
                        options.as_json ? Format::Json : Format::Text);
  const auto service = session.choose_service(options.service);
  if (const int* exit_status = std::get_if<int>(&service)) return *exit_status;
  const EndpointBody body{options.endpoint, options.is_forced, options.reason,
                          options.if_generation};
  return change_service(session, verb, std::get<std::string>(service), write_body(body), Wait::No);
}

}  // namespace sluice::cli
