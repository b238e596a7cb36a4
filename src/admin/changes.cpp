#include "admin/change_bodies.hpp"
#include "admin/entity_tags.hpp"
#include "admin/handlers.hpp"
#include "admin/problem.hpp"
#include "admin/views.hpp"
#include "control/change_plan.hpp"

namespace sluice::admin {

namespace {

std::string words_of(const control::ServiceOrder& order) {
  switch (order.action) {
    case control::Action::Switch:
      return "switch " + std::string(core::text(order.pool));
    case control::Action::Split:
      return "split " + order.split.percent();
    case control::Action::Rollback:
      return "rollback";
    case control::Action::Endpoint:
      return control::verb_of(order) + " " + order.endpoint;
  }
  core::unreachable();
}

/// The command that would work; empty: there is none.
std::string remedy_for(control::RefusalCode code, const control::ChangeRequest& request) {
  using Code = control::RefusalCode;
  const bool is_list = request.scope == control::Scope::List;
  const control::ServiceOrder& order = request.orders.front();
  std::string status = is_list ? "sluice status" : "sluice status " + order.service;
  switch (code) {
    case Code::PoolUnreachable:
    case Code::LastEndpoint:
      if (is_list) return "the same with \"force\": true";
      return "sluice " + words_of(order) + " " + order.service + " --force";
    case Code::GenerationMismatch:
    case Code::PreconditionFailed:
    case Code::Superseded:
    case Code::UnknownEndpoint:
    case Code::AmbiguousEndpoint:
      return status;
    case Code::UnknownService:
    case Code::ServiceRequired:
    case Code::Busy:
      return "sluice status";
    case Code::StorageUnavailable:
      return "the same again when the disk of state_dir answers; sluice rollback works without it";
    case Code::BadRequest:
      return {};
  }
  core::unreachable();
}

Response change_response(const control::ChangeAnswer& answer) {
  Response response;
  response.body = change_json(answer);
  const bool is_list = answer.scope == control::Scope::List;
  response.fields.emplace_back(
      "ETag", entity_tag(is_list ? answer.generation : answer.services.front().generation));
  return response;
}

core::Status take_if_match(const Request& from, control::ChangeRequest& into) {
  if (!from.if_match) return core::ok();
  if (is_rollback(into)) {
    return core::Error{core::ErrorCode::BadInput, "",
                       "a rollback works in every state, so it takes no If-Match"};
  }
  auto parsed = parse_if_match(*from.if_match);
  if (!parsed) return parsed.error();
  into.if_match = std::move(*parsed);
  return core::ok();
}

/// `?dry_run=true` that nobody reads would change the traffic after all.
core::Status check_no_query(const Request& request) {
  if (request.query.empty()) return core::ok();
  return core::Error{core::ErrorCode::BadInput, "",
                     "a change has no parameters behind the path: they are members of the body"};
}

void submit(const Context& context, const Call& call, core::Result<control::ChangeRequest> parsed,
            const Responder& respond) {
  core::Status taken = check_no_query(call.request);
  if (taken) taken = parsed ? take_if_match(call.request, *parsed) : parsed.error();
  if (!taken) {
    return respond(
        refusal_response({control::RefusalCode::BadRequest, taken.error().text()}, call.request));
  }
  control::ChangeRequest change = std::move(*parsed);
  change.actor = call.request.actor;
  if (change.scope == control::Scope::Service) change.orders.front().service = call.service;
  const auto reply = [respond, change,
                      request = call.request](const control::ChangeOutcome& outcome) {
    if (const auto* answer = std::get_if<control::ChangeAnswer>(&outcome)) {
      return respond(change_response(*answer));
    }
    const auto& refusal = std::get<control::Refusal>(outcome);
    std::string remedy = change.orders.empty() ? "" : remedy_for(refusal.code, change);
    respond(refusal_response(refusal, request, std::move(remedy)));
  };
  context.controller.submit(std::move(change), reply);
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
