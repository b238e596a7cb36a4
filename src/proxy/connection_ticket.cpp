#include "proxy/connection_ticket.hpp"

namespace sluice::proxy {

bool AddressLimit::admit(const core::IpAddress& address) {
  const std::lock_guard lock(mutex_);
  std::uint32_t& open = open_[address];
  if (open >= most_) return false;
  ++open;
  return true;
}

void AddressLimit::leave(const core::IpAddress& address) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(address);
  ENSURE(found != open_.end(), "every connection that leaves was admitted");
  if (--found->second == 0) open_.erase(found);
}

}  // namespace sluice::proxy
