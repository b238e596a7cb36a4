#include "control/watchdog.hpp"

#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace {
// Four looks within the silence that counts.
constexpr core::Nanos kTick = core::limits::kWorkerSilence / 4;
}  // namespace

Watchdog::Watchdog(net::Loop& loop, std::span<model::WorkerPort* const> workers)
    : loop_(loop), workers_(workers), seen_(workers.size()) {}

void Watchdog::start() {
  for (Seen& seen : seen_) seen.at = loop_.now();
  on_tick();
}

void Watchdog::on_tick() {
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    const std::uint64_t turns = workers_[worker]->turns();
    if (turns != seen_[worker].turns) seen_[worker] = {.turns = turns, .at = loop_.now()};
    workers_[worker]->wake();  // an idle loop does not turn by itself
  }
  loop_.timers().arm(tick_, loop_.now() + kTick);
}

std::vector<std::size_t> Watchdog::silent() const {
  std::vector<std::size_t> numbers;
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    const bool has_turned = workers_[worker]->turns() != seen_[worker].turns;
    const bool is_overdue = loop_.now() - seen_[worker].at > core::limits::kWorkerSilence;
    if (!has_turned && is_overdue) numbers.push_back(worker);
  }
  return numbers;
}

}  // namespace sluice::control
