#include "sluice/metrics/exposition.hpp"

#include <algorithm>

namespace sluice::metrics {

namespace {

std::string_view text_of(MetricType type) {
  return type == MetricType::Counter ? "counter" : "gauge";
}

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

/// Code points that a sequence of this length may stand for (RFC 3629 §3): no overlong forms, no
/// surrogates.
bool is_allowed(std::uint32_t point, std::size_t length) {
  switch (length) {
    case 2:
      return point >= 0x80;
    case 3:
      return point >= 0x800 && (point < 0xD800 || point > 0xDFFF);
    case 4:
      return point >= 0x10000 && point <= 0x10FFFF;
    default:
      return true;
  }
}

std::size_t announced_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  if (first >= 0xF0 && first < 0xF5) return 4;
  return 0;
}

/// Bytes of the well-formed character at the beginning of `text`; 0: there is none.
std::size_t character_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = announced_length(first);
  if (length <= 1) return length;
  if (length > text.size()) return 0;
  std::uint32_t point = first & (0xFFU >> (length + 1));
  for (const char byte : text.substr(1, length - 1)) {
    if (!is_continuation(byte)) return 0;
    point = (point << 6U) | (static_cast<unsigned char>(byte) & 0x3FU);
  }
  return is_allowed(point, length) ? length : 0;
}

}  // namespace

void Exposition::family(const Family& family) {
  name_ = family.name;
  text_.append("# HELP ").append(name_).append(" ").append(family.help).append("\n");
  text_.append("# TYPE ").append(name_).append(" ").append(text_of(family.type)).append("\n");
}

void Exposition::sample(std::initializer_list<Label> labels, std::uint64_t value) {
  text_ += name_;
  char before = '{';
  for (const Label& label : labels) {
    text_ += before;
    text_.append(label.name).append("=\"").append(escaped_label(label.value)).append("\"");
    before = ',';
  }
  if (labels.size() > 0) text_ += '}';
  text_.append(" ").append(std::to_string(value)).append("\n");
}

std::string escaped_label(std::string_view value) {
  std::string escaped;
  escaped.reserve(value.size());
  while (!value.empty()) {
    const std::size_t length = character_length(value);
    const std::string_view character = value.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0) {
      escaped += "\xEF\xBF\xBD";
    } else if (character == "\n") {
      escaped += "\\n";
    } else {
      if (character == "\\" || character == "\"") escaped += '\\';
      escaped += character;
    }
    value.remove_prefix(character.size());
  }
  return escaped;
}

}  // namespace sluice::metrics
