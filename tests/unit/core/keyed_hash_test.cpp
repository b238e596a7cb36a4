#include "sluice/core/keyed_hash.hpp"

#include <string>

#include "support/catch.hpp"

using sluice::core::HashKey;
using sluice::core::siphash_1_3;
using sluice::core::siphash_2_4;

namespace {

// The key of the reference vectors: octets 00 to 0F.
constexpr HashKey kKey{.low = 0x0706050403020100U, .high = 0x0f0e0d0c0b0a0908U};

std::string counted(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i);
  return text;
}

}  // namespace

// Of the paper's appendix and its reference code; also `openssl mac ... SIPHASH`.
TEST_CASE("keyed hash: the reference vectors hold", "[core][hash]") {
  CHECK(siphash_2_4(counted(0), kKey) == 0x726fdb47dd0e0e31U);
  CHECK(siphash_2_4(counted(1), kKey) == 0x74f839c593dc67fdU);
  CHECK(siphash_2_4(counted(7), kKey) == 0xab0200f58b01d137U);
  CHECK(siphash_2_4(counted(8), kKey) == 0x93f5f5799a932462U);
  CHECK(siphash_2_4(counted(15), kKey) == 0xa129ca6149be45e5U);
  CHECK(siphash_2_4(counted(63), kKey) == 0x958a324ceb064572U);
}

TEST_CASE("keyed hash: each half of the key counts", "[core][hash]") {
  const std::uint64_t hash = siphash_2_4("user-1", kKey);
  CHECK(siphash_2_4("user-1", {.low = kKey.low ^ 1, .high = kKey.high}) != hash);
  CHECK(siphash_2_4("user-1", {.low = kKey.low, .high = kKey.high ^ 1}) != hash);
}

// What Python 3.11 and newer say of bytes with PYTHONHASHSEED=0, which is a key of zeros.
TEST_CASE("keyed hash: the short one is that of others", "[core][hash]") {
  const HashKey zeros{.low = 0, .high = 0};
  CHECK(siphash_1_3("a", zeros) == 0x407448d2b89b1813U);
  CHECK(siphash_1_3("1234567", zeros) == 0xa33d651594fdae81U);
  CHECK(siphash_1_3("12345678", zeros) == 0x3489982430560a87U);
  CHECK(siphash_1_3("user-1", zeros) == 0x06db9d14f8ce93a0U);
  CHECK(siphash_1_3("a longer text of 33 octets, really", zeros) == 0x8bb92ef99db0f0d7U);
  CHECK(siphash_1_3("user-1", kKey) != siphash_1_3("user-1", zeros));
  // Each length of what is left behind whole words, with and without one before it.
  const std::uint64_t expected[] = {0xa0bead804318e255U, 0x84c48dbb83cef33dU, 0xf6011f34290259afU,
                                    0x3366a45ba9719547U, 0x2093851c32efb5f9U, 0x6c29cbb19c07d36dU,
                                    0xa33d651594fdae81U, 0x3489982430560a87U, 0x0fbc0f0007965fcfU,
                                    0xd6977ff16ccd849aU, 0x48f07e84a3f33c19U, 0x97f96622b418c390U,
                                    0x1bc415ed6d8970daU, 0x0c122b59801e4209U, 0xf3543d992ba71328U};
  const std::string_view text = "123456789abcdef";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    INFO(size << " octets");
    CHECK(siphash_1_3(text.substr(0, size), zeros) == expected[size - 1]);
  }
  CHECK(siphash_1_3(std::array<std::uint8_t, 4>{'1', '2', '3', '4'}, zeros) == expected[3]);
}
