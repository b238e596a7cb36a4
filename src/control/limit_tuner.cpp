#include "control/limit_tuner.hpp"

#include <algorithm>

#include "sluice/core/limits.hpp"

namespace sluice::control {

void LimitTuner::start() {
  const bool is_wanted =
      std::ranges::any_of(services_, [](const auto& service) { return service->adaptive.is_on; });
  if (is_wanted) on_look();
}

void LimitTuner::on_look() {
  for (const auto& service : services_) {
    if (!service->adaptive.is_on) continue;
    for (const model::Pool& pool : service->pools) tune(service->adaptive, pool);
  }
  loop_.timers().arm(timer_, loop_.now() + core::limits::kAdaptiveLook);
}

void LimitTuner::tune(const policy::AdaptivePolicy& policy, const model::Pool& pool) {
  policy::AdaptiveLimit& limit = limits_.try_emplace(pool.id, policy, loop_.now()).first->second;
  policy::AdaptiveCell& cell = pool.cell->adaptive;
  const policy::LatencySum sum(cell.samples.exchange(0, std::memory_order_relaxed));
  limit.look({.answers = sum.count(),
              .total = sum.total(),
              .in_flight = cell.in_flight.load(std::memory_order_relaxed),
              .was_refused = cell.refused.exchange(0, std::memory_order_relaxed) != 0},
             loop_.now(), loop_.rng());
  cell.limit.store(limit.limit(), std::memory_order_relaxed);
}

}  // namespace sluice::control
