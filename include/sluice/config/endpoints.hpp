#pragma once
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "sluice/config/schema.hpp"
#include "sluice/core/address.hpp"

/// Which endpoints a pool of the file has, given what its names have resolved to. Pure.
namespace sluice::config {

struct ResolvedName {
  std::vector<core::IpAddress> addresses;  // in force; sorted, each once
  std::string why_not;                     // of no addresses: why there is none

  friend bool operator==(const ResolvedName&, const ResolvedName&) = default;
};
/// By Endpoint::host.
using ResolvedNames = std::map<std::string, ResolvedName, std::less<>>;

struct PlacedEndpoint {
  core::SocketAddress address;
  std::string text;                // of the file, or `address` of a name
  std::vector<std::string> names;  // Endpoint::text of the names that have this address
  std::string why_down;            // `text` is a name without an address, this is why; else empty
};

/// An address of a name that is this proxy.
struct Circle {
  std::string name;  // Endpoint::text
  core::SocketAddress address;
  std::string listener;

  friend bool operator==(const Circle&, const Circle&) = default;
};

struct PlacedPool {
  std::vector<PlacedEndpoint> endpoints;  // in the order of the file
  std::size_t left_out = 0;               // addresses above limits::kEndpointsPerPoolMax
  std::vector<Circle> circles;            // no endpoints, either
};

/// Where this proxy can be reached.
struct Doors {
  std::span<const Listener> listeners;
  std::span<const core::IpAddress> machine{};  // what 0.0.0.0 and [::] stand for, beside loopback
};

/// Each address once, also when several names have it or it is written out. A name without an
/// address is an endpoint that is down. Every line of the file has its place, however many
/// addresses the names above it have.
PlacedPool place_endpoints(const Pool& pool, const ResolvedNames& names, const Doors& own = {});

/// The one whose connections `address` would be: an endpoint of that address is this proxy, and
/// each request would run in a circle until a limit ends it. nullptr: none that is known to be.
const Listener* own_listener(const Doors& own, const core::SocketAddress& address);

/// Each host once, sorted.
std::vector<std::string> hosts_of(const Config& config);

}  // namespace sluice::config
