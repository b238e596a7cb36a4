#pragma once
#include <span>
#include <vector>

#include "net/loop.hpp"
#include "sluice/model/worker_port.hpp"

namespace sluice::control {

/// Sees loops that hang: wakes every worker now and then and looks whether its loop turned. Control
/// thread only.
class Watchdog {
 public:
  Watchdog(net::Loop& loop, std::span<model::WorkerPort* const> workers);

  void start();
  void stop() { tick_.unlink(); }
  /// Numbers of the workers whose loops have not turned for kWorkerSilence.
  std::vector<std::size_t> silent() const;

 private:
  struct Seen {
    std::uint64_t turns = 0;
    core::Instant at{};
  };
  void on_tick();

  net::Loop& loop_;
  std::span<model::WorkerPort* const> workers_;
  std::vector<Seen> seen_;  // by worker
  net::MemberTimer<Watchdog, &Watchdog::on_tick> tick_{*this};
};

}  // namespace sluice::control
