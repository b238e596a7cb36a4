#include "sluice/metrics/exposition.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "sluice/core/ensure.hpp"

namespace sluice::metrics {

namespace {

std::string_view text_of(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
  }
  core::unreachable();
}

/// The shortest decimal that reads back as the same number.
std::string decimal(double number) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), number).ptr;
  return {digits.data(), end};
}

std::string seconds(core::Nanos value) {
  return decimal(std::chrono::duration<double>(value).count());
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
  line("", labels, "", std::to_string(value));
}

void Exposition::sample_ratio(std::initializer_list<Label> labels, double value) {
  line("", labels, "", decimal(value));
}

void Exposition::sample_seconds(std::initializer_list<Label> labels, core::Nanos value) {
  line("", labels, "", seconds(value));
}

void Exposition::histogram(std::initializer_list<Label> labels, std::span<const core::Nanos> bounds,
                           std::span<const std::uint64_t> counts, core::Nanos total) {
  ENSURE(counts.size() == bounds.size() + 1, "a histogram has one bucket more than bounds");
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    sum += counts[i];
    line("_bucket", labels, seconds(bounds[i]), std::to_string(sum));
  }
  sum += counts.back();
  line("_bucket", labels, "+Inf", std::to_string(sum));
  line("_sum", labels, "", seconds(total));
  line("_count", labels, "", std::to_string(sum));
}

/// `bound`: the value of `le`; empty: none.
void Exposition::line(std::string_view suffix, std::span<const Label> labels,
                      std::string_view bound, std::string_view value) {
  text_.append(name_).append(suffix);
  char before = '{';
  const auto label = [&](std::string_view name, std::string_view text) {
    text_ += before;
    text_.append(name).append("=\"").append(text).append("\"");
    before = ',';
  };
  for (const Label& each : labels) label(each.name, escaped_label(each.value));
  if (!bound.empty()) label("le", bound);
  if (before == ',') text_ += '}';
  text_.append(" ").append(value).append("\n");
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
