#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/node.hpp"

namespace sluice::config {

/// The text of a file by lines, to turn offsets into places and back.
class SourceText {
 public:
  /// Requires: `text` outlives this.
  explicit SourceText(std::string_view text);

  /// Amortised constant time for offsets that grow, as the parser's do: a file may be one line of
  /// megabytes.
  Place place(std::size_t offset);
  /// `line` and `byte` from 0, as the YAML parser counts; past the end: the end.
  std::size_t offset(int line, int byte) const;
  /// The line that holds `offset`, without its end.
  std::string_view line_of(std::size_t offset) const;
  std::string_view text() const { return text_; }

 private:
  std::size_t line_index(std::size_t offset) const;

  std::string_view text_;
  std::vector<std::size_t> starts_;  // of each line
  struct Counted {
    std::size_t offset = 0;
    std::size_t characters = 0;  // before it in its line
  };
  Counted last_;  // where place() counted to
};

struct TextProblem {
  std::size_t offset = 0;
  std::string what;
};

/// What the YAML parser would swallow or misread in silence: bytes that are no UTF-8, control
/// characters (it takes 0x04 for the end of the file), tabs as indentation.
std::optional<TextProblem> check_text(std::string_view text);

}  // namespace sluice::config
