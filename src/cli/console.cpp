#include "cli/console.hpp"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

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
      return "32";
    case Tint::Good:
      return "32";
    case Tint::Warn:
      return "33";
    case Tint::Bad:
      return "31";
  }
  return "0";
}

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

bool speaks_utf8() {
  // The order in which locales count (POSIX.1-2017 §8.2).
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (!is_set(name)) continue;
    const char* value = std::getenv(name);
    return std::strstr(value, "UTF-8") != nullptr || std::strstr(value, "utf8") != nullptr;
  }
  return false;
}

}  // namespace

std::string harmless(std::string_view text) {
  std::string out(text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<unsigned char>(out[i]);
    const bool is_c1 = byte == 0xC2 && i + 1 < out.size() &&
                       static_cast<unsigned char>(out[i + 1]) < 0xA0;  // U+0080 to U+009F
    if (is_c1) out[i + 1] = '?';
    if (byte < 0x20 || byte == 0x7F || is_c1) out[i] = '?';
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
