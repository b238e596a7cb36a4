#include <algorithm>

#if defined(__SSE2__)
#include <emmintrin.h>

#include <bit>
#endif

#include "sluice/http/head_scanner.hpp"

namespace sluice::http {
namespace {

constexpr unsigned kLeadingLinesMax = 2;

/// Size of the leading empty lines that are tolerated (RFC 9112 §2.2).
std::size_t leading_lines(std::string_view all) {
  std::size_t at = 0;
  for (unsigned line = 0; line < kLeadingLinesMax; ++line) {
    const std::string_view rest = all.substr(at);
    if (rest.starts_with("\r\n")) {
      at += 2;
    } else if (rest.starts_with('\n')) {
      at += 1;
    } else {
      break;
    }
  }
  return at;
}

/// Size of an empty line at the beginning of `rest`; 0 when there is none.
std::size_t empty_line(std::string_view rest) {
  if (rest.starts_with('\n')) return 1;
  return rest.starts_with("\r\n") ? 2 : 0;
}

#if defined(__SSE2__)
constexpr std::size_t kBlock = 16;

/// Octets of the sixteen at `at` that are an LF and stand before an octet of at most CR: what may
/// be an empty line, or a control octet, which nobody sends. Reads seventeen.
__m128i suspects(const char* at) {
  const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 1));
  const __m128i is_low = _mm_cmpeq_epi8(_mm_min_epu8(second, _mm_set1_epi8('\r')), second);
  return _mm_and_si128(_mm_cmpeq_epi8(first, _mm_set1_epi8('\n')), is_low);
}
/// A bit for each, the first octet lowest.
unsigned bits(__m128i octets) {
  return static_cast<unsigned>(_mm_movemask_epi8(octets));
}
#endif

/// First LF at or behind `at` that may have an empty line behind it: nothing is passed over, but an
/// LF before a control octet counts as well. all.size() when there is none.
std::size_t next_candidate(std::string_view all, std::size_t at) {
#if defined(__SSE2__)
  // A third of the instructions of a memchr per line, with ten lines in 280 octets.
  const auto behind = [](std::size_t from, unsigned hits) {
    return from + static_cast<std::size_t>(std::countr_zero(hits));
  };
  for (; all.size() - at > 2 * kBlock; at += 2 * kBlock) {
    const __m128i one = suspects(all.data() + at);
    const __m128i two = suspects(all.data() + at + kBlock);
    if (bits(_mm_or_si128(one, two)) != 0) return behind(at, bits(one) | bits(two) << kBlock);
  }
  if (all.size() - at > kBlock) {
    if (const unsigned hits = bits(suspects(all.data() + at)); hits != 0) return behind(at, hits);
    at += kBlock;
  }
  if (all.size() > kBlock) {
    // The last block ends with the last octet and overlaps the one before.
    const std::size_t last = all.size() - kBlock - 1;
    const unsigned hits = bits(suspects(all.data() + last)) >> (at - last);
    return hits != 0 ? behind(at, hits) : all.size();
  }
#endif
  for (; at + 1 < all.size(); ++at) {
    if (all[at] == '\n' && (all[at + 1] == '\r' || all[at + 1] == '\n')) return at;
  }
  return all.size();
}

}  // namespace

std::optional<std::size_t> HeadEnd::find(std::string_view all) {
  std::size_t first = 0;
  if (all.empty() || all.front() <= '\r') {  // nearly every head begins with a letter
    first = leading_lines(all);
    if (const std::size_t size = empty_line(all.substr(first)); size > 0) return first + size;
  }
  std::size_t at = std::max(scanned_, first);
  while ((at = next_candidate(all, at)) < all.size()) {
    if (const std::size_t size = empty_line(all.substr(at + 1)); size > 0) {
      scanned_ = at;
      return at + 1 + size;
    }
    ++at;
  }
  // LF and CR may be here and the last LF still to come.
  scanned_ = std::max(all.size() - std::min<std::size_t>(all.size(), 2), first);
  return {};
}

Refusal oversized_request_head(std::string_view bytes) {
  const bool line_ended = bytes.substr(leading_lines(bytes)).find('\n') != std::string_view::npos;
  return line_ended ? Refusal{431, "request head too large"}
                    : Refusal{414, "request line too long"};
}

}  // namespace sluice::http
