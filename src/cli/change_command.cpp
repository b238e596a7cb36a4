#include "cli/change_command.hpp"

#include <fmt/format.h>

#include <chrono>

#include "cli/exit_status.hpp"

namespace sluice::cli {
namespace {

using Clock = std::chrono::steady_clock;

std::string_view path_of(Verb verb) {
  switch (verb) {
    case Verb::Switch:
      return "switch";
    case Verb::Split:
      return "split";
    case Verb::Rollback:
      return "rollback";
    case Verb::EndpointDrain:
      return "endpoints/drain";
    case Verb::EndpointEnable:
      return "endpoints/enable";
    case Verb::EndpointDisable:
      return "endpoints/disable";
  }
  return "";
}

core::Millis since(Clock::time_point start) {
  return std::chrono::duration_cast<core::Millis>(Clock::now() - start);
}

void show(const Session& session, Verb verb, const ChangeAnswer& change,
          std::optional<core::Millis> waited) {
  session.console().print(change_text(verb, change, waited, session.console().dress));
  session.console().complain(change_warnings(change));
}

/// The body of the answer, or the exit status.
std::variant<std::string, int> send_change(const Session& session, std::string path,
                                           const std::string& body, Wait wait,
                                           std::string_view service) {
  AdminRequest request{"POST", std::move(path), body};
  if (wait == Wait::UntilDrained) request.patience.reset();
  return session.ask(request, service);
}

int print_json(const Session& session, const std::string& json) {
  session.print_json(json);
  return kDone;
}

}  // namespace

int change_service(const Session& session, Verb verb, const std::string& service,
                   const std::string& body, Wait wait) {
  const auto start = Clock::now();
  const auto answer =
      send_change(session, fmt::format("/v1/services/{}/{}", url_encoded(service), path_of(verb)),
                  body, wait, service);
  if (const int* exit_status = std::get_if<int>(&answer)) return *exit_status;
  const std::string& json = std::get<std::string>(answer);
  if (session.format() == Format::Json) return print_json(session, json);
  core::Result<ChangeAnswer> change = read_change(json);
  if (!change) return session.refuse(kFailed, change.error().text(), "sluice status");
  if (change->service.empty()) change->service = service;
  show(session, verb, *change,
       wait == Wait::UntilDrained ? std::optional(since(start)) : std::nullopt);
  return kDone;
}

int change_all(const Session& session, Verb verb, ChangesBody body) {
  const auto known = session.status();
  if (const int* exit_status = std::get_if<int>(&known)) return *exit_status;
  for (const ServiceState& service : std::get<StatusAnswer>(known).services)
    body.services.push_back(service.name);

  const Wait wait = body.waits ? Wait::UntilDrained : Wait::No;
  const auto start = Clock::now();
  const auto answer = send_change(session, "/v1/changes", write_body(body), wait, "");
  if (const int* exit_status = std::get_if<int>(&answer)) return *exit_status;
  const std::string& json = std::get<std::string>(answer);
  if (session.format() == Format::Json) return print_json(session, json);
  const core::Result<std::vector<ChangeAnswer>> changes = read_changes(json);
  if (!changes) return session.refuse(kFailed, changes.error().text(), "sluice status");
  const std::optional<core::Millis> waited =
      body.waits ? std::optional(since(start)) : std::nullopt;
  for (const ChangeAnswer& change : *changes) show(session, verb, change, waited);
  return kDone;
}

}  // namespace sluice::cli
