#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::cli {

/// What is wrong with the command `given`, in words: one of a later version, or none at all with
/// the nearest of `known`. nullopt: it is one of `known`.
std::optional<std::string> unknown_command(std::string_view given,
                                           std::span<const std::string_view> known);

}  // namespace sluice::cli
