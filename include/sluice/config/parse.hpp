#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sluice/config/schema.hpp"

namespace sluice::config {

/// A configuration, or everything that is wrong with it (never empty), in file order.
struct Loaded {
  std::optional<Config> config;
  std::vector<Problem> problems;
};

/// Looks up ${NAME}; nullopt: unset.
using Environment = std::function<std::optional<std::string>(std::string_view)>;
Environment process_environment();

/// Parses and validates `text`, and opens no file; `file` is used in messages and gives relative
/// paths in `text` their directory. One syntax error ends the run; every semantic one is collected
/// (behaviour.md §6). No exception leaves this function.
Loaded parse(std::string_view text, std::string_view file, const Environment& environment);

/// Reads the file and parses it, and reads the files of identities that it names. An unreadable
/// file is a Problem at line 0.
Loaded load(const std::string& file, const Environment& environment);

}  // namespace sluice::config
