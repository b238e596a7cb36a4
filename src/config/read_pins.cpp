#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/pin_cover.hpp"
#include "config/sections.hpp"
#include "config/utf8.hpp"
#include "config/values.hpp"
#include "sluice/core/limits.hpp"

/// `pins` of a service: four kinds, each named by the key that makes it.
namespace sluice::config {

namespace {

using model::ListPin;
using model::SegmentPin;
using model::ValuePin;

void read_pin_value(Reader& in, const Node& node, const Key& values, ValuePin& pin) {
  const bool is_value = node.key.size() <= core::limits::kIdentityMax && is_printable(node.key);
  if (!is_value) {
    const bool is_header = pin.field == ValuePin::Field::Header;
    in.report(node.key_at, fmt::format("'{}' in 'values', expected the value of a {}",
                                       shown(node.key), is_header ? "header field" : "cookie"));
    return;
  }
  policy::PinTarget target = policy::PinTarget::Blue;
  if (read_pin_target(in, {&node, &values, Value::Role::Item}, target))
    pin.values.emplace_back(node.key, target);
}

void read_pin_values(Reader& in, Value value, const std::string& label, ValuePin& pin) {
  const Node& map = *value.node;
  const bool is_filled_map = map.kind == Node::Kind::Map && !map.children.empty() &&
                             map.children.size() <= core::limits::kPinValuesMax;
  if (!is_filled_map) {
    report_bad(in, value);
    return;
  }
  report_duplicates(in, map, label);
  for (const Node& child : map.children) read_pin_value(in, child, *value.key, pin);
}

/// One item of `pins`.
class PinReader {
 public:
  PinReader(Reader& in, Value item, const std::string& label, std::vector<IdentityFile>& files)
      : in_(in),
        item_(item),
        label_(label),
        section_(in, item, tables::kPin, label),
        files_(files) {}

  /// nullopt: reported.
  std::optional<model::Pin> read() {
    static constexpr std::array<std::string_view, 4> kKinds{"header", "cookie", "identity_in",
                                                            "segment"};
    if (!section_.is_map()) return std::nullopt;
    std::vector<std::string_view> given;
    for (const std::string_view kind : kKinds) {
      if (section_.get(kind)) given.push_back(kind);
    }
    if (given.empty()) {
      in_.report(
          *item_.node,
          fmt::format("{} names no rule, expected one of header, cookie, identity_in, segment",
                      label_));
      return std::nullopt;
    }
    if (given.size() > 1) {
      in_.report(*item_.node,
                 fmt::format("'{}' and '{}' in {}, expected one of them: begin each pin "
                             "with '-'",
                             given[0], given[1], label_));
      return std::nullopt;
    }
    const std::size_t problems_before = in_.problem_count();
    model::Pin pin = read_kind(given[0]);
    return in_.problem_count() == problems_before ? std::optional(std::move(pin)) : std::nullopt;
  }

 private:
  model::Pin read_kind(std::string_view kind) {
    if (kind == "header") return read_value_pin(ValuePin::Field::Header);
    if (kind == "cookie") return read_value_pin(ValuePin::Field::Cookie);
    if (kind == "identity_in") return read_list_pin();
    return read_segment_pin();
  }

  ValuePin read_value_pin(ValuePin::Field field) {
    ValuePin pin{.field = field, .name = "", .values = {}, .from = {}};
    refuse("pool", "the pools stand in 'values'");
    if (const auto v = section_.get("header")) read_header_name(in_, *v, pin.name);
    if (const auto v = section_.get("cookie")) read_cookie_name(in_, *v, pin.name);
    if (const auto v = section_.require("values"))
      read_pin_values(in_, *v, fmt::format("'values' of {}", label_), pin);
    // Without it anyone on the internet could choose a pool; 0.0.0.0/0 and ::/0 say that on
    // purpose.
    if (const auto v = section_.require("from")) pin.from = read_networks(in_, *v);
    return pin;
  }

  ListPin read_list_pin() {
    ListPin pin;
    refuse_those_of_values();
    std::string text;
    if (read_text(in_, *section_.get("identity_in"), text)) pin.list = list_of(text);
    if (const auto v = section_.require("pool")) read_pin_target(in_, *v, pin.target);
    return pin;
  }

  std::size_t list_of(const std::string& text) {
    const std::string path = beside_configuration(in_, text);
    const auto known = std::ranges::find(files_, path, &IdentityFile::path);
    if (known != files_.end()) return static_cast<std::size_t>(known - files_.begin());
    files_.push_back({.path = path,
                      .text = text,
                      .at = in_.position(section_.get("identity_in")->node->at),
                      .read = {},
                      .list = nullptr});
    return files_.size() - 1;
  }

  SegmentPin read_segment_pin() {
    SegmentPin pin;
    refuse_those_of_values();
    const Value value = *section_.get("segment");
    const Section segment(in_, value, tables::kSegment, fmt::format("'segment' of {}", label_));
    if (segment.is_map() && value.node->children.empty()) report_bad(in_, value);
    read_header_is(segment, pin);
    if (const auto v = segment.get("path_prefix"))
      read_path_prefix(in_, *v, pin.path_prefix.emplace());
    if (const auto v = segment.get("network")) pin.network = read_networks(in_, *v);
    read_share(segment, pin);
    if (const auto v = section_.require("pool")) read_pin_target(in_, *v, pin.target);
    return pin;
  }

  void read_header_is(const Section& segment, SegmentPin& pin) {
    if (!segment.get("header") && !segment.get("value")) return;
    const auto name = segment.require("header");
    const auto value = segment.require("value");
    SegmentPin::HeaderIs& header = pin.header.emplace();
    if (name) read_header_name(in_, *name, header.name);
    if (value) read_text(in_, *value, header.value);
  }

  // With the salt of the service it would be the split itself.
  void read_share(const Section& segment, SegmentPin& pin) {
    if (!segment.get("percent") && !segment.get("salt")) return;
    const auto percent = segment.require("percent");
    const auto salt = segment.require("salt");
    SegmentPin::Share& share = pin.share.emplace();
    if (salt) read_salt(in_, *salt, share.salt);
    if (!percent || !read_percent(in_, *percent, share.percent)) return;
    if (share.percent.count() == 0) report_bad(in_, *percent);
  }

  void refuse_those_of_values() {
    refuse("values", "only a 'header' or 'cookie' has values");
    refuse("from", "only a 'header' or 'cookie' needs it; a segment has 'network'");
  }
  void refuse(std::string_view key, std::string_view why) {
    if (const auto v = section_.get(key))
      in_.report(v->node->key_at, fmt::format("'{}' does not belong in {}: {}", key, label_, why));
  }

  Reader& in_;
  const Value item_;
  const std::string& label_;
  const Section section_;
  std::vector<IdentityFile>& files_;
};

}  // namespace

void read_pins(Reader& in, Value list, const std::string& service_label, Service& service,
               std::vector<IdentityFile>& files) {
  PinCover cover(in, service);
  for (const Value item : items_of(in, list)) {
    const std::string label = fmt::format("a pin of {}", service_label);
    std::optional<model::Pin> pin = PinReader(in, item, label, files).read();
    if (!pin) continue;
    cover.add(*pin, *item.node);
    service.pins.push_back(std::move(*pin));
  }
}

}  // namespace sluice::config
