#include "config/source_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/utf8.hpp"

namespace sluice::config {

SourceText::SourceText(std::string_view text) : text_(text), starts_{0} {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') starts_.push_back(i + 1);
  }
}

std::size_t SourceText::line_index(std::size_t offset) const {
  const auto after = std::ranges::upper_bound(starts_, offset);
  return static_cast<std::size_t>(after - starts_.begin()) - 1;
}

Place SourceText::place(std::size_t offset) {
  offset = std::min(offset, text_.size());
  const std::size_t line = line_index(offset);
  const bool can_go_on = last_.offset >= starts_[line] && last_.offset <= offset;
  const Counted from = can_go_on ? last_ : Counted{starts_[line], 0};
  const std::string_view between = text_.substr(from.offset, offset - from.offset);
  last_ = {offset, from.characters + count_characters(between)};
  return {static_cast<int>(line) + 1, static_cast<int>(last_.characters) + 1};
}

std::size_t SourceText::offset(int line, int byte) const {
  if (line < 0 || byte < 0) return 0;
  if (static_cast<std::size_t>(line) >= starts_.size()) return text_.size();
  return std::min(starts_[static_cast<std::size_t>(line)] + static_cast<std::size_t>(byte),
                  text_.size());
}

std::string_view SourceText::line_of(std::size_t offset) const {
  const std::size_t start = starts_[line_index(std::min(offset, text_.size()))];
  const std::string_view rest = text_.substr(start);
  return rest.substr(0, rest.find_first_of("\r\n"));
}

namespace {

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

std::optional<TextProblem> check_tabs(std::string_view text) {
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = text.substr(start, end - start);
    const std::size_t first = line.find_first_not_of(" \t\r");
    const std::size_t tab = line.find('\t');
    const bool has_content = first != line.npos && line[first] != '#';
    if (has_content && tab < first) {
      return TextProblem{start + tab, "a tab in the indentation, expected spaces"};
    }
    start = end + 1;
  }
  return std::nullopt;
}

}  // namespace

std::optional<TextProblem> check_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) {
      return TextProblem{i, fmt::format("byte 0x{:02X} is not UTF-8, expected UTF-8 text",
                                        static_cast<unsigned char>(text[i]))};
    }
    const bool is_line_end = text[i] == '\n' || text.substr(i).starts_with("\r\n");
    if (is_control(text[i]) && !is_line_end && text[i] != '\t') {
      return TextProblem{i, fmt::format("control character 0x{:02X}, expected printable text",
                                        static_cast<unsigned char>(text[i]))};
    }
    i += length;
  }
  return check_tabs(text);
}

}  // namespace sluice::config
