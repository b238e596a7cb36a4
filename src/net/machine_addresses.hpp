#pragma once
#include <vector>

#include "sluice/core/address.hpp"

namespace sluice::net {

/// Those of its interfaces that are up, in no order; none, when the kernel does not tell. Any
/// thread.
std::vector<core::IpAddress> machine_addresses();

}  // namespace sluice::net
