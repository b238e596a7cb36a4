#include "config/utf8.hpp"

#include <algorithm>

namespace sluice::config {

namespace {

constexpr std::size_t kShownMax = 80;

unsigned char byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}

bool is_control(std::string_view character) {
  const unsigned char first = byte_at(character, 0);
  if (first < 0x20 || first == 0x7F) return true;
  return first == 0xC2 && byte_at(character, 1) < 0xA0;  // C1 controls: some terminals obey them
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  const unsigned char first = byte_at(text, 0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  if (!std::ranges::all_of(text.substr(1, length - 1), is_continuation)) return 0;
  const unsigned char second = byte_at(text, 1);
  if (first == 0xE0 && second < 0xA0) return 0;  // overlong
  if (first == 0xED && second > 0x9F) return 0;  // surrogates
  if (first == 0xF0 && second < 0x90) return 0;  // overlong
  if (first == 0xF4 && second > 0x8F) return 0;  // above U+10FFFF
  return length;
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return !is_continuation(c); }));
}

bool is_printable(std::string_view text) {
  if (text.empty()) return false;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || is_control(text.substr(0, length))) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool is_obeyed(std::string_view character) {
  // UAX #9: marks, embeddings and overrides, isolates.
  constexpr std::string_view kMarks[] = {"\u061C", "\u200E", "\u200F"};
  const auto is_between = [character](std::string_view first, std::string_view last) {
    return character.size() == first.size() && character >= first && character <= last;
  };
  return is_control(character) || std::ranges::find(kMarks, character) != std::end(kMarks) ||
         is_between("\u202A", "\u202E") || is_between("\u2066", "\u2069");
}

std::string shown(std::string_view text) {
  std::string out;
  for (std::size_t count = 0; !text.empty(); ++count) {
    if (count == kShownMax) return out + "...";
    const std::size_t length = utf8_length(text);
    const bool is_clean = length > 0 && !is_obeyed(text.substr(0, length));
    out += is_clean ? text.substr(0, length) : "?";
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

}  // namespace sluice::config
