#include "admin/problem.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

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
    case control::RefusalCode::PreconditionFailed:
      return 412;
    case control::RefusalCode::StorageUnavailable:
    case control::RefusalCode::Busy:
      return 503;
  }
  core::unreachable();
}

struct Title {
  std::string_view code;
  std::string_view title;
};

/// Every code that an answer can have; docs/guide/admin-api.md has a section for each.
constexpr std::array kTitles{
    Title{"ambiguous_endpoint", "Both pools have this endpoint"},
    Title{"bad_request", "The request is malformed"},
    Title{"busy", "Too many wait already"},
    Title{"forbidden_host", "Host is not the address of this proxy"},
    Title{"generation_mismatch", "The state has changed since"},
    Title{"last_endpoint", "The live pool would have no usable endpoint"},
    Title{"local_only", "This is shown on the Unix socket only"},
    Title{"method_not_allowed", "This path takes another method"},
    Title{"not_found", "Nothing is at this path"},
    Title{"pool_unreachable", "No endpoint of the pool accepts connections"},
    Title{"precondition_failed", "If-Match names another state"},
    Title{"read_only", "Nothing can be changed over TCP"},
    Title{"service_required", "There are several services"},
    Title{"storage_unavailable", "The disk does not answer"},
    Title{"superseded", "A rollback came first"},
    Title{"timeout", "The request did not end"},
    Title{"too_large", "The request is too large"},
    Title{"unknown_endpoint", "There is no such endpoint"},
    Title{"unknown_service", "There is no such service"},
};

std::string_view title_of(std::string_view code) {
  const auto* const found = std::ranges::find(kTitles, code, &Title::code);
  ENSURE(found != kTitles.end(), "every code has a title");
  return found->title;
}

constexpr std::size_t kInstanceMax = 256;

}  // namespace

Response problem_response(const Problem& problem) {
  nlohmann::ordered_json json{{"type", "urn:sluice:problem:" + std::string(problem.code)},
                              {"title", title_of(problem.code)},
                              {"status", problem.status},
                              {"detail", problem.detail},
                              {"code", problem.code}};
  if (!problem.instance.empty()) json["instance"] = problem.instance.substr(0, kInstanceMax);
  if (!problem.remedy.empty()) json["remedy"] = problem.remedy;
  Response response;
  response.status = problem.status;
  response.content_type = "application/problem+json";
  response.body = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (problem.status == 503) response.fields.emplace_back("Retry-After", "1");
  return response;
}

Response refusal_response(const control::Refusal& refusal, const Request& request,
                          std::string remedy) {
  return problem_response({.status = status_of(refusal.code),
                           .code = control::text(refusal.code),
                           .detail = refusal.detail,
                           .instance = request.path,
                           .remedy = std::move(remedy)});
}

Response local_only_response(const Request& request, std::string_view what, std::string remedy) {
  return problem_response(
      {.status = 403,
       .code = "local_only",
       .detail = "over TCP " + std::string(what) + " not shown; use the Unix socket",
       .instance = request.path,
       .remedy = std::move(remedy)});
}

}  // namespace sluice::admin
