#pragma once
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sluice/config/schema.hpp"

namespace sluice::config {

/// 1-based place in the text; the column counts characters, as editors do.
struct Place {
  int line = 0;
  int column = 0;
};

/// A YAML value with its place: all that the readers see of a file. Aliases are already replaced by
/// what they name; keys that are given twice are still there twice.
struct Node {
  enum class Kind { Null, Scalar, List, Map };
  Kind kind = Kind::Null;
  Place at;          // of a value that is not there: its key
  std::string text;  // of a scalar
  std::string key;   // of a value in a map
  Place key_at;
  std::vector<Node> children;  // of a list or map, in file order
  bool is_reported = false;    // something is wrong with it and has been said
};

/// The one document in `text`, or the first thing that is not acceptable YAML. Bounded by
/// limits::kConfig*Max in size, depth and number of nodes, aliases counted at each use. Refuses
/// tags, complex keys and a second document. Throws nothing.
std::variant<Node, Problem> parse_yaml(std::string_view text, std::string_view file);

}  // namespace sluice::config
