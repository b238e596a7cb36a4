#include "admin/event_stream.hpp"
#include "admin/handlers.hpp"
#include "admin/problem.hpp"
#include "admin/query.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::admin {

// Over TCP anyone could also take the places of those who follow.
void get_events(const Context& context, const Call& call, const Responder& respond) {
  if (call.request.origin == Origin::Remote) {
    return respond(local_only_response(call.request, "the events are", "sluice events --follow"));
  }
  const std::string& query = call.request.query;
  const core::Status known = check_names(query, "recent follow");
  const auto follows = flag_in(query, "follow", true);
  const auto recent =
      number_in(query, "recent", {.least = 0, .most = core::limits::kEventsKept, .otherwise = 0});
  for (const core::Error* error :
       {known ? nullptr : &known.error(), follows ? nullptr : &follows.error(),
        recent ? nullptr : &recent.error()}) {
    if (error == nullptr) continue;
    return respond(
        refusal_response({control::RefusalCode::BadRequest, error->text()}, call.request));
  }
  Response response;
  response.content_type = "text/event-stream";
  response.stream = EventStream::open(
      context.controller.events(), {.last_event_id = call.request.last_event_id, .recent = *recent},
      *follows ? EventStream::End::Never : EventStream::End::AtNewest);
  if (response.stream == nullptr) {
    return respond(refusal_response(
        {control::RefusalCode::Busy, std::to_string(context.controller.events().readers()) +
                                         " callers follow the events already; end one of them, or "
                                         "ask with follow=false"},
        call.request));
  }
  respond(response);
}

}  // namespace sluice::admin
