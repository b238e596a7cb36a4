#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "control/change.hpp"
#include "net/loop.hpp"
#include "sluice/core/ids.hpp"
#include "sluice/metrics/seen_users.hpp"
#include "sluice/model/traffic.hpp"
#include "sluice/model/worker_port.hpp"

namespace sluice::control {

/// Pins apart. With a new salt, which draws independently, the expected number. Pure.
MovedUsers moved_users(const metrics::UserSample& seen, const model::ServiceTraffic& before,
                       const model::ServiceTraffic& after);

/// The users of the last minute, all workers together. Control thread only.
class UserCensus {
 public:
  UserCensus(net::Loop& loop, std::span<model::WorkerPort* const> workers, std::size_t services)
      : loop_(loop), workers_(workers), salted_(services, core::Instant::min()) {}

  /// The hashes seen until now, and some that still come, are those of another salt: users would
  /// count twice.
  void on_new_salt(core::ServiceId service) { salted_[service.raw] = loop_.now(); }
  metrics::UserSample sample(core::ServiceId service) const;

 private:
  net::Loop& loop_;
  std::span<model::WorkerPort* const> workers_;
  std::vector<core::Instant> salted_;  // by ServiceId
};

}  // namespace sluice::control
