#pragma once
#include <array>
#include <optional>
#include <string>

#include "sluice/config/parse.hpp"
#include "support/catch.hpp"

/// What people get wrong, each with the whole message that they see. The message is part of the
/// interface: it says where, what, what was expected, and the nearest valid name.
namespace sluice::test {

struct Wrong {
  std::string text;
  std::string message;
};

inline constexpr const char* kListener =
    "listeners:\n"
    "  - bind: 127.0.0.1:8080\n";
inline constexpr const char* kShop =
    "services:\n"
    "  - name: shop\n"
    "    pools:\n"
    "      blue: {endpoints: [127.0.0.1:9001]}\n";
// Lines 1 to 7 of the tables that only add something: keys at column 5 belong to the service, at
// column 1 to the file.
inline constexpr const char* kGreen = "      green: {endpoints: [127.0.0.1:9002]}\n";

inline std::optional<std::string> environment(std::string_view name) {
  if (name == "WORD") return "word";
  if (name == "BELL") return "ding\a";
  if (name == "TWO_LINES") return "a\nworkers: 2";
  if (name == "MAP") return "{socket: {path: /x}}";
  if (name == "LIST") return "[10.0.0.0/8]";
  if (name == "PAIR") return "10.0.0.0/8, 192.0.2.1";
  if (name == "COMMENT") return "2 # two";
  if (name == "NESTED") return "${WORD}";
  if (name == "EMPTY") return "";
  return std::nullopt;
}

inline bool tells_what_to_do(const std::string& what) {
  for (const char* words : {"expected ", "did you mean ", "not supported by this version"}) {
    if (what.find(words) != what.npos) return true;
  }
  return false;
}

inline void check(const std::string& text, const std::string& message) {
  INFO(text);
  const config::Loaded loaded = config::parse(text, "sluice.yaml", environment);
  CHECK_FALSE(loaded.config);
  std::string messages;
  for (const config::Problem& problem : loaded.problems) {
    CHECK(tells_what_to_do(problem.what));
    messages += (messages.empty() ? "" : "\n") + problem.text();
  }
  CHECK(messages == message);
}

template <std::size_t N>
void check_added(const std::array<Wrong, N>& table) {
  for (const Wrong& wrong : table) {
    check(std::string(kListener) + kShop + kGreen + wrong.text, wrong.message);
  }
}

template <std::size_t N>
void check_whole(const std::array<Wrong, N>& table) {
  for (const Wrong& wrong : table) check(wrong.text, wrong.message);
}

}  // namespace sluice::test
