#pragma once
#include <array>
#include <cstdint>
#include <string_view>

/// Which octets may stand where (RFC 9110 §5.6.2, §5.5; RFC 9112 §3), as one table.
namespace sluice::http {

enum CharClass : std::uint8_t {
  kToken = 1,  // tchar
  kTarget =
      2,  // printable ASCII without space and '#': RFC 3986 and the few more that browsers send
  kValue = 4,  // HTAB, SP, VCHAR, obs-text
  kDigit = 8,
  kHost =
      16,  // letters, digits, "-._~": reg-name without sub-delims and escapes (host.hpp says why)
};

constexpr std::array<std::uint8_t, 256> make_char_classes() {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    unsigned classes = 0;
    if (alpha || digit) classes |= kToken | kHost;
    if (digit) classes |= kDigit;
    if (c > 0x20 && c < 0x7F && c != '#') classes |= kTarget;
    if (c == '\t' || (c >= 0x20 && c != 0x7F)) classes |= kValue;
    table[c] = static_cast<std::uint8_t>(classes);
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) {
    table[static_cast<unsigned char>(c)] |= kToken;
  }
  for (const char c : std::string_view("-._~")) table[static_cast<unsigned char>(c)] |= kHost;
  return table;
}
inline constexpr std::array<std::uint8_t, 256> kCharClasses = make_char_classes();

constexpr bool is_in(CharClass wanted, char c) {
  return (kCharClasses[static_cast<unsigned char>(c)] & wanted) != 0;
}
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/// First octet of [at, end) that is not in `wanted`, or end.
inline const char* skip(CharClass wanted, const char* at, const char* end) {
  while (at != end && is_in(wanted, *at)) ++at;
  return at;
}

/// RFC 9110 §5.6.3: OWS around a value is not part of it.
inline std::string_view without_outer_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace sluice::http
