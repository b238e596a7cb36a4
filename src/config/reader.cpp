#include "config/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "config/nearest.hpp"
#include "config/utf8.hpp"
#include "sluice/core/ensure.hpp"

namespace sluice::config {

namespace {

std::string kind_or_text(const Node& node) {
  switch (node.kind) {
    case Node::Kind::Null:
      return "empty";
    case Node::Kind::Scalar:
      return fmt::format("'{}'", shown(node.text));
    case Node::Kind::List:
      return node.children.empty() ? "an empty list" : "a list";
    case Node::Kind::Map:
      return node.children.empty() ? "an empty map" : "a map";
  }
  core::unreachable();
}

std::string joined_names(const Table& table) {
  std::string out;
  for (const Key& key : table.keys) {
    if (key.support == Support::Later) continue;
    out += fmt::format("{}{}", out.empty() ? "" : ", ", key.name);
  }
  return out;
}

std::string did_you_mean(std::string_view given, std::span<const std::string_view> names) {
  const auto found = nearest(given, names);
  return found ? fmt::format(", did you mean '{}'?", *found) : "";
}

/// Where `name` is a key: most unknown keys are good ones at a wrong indentation.
std::string where_it_belongs(std::string_view name) {
  std::string out;
  for (const Table* table : all_tables()) {
    const Key* key = table->find(name);
    if (key == nullptr || key->support == Support::Later) continue;
    const std::string_view path = table->path.empty() ? "the top level" : table->path;
    out += fmt::format("{}{}", out.empty() ? "" : " and ", path);
  }
  return out.empty() ? "" : fmt::format("; it is a key of {}", out);
}

}  // namespace

std::vector<Problem> Reader::take_problems() {
  const auto key = [](const Problem& p) { return std::tie(p.at.line, p.at.column, p.what); };
  const auto is_before = [](const Problem& a, const Problem& b) {
    return std::tie(a.at.line, a.at.column) < std::tie(b.at.line, b.at.column);
  };
  std::stable_sort(problems_.begin(), problems_.end(), is_before);
  // Not std::ranges::unique: clang 14 can't compile what returns a subrange of libstdc++ 12.
  const auto is_same = [&](const Problem& a, const Problem& b) { return key(a) == key(b); };
  problems_.erase(std::unique(problems_.begin(), problems_.end(), is_same), problems_.end());
  return std::move(problems_);
}

void report_bad(Reader& in, Value value, std::string_view hint) {
  const std::string is = kind_or_text(*value.node);
  const std::string what =
      value.role == Value::Role::Item
          ? fmt::format("{} in '{}', expected {}", is, value.key->name, value.key->item)
          : fmt::format("'{}' is {}, expected {}", value.key->name, is, value.key->expects);
  in.report(*value.node, what + std::string(hint));
}

void report_bad_word(Reader& in, Value value) {
  report_bad_word(in, value, value.key->words);
}

void report_bad_word(Reader& in, Value value, std::span<const std::string_view> words) {
  report_bad(in, value, value.is_scalar() ? did_you_mean(value.text(), words) : "");
}

Section::Section(Reader& in, Value value, const Table& table, std::string label)
    : in_(in), table_(table), label_(std::move(label)), at_(value.node->at) {
  if (value.node->kind != Node::Kind::Map) {
    report_bad(in, value);
    return;
  }
  map_ = value.node;
  report_duplicates(in, *map_, label_);
  for (const Node& child : map_->children) check_key(child);
}

std::optional<Value> Section::get(std::string_view key) const {
  const Key* known = table_.find(key);
  ENSURE(known != nullptr, "a reader asks for keys of its table");
  if (!is_map()) return std::nullopt;
  const auto child = std::ranges::find(map_->children, key, &Node::key);
  if (child == map_->children.end()) return std::nullopt;
  return Value{&*child, known};
}

std::optional<Value> Section::require(std::string_view key) const {
  const auto value = get(key);
  if (!value && is_map()) {
    in_.report(at_, fmt::format("'{}' is missing in {}, expected {}", key, label_,
                                table_.find(key)->expects));
  }
  return value;
}

void Section::check_key(const Node& child) const {
  const Key* key = table_.find(child.key);
  if (key == nullptr) {
    report_unknown(child);
  } else if (key->support == Support::Later) {
    in_.report(child.key_at,
               fmt::format("'{}' is not supported by this version, in {}", child.key, label_));
  }
}

void Section::report_unknown(const Node& child) const {
  if (child.key == "<<") {
    in_.report(child.key_at, fmt::format("a merge key (<<) in {}, expected the keys themselves, or "
                                         "an alias (*name) as a whole value",
                                         label_));
    return;
  }
  std::vector<std::string_view> names;
  for (const Key& key : table_.keys) names.push_back(key.name);
  std::string hint = did_you_mean(child.key, names);
  if (hint.empty()) {
    hint = fmt::format(", expected one of {}{}", joined_names(table_), where_it_belongs(child.key));
  }
  in_.report(child.key_at, fmt::format("unknown key '{}' in {}{}", shown(child.key), label_, hint));
}

std::vector<Value> items_of(Reader& in, Value value) {
  std::vector<Value> items;
  const Node& node = *value.node;
  if (node.kind != Node::Kind::List) {
    if (value.key->may_stand_alone) return {{&node, value.key, Value::Role::Item}};
    report_bad(in, value);
    return items;
  }
  const Range count = value.key->items;  // without `most` the nodes of the file bound it
  const std::size_t size = node.children.size();
  if (size < count.least || (count.most > 0 && size > count.most)) {
    in.report(node.at, fmt::format("'{}' has {} items, expected {}", value.key->name, size,
                                   value.key->expects));
    return items;
  }
  for (const Node& child : node.children) items.push_back({&child, value.key, Value::Role::Item});
  return items;
}

void report_duplicates(Reader& in, const Node& map, std::string_view label) {
  std::unordered_map<std::string_view, int> first_line;
  for (const Node& child : map.children) {
    const auto [first, is_new] = first_line.emplace(child.key, child.key_at.line);
    if (is_new) continue;
    in.report(child.key_at,
              fmt::format("'{}' is given twice in {}, expected it once (first in line {})",
                          shown(child.key), label, first->second));
  }
}

}  // namespace sluice::config
