#include <algorithm>

#include "admin/handlers.hpp"
#include "admin/problem.hpp"
#include "admin/views.hpp"

namespace sluice::admin {

namespace {

Response json_response(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

}  // namespace

void get_status(const Context& context, const Call&, const Responder& respond) {
  respond(json_response(status_json(context.controller.status(), context.version)));
}

// The same shape as the whole status, so that one reader understands both; only `services` is
// shorter.
void get_service_status(const Context& context, const Call& call, const Responder& respond) {
  control::StatusView status = context.controller.status();
  std::erase_if(status.services, [&call](const control::ServiceView& service) {
    return service.name != call.service;
  });
  if (status.services.empty()) {
    return respond(refusal_response({control::RefusalCode::UnknownService,
                                     "no service \"" + call.service.substr(0, 256) + "\""}));
  }
  respond(json_response(status_json(status, context.version)));
}

}  // namespace sluice::admin
