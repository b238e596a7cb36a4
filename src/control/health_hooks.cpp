#include "control/health_hooks.hpp"

#include <algorithm>
#include <utility>

#include "sluice/core/limits.hpp"

namespace sluice::control {

void HealthHooks::call(core::EndpointId endpoint, net::Command command, Ended ended) {
  if (commands_ == nullptr) return;
  std::erase_if(waiting_, [endpoint](const Call& call) { return call.endpoint == endpoint; });
  waiting_.push_back({endpoint, std::move(command), std::move(ended)});
  start_waiting();
}

void HealthHooks::start_waiting() {
  while (running_.size() < core::limits::kHooksMax) {
    const auto next = std::ranges::find_if(
        waiting_, [this](const Call& call) { return !running_.contains(call.endpoint); });
    if (next == waiting_.end()) return;
    Call call = std::move(*next);
    waiting_.erase(next);
    start(std::move(call));
  }
}

void HealthHooks::start(Call call) {
  running_.emplace(call.endpoint, std::move(call.ended));
  commands_->run(call.command, [this, endpoint = call.endpoint,
                                alive = std::weak_ptr(is_there_)](const net::CommandEnd& end) {
    if (alive.expired()) return;
    ++(end.is_good() ? good_ : failed_);
    const auto node = running_.extract(endpoint);
    node.mapped()(end);
    start_waiting();
  });
}

}  // namespace sluice::control
