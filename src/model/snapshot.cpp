#include "sluice/model/snapshot.hpp"

#include "sluice/core/ensure.hpp"

namespace sluice::model {

const std::shared_ptr<const IdentityLists>& no_lists() {
  static const auto kNone = std::make_shared<const IdentityLists>();
  return kNone;
}

std::string_view text(TunnelPolicy policy) {
  switch (policy) {
    case TunnelPolicy::Drain:
      return "drain";
    case TunnelPolicy::Keep:
      return "keep";
    case TunnelPolicy::Close:
      return "close";
  }
  core::unreachable();
}

std::string_view text(OnPoolDown policy) {
  switch (policy) {
    case OnPoolDown::Fallback:
      return "fallback";
    case OnPoolDown::Fail:
      return "fail";
  }
  core::unreachable();
}

Guards guards_of(const ServiceSettings& settings) {
  Guards guards{.pools = settings.breakers.guards_pools() || settings.adaptive.is_on};
  for (const Pool& pool : settings.pools)
    guards.endpoints[core::index(pool.name)] =
        settings.breakers.guards_endpoints(pool.endpoints.size());
  return guards;
}

}  // namespace sluice::model
