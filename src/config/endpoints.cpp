#include "sluice/config/endpoints.hpp"

#include <algorithm>
#include <set>

#include "sluice/core/limits.hpp"

namespace sluice::config {

namespace {

constexpr const char* kNotAskedYet = "it has not been looked up yet";
constexpr const char* kOnlyCircles = "its addresses are listeners of this proxy";

core::SocketAddress address_of(const Endpoint& name, const core::IpAddress& ip) {
  return {ip, name.address.port, {}};
}

bool is_loopback(const core::IpAddress& ip) {
  static const core::IpAddress kLoopback6 = *core::IpAddress::parse("::1");
  return ip.is_v6() ? ip == kLoopback6 : ip.octets()[0] == 127;
}

bool takes(const Listener& listener, const core::SocketAddress& address,
           std::span<const core::IpAddress> machine) {
  static const core::IpAddress kAny4, kAny6 = *core::IpAddress::parse("::");
  const core::SocketAddress& bind = listener.bind;
  if (bind == address) return true;
  if (bind.is_unix() || address.is_unix() || bind.port != address.port) return false;
  return bind.ip == (address.ip.is_v6() ? kAny6 : kAny4) &&
         (is_loopback(address.ip) || std::ranges::find(machine, address.ip) != machine.end());
}

/// One pool, line by line.
class Placing {
 public:
  Placing(const Pool& pool, const ResolvedNames& names, const Doors& own)
      : pool_(pool), names_(names), own_(own) {
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
        add_down(endpoint, why_without(endpoint));
      } else if (!add_addresses(endpoint)) {
        add_down(endpoint, kOnlyCircles);
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

  std::string why_without(const Endpoint& name) const {
    const auto found = names_.find(name.host);
    const bool has_reason = found != names_.end() && !found->second.why_not.empty();
    return has_reason ? found->second.why_not : kNotAskedYet;
  }

  void add_down(const Endpoint& name, std::string why) {
    PlacedEndpoint& placed = out_.endpoints.emplace_back();
    placed.text = name.text;
    placed.why_down = std::move(why);
  }

  /// False: each of them is this proxy.
  bool add_addresses(const Endpoint& name) {
    bool has_other = false;
    for (const core::IpAddress& ip : addresses_of(name)) {
      const core::SocketAddress address = address_of(name, ip);
      if (const Listener* door = own_listener(own_, address)) {
        out_.circles.push_back({name.text, address, door->name});
        continue;
      }
      has_other = true;
      if (taken_.contains(address)) continue;
      if (out_.endpoints.size() + lines_left_ >= core::limits::kEndpointsPerPoolMax) {
        ++out_.left_out;
        continue;
      }
      taken_.insert(address);
      add(address, address.text());
    }
    return has_other;
  }

  const Pool& pool_;
  const ResolvedNames& names_;
  const Doors& own_;
  std::map<core::SocketAddress, std::vector<std::string>> names_of_;
  std::set<core::SocketAddress> taken_;  // written out, or placed already
  std::size_t lines_left_ = 0;           // below the one that is placed
  PlacedPool out_;
};

}  // namespace

PlacedPool place_endpoints(const Pool& pool, const ResolvedNames& names, const Doors& own) {
  return Placing(pool, names, own).run();
}

const Listener* own_listener(const Doors& own, const core::SocketAddress& address) {
  const auto door = std::ranges::find_if(
      own.listeners, [&](const Listener& each) { return takes(each, address, own.machine); });
  return door == own.listeners.end() ? nullptr : &*door;
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
