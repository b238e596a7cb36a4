#include "sluice/policy/self_report.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::policy {

namespace {

constexpr std::size_t kNameMax = 32;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::optional<SelfReport::Word> parse_word(std::string_view text_of) {
  using Word = SelfReport::Word;
  for (const Word word : {Word::Ready, Word::Drain, Word::Down}) {
    if (text_of == text(word)) return word;
  }
  return std::nullopt;
}

/// 0 to 100 without sign and leading zeros.
std::optional<std::uint8_t> parse_percent(std::string_view text) {
  const bool is_padded = text.size() > 1 && text.front() == '0';
  std::uint8_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (is_padded || error != std::errc() || end != text.data() + text.size() || number > 100)
    return std::nullopt;
  return number;
}

bool read_parameter(std::string_view parameter, SelfReport& report) {
  const std::size_t equals = parameter.find('=');
  if (equals == parameter.npos) return false;
  const std::string_view name = parameter.substr(0, equals);
  const std::string_view value = parameter.substr(equals + 1);
  if (name == "memory") {
    if (report.memory_percent) return false;
    report.memory_percent = parse_percent(value);
    return report.memory_percent.has_value();
  }
  const bool is_known =
      std::ranges::find(report.dependencies, name, &SelfReport::Dependency::name) !=
      report.dependencies.end();
  if (!is_dependency_name(name) || is_known || (value != "up" && value != "down")) return false;
  if (report.dependencies.size() == core::limits::kDependenciesMax) return false;
  report.dependencies.push_back({std::string(name), value == "up"});
  return true;
}

}  // namespace

bool is_dependency_name(std::string_view text) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto may_follow = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= kNameMax && is_letter(text.front()) &&
         std::ranges::all_of(text, may_follow);
}

std::string_view text(SelfReport::Word word) {
  switch (word) {
    case SelfReport::Word::Ready:
      return "ready";
    case SelfReport::Word::Drain:
      return "drain";
    case SelfReport::Word::Down:
      return "down";
  }
  core::unreachable();
}

std::optional<SelfReport> parse_self_report(std::string_view value) {
  SelfReport report;
  const std::size_t first_end = value.find(';');
  const auto word = parse_word(trimmed(value.substr(0, first_end)));
  if (!word) return std::nullopt;
  report.word = *word;
  std::size_t end = first_end;
  while (end != value.npos) {
    const std::size_t begin = end + 1;
    end = value.find(';', begin);
    const std::size_t size = end == value.npos ? value.npos : end - begin;
    if (!read_parameter(trimmed(value.substr(begin, size)), report)) return std::nullopt;
  }
  return report;
}

}  // namespace sluice::policy
