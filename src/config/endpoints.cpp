#include "sluice/config/endpoints.hpp"

#include <algorithm>
#include <set>

#include "sluice/core/limits.hpp"

namespace sluice::config {

namespace {

constexpr const char* kNotAskedYet = "it has not been looked up yet";

core::SocketAddress address_of(const Endpoint& name, const core::IpAddress& ip) {
  return {ip, name.address.port, {}};
}

/// One pool, line by line.
class Placing {
 public:
  Placing(const Pool& pool, const ResolvedNames& names) : pool_(pool), names_(names) {
    for (const Endpoint& endpoint : pool.endpoints) {
      if (endpoint.is_name()) {
        for (const core::IpAddress& ip : addresses_of(endpoint))
          names_of_[address_of(endpoint, ip)].push_back(endpoint.text);
      } else {
        taken_.insert(endpoint.address);
      }
    }
  }

  PlacedPool run() {
    lines_left_ = pool_.endpoints.size();
    for (const Endpoint& endpoint : pool_.endpoints) {
      --lines_left_;
      if (!endpoint.is_name()) {
        add(endpoint.address, endpoint.text);
      } else if (addresses_of(endpoint).empty()) {
        add_down(endpoint);
      } else {
        add_addresses(endpoint);
      }
    }
    return std::move(out_);
  }

 private:
  const std::vector<core::IpAddress>& addresses_of(const Endpoint& name) const {
    static const std::vector<core::IpAddress> kNone;
    const auto found = names_.find(name.host);
    return found == names_.end() ? kNone : found->second.addresses;
  }

  void add(const core::SocketAddress& address, std::string text) {
    PlacedEndpoint& placed = out_.endpoints.emplace_back();
    placed.address = address;
    placed.text = std::move(text);
    if (const auto found = names_of_.find(address); found != names_of_.end())
      placed.names = found->second;
  }

  void add_down(const Endpoint& name) {
    const auto found = names_.find(name.host);
    const bool has_reason = found != names_.end() && !found->second.why_not.empty();
    PlacedEndpoint& placed = out_.endpoints.emplace_back();
    placed.text = name.text;
    placed.why_down = has_reason ? found->second.why_not : kNotAskedYet;
  }

  void add_addresses(const Endpoint& name) {
    for (const core::IpAddress& ip : addresses_of(name)) {
      const core::SocketAddress address = address_of(name, ip);
      if (taken_.contains(address)) continue;
      if (out_.endpoints.size() + lines_left_ >= core::limits::kEndpointsPerPoolMax) {
        ++out_.left_out;
        continue;
      }
      taken_.insert(address);
      add(address, address.text());
    }
  }

  const Pool& pool_;
  const ResolvedNames& names_;
  std::map<core::SocketAddress, std::vector<std::string>> names_of_;
  std::set<core::SocketAddress> taken_;  // written out, or placed already
  std::size_t lines_left_ = 0;           // below the one that is placed
  PlacedPool out_;
};

}  // namespace

PlacedPool place_endpoints(const Pool& pool, const ResolvedNames& names) {
  return Placing(pool, names).run();
}

std::vector<std::string> hosts_of(const Config& config) {
  std::set<std::string> hosts;
  for (const Service& service : config.services) {
    for (const Pool& pool : service.pools) {
      for (const Endpoint& endpoint : pool.endpoints) {
        if (endpoint.is_name()) hosts.insert(endpoint.host);
      }
    }
  }
  return {hosts.begin(), hosts.end()};
}

}  // namespace sluice::config
