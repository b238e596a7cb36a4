#include "sluice/core/hash.hpp"

#include <bit>
#include <cstddef>

namespace sluice::core {
namespace {

constexpr std::uint32_t kC1 = 0xcc9e2d51U;
constexpr std::uint32_t kC2 = 0x1b873593U;

constexpr std::uint32_t octet(char c) {
  return static_cast<unsigned char>(c);
}

constexpr std::uint32_t scrambled(std::uint32_t k) {
  return std::rotl(k * kC1, 15) * kC2;
}

// Little-endian by definition, whatever the machine is: a fleet of mixed machines must agree.
constexpr std::uint32_t block_at(std::string_view bytes, std::size_t at) {
  return octet(bytes[at]) | octet(bytes[at + 1]) << 8U | octet(bytes[at + 2]) << 16U |
         octet(bytes[at + 3]) << 24U;
}

constexpr std::uint32_t finished(std::uint32_t h) {
  h = (h ^ (h >> 16U)) * 0x85ebca6bU;
  h = (h ^ (h >> 13U)) * 0xc2b2ae35U;
  return h ^ (h >> 16U);
}

}  // namespace

std::uint32_t murmur3_x86_32(std::string_view bytes) {
  std::uint32_t h = 0;
  std::size_t at = 0;
  for (; bytes.size() - at >= 4; at += 4) {
    h = std::rotl(h ^ scrambled(block_at(bytes, at)), 13) * 5 + 0xe6546b64U;
  }
  std::uint32_t tail = 0;
  for (std::size_t i = bytes.size(); i > at; --i) tail = tail << 8U | octet(bytes[i - 1]);
  if (at < bytes.size()) h ^= scrambled(tail);
  return finished(h ^ static_cast<std::uint32_t>(bytes.size()));
}

}  // namespace sluice::core
