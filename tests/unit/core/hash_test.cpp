#include "sluice/core/hash.hpp"

#include <string>

#include "support/catch.hpp"

using sluice::core::murmur3_x86_32;

namespace {

std::uint64_t bucket(std::uint32_t hash) {
  return (std::uint64_t{hash} * 10'000) >> 32U;
}

}  // namespace

TEST_CASE("hash: the published vectors of the split hold", "[core][hash]") {
  struct Row {
    std::string input;
    std::uint32_t hash;
    std::uint64_t bucket;
  };
  const Row rows[] = {
      {"shop-2026:user-1", 3760960458U, 8756},
      {"shop-2026:user-2", 586260107U, 1364},
      {"shop-2026:42", 4243265309U, 9879},
      {"shop:192.0.2.7", 1669131230U, 3886},
      {"shop:2001:db8::1", 3887788936U, 9051},
      {std::string("shop:") + "\xFF" + std::string(1, '\0'), 2990218742U, 6962},
  };
  for (const Row& row : rows) {
    INFO(row.input);
    CHECK(murmur3_x86_32(row.input) == row.hash);
    CHECK(bucket(murmur3_x86_32(row.input)) == row.bucket);
  }
}

// Values of the reference implementation (smhasher, MurmurHash3_x86_32, seed 0): each tail length
// once.
TEST_CASE("hash: every tail length agrees with the reference", "[core][hash]") {
  CHECK(murmur3_x86_32("") == 0x00000000U);
  CHECK(murmur3_x86_32("a") == 0x3c2569b2U);
  CHECK(murmur3_x86_32("Hello, world!") == 0xc0363e43U);
  CHECK(murmur3_x86_32("The quick brown fox jumps over the lazy dog") == 0x2e4ff723U);
}

TEST_CASE("hash: octets are unsigned in every position of a block and of a tail", "[core][hash]") {
  CHECK(murmur3_x86_32("\xFF\xFF\xFF\xFF") == 0x76293b50U);
  CHECK(murmur3_x86_32(std::string_view("\x00\x00\x00\x00", 4)) == 0x2362f9deU);
  CHECK(murmur3_x86_32(std::string_view("\x00", 1)) == 0x514e28b7U);
  CHECK(murmur3_x86_32("\x21\x43\x65\x87") == 0xf55b516bU);
  CHECK(murmur3_x86_32("\x21\x43\x65") == 0x7e4a8634U);
  CHECK(murmur3_x86_32("\x21\x43") == 0xa0f7b07aU);
  CHECK(murmur3_x86_32("\x21") == 0x72661cf4U);
}
