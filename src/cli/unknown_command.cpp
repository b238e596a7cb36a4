#include "cli/unknown_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/nearest.hpp"
#include "config/utf8.hpp"

namespace sluice::cli {

namespace {

/// The documentation of the whole product names them; whoever tries one is not to look for a typo.
constexpr std::array<std::string_view, 4> kLater{"rollout", "flag", "reload", "freeze"};

}  // namespace

std::optional<std::string> unknown_command(std::string_view given,
                                           std::span<const std::string_view> known) {
  if (std::ranges::find(known, given) != known.end()) return std::nullopt;
  if (std::ranges::find(kLater, given) != kLater.end()) {
    return fmt::format("'{}' is not supported by this version", given);
  }
  std::string text = fmt::format("unknown command '{}'", config::shown(given));
  if (const auto meant = config::nearest(given, known)) {
    text += fmt::format(", did you mean '{}'?", *meant);
  }
  return text;
}

}  // namespace sluice::cli
