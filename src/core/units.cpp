#include "sluice/core/units.hpp"

#include <string>

namespace sluice::core {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

Error not_a_percentage(std::string_view text, std::string_view where) {
  return {
      ErrorCode::BadInput, std::string(where),
      "'" + std::string(text) +
          "' is not a percentage: 0 to 100 with at most two decimals, as in 12, 12.5% or 0.01%"};
}

}  // namespace

Result<BasisPoints> BasisPoints::make(std::int64_t raw, std::string_view where) {
  if (raw < 0 || raw > kAll) {
    return Error{ErrorCode::BadInput, std::string(where),
                 std::to_string(raw) + " is not in 0.." + std::to_string(kAll)};
  }
  return BasisPoints(static_cast<std::uint16_t>(raw));
}

Result<BasisPoints> BasisPoints::parse_percent(std::string_view text, std::string_view where) {
  std::string_view rest = text;
  if (rest.ends_with('%')) rest.remove_suffix(1);
  const std::string_view whole = rest.substr(0, rest.find('.'));
  const bool has_point = whole.size() < rest.size();
  const std::string_view decimals = has_point ? rest.substr(whole.size() + 1) : std::string_view{};

  if (whole.empty() || whole.size() > 3 || decimals.size() > 2)
    return not_a_percentage(text, where);
  if (has_point && decimals.empty()) return not_a_percentage(text, where);
  // 010 is eight to some readers of YAML, so it is nothing here.
  if (whole.size() > 1 && whole.front() == '0') return not_a_percentage(text, where);

  std::int64_t raw = 0;
  for (const char c : whole) {
    if (!is_digit(c)) return not_a_percentage(text, where);
    raw = raw * 10 + (c - '0');
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const char c = i < decimals.size() ? decimals[i] : '0';
    if (!is_digit(c)) return not_a_percentage(text, where);
    raw = raw * 10 + (c - '0');
  }
  if (raw > kAll) return not_a_percentage(text, where);
  return BasisPoints(static_cast<std::uint16_t>(raw));
}

std::string BasisPoints::percent() const {
  std::string out = std::to_string(raw_ / 100);
  if (const int hundredths = raw_ % 100; hundredths != 0) {
    out += '.';
    out += static_cast<char>('0' + hundredths / 10);
    if (hundredths % 10 != 0) out += static_cast<char>('0' + hundredths % 10);
  }
  return out + '%';
}

}  // namespace sluice::core
