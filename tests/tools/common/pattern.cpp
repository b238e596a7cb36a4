#include "common/pattern.hpp"

#include <array>

namespace tools {

std::string_view pattern() {
  static const std::array<char, 65'521> block = [] {
    std::array<char, 65'521> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<char>('a' + (i * 31 ^ i >> 5) % 26);
    return bytes;
  }();
  return {block.data(), block.size()};
}

}  // namespace tools
