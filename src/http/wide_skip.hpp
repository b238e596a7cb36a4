#pragma once
#include <bit>

#include "http/char_class.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// skip() for the three things that a head consists of, sixteen octets at a time where the machine
/// can (every x86-64 can). Shorter texts and other machines take the table. All octets of
/// [begin, end) may be read; `at` lies between.
namespace sluice::http::wide {

#if defined(__SSE2__)
/// One bit per octet that must stop a skip, the first octet lowest.
using Stops = unsigned;

inline __m128i load(const char* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}
inline __m128i equal(__m128i octets, char c) {
  return _mm_cmpeq_epi8(octets, _mm_set1_epi8(c));
}
/// As unsigned numbers.
inline __m128i at_most(__m128i octets, unsigned char limit) {
  const __m128i top = _mm_set1_epi8(static_cast<char>(limit));
  return _mm_cmpeq_epi8(_mm_min_epu8(octets, top), octets);
}
inline Stops stops_of(__m128i octets) {
  return static_cast<Stops>(_mm_movemask_epi8(octets));
}

/// Letters and '-': a name mostly has nothing else. What else is a token is left to the table.
inline Stops name_stops(__m128i octets) {
  const __m128i lower = _mm_or_si128(octets, _mm_set1_epi8(0x20));
  const __m128i letters = at_most(_mm_sub_epi8(lower, _mm_set1_epi8('a')), 'z' - 'a');
  return ~stops_of(_mm_or_si128(letters, equal(octets, '-'))) & 0xFFFFU;
}
inline Stops value_stops(__m128i octets) {
  const __m128i controls = _mm_or_si128(at_most(octets, 0x1F), equal(octets, 0x7F));
  return stops_of(_mm_andnot_si128(equal(octets, '\t'), controls));
}
/// 0x21–0x7E without '#'; obs-text has the sign bit and so stops by itself.
inline Stops target_stops(__m128i octets) {
  const __m128i ends = _mm_or_si128(equal(octets, 0x7F), equal(octets, '#'));
  return stops_of(_mm_or_si128(_mm_or_si128(at_most(octets, 0x20), ends), octets));
}

/// The first octet of [at, end) that stops, or end; nullptr: not known, too few octets lie between
/// `begin` and `end` for one block. The last block ends at `end` and overlaps what came before, so
/// nothing beyond is read.
template <Stops (*StopsIn)(__m128i)>
const char* skip_wide(const char* begin, const char* at, const char* end) {
  for (; end - at >= 16; at += 16) {
    if (const Stops stops = StopsIn(load(at)); stops != 0) return at + std::countr_zero(stops);
  }
  if (end - begin < 16) return nullptr;
  const Stops stops = StopsIn(load(end - 16)) >> (at - (end - 16));
  return stops != 0 ? at + std::countr_zero(stops) : end;
}

inline const char* skip_token(const char* begin, const char* at, const char* end) {
  const char* const stop = skip_wide<name_stops>(begin, at, end);
  return skip(kToken, stop != nullptr ? stop : at, end);
}
inline const char* skip_value(const char* begin, const char* at, const char* end) {
  const char* const stop = skip_wide<value_stops>(begin, at, end);
  return stop != nullptr ? stop : skip(kValue, at, end);
}
inline const char* skip_target(const char* begin, const char* at, const char* end) {
  const char* const stop = skip_wide<target_stops>(begin, at, end);
  return stop != nullptr ? stop : skip(kTarget, at, end);
}
#else
inline const char* skip_token(const char*, const char* at, const char* end) {
  return skip(kToken, at, end);
}
inline const char* skip_value(const char*, const char* at, const char* end) {
  return skip(kValue, at, end);
}
inline const char* skip_target(const char*, const char* at, const char* end) {
  return skip(kTarget, at, end);
}
#endif

}  // namespace sluice::http::wide
