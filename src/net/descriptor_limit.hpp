#pragma once
#include <cstdint>

#include "sluice/core/result.hpp"

namespace sluice::net {

struct DescriptorLimit {
  std::uint64_t before = 0;  // soft limit that we were started with
  std::uint64_t now = 0;     // soft limit after raising: what the connection limit is computed from
};

/// Raises the soft RLIMIT_NOFILE to the hard one. When that is refused, `now` is `before`. Once, at
/// start.
core::Result<DescriptorLimit> raise_descriptor_limit();

}  // namespace sluice::net
