#pragma once
#include <cstdint>

#include "net/acceptor.hpp"

namespace sluice::proxy {

/// Where a connection came in and from whom.
struct Origin {
  net::Peer peer;
  std::uint16_t listener = 0;  // position in the configuration
};

}  // namespace sluice::proxy
