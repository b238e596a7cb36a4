#pragma once
#include <array>
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

/// SipHash-1-3, half as long: for tables in memory that nobody sees into, as those of Rust and of
/// Python. On the path of each request.
std::uint64_t siphash_1_3(std::string_view bytes, HashKey key);
/// The same number for four octets, an IPv4 address mostly, in half of the instructions.
std::uint64_t siphash_1_3(std::array<std::uint8_t, 4> octets, HashKey key);

}  // namespace sluice::core
