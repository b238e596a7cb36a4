#include "control/drainer.hpp"

#include <algorithm>

#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace limits = core::limits;

namespace {

/// After an order to close tunnels: its spread, and the second that a tunnel may take to end (FIN,
/// then RST). What is counted later became a tunnel since.
constexpr core::Nanos kCloseAgain = 2 * limits::kTunnelCutGrace + 2 * limits::kTimerTick;

}  // namespace

// A tunnel that is to be kept can't outlive the process.
model::TunnelPolicy DrainOrder::tunnels() const {
  const bool ends_all = why == DrainWhy::Stop && service->tunnels == model::TunnelPolicy::Keep;
  return ends_all ? model::TunnelPolicy::Drain : service->tunnels;
}

Drainer::Drainer(net::Loop& loop, const model::Publication& publication,
                 std::span<model::WorkerPort* const> workers, OnEnded on_ended)
    : loop_(loop), publication_(publication), workers_(workers), on_ended_(std::move(on_ended)) {}

DrainId Drainer::start(const DrainOrder& order) {
  const model::Pool& pool = order.service->pool(order.pool);
  merge_oldest(pool.id);
  const DrainId id{++newest_id_};
  Drain& drain = drains_[id];
  drain.order = order;
  drain.pool = pool.id;
  drain.deadline = loop_.now() + order.deadline;
  drain.deadline_wall = loop_.wall() + order.deadline;
  look_at(id, drain);
  if (!tick_.is_armed()) loop_.timers().arm(tick_, loop_.now() + limits::kDrainPoll);
  return id;
}

// The newer drain of the same pool concerns all that the oldest does; so that it keeps the older
// promise too, it takes over its deadline when that is the earlier one.
void Drainer::merge_oldest(core::PoolId pool) {
  std::vector<Drains::iterator> same;
  for (auto it = drains_.begin(); it != drains_.end(); ++it) {
    if (may_be_superseded(it->second, pool)) same.push_back(it);
  }
  if (same.size() < limits::kDrainsPerPoolMax) return;
  Drain& next = same[1]->second;
  if (same[0]->second.deadline < next.deadline) {
    next.deadline = same[0]->second.deadline;
    next.deadline_wall = same[0]->second.deadline_wall;
  }
  end(same[0]->first, DrainOutcome::Superseded);
}

bool Drainer::may_be_superseded(const Drain& drain, core::PoolId live) {
  return drain.pool == live && drain.phase == Phase::Running && drain.order.why == DrainWhy::Change;
}

void Drainer::supersede(core::PoolId pool) {
  for (auto it = drains_.begin(); it != drains_.end();) {
    const auto [id, drain] = std::pair(it->first, &it->second);
    ++it;
    if (may_be_superseded(*drain, pool)) end(id, DrainOutcome::Superseded);
  }
}

void Drainer::look() {
  for (auto it = drains_.begin(); it != drains_.end();) {
    const auto [id, drain] = std::pair(it->first, &it->second);
    ++it;
    look_at(id, *drain);
  }
}

void Drainer::on_tick() {
  look();
  if (!drains_.empty()) loop_.timers().arm(tick_, loop_.now() + limits::kDrainPoll);
}

// A worker routes by the newest epoch from the flip on, so what it counts when it answers is final:
// it can only shrink. Only the fast path reads the cells across threads, and must see the adoption
// first.
void Drainer::look_at(DrainId id, Drain& drain) {
  switch (drain.phase) {
    case Phase::Running:
      // A report on its way is waited for: its counts belong to this drain.
      if (drain.open_closes == 0 && is_unused(drain)) return end(id, DrainOutcome::Drained);
      if (loop_.now() >= drain.deadline) return begin_cut(id, drain);
      if (drain.round.has_answered.empty()) begin_count(id, drain);
      return;
    case Phase::Cutting:
      if (loop_.now() >= drain.cut_ends) end_cut(id, drain);
      return;
  }
}

bool Drainer::is_unused(const Drain& drain) const {
  const core::Epoch needed = std::min(drain.order.below, publication_.active());
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    if (publication_.adopted(worker) < needed) return false;
  }
  const model::PoolCell& cell = *drain.order.service->pool(drain.order.pool).cell;
  return std::ranges::all_of(cell.leases, [](const model::PoolCell::LeaseCount& lease) {
    return lease.count.load(std::memory_order_acquire) == 0;
  });
}

Drainer::Round& Drainer::new_round(Drain& drain) {
  drain.round = {.number = ++newest_round_,
                 .has_answered = std::vector<char>(workers_.size(), 0),
                 .open = workers_.size()};
  return drain.round;
}

/// The drain that still waits for this worker's answer; nullptr: the answer comes too late.
Drainer::Drain* Drainer::waiting_for(DrainId id, std::uint64_t round, std::size_t worker) {
  const auto found = drains_.find(id);
  if (found == drains_.end() || found->second.round.number != round) return nullptr;
  Round& waiting = found->second.round;
  if (waiting.has_answered.empty() || waiting.has_answered[worker] != 0) return nullptr;
  waiting.has_answered[worker] = 1;
  --waiting.open;
  return &found->second;
}

void Drainer::begin_count(DrainId id, Drain& drain) {
  const std::uint64_t round = new_round(drain).number;
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    workers_[worker]->count_leases({.pool = drain.pool, .below = drain.order.below},
                                   [this, id, round, worker](model::LeaseReport found) {
                                     on_counted(id, round, worker, found);
                                   });
  }
}

void Drainer::on_counted(DrainId id, std::uint64_t round, std::size_t worker,
                         model::LeaseReport found) {
  Drain* drain = waiting_for(id, round, worker);
  if (drain == nullptr) return;
  drain->round.requests += found.requests;
  drain->round.tunnels += found.tunnels;
  if (drain->round.open == 0) on_all_counted(id, *drain);
}

void Drainer::on_all_counted(DrainId id, Drain& drain) {
  drain.requests = drain.round.requests;
  drain.tunnels = drain.round.tunnels;
  drain.round = {};
  switch (drain.order.tunnels()) {
    case model::TunnelPolicy::Keep:
      if (drain.requests > 0) return;
      drain.report.tunnels_kept = drain.tunnels;
      return end(id, DrainOutcome::Drained);
    case model::TunnelPolicy::Close:
      if (drain.tunnels > 0) close_tunnels(id, drain);
      break;
    case model::TunnelPolicy::Drain:
      break;
  }
  const bool is_over = drain.requests == 0 && drain.tunnels == 0 && drain.open_closes == 0;
  if (is_over) end(id, DrainOutcome::Drained);
}

void Drainer::close_tunnels(DrainId id, Drain& drain) {
  const core::Instant now = loop_.now();
  if (drain.tunnels_closed && now < *drain.tunnels_closed + kCloseAgain) return;
  drain.tunnels_closed = now;
  drain.open_closes += workers_.size();
  for (model::WorkerPort* worker : workers_) {
    worker->cut_leases({.whose = {.pool = drain.pool, .below = drain.order.below},
                        .what = model::CutWhat::TunnelsOnly,
                        .cause = model::CutCause::TunnelPolicy,
                        .tunnel_spread = limits::kTunnelCutGrace},
                       [this, id](model::CutReport cut) {
                         const auto found = drains_.find(id);
                         if (found == drains_.end()) return;
                         found->second.report.tunnels_cut += cut.tunnels_cut;
                         --found->second.open_closes;
                       });
  }
}

void Drainer::begin_cut(DrainId id, Drain& drain) {
  drain.phase = Phase::Cutting;
  drain.cut_ends = loop_.now() + limits::kWorkerSilence;
  const bool keeps_tunnels = drain.order.tunnels() == model::TunnelPolicy::Keep;
  const std::uint64_t round = new_round(drain).number;
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    workers_[worker]->cut_leases(
        {.whose = {.pool = drain.pool, .below = drain.order.below},
         .what = keeps_tunnels ? model::CutWhat::RequestsOnly : model::CutWhat::RequestsAndTunnels,
         .cause = drain.order.why == DrainWhy::Stop ? model::CutCause::Stop
                                                    : model::CutCause::DrainDeadline},
        [this, id, round, worker](model::CutReport cut) { on_cut(id, round, worker, cut); });
  }
}

void Drainer::on_cut(DrainId id, std::uint64_t round, std::size_t worker, model::CutReport cut) {
  Drain* drain = waiting_for(id, round, worker);
  if (drain == nullptr) return;
  drain->report.requests_cut += cut.requests_cut;
  drain->report.tunnels_cut += cut.tunnels_cut;
  drain->report.tunnels_kept += cut.tunnels_kept;
  if (drain->round.open == 0) end_cut(id, *drain);
}

void Drainer::end_cut(DrainId id, Drain& drain) {
  const bool has_cut = drain.report.requests_cut + drain.report.tunnels_cut > 0;
  const bool is_sure = drain.round.open == 0;
  end(id, has_cut || !is_sure ? DrainOutcome::Deadline : DrainOutcome::Drained);
}

void Drainer::end(DrainId id, DrainOutcome outcome) {
  Drain& drain = drains_.at(id);
  drain.report.outcome = outcome;
  std::vector<std::size_t> silent;
  for (std::size_t worker = 0; worker < drain.round.has_answered.size(); ++worker) {
    const bool was_needed = drain.phase == Phase::Cutting;
    if (was_needed && drain.round.has_answered[worker] == 0) silent.push_back(worker);
  }
  ended_.emplace_back(id, drain.report);
  if (!silent.empty()) silent_[id] = std::move(silent);
  drains_.erase(id);
  loop_.defer(report_);
}

void Drainer::report_ended() {
  const auto ended = std::move(ended_);
  ended_.clear();
  for (const auto& [id, report] : ended) on_ended_(id, report);
  for (const auto& [id, report] : ended) silent_.erase(id);
}

std::vector<std::size_t> Drainer::silent_workers(DrainId id) const {
  const auto found = silent_.find(id);
  return found == silent_.end() ? std::vector<std::size_t>{} : found->second;
}

std::vector<DrainView> Drainer::running() const {
  std::vector<DrainView> views;
  for (const auto& [id, drain] : drains_) {
    views.push_back({.service = drain.order.service->name,
                     .pool = drain.order.pool,
                     .generation = drain.order.generation,
                     .deadline = drain.deadline_wall,
                     .requests = drain.requests,
                     .tunnels = drain.tunnels});
  }
  return views;
}

}  // namespace sluice::control
