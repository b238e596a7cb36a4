#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/names.hpp"
#include "config/sections.hpp"
#include "config/utf8.hpp"
#include "config/values.hpp"
#include "sluice/core/limits.hpp"

/// `rate_limits` of a service.
namespace sluice::config {

namespace {

using Kind = model::LimitKeyPart::Kind;
using model::Allowance;
using model::LimitKeyPart;
using model::LimitRule;

constexpr std::array kBareKinds{Kind::Identity, Kind::ClientAddress, Kind::Method, Kind::Service,
                                Kind::Pool};

/// What one map says of an allowance; the rest is left to who asked.
struct GivenAllowance {
  std::optional<policy::Rate> rate;
  std::optional<std::uint32_t> burst;
  std::optional<std::uint32_t> in_flight_max;
  std::optional<Place> burst_at;
};

GivenAllowance read_allowance(Reader& in, const Section& section) {
  GivenAllowance given;
  if (const auto v = section.get("rate")) {
    policy::Rate rate;
    if (read_rate(in, *v, rate)) given.rate = rate;
  }
  const auto read_amount = [&](std::string_view key, std::optional<std::uint32_t>& target) {
    const auto v = section.get(key);
    std::uint32_t number = 0;
    if (v && read_number(in, *v, number)) target = number;
  };
  read_amount("burst", given.burst);
  read_amount("max_in_flight", given.in_flight_max);
  if (const auto v = section.get("burst")) given.burst_at = v->node->key_at;
  return given;
}

Allowance allowance_of(const GivenAllowance& given) {
  Allowance out;
  if (given.rate) out.rate.emplace(*given.rate, given.burst.value_or(given.rate->count));
  out.in_flight_max = given.in_flight_max.value_or(0);
  return out;
}

bool read_key_part(Reader& in, Value item, const std::string& label, LimitKeyPart& part) {
  for (const Kind kind : kBareKinds) {
    if (!item.is(model::text(kind))) continue;
    part.kind = kind;
    return true;
  }
  if (item.node->kind != Node::Kind::Map) {
    report_bad_word(in, item);
    return false;
  }
  if (item.node->children.size() != 1) {
    in.report(*item.node,
              fmt::format("an item of 'key' has {} keys, expected one: write a list of parts, each "
                          "with '-'",
                          item.node->children.size()));
    return false;
  }
  const Section section(in, item, tables::kLimitKey, fmt::format("'key' of {}", label));
  if (const auto v = section.get("header")) {
    part.kind = Kind::Header;
    return read_header_name(in, *v, part.name);
  }
  if (const auto v = section.get("cookie")) {
    part.kind = Kind::Cookie;
    return read_cookie_name(in, *v, part.name);
  }
  if (const auto v = section.get("path_prefix")) {
    part.kind = Kind::PathPrefix;
    return read_number(in, *v, part.segments);
  }
  return false;  // Section has reported the key
}

bool is_same(const LimitKeyPart& a, const LimitKeyPart& b) {
  const bool is_same_name =
      a.kind == Kind::Header ? equals_ignoring_case(a.name, b.name) : a.name == b.name;
  return a.kind == b.kind && is_same_name;
}

void read_key(Reader& in, Value value, const std::string& label, std::vector<LimitKeyPart>& key) {
  for (const Value item : items_of(in, value)) {
    LimitKeyPart part;
    if (!read_key_part(in, item, label, part)) continue;
    if (std::ranges::any_of(key, [&](const LimitKeyPart& k) { return is_same(k, part); })) {
      in.report(*item.node, fmt::format("'{}' is listed twice in 'key', expected each part once",
                                        model::text(part.kind)));
    } else {
      key.push_back(std::move(part));
    }
  }
}

void read_methods(Reader& in, Value list, std::vector<std::string>& methods) {
  for (const Value item : items_of(in, list)) {
    if (!item.is_scalar() || !is_token(item.text())) {
      report_bad(in, item);
    } else if (std::ranges::find(methods, item.text()) != methods.end()) {
      in.report(*item.node,
                fmt::format("'{}' is listed twice in 'methods', expected it once", item.text()));
    } else {
      methods.push_back(item.text());
    }
  }
}

void read_match(Reader& in, Value value, const std::string& label, LimitRule& rule) {
  const Section match(in, value, tables::kLimitMatch, fmt::format("'match' of {}", label));
  if (match.is_map() && value.node->children.empty()) report_bad(in, value);
  if (const auto v = match.get("path_prefix")) read_path_prefix(in, *v, rule.path_prefix.emplace());
  if (const auto v = match.get("methods")) read_methods(in, *v, rule.methods);
}

void read_candidate(Reader& in, Value value, const std::string& label, const GivenAllowance& live,
                    LimitRule& rule) {
  const Section section(in, value, tables::kLimitCandidate,
                        fmt::format("'candidate' of {}", label));
  if (section.is_map() && value.node->children.empty()) report_bad(in, value);
  GivenAllowance given = read_allowance(in, section);
  if (given.burst_at && !section.get("rate") && !live.rate) {
    in.report(*given.burst_at, fmt::format("'burst' in 'candidate' of {} has no rate to go with, "
                                           "expected a 'rate' beside it",
                                           label));
  }
  // A rate of its own has a burst of its own.
  if (!given.rate) {
    given.rate = live.rate;
    if (!given.burst) given.burst = live.burst;
  }
  if (!given.in_flight_max) given.in_flight_max = live.in_flight_max;
  rule.candidate = allowance_of(given);
}

void read_allowances(Reader& in, Value item, const Section& section, const std::string& label,
                     LimitRule& rule) {
  const GivenAllowance given = read_allowance(in, section);
  if (!section.get("rate") && !section.get("max_in_flight")) {
    in.report(*item.node,
              fmt::format("{} bounds nothing, expected 'rate' or 'max_in_flight' in it", label));
  } else if (given.burst_at && !section.get("rate")) {
    in.report(
        *given.burst_at,
        fmt::format("'burst' of {} has no rate to go with, expected a 'rate' beside it", label));
  }
  rule.live = allowance_of(given);
  if (const auto v = section.get("candidate")) read_candidate(in, *v, label, given, rule);
}

void read_limit_mode(Reader& in, Value value, LimitRule& rule) {
  if (!value.is_word()) return report_bad_word(in, value);
  rule.mode = value.is(model::text(model::LimitMode::Shadow)) ? model::LimitMode::Shadow
                                                              : model::LimitMode::Enforce;
}

LimitRule read_limit(Reader& in, Value item, const std::string& label) {
  LimitRule rule;
  const Section section(in, item, tables::kRateLimit, label);
  if (!section.is_map()) return rule;
  if (const auto v = section.require("name")) {
    if (v->is_scalar() && is_object_name(v->text())) {
      rule.name = v->text();
    } else {
      report_bad(in, *v);
    }
  }
  if (const auto v = section.require("key")) read_key(in, *v, label, rule.key);
  read_allowances(in, item, section, label, rule);
  if (const auto v = section.get("match")) read_match(in, *v, label, rule);
  if (const auto v = section.get("mode")) read_limit_mode(in, *v, rule);
  if (const auto v = section.get("exempt")) rule.exempt = read_networks(in, *v);
  if (const auto v = section.get("ipv6_prefix")) read_number(in, *v, rule.ipv6_prefix);
  if (const auto v = section.get("announce")) {
    if (v->is_word()) {
      rule.is_announced = v->is("on");
    } else {
      report_bad_word(in, *v);
    }
  }
  if (const auto v = section.get("keys")) read_number(in, *v, rule.keys);
  return rule;
}

std::string limit_label(const Node& node, std::size_t number, const std::string& service_label) {
  const auto name = std::ranges::find(node.children, "name", &Node::key);
  const bool has_name =
      name != node.children.end() && name->kind == Node::Kind::Scalar && !name->text.empty();
  return has_name ? fmt::format("limit '{}' of {}", shown(name->text), service_label)
                  : fmt::format("limit {} of {}", number, service_label);
}

bool bounds_in_flight(const LimitRule& rule) {
  return rule.live.in_flight_max != 0 || (rule.candidate && rule.candidate->in_flight_max != 0);
}

}  // namespace

void read_rate_limits(Reader& in, Value list, const std::string& service_label,
                      std::vector<LimitRule>& limits) {
  std::size_t in_flight = 0;
  for (const Value item : items_of(in, list)) {
    const std::string label = limit_label(*item.node, limits.size() + 1, service_label);
    LimitRule rule = read_limit(in, item, label);
    const auto is_named_so = [&](const LimitRule& other) { return other.name == rule.name; };
    if (!rule.name.empty() && std::ranges::any_of(limits, is_named_so)) {
      in.report(*item.node,
                fmt::format("limit name '{}' is given twice in {}, expected another name",
                            rule.name, service_label));
    }
    if (bounds_in_flight(rule) && ++in_flight > core::limits::kInFlightLimitsMax) {
      in.report(*item.node, fmt::format("{} is one too many with 'max_in_flight', expected at most "
                                        "{} in a service",
                                        label, core::limits::kInFlightLimitsMax));
    }
    limits.push_back(std::move(rule));
  }
}

}  // namespace sluice::config
