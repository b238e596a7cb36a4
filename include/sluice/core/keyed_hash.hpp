#pragma once
#include <cstdint>
#include <string_view>

namespace sluice::core {

/// Secret of a keyed hash: whoever does not know it can't choose inputs that collide.
struct HashKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

/// SipHash-2-4 (Aumasson and Bernstein), for tables whose keys others choose. Not for the split:
/// that hash is public (core/hash.hpp).
std::uint64_t siphash_2_4(std::string_view bytes, HashKey key);

}  // namespace sluice::core
