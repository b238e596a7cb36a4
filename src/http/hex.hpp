#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice::http {

/// Sixteen lower-case hex digits at once: a nibble becomes its digit by one addition. Ids and trace
/// contexts need 84 digits per request, at twelve instructions each in a loop.
inline char* put_hex(char* at, std::uint64_t word) {
  constexpr std::uint64_t kToLetter = 'a' - '0' - 10;
#if defined(__SSE2__)
  const __m128i octets = _mm_cvtsi64_si128(static_cast<long long>(__builtin_bswap64(word)));
  const __m128i low_nibble = _mm_set1_epi8(0x0F);
  const __m128i high = _mm_and_si128(_mm_srli_epi64(octets, 4), low_nibble);
  const __m128i nibbles = _mm_unpacklo_epi8(high, _mm_and_si128(octets, low_nibble));
  const __m128i over_nine = _mm_cmpgt_epi8(nibbles, _mm_set1_epi8(9));
  const __m128i to_letters = _mm_and_si128(over_nine, _mm_set1_epi8(kToLetter));
  const __m128i digits = _mm_add_epi8(_mm_add_epi8(nibbles, _mm_set1_epi8('0')), to_letters);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(at), digits);
#else
  for (unsigned half = 0; half < 2; ++half) {
    std::uint64_t x = half == 0 ? word >> 32U : word & 0xFFFFFFFFU;
    x = (x | x << 16U) & 0x0000FFFF0000FFFFU;
    x = (x | x << 8U) & 0x00FF00FF00FF00FFU;
    x = (x | x << 4U) & 0x0F0F0F0F0F0F0F0FU;
    const std::uint64_t over_nine = (x + 0x0606060606060606U) >> 4U & 0x0101010101010101U;
    x += 0x3030303030303030U + over_nine * kToLetter;
    if constexpr (std::endian::native == std::endian::little) x = __builtin_bswap64(x);
    std::memcpy(at + half * sizeof x, &x, sizeof x);
  }
#endif
  return at + 16;
}

}  // namespace sluice::http
