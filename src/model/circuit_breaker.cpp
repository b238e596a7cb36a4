#include "sluice/model/circuit_breaker.hpp"

#include <algorithm>

#include "sluice/core/ensure.hpp"
#include "sluice/model/service_table.hpp"

namespace sluice::model {

std::string_view text(BreakerFallback fallback) {
  switch (fallback) {
    case BreakerFallback::Live:
      return "live";
    case BreakerFallback::Fail:
      return "fail";
  }
  core::unreachable();
}

BreakerRule BreakerRule::off() {
  BreakerRule rule{.is_on = false, .policy = {}, .slow_call = core::Millis(0)};
  rule.policy.error_rate = std::nullopt;
  rule.policy.slow_rate = std::nullopt;
  return rule;
}

BreakerRule BreakerRule::of_endpoint() {
  BreakerRule rule;
  rule.policy.min_requests = 5;
  return rule;
}

CircuitBreaker CircuitBreaker::off() {
  CircuitBreaker breakers;
  breakers.pool = {};
  breakers.rule = BreakerRule::off();
  breakers.endpoint_rule = BreakerRule::off();
  return breakers;
}

const RouteBreaker* CircuitBreaker::route_of(std::string_view path) const {
  const auto found = std::ranges::find_if(
      routes, [path](const RouteBreaker& route) { return covers_path(route.path_prefix, path); });
  return found == routes.end() ? nullptr : &*found;
}

}  // namespace sluice::model
