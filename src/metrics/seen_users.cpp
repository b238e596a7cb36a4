#include "sluice/metrics/seen_users.hpp"

#include <cmath>

namespace sluice::metrics {

namespace {

std::int64_t window_number(core::Instant now) {
  return now.time_since_epoch() / SeenUsers::kWindow;
}

/// With λ users per slot on average, the mean distance of a slot's first rank from the beginning is
/// (1 - e^-λ) / λ. Falls with λ, so halving finds it.
double users_per_slot(double mean_distance) {
  double low = 0, high = 1;
  const auto distance = [](double lambda) { return -std::expm1(-lambda) / lambda; };
  while (distance(high) > mean_distance && high < 1e9) high *= 2;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (distance(middle) > mean_distance ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

double UserSample::estimate() const {
  constexpr auto kAll = static_cast<double>(kSlots);
  constexpr double kRange = 4294967296.0;  // of a rank
  double empty = 0, distances = 0;
  for (const std::uint32_t rank : ranks_) {
    if (rank == 0) ++empty;
    distances += 1 - rank / kRange;
  }
  // Few users: what the empty slots say ("linear counting") is more exact.
  if (empty > kAll / 4) return -kAll * std::log(empty / kAll);
  return kAll * users_per_slot(distances / kAll);
}

void SeenUsers::turn_to(core::Instant now) {
  const std::int64_t number = window_number(now);
  current_ = static_cast<std::size_t>(number) % kWindows;
  Window& window = windows_[current_];
  window.number.store(-1, std::memory_order_relaxed);
  for (auto& rank : window.ranks) rank.store(0, std::memory_order_relaxed);
  window.number.store(number, std::memory_order_release);
  window_end_ = core::Instant{(number + 1) * kWindow};
}

void SeenUsers::add_to(UserSample& sample, core::Instant now, core::Instant since) const {
  const std::int64_t newest = window_number(now);
  const std::int64_t oldest = newest - static_cast<std::int64_t>(kWindows) + 1;
  for (const Window& window : windows_) {
    const std::int64_t number = window.number.load(std::memory_order_acquire);
    if (number < oldest || core::Instant{number * kWindow} <= since) continue;
    for (std::size_t slot = 0; slot < window.ranks.size(); ++slot) {
      sample.merge(slot, window.ranks[slot].load(std::memory_order_relaxed));
    }
  }
}

}  // namespace sluice::metrics
