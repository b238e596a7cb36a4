#include "admin/host_check.hpp"

#include "sluice/core/address.hpp"
#include "sluice/http/message.hpp"

namespace sluice::admin {

namespace {

bool is_loopback(const core::IpAddress& address) {
  const auto& octets = address.octets();
  if (!address.is_v6()) return octets[0] == 127;
  return address == core::IpAddress::parse("::1");
}

}  // namespace

bool is_loopback_host(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (http::iequals(host, "localhost")) return true;
  const auto address = core::IpAddress::parse(host);
  return address && is_loopback(*address);
}

}  // namespace sluice::admin
