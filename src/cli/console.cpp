#include "cli/console.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "config/utf8.hpp"

namespace sluice::cli {
namespace {

const char* code_of(Tint tint) {
  switch (tint) {
    case Tint::Strong:
      return "1";
    case Tint::Faint:
      return "2";
    case Tint::Blue:
      return "34";
    case Tint::Green:
    case Tint::Good:
      return "32";
    case Tint::Warn:
      return "33";
    case Tint::Bad:
      return "31";
  }
  return "0";
}

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_set(const char* name) {
  return !variable(name).empty();
}

bool speaks_utf8() {
  // The order in which locales count (POSIX.1-2017 §8.2).
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = variable(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != value.npos || value.find("utf8") != value.npos;
  }
  return false;
}

/// Of up to three bytes: of all characters that a terminal would obey.
unsigned code_point(std::string_view character) {
  constexpr unsigned kPayload = 0x3F;
  const auto first = static_cast<unsigned char>(character[0]);
  unsigned code = character.size() == 1 ? first : first & (0xFFU >> (character.size() + 1));
  for (const char c : character.substr(1)) {
    code = code << 6U | (static_cast<unsigned char>(c) & kPayload);
  }
  return code;
}

}  // namespace

std::string harmless(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = config::utf8_length(text);
    const bool is_clean = length > 0 && !config::is_obeyed(text.substr(0, length));
    out += is_clean ? text.substr(0, length) : "?";
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string harmless_lines(std::string_view text) {
  std::string out;
  for (std::size_t end; (end = text.find('\n')) != std::string_view::npos;) {
    out += harmless(text.substr(0, end)) + "\n";
    text.remove_prefix(end + 1);
  }
  return out + harmless(text);
}

// Within JSON such characters stand in strings only, where \u is the same text.
std::string harmless_json(std::string_view json) {
  std::string out;
  while (!json.empty()) {
    const std::size_t length = config::utf8_length(json);
    const std::string_view character = json.substr(0, std::max<std::size_t>(length, 1));
    json.remove_prefix(character.size());
    const bool is_space = character == "\n" || character == "\t" || character == "\r";
    if (length == 0) {
      out += "\\ufffd";
    } else if (is_space || !config::is_obeyed(character)) {
      out += character;
    } else {
      out += fmt::format("\\u{:04x}", code_point(character));
    }
  }
  return out;
}

std::string tinted(Tint tint, std::string_view text, const Dress& dress) {
  if (!dress.has_colour) return std::string(text);
  std::string out = "\x1b[";
  out.append(code_of(tint)).append("m").append(text).append("\x1b[0m");
  return out;
}

Console process_console() {
  Console console;
  console.is_terminal = isatty(STDOUT_FILENO) == 1;
  console.dress.has_colour = console.is_terminal && !is_set("NO_COLOR");
  console.dress.has_blocks = console.is_terminal && speaks_utf8();
  return console;
}

}  // namespace sluice::cli
