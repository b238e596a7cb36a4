#include "control/observed_share.hpp"

#include "sluice/policy/split.hpp"

namespace sluice::control {

void ShareWindow::push(SplitCounts now) {
  if (size_ == kSamples) {
    first_ = (first_ + 1) % kSamples;
    --size_;
  }
  samples_[(first_ + size_++) % kSamples] = now;
}

std::optional<double> ShareWindow::share() const {
  if (size_ < 2) return std::nullopt;
  const SplitCounts &begin = at(0), &end = at(size_ - 1);
  const auto candidate = static_cast<double>(end.candidate - begin.candidate);
  const auto live = static_cast<double>(end.live - begin.live);
  if (candidate + live == 0) return std::nullopt;
  return candidate / (candidate + live);
}

ObservedShare::ObservedShare(net::Loop& loop, std::span<model::WorkerPort* const> workers,
                             std::size_t services)
    : loop_(loop), workers_(workers), windows_(services) {}

void ObservedShare::start() {
  on_tick();
}

void ObservedShare::on_tick() {
  for (std::size_t i = 0; i < windows_.size(); ++i) windows_[i].push(count(i));
  loop_.timers().arm(tick_, loop_.now() + core::limits::kShareTick);
}

SplitCounts ObservedShare::count(std::size_t service) const {
  constexpr auto kSplit = static_cast<std::size_t>(policy::Reason::Split);
  constexpr auto kLive = static_cast<std::size_t>(policy::Reason::Live);
  SplitCounts sum;
  for (const model::WorkerPort* worker : workers_) {
    for (const auto& pool : worker->metrics().services[service].choices) {
      sum.candidate += pool[kSplit].read();
      sum.live += pool[kLive].read();
    }
  }
  return sum;
}

}  // namespace sluice::control
