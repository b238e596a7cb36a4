#include "admin/host_check.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "sluice/core/address.hpp"
#include "sluice/http/message.hpp"

namespace sluice::admin {

namespace {

bool is_loopback(const core::IpAddress& address) {
  const auto& octets = address.octets();
  if (!address.is_v6()) return octets[0] == 127;
  return address == core::IpAddress::parse("::1");
}

bool is_wildcard(const core::IpAddress& address) {
  return std::ranges::all_of(address.octets(), [](std::uint8_t octet) { return octet == 0; });
}

std::optional<core::IpAddress> literal_of(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return core::IpAddress::parse(host);
}

}  // namespace

bool is_loopback_host(std::string_view host) {
  if (http::iequals(host, "localhost")) return true;
  const auto address = literal_of(host);
  return address && is_loopback(*address);
}

bool is_own_host(std::string_view host, std::string_view bound) {
  if (host.empty() || is_loopback_host(host)) return true;
  const auto own = core::IpAddress::parse(bound);
  const auto named = literal_of(host);
  return own && named && (is_wildcard(*own) || *named == *own);
}

}  // namespace sluice::admin
