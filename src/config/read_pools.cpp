#include <fmt/format.h>

#include <algorithm>

#include "config/sections.hpp"
#include "config/utf8.hpp"
#include "config/values.hpp"

/// The pools of a service and their endpoints.
namespace sluice::config {

namespace {

void read_endpoint(Reader& in, Value item, const std::string& pool_label,
                   std::vector<Endpoint>& endpoints) {
  Endpoint endpoint;
  if (!read_endpoint_address(in, item, endpoint.address, endpoint.host)) return;
  endpoint.text = endpoint.is_name() ? fmt::format("{}:{}", endpoint.host, endpoint.address.port)
                                     : std::string(item.text());
  endpoint.at = in.position(item.node->at);
  const auto first = std::ranges::find_if(endpoints, [&endpoint](const Endpoint& earlier) {
    return earlier.host == endpoint.host && earlier.address == endpoint.address;
  });
  if (first != endpoints.end()) {
    in.report(
        *item.node,
        fmt::format("'{}' is listed twice in {}, expected each endpoint once (first in line {})",
                    shown(item.text()), pool_label, first->at.line));
    return;
  }
  endpoints.push_back(std::move(endpoint));
}

void read_pool(Reader& in, Value value, const std::string& label, Pool& pool) {
  const Section section(in, value, tables::kPool, label);
  const auto list = section.require("endpoints");
  if (!list) return;
  for (const Value item : items_of(in, *list)) {
    read_endpoint(in, item, label, pool.endpoints);
  }
}

}  // namespace

void read_pools(Reader& in, Value value, const std::string& service_label, Service& service) {
  const Section section(in, value, tables::kPools, fmt::format("'pools' of {}", service_label));
  for (const core::PoolName name : {core::PoolName::Blue, core::PoolName::Green}) {
    const auto pool = section.get(core::text(name));
    if (!pool) continue;
    read_pool(in, *pool, fmt::format("pool '{}' of {}", core::text(name), service_label),
              service.pools[core::index(name)]);
  }
}

}  // namespace sluice::config
