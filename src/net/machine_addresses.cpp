#include "net/machine_addresses.hpp"

#include <uv.h>

#include <cstring>
#include <span>

#include "net/raw_address.hpp"

namespace sluice::net {

std::vector<core::IpAddress> machine_addresses() {
  uv_interface_address_t* found = nullptr;
  int count = 0;
  if (uv_interface_addresses(&found, &count) != 0) return {};
  std::vector<core::IpAddress> addresses;
  for (const uv_interface_address_t& each : std::span(found, static_cast<std::size_t>(count))) {
    RawAddress raw;
    std::memcpy(raw.get(), &each.address, sizeof(each.address));
    addresses.push_back(from_raw(raw).ip);
  }
  uv_free_interface_addresses(found, count);
  return addresses;
}

}  // namespace sluice::net
