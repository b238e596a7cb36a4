#include "sluice/core/duration.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <limits>
#include <optional>

namespace sluice::core {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Far above every use and far below the 292 years at which nanoseconds overflow, also after adding
// to an Instant.
constexpr std::uint64_t kDurationMaxMs = 36'500ULL * 24 * 3'600 * 1'000;
constexpr std::uint64_t kSizeMax =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

struct NamedUnit {
  std::string_view name;
  std::uint64_t factor;
};
// Largest first. "ms" is found before "m" because names are compared whole.
constexpr std::array<NamedUnit, 5> kTimeUnits{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<NamedUnit, 4> kSizeUnits{
    {{"GiB", 1ULL << 30U}, {"MiB", 1ULL << 20U}, {"KiB", 1ULL << 10U}, {"B", 1}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view take_digits(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && is_digit(text[size])) ++size;
  const std::string_view digits = text.substr(0, size);
  text.remove_prefix(size);
  return digits;
}

/// A decimal number as it is written: "1.50" is whole "1", fraction "50".
struct Decimal {
  std::string_view whole, fraction;
};

std::optional<Decimal> take_decimal(std::string_view& text) {
  Decimal number;
  number.whole = take_digits(text);
  if (number.whole.empty()) return {};
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    number.fraction = take_digits(text);
    if (number.fraction.empty()) return {};
  }
  return number;
}

/// number × factor, exactly; nullopt when it is not whole or exceeds `max`. At most 9 decimals:
/// with the largest factor (2^30) the product then fits 64 bits.
std::optional<std::uint64_t> scaled(const Decimal& number, std::uint64_t factor,
                                    std::uint64_t max) {
  if (number.whole.size() > 18 || number.fraction.size() > 9) return {};
  std::uint64_t whole = 0;
  for (const char c : number.whole) whole = whole * 10 + static_cast<unsigned>(c - '0');
  if (whole > max / factor) return {};
  std::uint64_t fraction = 0;
  std::uint64_t divisor = 1;
  for (const char c : number.fraction) {
    fraction = fraction * 10 + static_cast<unsigned>(c - '0');
    divisor *= 10;
  }
  if (fraction * factor % divisor != 0) return {};
  const std::uint64_t part = fraction * factor / divisor;
  if (part > max - whole * factor) return {};
  return whole * factor + part;
}

Error bad_duration(std::string_view text, std::string_view where) {
  return {ErrorCode::BadInput, std::string(where),
          fmt::format("'{}' is not a duration: 250ms, 30s, 1.5m or 1h30m was expected", text)};
}

Error bad_size(std::string_view text, std::string_view where) {
  return {ErrorCode::BadInput, std::string(where),
          fmt::format("'{}' is not a size: 512B, 16KiB, 8MiB or 1GiB was expected", text)};
}

struct CivilTime {
  int year = 0;
  unsigned month = 0, day = 0, weekday = 0;  // weekday 0 = Sunday
  long hour = 0, minute = 0, second = 0, millisecond = 0;
};

CivilTime civil(WallTime time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date{day};
  const auto since = std::chrono::floor<Millis>(time - day);
  CivilTime out;
  out.year = static_cast<int>(date.year());
  out.month = static_cast<unsigned>(date.month());
  out.day = static_cast<unsigned>(date.day());
  out.weekday = std::chrono::weekday{day}.c_encoding();
  out.hour = std::chrono::floor<hours>(since).count();
  out.minute = (std::chrono::floor<minutes>(since) % hours{1}).count();
  out.second = (std::chrono::floor<seconds>(since) % minutes{1}).count();
  out.millisecond = (since % seconds{1}).count();
  return out;
}

}  // namespace

Result<Millis> parse_duration(std::string_view text, std::string_view where) {
  std::string_view rest = text;
  std::uint64_t total = 0;
  std::size_t next_unit = 0;  // units only get smaller: 1h30m, never 30m1h or 1h1h
  while (!rest.empty() || next_unit == 0) {
    const std::optional<Decimal> number = take_decimal(rest);
    if (!number) return bad_duration(text, where);
    std::size_t name_size = 0;
    while (name_size < rest.size() && !is_digit(rest[name_size])) ++name_size;
    const std::string_view name = rest.substr(0, name_size);
    std::size_t unit = next_unit;
    while (unit < kTimeUnits.size() && kTimeUnits[unit].name != name) ++unit;
    if (unit == kTimeUnits.size()) return bad_duration(text, where);
    const std::optional<std::uint64_t> part =
        scaled(*number, kTimeUnits[unit].factor, kDurationMaxMs);
    if (!part || total + *part > kDurationMaxMs) return bad_duration(text, where);
    total += *part;
    next_unit = unit + 1;
    rest.remove_prefix(name_size);
  }
  return Millis{static_cast<Millis::rep>(total)};
}

std::string format_duration(Millis duration) {
  if (duration == Millis::zero()) return "0s";
  std::string out = duration < Millis::zero() ? "-" : "";
  std::uint64_t rest = duration < Millis::zero()
                           ? std::uint64_t{0} - static_cast<std::uint64_t>(duration.count())
                           : static_cast<std::uint64_t>(duration.count());
  for (const NamedUnit& unit : kTimeUnits) {
    const std::uint64_t count = rest / unit.factor;
    rest %= unit.factor;
    if (count == 0) continue;
    out += std::to_string(count);
    out += unit.name;
  }
  return out;
}

Result<std::uint64_t> parse_size(std::string_view text, std::string_view where) {
  std::string_view rest = text;
  const std::optional<Decimal> number = take_decimal(rest);
  if (!number) return bad_size(text, where);
  for (const NamedUnit& unit : kSizeUnits) {
    if (unit.name != rest) continue;
    const std::optional<std::uint64_t> bytes = scaled(*number, unit.factor, kSizeMax);
    if (!bytes) return bad_size(text, where);
    return *bytes;
  }
  return bad_size(text, where);
}

std::string format_size(std::uint64_t bytes) {
  for (const NamedUnit& unit : kSizeUnits) {
    if (bytes >= unit.factor && bytes % unit.factor == 0) {
      return std::to_string(bytes / unit.factor) + std::string(unit.name);
    }
  }
  return "0B";
}

std::string_view write_rfc3339(WallTime time, std::array<char, 24>& out) {
  const CivilTime t = civil(time);
  char* at = out.data();
  const auto put = [&at](unsigned value, std::size_t digits, char behind) {
    for (std::size_t i = digits; i > 0; --i, value /= 10) {
      at[i - 1] = static_cast<char>('0' + value % 10);
    }
    at[digits] = behind;
    at += digits + 1;
  };
  put(static_cast<unsigned>(t.year), 4, '-');
  put(t.month, 2, '-');
  put(t.day, 2, 'T');
  put(static_cast<unsigned>(t.hour), 2, ':');
  put(static_cast<unsigned>(t.minute), 2, ':');
  put(static_cast<unsigned>(t.second), 2, '.');
  put(static_cast<unsigned>(t.millisecond), 3, 'Z');
  return {out.data(), out.size()};
}

std::string format_rfc3339(WallTime time) {
  std::array<char, 24> text;
  return std::string(write_rfc3339(time, text));
}

namespace {
// Names are those of RFC 9110 §5.6.7, not the locale's.
constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
}  // namespace

std::string_view write_log_time(WallTime time, std::array<char, 26>& out) {
  const CivilTime t = civil(time);
  fmt::format_to_n(out.data(), out.size(), "{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000", t.day,
                   kMonths[t.month - 1], t.year, t.hour, t.minute, t.second);
  return {out.data(), out.size()};
}

std::string_view write_http_date(WallTime time, std::array<char, 29>& out) {
  const CivilTime t = civil(time);
  fmt::format_to_n(out.data(), out.size(), "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                   kDays[t.weekday], t.day, kMonths[t.month - 1], t.year, t.hour, t.minute,
                   t.second);
  return {out.data(), out.size()};
}

std::string format_http_date(WallTime time) {
  std::array<char, 29> text;
  return std::string(write_http_date(time, text));
}

}  // namespace sluice::core
