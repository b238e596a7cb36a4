#include "cli/frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "config/utf8.hpp"

namespace sluice::cli {
namespace {

struct Range {
  char32_t first, last;
};
constexpr std::array kNoCells{Range{0x0300, 0x036F}, Range{0x200B, 0x200F}, Range{0x20D0, 0x20FF},
                              Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F}};
constexpr std::array kTwoCells{
    Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},   Range{0x3041, 0xA4CF},
    Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},   Range{0xFE30, 0xFE6F},
    Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},   Range{0x1F300, 0x1F64F},
    Range{0x1F680, 0x1F6FF}, Range{0x1F900, 0x1FAFF}, Range{0x20000, 0x3FFFD}};

template <std::size_t count>
bool is_in(const std::array<Range, count>& ranges, char32_t character) {
  return std::ranges::any_of(ranges, [character](const Range& range) {
    return character >= range.first && character <= range.last;
  });
}

/// Size of the colour that `text` begins with; 0: it begins with none.
std::size_t colour_size(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const std::size_t end = text.find_first_not_of("0123456789;", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

struct Glyph {
  std::string_view bytes;
  std::size_t size = 1;  // in the text
  std::size_t cells = 1;
};

Glyph first_glyph(std::string_view text) {
  const std::size_t size = config::utf8_length(text);
  const auto lead = static_cast<unsigned char>(text.front());
  if (size == 0 || lead < 0x20 || lead == 0x7F) return {"?", 1, 1};
  constexpr std::array<unsigned, 5> kLeadBits{0, 0x7F, 0x1F, 0x0F, 0x07};
  char32_t character = lead & kLeadBits[size];
  for (std::size_t i = 1; i < size; ++i)
    character = character << 6U | (static_cast<unsigned char>(text[i]) & 0x3FU);
  if (character >= 0x80 && character < 0xA0) return {"?", size, 1};  // C1 controls
  return {text.substr(0, size), size, cells_of(character)};
}

struct Cut {
  std::string text;
  std::size_t cells = 0;
};

Cut cut(std::string_view line, std::size_t columns) {
  Cut out;
  bool is_full = false;
  while (!line.empty()) {
    if (const std::size_t colour = colour_size(line)) {
      out.text += line.substr(0, colour);
      line.remove_prefix(colour);
      continue;
    }
    const Glyph glyph = first_glyph(line);
    line.remove_prefix(glyph.size);
    is_full = is_full || out.cells + glyph.cells > columns;
    if (is_full) continue;
    out.text += glyph.bytes;
    out.cells += glyph.cells;
  }
  return out;
}

std::vector<std::string> lines_of(std::string_view text, std::size_t rows) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (lines.size() <= rows) return lines;
  const std::size_t missing = lines.size() - rows + 1;
  lines.resize(rows);
  lines.back() = fmt::format("... {} more lines: a taller window, or one SERVICE", missing);
  return lines;
}

}  // namespace

std::size_t cells_of(char32_t character) {
  if (is_in(kNoCells, character)) return 0;
  return is_in(kTwoCells, character) ? 2 : 1;
}

std::string cut_line(std::string_view line, std::size_t columns) {
  return cut(line, columns).text;
}

std::string frame_of(std::string_view text, Screen screen) {
  const std::size_t rows = std::max<std::size_t>(screen.rows, 1);
  std::string out = "\x1b[H";
  std::size_t written = 0;
  for (const std::string& line : lines_of(text, rows)) {
    if (written++ > 0) out += "\r\n";
    const Cut fitting = cut(line, screen.columns);
    out += fitting.text;
    // Behind a full line the cursor still stands on its last cell, which would be wiped.
    if (fitting.cells < screen.columns) out += "\x1b[K";
  }
  if (written == 0) return out + "\x1b[J";
  if (written < rows) out += "\r\n\x1b[J";
  return out;
}

}  // namespace sluice::cli
