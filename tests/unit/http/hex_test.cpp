#include "http/hex.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "sluice/core/rng.hpp"
#include "support/catch.hpp"

using namespace sluice;

namespace {

/// Digit by digit.
std::array<char, 16> expected(std::uint64_t word) {
  std::array<char, 16> digits{};
  for (std::size_t i = 0; i < digits.size(); ++i) {
    digits[i] = "0123456789abcdef"[word >> (60 - 4 * i) & 0xFU];
  }
  return digits;
}

std::array<char, 16> written(std::uint64_t word) {
  std::array<char, 18> memory;
  memory.fill('#');
  char* const at = memory.data() + 1;
  CHECK(http::put_hex(at, word) == at + 16);
  CHECK(memory.front() == '#');
  CHECK(memory.back() == '#');
  std::array<char, 16> digits{};
  std::copy(at, at + 16, digits.begin());
  return digits;
}

}  // namespace

TEST_CASE("put_hex: sixteen lower-case digits of any word", "[http][hex]") {
  for (const std::uint64_t word :
       {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{0x0123456789ABCDEF},
        std::uint64_t{0x9A9A9A9A9A9A9A9A}}) {
    CHECK(written(word) == expected(word));
  }
  for (unsigned shift = 0; shift < 64; shift += 4) {
    for (std::uint64_t digit = 0; digit < 16; ++digit) {
      CHECK(written(digit << shift) == expected(digit << shift));
    }
  }
  core::Rng rng(1);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t word = rng.next();
    CHECK(written(word) == expected(word));
  }
}
