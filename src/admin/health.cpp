#include <algorithm>

#include "admin/handlers.hpp"

namespace sluice::admin {

namespace {

/// `ok` or the failed checks, one per line; all of them with `?verbose`.
Response health_response(const std::vector<control::Check>& checks, const Request& request) {
  const bool is_good = std::ranges::all_of(checks, &control::Check::is_good);
  const bool is_verbose = request.query == "verbose" || request.query.starts_with("verbose=");
  Response response;
  response.status = is_good ? 200 : 503;
  response.content_type = "text/plain; charset=utf-8";
  for (const control::Check& check : checks) {
    if (check.is_good && !is_verbose) continue;
    response.body += (check.is_good ? "[+] " : "[-] ") + check.name;
    if (!check.detail.empty()) response.body += ": " + check.detail;
    response.body += "\n";
  }
  if (is_good) response.body += "ok\n";
  if (!is_good) response.fields.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

// The control loop turns when this runs; the workers' loops are watched.
void get_healthz(const Context& context, const Call& call, const Responder& respond) {
  std::vector<control::Check> checks;
  const auto silent = context.controller.silent_workers();
  for (std::size_t worker = 0; worker < context.controller.workers().size(); ++worker) {
    const bool is_silent = std::ranges::find(silent, worker) != silent.end();
    checks.push_back({"worker " + std::to_string(worker), !is_silent,
                      is_silent ? "its loop does not turn" : ""});
  }
  respond(health_response(checks, call.request));
}

void get_readyz(const Context& context, const Call& call, const Responder& respond) {
  respond(health_response(context.controller.readiness(), call.request));
}

}  // namespace sluice::admin
