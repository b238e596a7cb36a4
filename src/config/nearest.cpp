#include "config/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace sluice::config {

namespace {

constexpr std::size_t kEditsMax = 2;
constexpr std::size_t kPrefixMin = 3;

std::size_t length_gap(std::string_view a, std::string_view b) {
  return a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
}

bool is_prefix_of_other(std::string_view a, std::string_view b) {
  return std::min(a.size(), b.size()) >= kPrefixMin && (a.starts_with(b) || b.starts_with(a));
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

std::optional<std::string_view> nearest(std::string_view given,
                                        std::span<const std::string_view> names) {
  std::optional<std::string_view> best;
  std::size_t best_distance = kEditsMax + 1;
  for (const std::string_view name : names) {
    if (length_gap(given, name) > kEditsMax)
      continue;  // also keeps a hostile key of a megabyte cheap
    const std::size_t distance = edit_distance(given, name);
    // Two edits turn any word of two letters into any other, and `age` into `name`: that is no
    // likeness.
    const bool is_alike = distance * 2 < std::max(given.size(), name.size());
    if (is_alike && distance < best_distance) {
      best = name;
      best_distance = distance;
    }
  }
  if (best) return best;
  const auto prefixed =
      std::ranges::find_if(names, [&](auto name) { return is_prefix_of_other(given, name); });
  return prefixed == names.end() ? std::nullopt : std::optional(*prefixed);
}

}  // namespace sluice::config
