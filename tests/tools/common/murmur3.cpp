#include "common/murmur3.hpp"

#include <string>

namespace tools {
namespace {

constexpr std::uint32_t rotated(std::uint32_t x, unsigned by) {
  return (x << by) | (x >> (32 - by));
}

constexpr std::uint32_t mixed(std::uint32_t k) {
  return rotated(k * 0xcc9e2d51U, 15) * 0x1b873593U;
}

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t word = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    word = word << 8 | static_cast<unsigned char>(bytes[i]);
  return word;
}

}  // namespace

std::uint32_t murmur3(std::string_view bytes) {
  std::uint32_t h = 0;
  std::string_view rest = bytes;
  for (; rest.size() >= 4; rest.remove_prefix(4)) {
    h = rotated(h ^ mixed(little_endian(rest.substr(0, 4))), 13) * 5 + 0xe6546b64U;
  }
  if (!rest.empty()) h ^= mixed(little_endian(rest));
  h ^= static_cast<std::uint32_t>(bytes.size());
  h = (h ^ h >> 16) * 0x85ebca6bU;
  h = (h ^ h >> 13) * 0xc2b2ae35U;
  return h ^ h >> 16;
}

unsigned bucket_of(std::string_view salt, std::string_view identity) {
  std::string key(salt);
  key.append(":").append(identity);
  return static_cast<unsigned>(std::uint64_t{murmur3(key)} * 10'000 >> 32);
}

}  // namespace tools
