#pragma once
#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/keys.hpp"
#include "config/node.hpp"

/// How the readers of sections look at the tree and say what is wrong with it.
namespace sluice::config {

/// Collects the problems of one file.
class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  /// About a value; silent when something was said about it before.
  void report(const Node& node, std::string what) {
    if (!node.is_reported) report(node.at, std::move(what));
  }
  void report(Place at, std::string what) { problems_.push_back({position(at), std::move(what)}); }
  const std::string& file() const { return file_; }
  Position position(Place at) const { return {file_, at.line, at.column}; }
  std::size_t problem_count() const { return problems_.size(); }
  /// In file order, each once (an anchor's value is read wherever it is used).
  std::vector<Problem> take_problems();

 private:
  std::string file_;
  std::vector<Problem> problems_;
};

/// One value that a key asks for, or one item of its list.
struct Value {
  enum class Role { Whole, Item };
  const Node* node = nullptr;
  const Key* key = nullptr;
  Role role = Role::Whole;

  bool is_scalar() const { return node->kind == Node::Kind::Scalar; }
  bool is(std::string_view word) const { return is_scalar() && node->text == word; }
  /// One of the key's words.
  bool is_word() const { return is_scalar() && std::ranges::count(key->words, node->text) > 0; }
  const std::string& text() const { return node->text; }
};

/// "'workers' is 'many', expected auto or a number from 1 to 64", or of an item "'x' in 'hosts',
/// expected a host name ...", with `hint` behind it.
void report_bad(Reader& in, Value value, std::string_view hint = "");
/// As report_bad(); adds the nearest one of the key's words, or of `words`.
void report_bad_word(Reader& in, Value value);
void report_bad_word(Reader& in, Value value, std::span<const std::string_view> words);

/// A map whose keys are those of a table. Reports, when it is made: a value that is no map, keys
/// that are unknown, given twice or of a later version.
class Section {
 public:
  /// `label` names it in messages: "service 'shop'". Requires: `value.node` outlives this.
  Section(Reader& in, Value value, const Table& table, std::string label);

  bool is_map() const { return map_ != nullptr; }
  /// nullopt: absent. Requires: the table has `key`.
  std::optional<Value> get(std::string_view key) const;
  /// As get(); reports an absence.
  std::optional<Value> require(std::string_view key) const;

 private:
  void check_key(const Node& child) const;
  void report_unknown(const Node& child) const;

  Reader& in_;
  const Table& table_;
  std::string label_;
  Place at_;
  const Node* map_ = nullptr;
};

/// Items of a list, as many as the key may have; anything else is reported and gives none.
std::vector<Value> items_of(Reader& in, Value value);

/// Reports keys of `map` that were given before in it. For maps with free keys; Section does it for
/// its own.
void report_duplicates(Reader& in, const Node& map, std::string_view label);

}  // namespace sluice::config
