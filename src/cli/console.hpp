#pragma once
#include <cstdio>
#include <string>
#include <string_view>

namespace sluice::cli {

/// How text may be dressed up: nothing unless a person reads it on a terminal.
struct Dress {
  bool has_colour = false;
  bool has_blocks = false;  // bars of block characters: a UTF-8 terminal
};

enum class Tint { Strong, Faint, Blue, Green, Good, Warn, Bad };
/// Text that came from outside: characters that a terminal would obey instead of showing them
/// become `?`, line breaks too, and so do bytes that are not UTF-8.
std::string harmless(std::string_view text);
/// The same, with line breaks left.
std::string harmless_lines(std::string_view text);
/// JSON that says the same, with such characters as `\u` escapes.
std::string harmless_json(std::string_view json);
std::string tinted(Tint tint, std::string_view text, const Dress& dress);

/// Where a verb writes. Borrowed streams.
struct Console {
  std::FILE* out = stdout;
  std::FILE* err = stderr;
  Dress dress;
  bool is_terminal = false;

  void print(std::string_view text) const { std::fwrite(text.data(), 1, text.size(), out); }
  /// Plain text in lines; what a terminal would obey in it is not written.
  void complain(std::string_view text) const {
    const std::string clean = harmless_lines(text);
    std::fwrite(clean.data(), 1, clean.size(), err);
  }
  void flush() const { std::fflush(out); }
};

/// stdout and stderr of this process, with colour when stdout is a terminal and NO_COLOR is not
/// set.
Console process_console();

}  // namespace sluice::cli
