#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

#include "sluice/core/clock.hpp"
#include "sluice/core/rng.hpp"
#include "sluice/policy/health.hpp"

/// Which endpoint of a pool gets a request: the one with fewer requests in flight of two random
/// choices (Mitzenmacher 2001). Pure; see behaviour.md §2 for penalties.
namespace sluice::policy {

struct EndpointView {
  bool is_usable = true;  // not disabled, not down, not yet tried for this request
  std::uint32_t in_flight = 0;
  core::Instant penalty_until{};  // in the past: none
  // Of what an equal endpoint gets, in thousandths, while it starts slowly
  std::uint32_t share = HealthWord::kWhole;
};

/// In the live pool a penalty only ranks: when all usable ones are in penalty the one whose penalty
/// ends first is taken. In the candidate "all in penalty" counts as none usable.
enum class PoolRole : std::uint8_t { Live, Candidate };

/// `view(i)` gives EndpointView of i in [0, count). Two draws; only when a draw is not free, a
/// scan. One that starts slowly and is taken gives way to another free one as often as its share
/// says, never to none. nullopt: none.
template <typename View>
std::optional<std::size_t> pick_endpoint(std::size_t count, View view, PoolRole role,
                                         core::Instant now, core::Rng& rng);

/// Penalty of failed connects as one word: `until` in milliseconds of the monotonic axis (48 bits)
/// and how often it doubled. 0 = none.
class Penalty {
 public:
  constexpr explicit Penalty(std::uint64_t word = 0) : word_(word) {}
  constexpr std::uint64_t word() const { return word_; }
  core::Instant until() const;
  /// The next penalty after another failure at `now`: 1 s, doubling to 10 s. A failure while one
  /// runs that began at the same level does not double again before it has ended (many requests
  /// fail at once).
  Penalty after_failure(core::Instant now) const;

 private:
  std::uint64_t word_;
};

// ---- implementation of the template ----

namespace detail {
inline bool is_free(const EndpointView& e, core::Instant now) {
  return e.is_usable && e.penalty_until <= now;
}
/// Draws only for one that starts slowly: all others cost nothing.
inline bool gives_way(const EndpointView& e, core::Rng& rng) {
  return e.share < HealthWord::kWhole && rng.below(HealthWord::kWhole) >= e.share;
}

template <typename View>
std::optional<std::size_t> scan(std::size_t count, View view, PoolRole role, core::Instant now,
                                core::Rng& rng) {
  std::optional<std::size_t> best_free;
  std::optional<std::size_t> gave_way;
  std::optional<std::size_t> best_penalised;
  const std::size_t start = rng.below(static_cast<std::uint32_t>(count));
  for (std::size_t step = 0; step < count; ++step) {
    const std::size_t i = (start + step) % count;
    const EndpointView e = view(i);
    if (!e.is_usable) continue;
    if (e.penalty_until <= now) {
      if (gives_way(e, rng)) {
        gave_way = i;
      } else if (!best_free || e.in_flight < view(*best_free).in_flight) {
        best_free = i;
      }
    } else if (!best_penalised || e.penalty_until < view(*best_penalised).penalty_until) {
      best_penalised = i;
    }
  }
  if (best_free) return best_free;
  if (gave_way) return gave_way;
  return role == PoolRole::Live ? best_penalised : std::nullopt;
}
}  // namespace detail

template <typename View>
std::optional<std::size_t> pick_endpoint(std::size_t count, View view, PoolRole role,
                                         core::Instant now, core::Rng& rng) {
  if (count == 0) return std::nullopt;
  if (count == 1 && detail::is_free(view(0), now)) return 0;  // nothing to draw
  const std::size_t a = rng.below(static_cast<std::uint32_t>(count));
  std::size_t b = count > 1 ? rng.below(static_cast<std::uint32_t>(count - 1)) : a;
  if (count > 1 && b >= a) ++b;  // two different ones
  const EndpointView first = view(a);
  const EndpointView second = b == a ? first : view(b);
  if (!detail::is_free(first, now) || !detail::is_free(second, now))
    return detail::scan(count, view, role, now, rng);
  const bool takes_first = first.in_flight <= second.in_flight;
  const bool takes_other = detail::gives_way(takes_first ? first : second, rng);
  return takes_first != takes_other ? a : b;
}

}  // namespace sluice::policy
