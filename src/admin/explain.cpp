#include "admin/change_bodies.hpp"
#include "admin/handlers.hpp"
#include "admin/problem.hpp"
#include "admin/views.hpp"

namespace sluice::admin {

// POST because a question has a body; it changes nothing and is not in the audit.
void post_explain(const Context& context, const Call& call, const Responder& respond) {
  auto asked = parse_explain(call.request.body);
  if (!asked) {
    return respond(
        refusal_response({control::RefusalCode::BadRequest, asked.error().text()}, call.request));
  }
  asked->service = call.service;
  const control::ExplainOutcome outcome = context.controller.explain(*asked);
  if (const auto* refusal = std::get_if<control::Refusal>(&outcome)) {
    const bool is_about_service = refusal->code != control::RefusalCode::BadRequest;
    return respond(
        refusal_response(*refusal, call.request, is_about_service ? "sluice status" : ""));
  }
  Response response;
  response.body = explain_json(std::get<control::ExplainAnswer>(outcome));
  respond(response);
}

}  // namespace sluice::admin
