#pragma once
#include <map>
#include <memory>
#include <vector>

#include "net/loop.hpp"
#include "sluice/model/snapshot.hpp"
#include "sluice/policy/adaptive_limit.hpp"

namespace sluice::control {

/// Finds the limits of pools with `adaptive_concurrency`: takes what workers have measured, ten
/// times a second, and gives them the limit that follows. What a sample means is decided in
/// policy/adaptive_limit.hpp. Control thread only.
class LimitTuner {
 public:
  using Services = std::vector<std::shared_ptr<const model::ServiceSettings>>;
  /// Both borrowed, and outliving this; `services` as configured, whose elements may be replaced.
  LimitTuner(net::Loop& loop, const Services& services) : loop_(loop), services_(services) {}

  /// Nothing when no service asks for it.
  void start();

 private:
  void on_look();
  void tune(const policy::AdaptivePolicy& policy, const model::Pool& pool);

  net::Loop& loop_;
  const Services& services_;
  std::map<core::PoolId, policy::AdaptiveLimit> limits_;
  net::MemberTimer<LimitTuner, &LimitTuner::on_look> timer_{*this};
};

}  // namespace sluice::control
