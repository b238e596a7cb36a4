#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "net/loop.hpp"
#include "sluice/core/ids.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/model/worker_port.hpp"

namespace sluice::control {

/// Choices by the hash alone, without pins and fallbacks: what the split decided.
struct SplitCounts {
  std::uint64_t candidate = 0;
  std::uint64_t live = 0;
};

/// What the split really did over the last minute, one service. Pure.
class ShareWindow {
 public:
  /// The split is another one from now on: what was counted before says nothing about it.
  void restart(SplitCounts now) {
    first_ = size_ = 0;
    push(now);
  }
  /// Once every kShareTick.
  void push(SplitCounts now);
  /// Candidate's share of the requests in the window, 0 to 1; nullopt: there was none.
  std::optional<double> share() const;

 private:
  static constexpr std::size_t kSamples =
      core::limits::kShareWindow / core::limits::kShareTick + 1;  // both ends
  const SplitCounts& at(std::size_t i) const { return samples_[(first_ + i) % kSamples]; }

  std::array<SplitCounts, kSamples> samples_{};
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

/// The windows of all services, fed from the workers' counters. Control thread only.
class ObservedShare {
 public:
  ObservedShare(net::Loop& loop, std::span<model::WorkerPort* const> workers, std::size_t services);

  void start();
  void restart(core::ServiceId service) { windows_[service.raw].restart(count(service.raw)); }
  std::optional<double> share(core::ServiceId service) const {
    return windows_[service.raw].share();
  }

 private:
  SplitCounts count(std::size_t service) const;
  void on_tick();

  net::Loop& loop_;
  std::span<model::WorkerPort* const> workers_;
  std::vector<ShareWindow> windows_;  // by ServiceId
  net::MemberTimer<ObservedShare, &ObservedShare::on_tick> tick_{*this};
};

}  // namespace sluice::control
