#include "admin/problem.hpp"

#include <nlohmann/json.hpp>

#include "sluice/core/ensure.hpp"
#include "sluice/http/h1_writer.hpp"

namespace sluice::admin {

namespace {

std::uint16_t status_of(control::RefusalCode code) {
  switch (code) {
    case control::RefusalCode::UnknownService:
    case control::RefusalCode::UnknownEndpoint:
      return 404;
    case control::RefusalCode::BadRequest:
    case control::RefusalCode::AmbiguousEndpoint:
    case control::RefusalCode::ServiceRequired:
      return 400;
    case control::RefusalCode::GenerationMismatch:
    case control::RefusalCode::PoolUnreachable:
    case control::RefusalCode::LastEndpoint:
    case control::RefusalCode::Superseded:
      return 409;
    case control::RefusalCode::StorageUnavailable:
    case control::RefusalCode::Busy:
      return 503;
  }
  core::unreachable();
}

}  // namespace

Response problem_response(const Problem& problem) {
  // about:blank: the title is the status' own phrase, and `code` carries the meaning (RFC 9457
  // §4.2.1).
  const nlohmann::ordered_json json{{"type", "about:blank"},
                                    {"title", http::reason_phrase(problem.status)},
                                    {"status", problem.status},
                                    {"detail", problem.detail},
                                    {"code", problem.code}};
  Response response;
  response.status = problem.status;
  response.content_type = "application/problem+json";
  response.body = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (problem.status == 503) response.fields.emplace_back("Retry-After", "1");
  return response;
}

Response refusal_response(const control::Refusal& refusal) {
  return problem_response({.status = status_of(refusal.code),
                           .code = control::text(refusal.code),
                           .detail = refusal.detail});
}

}  // namespace sluice::admin
