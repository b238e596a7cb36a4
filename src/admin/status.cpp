#include <algorithm>

#include "admin/entity_tags.hpp"
#include "admin/handlers.hpp"
#include "admin/problem.hpp"
#include "admin/views.hpp"

namespace sluice::admin {

namespace {

/// `generation` is the entity tag: of the traffic state, not of counts that only report.
Response json_response(std::string body, core::Generation generation) {
  Response response;
  response.body = std::move(body);
  response.fields.emplace_back("ETag", entity_tag(generation));
  return response;
}

}  // namespace

void get_status(const Context& context, const Call&, const Responder& respond) {
  const control::StatusView status = context.controller.status();
  respond(json_response(status_json(status, context.version), status.generation));
}

// The same shape as the whole status, so that one reader understands both; only `services` is
// shorter.
void get_service_status(const Context& context, const Call& call, const Responder& respond) {
  control::StatusView status = context.controller.status();
  std::string names;
  for (const control::ServiceView& service : status.services)
    names.append(names.empty() ? "" : ", ").append(service.name);
  std::erase_if(status.services, [&call](const control::ServiceView& service) {
    return service.name != call.service;
  });
  if (status.services.empty()) {
    return respond(
        refusal_response({control::RefusalCode::UnknownService,
                          "no service \"" + call.service.substr(0, 256) + "\"; there is: " + names},
                         call.request, "sluice status"));
  }
  respond(json_response(status_json(status, context.version), status.services.front().generation));
}

}  // namespace sluice::admin
