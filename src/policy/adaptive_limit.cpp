#include "sluice/policy/adaptive_limit.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::policy {

namespace {

constexpr core::Nanos kSampleMost = std::chrono::seconds(10);
constexpr double kFirst = 20;
constexpr std::uint32_t kWindowAnswers = 20;
constexpr std::uint32_t kProbeAnswers = 10;
constexpr core::Nanos kProbeEvery = std::chrono::seconds(30);
constexpr std::uint32_t kProbeJitterMs = 6000;  // so that pools and instances do not probe together
constexpr core::Nanos kDrainLeast = std::chrono::milliseconds(100);
constexpr core::Nanos kDrainMost = std::chrono::seconds(5);
constexpr core::Nanos kMeasureMost = std::chrono::seconds(5);
constexpr double kShrinkMost = 0.5;
constexpr unsigned kFallsMost = 4;
// Of what fits without a queue: below it, whatever the limit has found of one.
constexpr double kProbeShare = 0.6;

core::Nanos moved(core::Nanos from, core::Nanos to, int share) {
  return from + (to - from) / share;
}

}  // namespace

std::uint64_t LatencySum::of(core::Nanos latency) {
  const core::Nanos bounded = std::clamp(latency, core::Nanos{0}, kSampleMost);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(bounded).count();
  return (1ULL << kSumBits) + static_cast<std::uint64_t>(micros);
}

AdaptiveLimit::AdaptiveLimit(const AdaptivePolicy& policy, core::Instant now)
    : policy_(policy),
      found_(std::clamp(kFirst, double{1} * policy.least, double{1} * policy.most)),
      probe_(probe_limit()),
      phase_began_(now) {}

std::uint32_t AdaptiveLimit::limit() const {
  const double now = phase_ == Phase::Steady ? found_ : probe_;
  return std::clamp(static_cast<std::uint32_t>(now), policy_.least, policy_.most);
}

double AdaptiveLimit::probe_limit() const {
  return found_ * kProbeShare / (1.0 + policy_.tolerance.count() / 10'000.0);
}

void AdaptiveLimit::look(const AdaptiveSample& sample, core::Instant now, core::Rng& rng) {
  window_.answers += sample.answers;
  window_.total += sample.total;
  window_.in_flight_most = std::max(window_.in_flight_most, sample.in_flight);
  window_.was_refused = window_.was_refused || sample.was_refused;
  switch (phase_) {
    case Phase::Steady:
      if (window_.answers >= kWindowAnswers) end_window(now);
      return;
    case Phase::Draining:
      // What was in flight before has waited in the queue that is to go.
      if (now - phase_began_ < std::clamp(2 * latency_, kDrainLeast, kDrainMost)) return;
      phase_ = Phase::Measuring;
      phase_began_ = now;
      window_ = {};
      return;
    case Phase::Measuring:
      if (window_.answers >= kProbeAnswers || now - phase_began_ >= kMeasureMost)
        end_probe(now, rng);
      return;
  }
}

void AdaptiveLimit::end_window(core::Instant now) {
  latency_ = window_.mean();
  const bool is_in_use = was_in_use();
  window_ = {};
  if (base_ == core::Nanos{0}) base_ = latency_;
  if (!is_in_use) {
    base_ = moved(base_, latency_, 8);
    falls_ = 0;
    return;
  }
  // No queue that the limit allows explains that it fell and fell: then the limit says nothing of
  // what the pool can do without one either.
  if (falls_ >= kFallsMost) return begin_probe(policy_.least, now);
  if (now >= next_probe_) return begin_probe(probe_limit(), now);
  adapt(latency_);
}

bool AdaptiveLimit::was_in_use() const {
  return window_.was_refused || window_.in_flight_most * 2 >= limit();
}

void AdaptiveLimit::adapt(core::Nanos latency) {
  if (latency < base_) base_ = moved(base_, latency, 4);
  const double tolerated =
      static_cast<double>(base_.count()) * (1.0 + policy_.tolerance.count() / 10'000.0);
  const double ratio = tolerated / static_cast<double>(std::max<std::int64_t>(latency.count(), 1));
  falls_ = ratio <= kShrinkMost ? falls_ + 1 : 0;
  const double next = found_ * std::clamp(ratio, kShrinkMost, 1.0) + std::sqrt(found_);
  // Down by half of the way: one window of slow answers is no queue yet.
  found_ = std::clamp(next < found_ ? (found_ + next) / 2 : next, double{1} * policy_.least,
                      double{1} * policy_.most);
}

void AdaptiveLimit::begin_probe(double limit, core::Instant now) {
  probe_ = limit;
  phase_ = Phase::Draining;
  phase_began_ = now;
  falls_ = 0;
}

/// Too few answers within the time: the base stays.
void AdaptiveLimit::end_probe(core::Instant now, core::Rng& rng) {
  if (window_.answers >= kProbeAnswers) base_ = window_.mean();
  phase_ = Phase::Steady;
  phase_began_ = now;
  window_ = {};
  next_probe_ = now + kProbeEvery - core::Millis{kProbeJitterMs / 2} +
                core::Millis{rng.below(kProbeJitterMs)};
}

}  // namespace sluice::policy
