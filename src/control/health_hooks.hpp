#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "net/command_runner.hpp"
#include "sluice/core/ids.hpp"

namespace sluice::control {

/// Runs the hooks of endpoints: of one endpoint one at a time, kHooksMax in all. What comes
/// meanwhile waits; of one endpoint only the newest, as what it says of the endpoint is what is so
/// now. Control thread only.
class HealthHooks {
 public:
  using Ended = std::function<void(const net::CommandEnd&)>;

  /// Outliving this; nullptr: nothing is run.
  explicit HealthHooks(net::CommandRunner* commands) : commands_(commands) {}
  HealthHooks(const HealthHooks&) = delete;
  HealthHooks& operator=(const HealthHooks&) = delete;

  /// `ended` comes later, once; not for one that a newer one has replaced.
  void call(core::EndpointId endpoint, net::Command command, Ended ended);

  std::size_t running() const { return running_.size(); }
  std::uint64_t good() const { return good_; }
  std::uint64_t failed() const { return failed_; }

 private:
  struct Call {
    core::EndpointId endpoint;
    net::Command command;
    Ended ended;
  };
  void start_waiting();
  void start(Call call);

  net::CommandRunner* commands_;
  std::map<core::EndpointId, Ended> running_;
  std::deque<Call> waiting_;  // one per endpoint
  std::uint64_t good_ = 0;
  std::uint64_t failed_ = 0;
  std::shared_ptr<const bool> is_there_ = std::make_shared<const bool>(true);
};

}  // namespace sluice::control
