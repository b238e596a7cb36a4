#include "admin/handlers.hpp"
#include "admin/problem.hpp"
#include "admin/query.hpp"
#include "admin/views.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::admin {

namespace {

constexpr std::uint64_t kLinesOtherwise = 100;

Response audit_response(const core::Result<control::AuditTail>& tail, const Request& request) {
  if (!tail) {
    return refusal_response({control::RefusalCode::StorageUnavailable,
                             "the audit could not be read: " + tail.error().text()},
                            request);
  }
  Response response;
  response.body = audit_json(*tail);
  return response;
}

}  // namespace

void get_audit(const Context& context, const Call& call, const Responder& respond) {
  if (call.request.origin == Origin::Remote) {
    return respond(local_only_response(call.request, "the audit is", "sluice audit"));
  }
  const std::string& query = call.request.query;
  const core::Status known = check_names(query, "limit");
  const auto lines =
      number_in(query, "limit",
                {.least = 1, .most = core::limits::kAuditTailLines, .otherwise = kLinesOtherwise});
  if (!known || !lines) {
    const core::Error& error = known ? lines.error() : known.error();
    return respond(
        refusal_response({control::RefusalCode::BadRequest, error.text()}, call.request));
  }
  Request asked;  // what a refusal names; the rest may be large
  asked.path = call.request.path;
  const bool is_read = context.controller.read_audit(
      *lines, [respond, asked](const core::Result<control::AuditTail>& tail) {
        respond(audit_response(tail, asked));
      });
  if (is_read) return;
  respond(refusal_response(
      {control::RefusalCode::Busy, "somebody reads the audit just now; ask again"}, call.request));
}

}  // namespace sluice::admin
