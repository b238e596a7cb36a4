#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/connector.hpp"
#include "net/loop.hpp"
#include "sluice/model/snapshot.hpp"

namespace sluice::control {

/// Before a switch: does at least one endpoint of each target pool accept a TCP connection? Tried
/// in parallel, at most kConnectCheckWait in all (behaviour.md §1). One check at a time. Control
/// thread only.
class ConnectCheck {
 public:
  struct Target {
    std::string service;
    std::shared_ptr<const model::Pool> pool;  // a snapshot may go while the check runs
  };
  /// The first pool that nobody answered for, in words; nullopt: all answered.
  using Done = std::function<void(std::optional<std::string> unreachable)>;

  ConnectCheck(net::Loop& loop, net::Connector& connector);
  ~ConnectCheck();
  ConnectCheck(const ConnectCheck&) = delete;
  ConnectCheck& operator=(const ConnectCheck&) = delete;

  /// `done` comes later, on the loop, once. Requires: no check runs.
  void start(std::vector<Target> targets, Done done);
  /// No `done` follows. Idempotent.
  void cancel();

 private:
  struct Attempt;
  struct PoolState {
    Target target;
    std::size_t next = 0;  // endpoint to try next
    std::size_t open = 0;  // attempts under way
    bool is_tried = false;
    bool is_reachable = false;
    std::string last_error = "has no usable endpoint";

    bool has_more() const { return next < target.pool->endpoints.size(); }
    bool is_decided() const { return is_reachable || (open == 0 && !has_more()); }
  };

  void fill();
  bool start_next(PoolState& pool);
  void on_ended(Attempt& attempt, std::optional<net::ConnectError> error);
  void settle();
  void on_time_is_up();
  void finish();
  void drop_attempts();

  net::Loop& loop_;
  net::Connector& connector_;
  std::vector<PoolState> pools_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  Done done_;
  net::MemberTimer<ConnectCheck, &ConnectCheck::on_time_is_up> deadline_{*this};
  net::MemberDeferred<ConnectCheck, &ConnectCheck::settle> settle_{*this};
};

}  // namespace sluice::control
