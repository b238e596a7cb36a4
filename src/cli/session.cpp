#include "cli/session.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "cli/exit_status.hpp"
#include "config/nearest.hpp"
#include "sluice/config/parse.hpp"

namespace sluice::cli {
namespace {

std::string names_of(const StatusAnswer& status) {
  std::string names;
  for (const ServiceState& service : status.services)
    names += (names.empty() ? "" : ", ") + service.name;
  return names;
}

bool is_named(const StatusAnswer& status, std::string_view name) {
  for (const ServiceState& service : status.services) {
    if (service.name == name) return true;
  }
  return false;
}

}  // namespace

Session::Session(const Console& console, std::string command, const SocketChoice& choice,
                 Format format)
    : console_(console),
      command_(std::move(command)),
      format_(format),
      socket_(config::AdminSocket{}.path) {
  const char* environment = std::getenv("SLUICE_SOCKET");
  if (!choice.socket.empty()) {
    socket_ = choice.socket;
  } else if (environment != nullptr && *environment != '\0') {
    socket_ = environment;
  } else if (!choice.config_file.empty()) {
    const config::Loaded loaded = config::load(choice.config_file, config::process_environment());
    if (loaded.config) {
      socket_ = loaded.config->admin_socket.path;
    } else {
      socket_problem_ = loaded.problems.front().text();
    }
  }
}

std::variant<std::string, int> Session::ask(const AdminRequest& request,
                                            std::string_view service) const {
  if (!socket_problem_.empty()) return refuse_socket();
  return judge(ask_admin(socket_, request), request, service);
}

core::Result<std::string> Session::look(const AdminRequest& request) const {
  core::Result<AdminAnswer> answer = ask_admin(socket_, request);
  const auto failed = [](std::string why) {
    return core::Error{core::ErrorCode::Unavailable, "", std::move(why)};
  };
  if (!answer && answer.error().code == core::ErrorCode::Unavailable)
    return failed("no proxy answers at " + answer.error().text());
  if (!answer) return failed(answer.error().text());
  if (answer->status == 200) return std::move(answer->body);
  const Problem problem = read_problem(answer->body);
  return failed(problem.detail.empty() ? fmt::format("the proxy answered {}", answer->status)
                                       : problem.detail);
}

int Session::follow(const AdminRequest& request, const TakePiece& take) const {
  if (!socket_problem_.empty()) return refuse_socket();
  const auto ended = judge(follow_admin(socket_, request, take), request, "");
  const int* failed = std::get_if<int>(&ended);
  return failed == nullptr ? kDone : *failed;
}

std::variant<std::string, int> Session::judge(core::Result<AdminAnswer> answer,
                                              const AdminRequest& request,
                                              std::string_view service) const {
  if (!answer && answer.error().what == std::strerror(EACCES)) {
    return refuse(
        kUnreachable, "you may not use the socket " + answer.error().text(),
        "the command as root or as a member of the socket's group: ls -l " + answer.error().where);
  }
  if (!answer && answer.error().code == core::ErrorCode::Unavailable) {
    return refuse(kUnreachable, "no proxy answers at " + answer.error().text(),
                  "sluice run -c FILE, or name its socket with --socket PATH or SLUICE_SOCKET");
  }
  if (!answer) {
    const bool is_change = request.method != "GET";
    return refuse(
        kFailed,
        answer.error().text() + (is_change ? "; the change may have been made all the same" : ""),
        "sluice status");
  }
  if (answer->status == 200) return std::move(answer->body);
  if (format_ == Format::Json) print_json(answer->body);
  const Problem problem = read_problem(answer->body);
  const std::string why = problem.detail.empty()
                              ? fmt::format("the proxy answered {}", answer->status)
                              : problem.detail;
  const int exit_status = problem.code == "service_required" ? kUsage : kFailed;
  return refuse(exit_status, why, remedy_for(problem, service));
}

int Session::refuse_socket() const {
  return refuse(kFailed, "the file that names the socket has mistakes: " + socket_problem_,
                "sluice check -c FILE");
}

std::variant<StatusAnswer, int> Session::status() const {
  const auto answer = ask({.path = "/v1/status", .body = ""}, "");
  if (const int* exit_status = std::get_if<int>(&answer)) return *exit_status;
  core::Result<StatusAnswer> status = read_status(std::get<std::string>(answer));
  if (!status) return refuse(kFailed, status.error().text(), "");
  return std::move(*status);
}

std::variant<std::string, int> Session::choose_service(
    const std::optional<std::string>& named) const {
  if (named) return *named;
  const auto answer = status();
  if (const int* exit_status = std::get_if<int>(&answer)) return *exit_status;
  const StatusAnswer& known = std::get<StatusAnswer>(answer);
  if (known.services.size() == 1) return known.services.front().name;
  if (known.services.empty()) return refuse(kFailed, "the proxy has no service", "");
  return refuse(kUsage, "there are several services, name one: " + names_of(known),
                command_ + " " + known.services.front().name);
}

void Session::print_json(std::string_view json) const {
  console_.print(harmless_json(json));
  if (!json.ends_with('\n')) console_.print("\n");
}

int Session::refuse(int exit_status, std::string_view why, std::string_view remedy) const {
  console_.complain(fmt::format("{}: {}\n", harmless(command_), harmless(why)));
  if (!remedy.empty()) console_.complain(fmt::format("  try: {}\n", harmless(remedy)));
  return exit_status;
}

std::string Session::remedy_for(const Problem& problem, std::string_view service) const {
  std::string status = service.empty() ? "sluice status" : fmt::format("sluice status {}", service);
  if (problem.code == "pool_unreachable" || problem.code == "last_endpoint")
    return fmt::format("{} --force", command_);
  if (problem.code == "unknown_endpoint" || problem.code == "ambiguous_endpoint") return status;
  if (problem.code == "generation_mismatch") {
    return fmt::format("{}, then the command again with the generation it shows", status);
  }
  if (problem.code == "superseded") return status;
  if (problem.code == "storage_unavailable")
    return "the command again when the disk of state_dir answers; sluice rollback works without it";
  if (problem.code != "unknown_service" && problem.code != "service_required") return "";
  // Which names there are is worth one more question; when it fails, the refusal itself still
  // stands.
  const core::Result<AdminAnswer> answer = ask_admin(socket_, {.path = "/v1/status", .body = ""});
  if (!answer || answer->status != 200) return "sluice status";
  const core::Result<StatusAnswer> known = read_status(answer->body);
  if (!known || known->services.empty() || is_named(*known, service)) return "sluice status";
  std::vector<std::string_view> names;
  for (const ServiceState& each : known->services) names.push_back(each.name);
  // Nobody is led to change a service that was not meant.
  const auto near =
      service.empty() ? std::optional(names.front()) : config::nearest(service, names);
  if (!near) return "sluice status";
  const std::string given = " " + std::string(service);
  std::string command = command_;
  if (!service.empty() && command.ends_with(given)) command.resize(command.size() - given.size());
  return command + " " + std::string(*near);
}

std::string url_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                               (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                               c == '~';
    if (is_unreserved) {
      out.push_back(c);
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace sluice::cli
