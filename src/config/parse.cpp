#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "config/node.hpp"
#include "config/source_text.hpp"
#include "sluice/core/limits.hpp"

/// The only file that knows yaml-cpp. Its events are used and not its YAML::Node: events carry the
/// place of every key, show keys that are given twice, and let us bound depth and size. Exceptions
/// are its way to say no, and end here.
namespace sluice::config {

namespace {

using core::limits::kConfigDepthMax;
using core::limits::kConfigFileMax;
using core::limits::kConfigNodesMax;

constexpr std::string_view kOpenQuote =
    "a quote that is never closed, expected the same one at the end of the value";

/// Thrown by the builder through the parser, caught in parse_yaml().
struct Refused {
  std::size_t offset = 0;
  std::string what;
};

/// Builds the tree of the first document from the parser's events.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(SourceText& source) : source_(source) {}

  std::optional<Node> take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_) refuse(mark, "a second document begins, expected one per file");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_as_key(mark);
    count_nodes(mark, 1);
    add(node_at(mark, Node::Kind::Null), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    check_quote_ends(mark);
    if (expects_key()) {
      open_.back().key = value;
      open_.back().key_at = place(mark);
      return;
    }
    Node scalar = node_at(mark, Node::Kind::Scalar);
    scalar.text = value;
    count_nodes(mark, 1);
    add(std::move(scalar), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_as_key(mark);
    const auto named = anchors_.find(anchor);
    if (named == anchors_.end())
      refuse(mark, "an alias inside what it names, expected an anchor before it");
    count_nodes(mark, named->second.size);
    add(named->second.node, 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::List);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::Map);
  }
  void OnMapEnd() override { close(); }

 private:
  /// A list or map whose end has not come.
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    std::size_t nodes_before = 0;
    std::optional<std::string> key;
    Place key_at;
  };
  struct Anchored {
    Node node;
    std::size_t size = 0;  // in nodes
  };

  Place place(const YAML::Mark& mark) {
    return source_.place(source_.offset(mark.line, mark.column));
  }
  Node node_at(const YAML::Mark& mark, Node::Kind kind) {
    Node node;
    node.kind = kind;
    node.at = place(mark);
    return node;
  }
  bool expects_key() const {
    return !open_.empty() && open_.back().node.kind == Node::Kind::Map && !open_.back().key;
  }

  [[noreturn]] void refuse(const YAML::Mark& mark, std::string what) const {
    throw Refused{source_.offset(mark.line, mark.column), std::move(what)};
  }
  void refuse_as_key(const YAML::Mark& mark) const {
    if (expects_key()) refuse(mark, "a key that is not a word, expected 'name: value'");
  }
  void check_tag(const YAML::Mark& mark, const std::string& tag) const {
    const bool is_given = !tag.empty() && tag != "?" && tag != "!";
    if (is_given)
      refuse(mark, "a tag (!), expected plain values; quote a value that begins with '!'");
  }
  void count_nodes(const YAML::Mark& mark, std::size_t more) {
    nodes_ += more;
    if (nodes_ > kConfigNodesMax)
      refuse(mark, fmt::format("too many values, expected at most {}, aliases included",
                               kConfigNodesMax));
  }

  // yaml-cpp 0.7.0 takes a quote that is never closed for a text up to the end of the file.
  void check_quote_ends(const YAML::Mark& mark) const {
    const std::string_view text = source_.text();
    std::size_t at = source_.offset(mark.line, mark.column);
    while (at < text.size() &&
           (text[at] == '&' || text[at] == '!')) {  // an anchor or tag stands before the value
      at = text.find_first_of(" \t\r\n", at);
      at = text.find_first_not_of(" \t\r\n", at);
    }
    if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return;
    const char quote = text[at];
    for (std::size_t i = at + 1; i < text.size(); ++i) {
      if (quote == '"' && text[i] == '\\') {
        ++i;
      } else if (text[i] == quote) {
        if (quote == '"' || i + 1 >= text.size() || text[i + 1] != '\'') return;
        ++i;  // '' is a quote inside
      }
    }
    throw Refused{at, std::string(kOpenQuote)};
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Kind kind) {
    check_tag(mark, tag);
    refuse_as_key(mark);
    if (open_.size() == kConfigDepthMax)
      refuse(mark, fmt::format("nested too deep, expected at most {} levels", kConfigDepthMax));
    Open opened;
    opened.node = node_at(mark, kind);
    opened.anchor = anchor;
    opened.nodes_before = nodes_;
    open_.push_back(std::move(opened));
    count_nodes(mark, 1);
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    const std::size_t size = nodes_ - done.nodes_before;
    if (done.anchor != 0) anchors_[done.anchor] = {done.node, size};
    place_into_parent(std::move(done.node));
  }

  void add(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = {node, 1};
    place_into_parent(std::move(node));
  }

  void place_into_parent(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.key) {
      node.key = *std::exchange(parent.key, std::nullopt);
      node.key_at = parent.key_at;
      if (node.kind == Node::Kind::Null)
        node.at = node.key_at;  // the parser gives the place of the next token
    }
    parent.node.children.push_back(std::move(node));
  }

  SourceText& source_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t nodes_ = 0;
  std::optional<Node> root_;
};

constexpr std::string_view kVersionLine = "a %YAML line, expected none, or one '%YAML 1.2'";

/// The parser's words → ours, which say what to do.
std::string_view in_words(std::string_view message) {
  struct Word {
    std::string_view theirs, ours;
  };
  static constexpr std::array<Word, 27> kWords{{
      {"illegal map value",
       "a ':' where none can stand, expected another indentation or quotes around the value"},
      {"illegal map key", "a '?' where none can stand, expected quotes around the value"},
      {"end of map not found",
       "text that belongs to nothing, expected 'key: value' at the indentation of the keys above"},
      {"end of sequence not found",
       "text that belongs to nothing, expected '- value' at the indentation of those above"},
      {"end of sequence flow not found", "a '[' that is not closed here, expected ',' or ']'"},
      {"end of map flow not found", "a '{' that is not closed here, expected ',' or '}'"},
      {"illegal flow end",
       "a ']' or '}' that closes nothing here, expected '[' or '{' before it, or quotes around the "
       "value"},
      {"the referenced anchor is not defined",
       "an alias (*) of an anchor that is not defined, expected its anchor (&) before it, or "
       "quotes "
       "around a value that begins with '*'"},
      {"alias not found after *", "a '*' alone, expected quotes around it"},
      {"anchor not found after &", "a '&' alone, expected quotes around it"},
      {"illegal character found while scanning a",  // alias, anchor
       "a character that no anchor (&) or alias (*) can have, expected quotes around the value"},
      {"cannot assign multiple", "two anchors (&) before one value, expected one"},
      {"cannot assign the same alias", "an anchor (&) that is given twice, expected another name"},
      {"aliases can't have any content", "text before or behind an alias (*), expected it alone"},
      {"unknown token",
       "a character that no value can begin with, expected quotes around the value"},
      {"illegal block entry", "a '-' where no list can stand, expected another indentation"},
      {"unknown escape character",
       "a '\\' that begins no escape in double quotes, expected '\\\\' or single quotes"},
      {"bad character found while scanning hex",
       "an escape that is no hexadecimal number, expected \\x41 or single quotes"},
      {"invalid unicode", "an escape that is no character, expected another one"},
      {"illegal EOF in scalar", kOpenQuote},
      {"illegal document indicator in scalar",
       "'---' or '...' inside quotes, expected the end of the quotes before it"},
      {"unexpected character in block scalar",
       "text behind '|' or '>', expected it in the next line, indented"},
      {"cannot set zero indentation", "a 0 behind '|' or '>', expected 1 to 9"},
      {"YAML major version too large", kVersionLine},
      {"bad YAML version", kVersionLine},
      {"YAML directives must", kVersionLine},
      {"repeated YAML directive", kVersionLine},
  }};
  for (const Word& word : kWords) {
    if (message.starts_with(word.theirs)) return word.ours;  // 0.8 adds the name of the anchor
  }
  return message;
}

/// `key:value`: to YAML that is one word, which goes on in the next line.
bool has_tight_key(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" -"), line.size()));
  const std::size_t colon = line.find(':');
  if (colon == line.npos || colon + 1 >= line.size()) return false;
  const bool is_word = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == colon;
  return is_word && line[colon + 1] != ' ' && line[colon + 1] != '/';
}

/// The three values that people write without the quotes that YAML needs (behaviour.md §6), and the
/// missing space.
std::string_view quoting_hint(std::string_view line, std::string_view line_before) {
  if (line.find("${") != line.npos && line.find_first_of("{[") != line.npos) {
    return "; inside {} and [] write \"${NAME}\" in quotes";
  }
  if (line.find("*.") != line.npos) return "; write a wildcard host in quotes: \"*.example.com\"";
  if (line.find("]:") != line.npos || line.find("::") != line.npos) {
    return "; write an IPv6 address in quotes: \"[::1]:8080\"";
  }
  if (has_tight_key(line_before) || has_tight_key(line)) return "; write a space behind 'key:'";
  return "";
}

Problem syntax_problem(SourceText& source, std::string_view file, std::size_t offset,
                       std::string_view what) {
  const Place at = source.place(offset);
  const std::string_view line = source.line_of(offset);
  const auto start = static_cast<std::size_t>(line.data() - source.text().data());
  const std::string_view line_before = start > 0 ? source.line_of(start - 1) : "";
  return {{std::string(file), at.line, at.column},
          fmt::format("syntax error: {}{}", what, quoting_hint(line, line_before))};
}

std::variant<Node, Problem> parse_source(SourceText& source, std::string_view file) {
  try {
    std::istringstream stream{std::string(source.text())};
    YAML::Parser parser(stream);
    TreeBuilder builder(source);
    while (parser.HandleNextDocument(builder)) {
    }
    if (std::optional<Node> root = builder.take_root()) return std::move(*root);
    return syntax_problem(source, file, 0,
                          "the file is empty, expected 'listeners' and 'services'");
  } catch (const Refused& refused) {
    return syntax_problem(source, file, refused.offset, refused.what);
  } catch (const YAML::Exception& error) {
    return syntax_problem(source, file, source.offset(error.mark.line, error.mark.column),
                          in_words(error.msg));
  }
}

}  // namespace

std::variant<Node, Problem> parse_yaml(std::string_view text, std::string_view file) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.size() > kConfigFileMax) {
    return Problem{{std::string(file), 0, 0},
                   fmt::format("too large, expected at most {} MiB", kConfigFileMax >> 20U)};
  }
  SourceText source(text);
  if (const auto bad = check_text(text))
    return syntax_problem(source, file, bad->offset, bad->what);
  return parse_source(source, file);
}

}  // namespace sluice::config
