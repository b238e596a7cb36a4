#include "sluice/config/limit_words.hpp"

#include <fmt/format.h>

#include <array>

#include "sluice/core/duration.hpp"
#include "sluice/core/ensure.hpp"

namespace sluice::config {

namespace {

using Kind = model::LimitKeyPart::Kind;

/// `12 s`, `8.57 s`, `142.9 ms`: three figures that count, more than that nobody reads.
std::string interval_text(policy::Rate rate) {
  struct Unit {
    double nanos;
    std::string_view name;
  };
  static constexpr std::array<Unit, 6> kUnits{
      {{86'400e9, "d"}, {3'600e9, "h"}, {60e9, "min"}, {1e9, "s"}, {1e6, "ms"}, {1e3, "us"}}};
  const double interval = static_cast<double>(rate.period.count()) / rate.count;
  for (const Unit& unit : kUnits) {
    if (interval < unit.nanos) continue;
    const double amount = interval / unit.nanos;
    std::string text = fmt::format("{:.{}f}", amount, amount < 10 ? 2 : 1);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return fmt::format("{} {}", text, unit.name);
  }
  core::unreachable();  // 1 us is the shortest: 1,000,000 a second
}

/// As people read them: small ones as words.
std::string number_words(std::uint32_t number) {
  static constexpr std::array<std::string_view, 12> kWords{"one",  "two", "three",  "four",
                                                           "five", "six", "seven",  "eight",
                                                           "nine", "ten", "eleven", "twelve"};
  if (number == 0 || number > kWords.size()) return std::to_string(number);
  return std::string(kWords[number - 1]);
}

std::string allowance_words(const model::Allowance& allowance) {
  std::string out;
  if (allowance.rate) {
    const policy::RatePolicy& rate = *allowance.rate;
    out = fmt::format("{}, burst {}: {} at once, then one every {}", policy::text(rate.rate()),
                      rate.burst(), number_words(rate.burst()), interval_text(rate.rate()));
  }
  if (allowance.in_flight_max == 0) return out;
  return out + fmt::format("{}no more than {} in progress", out.empty() ? "" : "; ",
                           allowance.in_flight_max);
}

std::string part_words(const model::LimitKeyPart& part, const model::LimitRule& rule) {
  switch (part.kind) {
    case Kind::Identity:
      return "user";
    case Kind::ClientAddress:
      return rule.ipv6_prefix == 128 ? "client address"
                                     : fmt::format("client address (IPv6: /{})", rule.ipv6_prefix);
    case Kind::Header:
    case Kind::Cookie:
      return fmt::format("value of {} {}", model::text(part.kind), part.name);
    case Kind::Method:
      return "method";
    case Kind::PathPrefix:
      return part.segments == 1 ? "first segment of the path"
                                : fmt::format("first {} segments of the path", part.segments);
    case Kind::Service:
      return "service";
    case Kind::Pool:
      return "pool";
  }
  core::unreachable();
}

std::string whom(const model::LimitRule& rule) {
  std::string out = "for each ";
  for (std::size_t i = 0; i < rule.key.size(); ++i) {
    if (i > 0) out += i + 1 == rule.key.size() ? " and " : ", ";
    out += part_words(rule.key[i], rule);
  }
  if (!rule.methods.empty()) out += fmt::format(", of {}", fmt::join(rule.methods, ", "));
  if (rule.path_prefix)
    out +=
        fmt::format("{} below {}", rule.methods.empty() ? ", of what is" : "", *rule.path_prefix);
  if (!rule.exempt.is_nobody()) out += ", but for those exempt";
  return out;
}

}  // namespace

std::vector<std::string> limit_words(const model::LimitRule& rule) {
  std::vector<std::string> lines;
  const bool is_shadow = rule.mode == model::LimitMode::Shadow;
  lines.push_back(fmt::format("{}: {}{}", rule.name, allowance_words(rule.live),
                              is_shadow ? " (only counted: shadow)" : ""));
  if (rule.candidate)
    lines.push_back(fmt::format("  on the candidate: {}", allowance_words(*rule.candidate)));
  lines.push_back("  " + whom(rule));
  lines.push_back(fmt::format("  {} keys at a time, {} of memory", rule.keys,
                              core::format_size(model::table_bytes(rule))));
  return lines;
}

}  // namespace sluice::config
