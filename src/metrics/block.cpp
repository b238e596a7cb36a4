#include "sluice/metrics/block.hpp"

#include "sluice/core/ensure.hpp"

namespace sluice::metrics {

std::string_view text(IdentityLabel label) {
  switch (label) {
    case IdentityLabel::Cookie:
      return "cookie";
    case IdentityLabel::Header:
      return "header";
    case IdentityLabel::Query:
      return "query";
    case IdentityLabel::ClientAddress:
      return "client_address";
    case IdentityLabel::MintCookie:
      return "mint_cookie";
    case IdentityLabel::Minted:
      return "minted";
    case IdentityLabel::None:
      return "none";
  }
  core::unreachable();
}

std::string_view text(Refusal refusal) {
  switch (refusal) {
    case Refusal::BadRequest:
      return "bad_request";
    case Refusal::RequestTimeout:
      return "request_timeout";
    case Refusal::TooLarge:
      return "too_large";
    case Refusal::NotAllowed:
      return "not_allowed";
    case Refusal::ExpectationFailed:
      return "expectation_failed";
    case Refusal::NoService:
      return "no_service";
    case Refusal::RateLimited:
      return "rate_limited";
    case Refusal::NoEndpoint:
      return "no_endpoint";
    case Refusal::LocalResources:
      return "local_resources";
    case Refusal::OverloadMemory:
      return "overload_memory";
    case Refusal::OverloadLoop:
      return "overload_loop";
    case Refusal::TunnelLimit:
      return "tunnel_limit";
    case Refusal::PendingLimit:
      return "pending_limit";
    case Refusal::PendingNew:
      return "pending_new";
    case Refusal::ConnectionLimit:
      return "connection_limit";
    case Refusal::RequestLimit:
      return "request_limit";
    case Refusal::AdaptiveLimit:
      return "adaptive_limit";
    case Refusal::BreakerOpen:
      return "breaker_open";
    case Refusal::Cut:
      return "cut";
    case Refusal::EndpointLost:
      return "endpoint_lost";
    case Refusal::EndpointProtocol:
      return "endpoint_protocol";
    case Refusal::EndpointTimeout:
      return "endpoint_timeout";
  }
  core::unreachable();
}

std::size_t code_class(unsigned status) {
  const bool is_standard = status >= 100 && status <= 599 && status != 499;
  return is_standard ? status / 100 - 1 : kCodeClasses - 1;
}

}  // namespace sluice::metrics
