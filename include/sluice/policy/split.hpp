#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sluice/core/units.hpp"

/// Which pool a user gets: salt and identity → bucket → pool. Pure (product.md §1, behaviour.md
/// §2).
namespace sluice::policy {

inline constexpr std::string_view kHashVersion = "murmur3-32-v1";
inline constexpr std::uint16_t kBuckets = 10'000;

/// murmur3_x86_32(salt ':' identity).
/// Requires: salt and identity within core::limits (longer ones are a broken invariant).
std::uint32_t split_hash(std::string_view salt, std::string_view identity);
/// 0..9999: (hash × 10'000) >> 32 in 64-bit integers.
constexpr std::uint16_t bucket_of(std::uint32_t hash) {
  return static_cast<std::uint16_t>((std::uint64_t{hash} * kBuckets) >> 32U);
}
inline std::uint16_t bucket_of(std::string_view salt, std::string_view identity) {
  return bucket_of(split_hash(salt, identity));
}

/// Words of the access log, of `explain` and of the Sluice-Reason field.
enum class Reason : std::uint8_t {
  Split,
  Live,
  PinHeader,
  PinCookie,
  PinList,
  PinSegment,
  PinClosed,
  NoIdentity,
  Fallback,  // the candidate can't be reached
  Rescue,    // the candidate failed
  Asset,     // the other pool had no such file
};
inline constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::Asset) + 1;
std::string_view text(Reason reason);

/// The traffic state of one service, as far as the choice needs it.
struct SplitState {
  core::PoolName live = core::PoolName::Blue;
  core::BasisPoints split;
  bool is_candidate_open = false;
  std::string_view salt;
};

/// Where a pin sends: to a pool by its name, or by the part that it plays at the moment.
enum class PinTarget : std::uint8_t { Blue, Green, Live, Candidate };
std::string_view text(PinTarget target);
core::PoolName pool_of(PinTarget target, core::PoolName live);

/// What a pin rule asked for, when one matched.
struct PinHit {
  PinTarget target = PinTarget::Blue;
  Reason reason = Reason::PinHeader;
};

struct PoolChoice {
  core::PoolName pool = core::PoolName::Blue;
  Reason reason = Reason::Live;
  std::optional<std::uint16_t> bucket;  // absent only without identity
  std::uint32_t hash = 0;               // whose bucket it is

  bool is_by_hash() const { return reason == Reason::Split || reason == Reason::Live; }
};

/// A pin decides before the split, but selects the candidate only while that is open; otherwise the
/// pin is ignored: live, reason PinClosed.
PoolChoice choose_pool(const SplitState& state, std::optional<PinHit> pin,
                       std::optional<std::string_view> identity);

}  // namespace sluice::policy
