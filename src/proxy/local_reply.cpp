#include "proxy/local_reply.hpp"

#include <array>

#include "sluice/core/ensure.hpp"

namespace sluice::proxy {
namespace {

/// Of draft-ietf-httpapi-ratelimit-headers for a 429; else the status says it all (RFC 9457
/// §4.2.1).
std::string_view problem_type(std::uint16_t status) {
  return status == 429 ? "https://iana.org/assignments/http-problem-types#quota-exceeded"
                       : "about:blank";
}

/// Composes into a small buffer first, because Content-Length comes before the body.
std::string_view compose_body(const LocalReply& reply, std::array<char, 512>& buffer) {
  http::HeadWriter body(buffer);
  const std::string_view phrase = http::reason_phrase(reply.status);
  if (reply.wants_json) {
    body.put(R"({"type":")", problem_type(reply.status), R"(","title":")");
    body.put(phrase);
    body.put(R"(","status":)");
    body.put(std::uint64_t{reply.status});
    body.put(R"(,"detail":")");
    body.put(reply.detail);  // static text of ours: needs no escaping
    body.put("\"");
    if (!reply.violated.empty()) body.put(R"(,"violated-policies":[)", reply.violated, "]");
    body.put("}\n");
  } else {
    body.put(std::uint64_t{reply.status});
    body.put(" ");
    body.put(phrase);
    body.put("\n");
    body.put(reply.detail);
    body.put("\n");
  }
  return body.written();
}

}  // namespace

std::string_view proxy_status_error(metrics::Refusal refusal) {
  using metrics::Refusal;
  switch (refusal) {
    case Refusal::BadRequest:
    case Refusal::RequestTimeout:
    case Refusal::TooLarge:
    case Refusal::NotAllowed:
    case Refusal::ExpectationFailed:
      return "http_request_error";
    case Refusal::NoService:
      return "destination_not_found";
    case Refusal::RateLimited:
      return "http_request_denied";
    case Refusal::NoEndpoint:
    case Refusal::BreakerOpen:
      return "destination_unavailable";
    case Refusal::OverloadMemory:
    case Refusal::OverloadLoop:
      return "proxy_internal_response";
    case Refusal::LocalResources:
    case Refusal::AdaptiveLimit:
    case Refusal::TunnelLimit:
    case Refusal::PendingLimit:
    case Refusal::PendingNew:
    case Refusal::ConnectionLimit:
    case Refusal::RequestLimit:
      return "connection_limit_reached";
    case Refusal::Cut:
    case Refusal::EndpointLost:
      return "connection_terminated";
    case Refusal::EndpointProtocol:
      return "http_protocol_error";
    case Refusal::EndpointTimeout:
      return "http_response_timeout";
  }
  core::unreachable();
}

metrics::Refusal refusal_of(std::uint16_t status) {
  using metrics::Refusal;
  switch (status) {
    case 404:
      return Refusal::NoService;
    case 405:
      return Refusal::NotAllowed;
    case 408:
      return Refusal::RequestTimeout;
    case 413:
    case 414:
    case 431:
      return Refusal::TooLarge;
    case 417:
      return Refusal::ExpectationFailed;
    default:
      return Refusal::BadRequest;
  }
}

std::size_t write_local_reply(http::HeadWriter& out, const LocalReply& reply) {
  std::array<char, 512> buffer;
  const bool is_page = reply.page != nullptr && !reply.wants_json;
  const std::string_view body = is_page ? *reply.page : compose_body(reply, buffer);
  out.status_line(reply.status, http::reason_phrase(reply.status));
  out.field("Server", "sluice");
  out.field("Date", reply.date);
  out.field("Content-Type", reply.wants_json ? "application/problem+json"
                            : is_page        ? "text/html; charset=utf-8"
                                             : "text/plain; charset=utf-8");
  out.field("Content-Length", std::uint64_t{body.size()});
  out.field("Cache-Control", "no-store");
  if (!reply.allow.empty()) out.field("Allow", reply.allow);
  if (reply.retry_after_s != 0) out.field("Retry-After", std::uint64_t{reply.retry_after_s});
  if (!reply.rate_limit.empty()) out.field("RateLimit", reply.rate_limit);
  if (!reply.rate_limit_policy.empty()) out.field("RateLimit-Policy", reply.rate_limit_policy);
  if (!reply.error.empty()) {
    out.begin_field("Proxy-Status");
    out.put("sluice; error=");
    out.put(reply.error);
    out.end_field();
  }
  if (!reply.request_id.empty()) out.field("X-Request-Id", reply.request_id);
  if (reply.closes) {
    out.field("Connection", "close");
  } else if (reply.says_keep_alive) {
    out.field("Connection", "keep-alive");
  }
  out.end_head();
  if (reply.is_head) return 0;
  out.put(body);
  return body.size();
}

bool prefers_json(const http::HeaderBlock& fields) {
  if (!fields.has(http::FieldId::Accept)) return false;
  const std::string_view accept = *fields.find(http::FieldId::Accept);
  const std::size_t json = accept.find("json");
  const std::size_t text = accept.find("text/");
  return json != std::string_view::npos && json < text;
}

}  // namespace sluice::proxy
