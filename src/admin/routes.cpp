#include "admin/routes.hpp"

#include <array>
#include <charconv>
#include <optional>

#include "admin/host_check.hpp"
#include "admin/problem.hpp"

namespace sluice::admin {

namespace {

using http::Method;

struct Route {
  Method method;
  std::string_view pattern;  // `*` stands for one segment: the service
  Handler handler;
};

/// GET only looks, POST changes; HEAD goes wherever GET goes.
constexpr std::array kRoutes{
    Route{Method::Get, "/v1/status", get_status},
    Route{Method::Get, "/v1/status/*", get_service_status},
    Route{Method::Post, "/v1/services/*/switch", post_switch},
    Route{Method::Post, "/v1/services/*/split", post_split},
    Route{Method::Post, "/v1/services/*/rollback", post_rollback},
    Route{Method::Post, "/v1/services/*/endpoints/drain", post_endpoint_drain},
    Route{Method::Post, "/v1/services/*/endpoints/enable", post_endpoint_enable},
    Route{Method::Post, "/v1/services/*/endpoints/disable", post_endpoint_disable},
    Route{Method::Post, "/v1/changes", post_changes},
    Route{Method::Post, "/v1/explain", post_explain},
    Route{Method::Post, "/v1/services/*/explain", post_explain},
    Route{Method::Get, "/v1/audit", get_audit},
    Route{Method::Get, "/v1/events", get_events},
    Route{Method::Get, "/healthz", get_healthz},
    Route{Method::Get, "/readyz", get_readyz},
    Route{Method::Get, "/metrics", get_metrics},
};

/// The segment that stands for `*`; empty text when the pattern has none; nullopt: no match.
std::optional<std::string_view> match(std::string_view pattern, std::string_view path) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) {
    return pattern == path ? std::optional(std::string_view()) : std::nullopt;
  }
  const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
  if (path.size() <= before.size() + after.size()) return std::nullopt;
  if (!path.starts_with(before) || !path.ends_with(after)) return std::nullopt;
  const std::string_view segment =
      path.substr(before.size(), path.size() - before.size() - after.size());
  if (segment.find('/') != std::string_view::npos) return std::nullopt;
  return segment;
}

bool allows(const Route& route, Method method) {
  return route.method == method || (route.method == Method::Get && method == Method::Head);
}

std::string_view allow_of(const Route& route) {
  return route.method == Method::Get ? "GET, HEAD" : "POST";
}

Response not_found(const Request& request) {
  return problem_response({.status = 404,
                           .code = "not_found",
                           .detail = "nothing is at " + request.path.substr(0, 256),
                           .instance = request.path});
}

Response wrong_method(const Route& route, const Request& request) {
  Response response = problem_response({.status = 405,
                                        .code = "method_not_allowed",
                                        .detail = "this path takes " + std::string(allow_of(route)),
                                        .instance = request.path});
  response.fields.emplace_back("Allow", std::string(allow_of(route)));
  return response;
}

Response forbidden(std::string_view code, std::string detail, const Request& request) {
  return problem_response(
      {.status = 403, .code = code, .detail = std::move(detail), .instance = request.path});
}

std::optional<unsigned char> hex_byte(std::string_view digits) {
  unsigned char value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) return std::nullopt;
  return value;
}

}  // namespace

void route(const Context& context, const Request& request, const Responder& respond) {
  if (request.origin == Origin::Remote && !is_own_host(request.host, context.bound_host)) {
    return respond(forbidden("forbidden_host",
                             "over TCP, Host must be localhost or the address of admin.http",
                             request));
  }
  for (const Route& each : kRoutes) {
    const auto segment = match(each.pattern, request.path);
    if (!segment) continue;
    if (!allows(each, request.method)) return respond(wrong_method(each, request));
    if (request.origin == Origin::Remote && each.method != Method::Get) {
      return respond(
          forbidden("read_only", "over TCP nothing can be changed; use the Unix socket", request));
    }
    const auto service = percent_decoded(*segment);
    if (!service) return respond(not_found(request));
    return each.handler(context, {.request = request, .service = *service}, respond);
  }
  respond(not_found(request));
}

std::optional<std::string> percent_decoded(std::string_view segment) {
  std::string text;
  while (!segment.empty()) {
    if (segment.front() != '%') {
      text += segment.front();
      segment.remove_prefix(1);
      continue;
    }
    const auto byte = hex_byte(segment.substr(1, 2));
    if (!byte) return std::nullopt;
    text += static_cast<char>(*byte);
    segment.remove_prefix(3);
  }
  return text;
}

}  // namespace sluice::admin
