#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What an origin says of itself on the answer to a health check (docs/guide/health.md):
///
///   Sluice-Health: drain | down | ready [; memory=0..100] [; NAME=up|down]...
namespace sluice::policy {

struct SelfReport {
  enum class Word : std::uint8_t { Ready, Drain, Down };
  struct Dependency {
    std::string name;  // as `database`
    bool is_up = true;
    friend bool operator==(const Dependency&, const Dependency&) = default;
  };

  Word word = Word::Ready;
  std::optional<std::uint8_t> memory_percent;
  std::vector<Dependency> dependencies;  // in the order given, each name once

  friend bool operator==(const SelfReport&, const SelfReport&) = default;
};
std::string_view text(SelfReport::Word word);
/// A letter and up to 31 letters, digits, '_' or '-'; lower case.
bool is_dependency_name(std::string_view text);

/// nullopt: not exactly that grammar. Words and names are lower case; a name is a letter and up to
/// 31 letters, digits, '_' or '-'; spaces and tabs may stand around ';' and nowhere else; a name
/// comes once; at most kDependenciesMax dependencies.
std::optional<SelfReport> parse_self_report(std::string_view value);

}  // namespace sluice::policy
