#pragma once
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace fuzz {

/// As an assertion that is always on: what a fuzz target finds wrong ends it, so that the input is
/// kept.
inline void check(bool condition, std::string_view what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

/// Cuts the first octet off as a choice; 0 when there is none.
inline unsigned take_choice(std::string_view& input) {
  if (input.empty()) return 0;
  const auto choice = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  return choice;
}

}  // namespace fuzz
