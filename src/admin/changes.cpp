#include "admin/change_bodies.hpp"
#include "admin/handlers.hpp"
#include "admin/problem.hpp"
#include "admin/views.hpp"

namespace sluice::admin {

namespace {

Response outcome_response(const control::ChangeOutcome& outcome) {
  if (const auto* refusal = std::get_if<control::Refusal>(&outcome)) {
    return refusal_response(*refusal);
  }
  Response response;
  response.body = change_json(std::get<control::ChangeAnswer>(outcome));
  return response;
}

void submit(const Context& context, const Call& call, core::Result<control::ChangeRequest> parsed,
            const Responder& respond) {
  if (!parsed) {
    return respond(refusal_response({control::RefusalCode::BadRequest, parsed.error().text()}));
  }
  control::ChangeRequest request = std::move(*parsed);
  request.actor = call.request.actor;
  if (request.scope == control::Scope::Service) request.orders.front().service = call.service;
  context.controller.submit(std::move(request), [respond](const control::ChangeOutcome& outcome) {
    respond(outcome_response(outcome));
  });
}

void submit_endpoint(const Context& context, const Call& call, model::EndpointMode mode,
                     const Responder& respond) {
  submit(context, call, parse_endpoint(call.request.body, mode), respond);
}

}  // namespace

void post_switch(const Context& context, const Call& call, const Responder& respond) {
  submit(context, call, parse_switch(call.request.body), respond);
}

void post_split(const Context& context, const Call& call, const Responder& respond) {
  submit(context, call, parse_split(call.request.body), respond);
}

void post_rollback(const Context& context, const Call& call, const Responder& respond) {
  submit(context, call, parse_rollback(call.request.body), respond);
}

void post_endpoint_drain(const Context& context, const Call& call, const Responder& respond) {
  submit_endpoint(context, call, model::EndpointMode::Draining, respond);
}

void post_endpoint_enable(const Context& context, const Call& call, const Responder& respond) {
  submit_endpoint(context, call, model::EndpointMode::Enabled, respond);
}

void post_endpoint_disable(const Context& context, const Call& call, const Responder& respond) {
  submit_endpoint(context, call, model::EndpointMode::Disabled, respond);
}

void post_changes(const Context& context, const Call& call, const Responder& respond) {
  submit(context, call, parse_changes(call.request.body), respond);
}

}  // namespace sluice::admin
