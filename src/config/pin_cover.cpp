#include "config/pin_cover.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/utf8.hpp"

namespace sluice::config {

namespace {

using model::ClientSet;
using model::ListPin;
using model::SegmentPin;
using model::ValuePin;

bool covers_clients(const ClientSet& set, const ClientSet& other) {
  const auto is_in = [&](const core::Network& network) {
    return std::ranges::any_of(set.networks,
                               [&](const core::Network& n) { return n.covers(network); });
  };
  return (set.has_unix || !other.has_unix) && std::ranges::all_of(other.networks, is_in);
}

bool is_everyone(const ClientSet& set) {
  static const ClientSet kEveryone{
      .networks = {*core::Network::parse("0.0.0.0/0", ""), *core::Network::parse("::/0", "")},
      .has_unix = true};
  return covers_clients(set, kEveryone);
}

std::optional<ClientSet> unless_everyone(const ClientSet& set) {
  return is_everyone(set) ? std::nullopt : std::optional(set);
}

/// Whether a condition of a rule holds for all that `other` lets through.
template <typename Condition, typename Covers>
bool holds_for(const std::optional<Condition>& condition, const std::optional<Condition>& other,
               Covers covers) {
  return !condition || (other && covers(*condition, *other));
}

constexpr auto kIsEqual = [](const auto& a, const auto& b) { return a == b; };

}  // namespace

void PinCover::add(const model::Pin& pin, const Node& node) {
  if (const auto* values = std::get_if<ValuePin>(&pin)) {
    const auto map = std::ranges::find(node.children, "values", &Node::key);
    for (const Node& child : map->children) {
      Rule rule{.field = field_of(values->field, values->name, child.key),
                .path_prefix = {},
                .clients = unless_everyone(values->from),
                .share = {},
                .list = {},
                .line = node.at.line};
      check(rule, child.key_at, fmt::format("value '{}' of a pin", shown(child.key)));
      by_field_[*rule.field].push_back(std::move(rule));
    }
  } else if (const auto* list = std::get_if<ListPin>(&pin)) {
    Rule rule;
    rule.list = list->list;
    rule.line = node.at.line;
    check(rule, node.at, "a pin");
    others_.push_back(std::move(rule));
  } else {
    const auto& segment = std::get<SegmentPin>(pin);
    Rule rule = rule_of(segment);
    rule.line = node.at.line;
    check(rule, node.at, "a pin");
    others_.push_back(std::move(rule));
  }
}

PinCover::Field PinCover::field_of(ValuePin::Field where, const std::string& name,
                                   std::string value) {
  Field field{.where = where, .name = name, .value = std::move(value)};
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  if (where == ValuePin::Field::Header) std::ranges::transform(name, field.name.begin(), lower);
  return field;
}

/// A prefix that the service has already asks for nothing.
PinCover::Rule PinCover::rule_of(const SegmentPin& pin) const {
  Rule rule;
  if (pin.header)
    rule.field = field_of(ValuePin::Field::Header, pin.header->name, pin.header->value);
  if (pin.path_prefix && !model::covers_path(*pin.path_prefix, service_.path_prefix))
    rule.path_prefix = pin.path_prefix;
  if (pin.network) rule.clients = unless_everyone(*pin.network);
  rule.share = pin.share;
  return rule;
}

void PinCover::check(const Rule& rule, Place at, const std::string& label) {
  if (rule.path_prefix && !model::covers_path(service_.path_prefix, *rule.path_prefix)) {
    in_.report(at,
               fmt::format("{} of service '{}' gets no request: '{}' is not under the service's "
                           "path_prefix '{}'",
                           label, service_.name, *rule.path_prefix, service_.path_prefix));
    return;
  }
  const Rule* taker = taker_of(rule);
  if (taker == nullptr) return;
  in_.report(at,
             fmt::format("{} of service '{}' gets no request: the pin in line {} takes them all, "
                         "expected another rule or another order",
                         label, service_.name, taker->line));
}

const PinCover::Rule* PinCover::taker_of(const Rule& rule) const {
  const auto first_of = [&](const std::vector<Rule>& rules) -> const Rule* {
    const auto found =
        std::ranges::find_if(rules, [&](const Rule& earlier) { return covers(earlier, rule); });
    return found == rules.end() ? nullptr : &*found;
  };
  if (const Rule* taker = first_of(others_)) return taker;
  if (!rule.field) return nullptr;
  const auto same_field = by_field_.find(*rule.field);
  return same_field == by_field_.end() ? nullptr : first_of(same_field->second);
}

bool PinCover::covers(const Rule& rule, const Rule& other) {
  return holds_for(rule.field, other.field, kIsEqual) &&
         holds_for(rule.path_prefix, other.path_prefix, model::covers_path) &&
         holds_for(rule.clients, other.clients, covers_clients) &&
         holds_for(rule.list, other.list, kIsEqual) &&
         holds_for(rule.share, other.share, [](const auto& share, const auto& of_other) {
           return share.salt == of_other.salt && share.percent >= of_other.percent;
         });
}

}  // namespace sluice::config
