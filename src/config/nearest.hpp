#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::config {

/// Insertions, deletions and replacements that turn `a` into `b` (Levenshtein).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// What was probably meant by `given`: the closest of `names` within two edits (and less than half
/// a word), else one that begins with it or that it begins with (three characters or more). Of
/// equals the first.
std::optional<std::string_view> nearest(std::string_view given,
                                        std::span<const std::string_view> names);

}  // namespace sluice::config
