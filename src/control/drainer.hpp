#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/change.hpp"
#include "net/loop.hpp"
#include "sluice/model/publication.hpp"
#include "sluice/model/snapshot.hpp"
#include "sluice/model/worker_port.hpp"

namespace sluice::control {

using DrainId = core::Id<struct DrainTag, std::uint64_t>;

/// A change drains by its service's tunnel policy and may be superseded; the end of the process
/// spares nobody.
enum class DrainWhy : std::uint8_t { Change, Stop };

/// The exchanges and tunnels of one pool that were routed below the epoch of one flip.
struct DrainOrder {
  std::shared_ptr<const model::ServiceSettings> service;
  core::PoolName pool = core::PoolName::Blue;
  core::Generation generation;
  core::Epoch below;
  core::Nanos deadline{0};
  DrainWhy why = DrainWhy::Change;

  model::TunnelPolicy tunnels() const;
};

struct DrainView {
  std::string service;
  core::PoolName pool = core::PoolName::Blue;
  core::Generation generation;
  core::WallTime deadline{};
  std::uint32_t requests = 0;
  std::uint32_t tunnels = 0;
};

/// Watches old exchanges end, and ends them at the deadline (architecture.md §5 "Drain is an
/// observation").
///
///   Running --nobody left--> ended (Drained)
///      | |--the pool is live again--> ended (Superseded), nothing is cut
///      '--deadline--> Cutting --all workers reported, or 2 s--> ended (Deadline; Drained when
///      nobody was left)
///
/// Control thread only. Owns nothing of the workers; their answers may come after a drain has
/// ended.
class Drainer {
 public:
  /// `on_ended` runs on the loop, never from inside start(); it may start drains.
  using OnEnded = std::function<void(DrainId, const DrainReport&)>;
  Drainer(net::Loop& loop, const model::Publication& publication,
          std::span<model::WorkerPort* const> workers, OnEnded on_ended);

  /// Requires: the epoch of the order is flipped, or `why` is Stop.
  DrainId start(const DrainOrder& order);
  /// The pool is live again: its drains end and cut nothing. A cut that is under way is reported as
  /// what it was.
  void supersede(core::PoolId pool);
  /// Looks at once instead of at the next tick: after all workers have adopted.
  void look();

  std::vector<DrainView> running() const;
  std::size_t size() const { return drains_.size(); }
  /// Numbers of the workers that did not answer the last question of a drain or its cut.
  std::vector<std::size_t> silent_workers(DrainId id) const;

 private:
  enum class Phase : std::uint8_t { Running, Cutting };
  /// One question to all workers; `number` tells late answers apart.
  struct Round {
    std::uint64_t number = 0;
    std::vector<char> has_answered;  // by worker; empty: no round
    std::size_t open = 0;
    std::uint32_t requests = 0, tunnels = 0;  // summed
  };
  struct Drain {
    DrainOrder order;
    core::PoolId pool;
    Phase phase = Phase::Running;
    core::Instant deadline{};
    core::WallTime deadline_wall{};
    core::Instant cut_ends{};  // of Cutting: a worker that is silent for longer is not waited for
    std::optional<core::Instant> tunnels_closed;  // policy `close`: when the last order went out
    std::size_t open_closes = 0;              // orders of policy `close` that are not reported yet
    std::uint32_t requests = 0, tunnels = 0;  // as last counted
    DrainReport report;
    Round round;
  };
  using Drains = std::map<DrainId, Drain>;

  static bool may_be_superseded(const Drain& drain, core::PoolId live);
  void on_tick();
  void look_at(DrainId id, Drain& drain);
  bool is_unused(const Drain& drain) const;
  void begin_count(DrainId id, Drain& drain);
  void on_counted(DrainId id, std::uint64_t round, std::size_t worker, model::LeaseReport found);
  void on_all_counted(DrainId id, Drain& drain);
  void close_tunnels(DrainId id, Drain& drain);
  void begin_cut(DrainId id, Drain& drain);
  void on_cut(DrainId id, std::uint64_t round, std::size_t worker, model::CutReport cut);
  void end_cut(DrainId id, Drain& drain);
  void end(DrainId id, DrainOutcome outcome);
  void report_ended();
  void merge_oldest(core::PoolId pool);
  Round& new_round(Drain& drain);
  Drain* waiting_for(DrainId id, std::uint64_t round, std::size_t worker);

  net::Loop& loop_;
  const model::Publication& publication_;
  std::span<model::WorkerPort* const> workers_;
  OnEnded on_ended_;
  Drains drains_;
  std::vector<std::pair<DrainId, DrainReport>> ended_;  // to be reported at the end of the turn
  std::map<DrainId, std::vector<std::size_t>> silent_;  // of ended_
  std::uint64_t newest_id_ = 0;
  std::uint64_t newest_round_ = 0;
  net::MemberTimer<Drainer, &Drainer::on_tick> tick_{*this};
  net::MemberDeferred<Drainer, &Drainer::report_ended> report_{*this};
};

}  // namespace sluice::control
