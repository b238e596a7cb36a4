#include <fmt/format.h>

#include "config/sections.hpp"
#include "config/utf8.hpp"
#include "config/values.hpp"
#include "sluice/core/limits.hpp"

/// `pins` of a service: header pins in this version.
namespace sluice::config {

namespace {

void read_pin_value(Reader& in, const Node& node, model::HeaderPin& pin) {
  static constexpr Key kPoolOfValue{
      .name = "values", .expects = "", .about = "", .item = "blue or green"};
  const bool is_header_value =
      node.key.size() <= core::limits::kIdentityMax && is_printable(node.key);
  if (!is_header_value) {
    in.report(node.key_at, fmt::format("'{}' in 'values', expected the value of a header field",
                                       shown(node.key)));
    return;
  }
  core::PoolName pool = core::PoolName::Blue;
  if (read_pool_name(in, {&node, &kPoolOfValue, Value::Role::Item}, pool))
    pin.values.emplace_back(node.key, pool);
}

void read_pin_values(Reader& in, Value value, const std::string& label, model::HeaderPin& pin) {
  const bool is_filled_map = value.node->kind == Node::Kind::Map && !value.node->children.empty();
  if (!is_filled_map) {
    report_bad(in, value);
    return;
  }
  report_duplicates(in, *value.node, label);
  for (const Node& child : value.node->children) read_pin_value(in, child, pin);
}

// Without `from` anyone on the internet could choose a pool; 0.0.0.0/0 and ::/0 say that on
// purpose.
void read_from(Reader& in, Value list, model::HeaderPin& pin) {
  Networks from = read_networks(in, list);
  pin.from = std::move(from.networks);
  pin.from_unix = from.has_unix;
}

bool is_of_later_version(const Node& node) {
  for (const Node& child : node.children) {
    const Key* key = tables::kPin.find(child.key);
    if (key != nullptr && key->support == Support::Later) return true;
  }
  return false;
}

}  // namespace

void read_pins(Reader& in, Value list, const std::string& service_label,
               std::vector<model::HeaderPin>& pins) {
  for (const Value item : items_of(in, list)) {
    const std::string label = fmt::format("a pin of {}", service_label);
    const Section section(in, item, tables::kPin, label);
    if (is_of_later_version(*item.node))
      continue;  // said so; a missing 'header' would only confuse
    model::HeaderPin& pin = pins.emplace_back();
    if (const auto v = section.require("header")) read_header_name(in, *v, pin.header);
    if (const auto v = section.require("values"))
      read_pin_values(in, *v, fmt::format("'values' of {}", label), pin);
    if (const auto v = section.require("from")) read_from(in, *v, pin);
  }
}

}  // namespace sluice::config
