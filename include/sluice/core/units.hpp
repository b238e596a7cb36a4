#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/core/result.hpp"

namespace sluice::core {

/// A share of users in hundredths of a percent, 0..10'000. An integer, so that every worker and
/// instance agrees.
class BasisPoints {
 public:
  static constexpr std::uint16_t kAll = 10'000;

  constexpr BasisPoints() = default;
  /// Out of range: Error naming `where`.
  static Result<BasisPoints> make(std::int64_t raw, std::string_view where);
  /// Of a constant, in hundredths of a percent.
  static consteval BasisPoints of(std::uint16_t raw) { return BasisPoints(raw); }
  /// `12`, `12%`, `12.5`, `0.01%`: 0–100 with at most two decimals (behaviour.md §1).
  static Result<BasisPoints> parse_percent(std::string_view text, std::string_view where);

  constexpr std::uint16_t count() const { return raw_; }
  /// `12.5%`; no trailing zeros.
  std::string percent() const;

  friend constexpr auto operator<=>(const BasisPoints&, const BasisPoints&) = default;

 private:
  explicit constexpr BasisPoints(std::uint16_t raw) : raw_(raw) {}
  std::uint16_t raw_ = 0;
};

/// The two pools of a service. "Live" and "candidate" are roles that they trade; these are their
/// names.
enum class PoolName : unsigned char { Blue = 0, Green = 1 };

constexpr PoolName other(PoolName pool) {
  return pool == PoolName::Blue ? PoolName::Green : PoolName::Blue;
}
constexpr std::string_view text(PoolName pool) {
  return pool == PoolName::Blue ? "blue" : "green";
}
constexpr std::size_t index(PoolName pool) {
  return static_cast<std::size_t>(pool);
}

}  // namespace sluice::core
