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
/// Text that came from outside: control characters become `?`, as a terminal would obey them.
std::string harmless(std::string_view text);
std::string tinted(Tint tint, std::string_view text, const Dress& dress);

/// Where a verb writes. Borrowed streams.
struct Console {
  std::FILE* out = stdout;
  std::FILE* err = stderr;
  Dress dress;
  bool is_terminal = false;

  void print(std::string_view text) const { std::fwrite(text.data(), 1, text.size(), out); }
  void complain(std::string_view text) const { std::fwrite(text.data(), 1, text.size(), err); }
  void flush() const { std::fflush(out); }
};

/// stdout and stderr of this process, with colour when stdout is a terminal and NO_COLOR is not
/// set.
Console process_console();

}  // namespace sluice::cli
