#include "control/controller.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "sluice/core/duration.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace limits = core::limits;

namespace {

/// Whether `request` is about a service that `plan` is about. An order without a name means the
/// only service there is; with several it is refused when its turn comes, so it shares nothing.
bool shares_a_service(const ChangePlan& plan, const ChangeRequest& request, bool has_one_service) {
  return std::ranges::any_of(request.orders, [&](const ServiceOrder& order) {
    if (order.service.empty()) return has_one_service;
    return std::ranges::find(plan.services, order.service, &PlannedService::name) !=
           plan.services.end();
  });
}

constexpr const char* kOvertaken = "a rollback came before this change took effect";

}  // namespace

Controller::Controller(Deps deps, StartState start)
    : deps_(std::move(deps)),
      known_(known_services(deps_.parts.services)),
      keeper_(deps_.loop, deps_.store, std::move(start.image),
              start.is_on_disk ? StateKeeper::OnDisk::Yes : StateKeeper::OnDisk::No),
      publisher_(deps_.loop, deps_.publication, deps_.workers, [this] { answers_.on_adopted(); }),
      drainer_(deps_.loop, deps_.publication, deps_.workers,
               [this](DrainId id, const DrainReport& report) { on_drain_ended(id, report); }),
      answers_(deps_.loop, publisher_, drainer_, [this] { return keeper_.is_durable(); }),
      check_(deps_.loop, deps_.connector),
      watchdog_(deps_.loop, deps_.workers),
      shares_(deps_.loop, deps_.workers, deps_.config.services.size()),
      users_(deps_.loop, deps_.workers, deps_.config.services.size()),
      reporter_(deps_.loop, deps_.parts.services,
                [this] {
                  return Reporter::Health{.is_durable = keeper_.is_durable(),
                                          .audit_waiting = deps_.store.audit_waiting(),
                                          .silent_workers = silent_workers()};
                }),
      health_({.services = deps_.parts.services,
               .loop = deps_.loop,
               .connector = deps_.checks != nullptr ? *deps_.checks : deps_.connector,
               .commands = deps_.commands,
               .events = reporter_.log(),
               .in_force = [this](core::ServiceId id, core::PoolName name) -> const model::Pool& {
                 return in_force(id)->pool(name);
               },
               .live = [this](core::ServiceId id) { return in_force_.snapshot->service(id).live; },
               .notice = deps_.notice,
               .recycle =
                   [this](core::EndpointId endpoint) {
                     for (model::WorkerPort* worker : deps_.workers) worker->recycle(endpoint);
                   }},
              [this] { on_health_changed(); }),
      breakers_({.services = deps_.parts.services,
                 .loop = deps_.loop,
                 .events = reporter_.log(),
                 .notice = deps_.notice,
                 .is_dependency_up =
                     [this](core::EndpointId endpoint, std::string_view name) {
                       return health_.is_dependency_up(endpoint, name);
                     }}),
      overload_({.loop = deps_.loop,
                 .workers = deps_.workers,
                 .cells = deps_.overload,
                 .memory = deps_.memory,
                 .trim = deps_.trim,
                 .events = reporter_.log(),
                 .notice = deps_.notice}),
      tuner_(deps_.loop, deps_.parts.services) {}

void Controller::start() {
  publish();
}

void Controller::publish() {
  in_force_ = next_edition(truth());
  publisher_.prepare(in_force_);
  publisher_.flip(in_force_.snapshot->epoch);
}

model::Edition Controller::next_edition(const model::TrafficState& traffic) {
  return {.snapshot =
              config::build_snapshot(deps_.config, deps_.parts, traffic, publisher_.next_epoch()),
          .lists = deps_.parts.lists};
}

void Controller::set_serving(std::vector<ListenerView> listeners) {
  listeners_ = std::move(listeners);
  is_serving_ = true;
  for (std::uint32_t id = 0; id < known_.size(); ++id)
    tell_live_pool(core::ServiceId{id}, Telling::Always);
  watchdog_.start();
  shares_.start();
  reporter_.start();
  health_.start();
  breakers_.start();
  overload_.start();
  tuner_.start();
}

// ---- the queue ----

void Controller::submit(ChangeRequest request, ChangeReply reply) {
  const bool is_urgent = is_rollback(request);
  std::deque<Queued>& queue = is_urgent ? rollbacks_ : changes_;
  if (queue.size() >= limits::kChangeQueueMax) {
    counts_.add(request, text(RefusalCode::Busy));
    return reply_later(std::move(reply), Refusal{RefusalCode::Busy, "too many changes wait"});
  }
  Queued queued;
  queued.request = std::move(request);
  queued.reply = std::move(reply);
  queued.number = ++newest_number_;
  queue.push_back(std::move(queued));
  deps_.loop.defer(run_);
}

void Controller::republish() {
  health_.follow();
  known_ = known_services(deps_.parts.services);
  is_republish_due_ = true;
  republish_if_due();
}

/// Epochs go live in the order of their numbers, and a change that is being written has its own.
void Controller::republish_if_due() {
  const bool has_prepared = running_ && running_->phase == Phase::Persisting;
  if (!is_republish_due_ || has_prepared) return;
  is_republish_due_ = false;
  publish();
  if (!is_serving_) return;
  for (std::uint32_t id = 0; id < known_.size(); ++id)
    tell_live_pool(core::ServiceId{id}, Telling::WhatTurned);
}

void Controller::run_queue() {
  republish_if_due();
  // Replies may submit again; those come in the next round of the loop's deferred work.
  const auto replies = std::move(replies_);
  replies_.clear();
  for (const auto& [reply, outcome] : replies) reply(outcome);

  while (std::optional<Queued> next = next_queued()) begin(std::move(*next));
}

// What waits for a disk or a connect check may wait for seconds, and a rollback does not wait for
// it (G4): its turn comes at once unless another rollback has it.
std::optional<Controller::Queued> Controller::next_queued() {
  const bool rollback_runs = running_ && is_rollback(running_->change.request);
  if (!rollbacks_.empty() && !rollback_runs) return first_of(rollbacks_);
  if (!changes_.empty() && !running_) return first_of(changes_);
  return std::nullopt;
}

Controller::Queued Controller::first_of(std::deque<Queued>& queue) {
  Queued first = std::move(queue.front());
  queue.pop_front();
  return first;
}

// Changes of the same services that were queued before the rollback would undo it, so they go: also
// when there is nothing else to roll back, as a switch that hangs would come after all. Those of
// other services stay, and a rollback that is refused takes none.
void Controller::supersede_for(const Queued& rollback, const ChangePlan& plan) {
  const bool has_one = known_.size() == 1;
  if (running_ && shares_a_service(plan, running_->change.request, has_one)) {
    refuse_running(RefusalCode::Superseded, kOvertaken);
  }
  for (Queued& queued : changes_) {
    const bool is_older = queued.number < rollback.number;
    if (!is_older || !shares_a_service(plan, queued.request, has_one)) continue;
    refuse(std::exchange(queued, {}), RefusalCode::Superseded, kOvertaken);
  }
  std::erase_if(changes_, [](const Queued& queued) { return queued.reply == nullptr; });
}

// ---- one change ----

void Controller::begin(Queued change) {
  ChangePlan plan;
  if (auto refusal = plan_change(truth(), known_, change.request, plan)) {
    return refuse(std::move(change), refusal->code, std::move(refusal->detail));
  }
  if (is_rollback(change.request)) supersede_for(change, plan);
  if (!plan.changed) {
    counts_.add(change.request, ChangeCounts::kUnchanged);
    ChangeAnswer answer = answer_of(change.request, plan);
    return reply_later(std::move(change.reply), std::move(answer));
  }
  // A change of other services makes room for a rollback and begins anew when that is flipped.
  if (running_) changes_.push_front(halt_running());
  Running next;
  next.change = std::move(change);
  next.plan = std::move(plan);
  running_ = std::move(next);
  check_targets();
}

void Controller::check_targets() {
  std::vector<ConnectCheck::Target> targets;
  if (running_->change.request.check == SafetyCheck::Required) {
    for (const PlannedService& service : running_->plan.services) {
      if (!service.target) continue;
      const auto& settings = in_force(service.service);
      targets.push_back(
          {.service = service.name, .pool = {settings, &settings->pool(*service.target)}});
    }
  }
  if (targets.empty()) return persist();
  check_.start(std::move(targets), [this](std::optional<std::string> unreachable) {
    if (!unreachable) return persist();
    refuse_running(RefusalCode::PoolUnreachable, *unreachable + " (force skips this check)");
  });
}

// All that can fail: build, place in every mailbox, and the disk. After this only the flip follows,
// which can't.
void Controller::persist() {
  if (running_->change.request.execution == Execution::DryRun) return answer_dry_run();
  const ChangeRequest& request = running_->change.request;
  const ChangePlan& plan = running_->plan;
  running_->phase = Phase::Persisting;
  running_->persist_began = deps_.loop.clock().now();
  running_->edition = next_edition(plan.after);
  publisher_.prepare(running_->edition);

  // A timer is up to one tick late, and a rollback waits at most its 100 ms.
  const core::Nanos wait = is_rollback(request) ? limits::kRollbackPersistWait - limits::kTimerTick
                                                : limits::kPersistWait;
  // A change that made room for a rollback does not get its time again.
  std::optional<core::Instant>& persist_by = running_->change.persist_by;
  if (!persist_by) persist_by = deps_.loop.now() + wait;
  deps_.loop.timers().arm(persist_deadline_, *persist_by);
  keeper_.write_change(
      {.state = plan.after, .record = record_of(truth(), plan, request, deps_.loop.wall())},
      [this](const std::optional<core::Error>& error) { on_persisted(error); });
}

void Controller::answer_dry_run() {
  Running done = std::move(*running_);
  running_.reset();
  ChangeAnswer answer = answer_of(done.change.request, done.plan);
  reply_later(std::move(done.change.reply), std::move(answer));
}

/// Nothing has changed: the generations are those in force.
void Controller::add_previews(const ChangePlan& plan, ChangeAnswer& answer) const {
  answer.generation = truth().generation;
  for (std::size_t i = 0; i < plan.services.size(); ++i) {
    const PlannedService& service = plan.services[i];
    answer.services[i].generation = truth().find(service.name)->generation;
    answer.services[i].preview = preview_of(service, *plan.after.find(service.name));
  }
}

Preview Controller::preview_of(const PlannedService& service,
                               const model::ServiceTraffic& after) const {
  const model::ServiceTraffic& now = *truth().find(service.name);
  Preview preview{.live = now.live,
                  .split = now.split,
                  .moved = moved_share(now, after),
                  .users = moved_users(users_.sample(service.service), now, after),
                  .drains = service.drains};
  if (!service.drains) return preview;
  const std::size_t pool = core::index(*service.drains);
  for (const model::WorkerPort* worker : deps_.workers) {
    const metrics::ServiceCounters& counters = worker->metrics().services[service.service.raw];
    preview.requests += counters.in_flight[pool].read();
    preview.tunnels += counters.tunnels[pool].read();
  }
  return preview;
}

void Controller::on_persisted(const std::optional<core::Error>& error) {
  if (!error || is_rollback(running_->change.request)) {
    if (error) {
      note("rollback without a written state, to be retried: " + error->text());
      reporter_.on_not_durable();
    }
    return flip();
  }
  refuse_running(RefusalCode::StorageUnavailable,
                 "the state could not be written: " + error->text());
}

void Controller::on_persist_time_is_up() {
  if (is_rollback(running_->change.request)) {
    note(
        "rollback without a written state: the disk does not answer; it is written as soon as it "
        "does");
    reporter_.on_not_durable();
    return flip();
  }
  refuse_running(RefusalCode::StorageUnavailable, "the state could not be written within " +
                                                      core::format_duration(limits::kPersistWait));
}

/// Before the flip, so that nobody whom a switch sends to a pool is turned away for what it was
/// like as the candidate. It is judged anew at once.
void Controller::close_breakers(const ChangePlan& plan) {
  for (const PlannedService& service : plan.services) {
    const core::PoolName live = plan.after.find(service.name)->live;
    if (live != truth().find(service.name)->live)
      breakers_.close_for(*in_force(service.service), live);
  }
}

void Controller::flip() {
  Running done = std::move(*running_);
  running_.reset();
  persist_deadline_.unlink();
  const core::Instant begin = deps_.loop.clock().now();
  close_breakers(done.plan);
  publisher_.flip(done.edition.snapshot->epoch);
  const core::Instant flipped = deps_.loop.clock().now();
  for (const PlannedService& service : done.plan.services) {
    const std::string& salt = done.plan.after.find(service.name)->salt;
    if (salt != truth().find(service.name)->salt) users_.on_new_salt(service.service);
  }
  keeper_.commit();
  in_force_ = done.edition;
  reporter_.on_changed(done.plan, done.change.request);
  counts_.add(done.change.request, ChangeCounts::kChanged);
  for (const PlannedService& service : done.plan.services) {
    if (!service.changed) continue;
    shares_.restart(service.service);
    tell_live_pool(service.service, Telling::Always);
  }

  Answers::Pending pending;
  pending.epoch = done.edition.snapshot->epoch;
  pending.flipped = flipped;
  pending.when = done.change.request.answer;
  pending.answer = answer_of(done.change.request, done.plan);
  pending.answer.took = {
      .persist = begin - done.persist_began, .flip = flipped - begin, .adopted = core::Nanos{0}};
  pending.reply = std::move(done.change.reply);
  end_drains_of_live_pools(done.plan);
  start_drains(done, pending);
  answers_.add(std::move(pending));
  deps_.loop.defer(run_);
}

void Controller::end_drains_of_live_pools(const ChangePlan& plan) {
  for (const PlannedService& service : plan.services) {
    if (!service.changed) continue;
    const core::PoolName live = truth().find(service.name)->live;
    drainer_.supersede(in_force(service.service)->pool(live).id);
  }
}

void Controller::start_drains(const Running& done, Answers::Pending& pending) {
  for (std::size_t i = 0; i < done.plan.services.size(); ++i) {
    const PlannedService& service = done.plan.services[i];
    if (!service.drains) continue;
    const auto& of = done.edition.snapshot->service(service.service).settings;
    const DrainOrder order{.service = of,
                           .pool = *service.drains,
                           .generation = truth().generation,
                           .below = done.edition.snapshot->epoch,
                           .deadline = done.change.request.drain.value_or(of->drain_deadline)};
    const DrainId id = drainer_.start(order);
    reporter_.on_drain_began(id, order);
    pending.answer.services[i].drain = DrainReport{};
    pending.drains.emplace_back(id, i);
  }
}

void Controller::refuse_running(RefusalCode code, std::string detail) {
  if (code == RefusalCode::StorageUnavailable) reporter_.on_refused_by_disk(detail);
  refuse(halt_running(), code, std::move(detail));
}

/// What has its turn is stopped before its flip.
Controller::Queued Controller::halt_running() {
  Running halted = std::move(*running_);
  running_.reset();
  persist_deadline_.unlink();
  switch (halted.phase) {
    case Phase::Checking:
      check_.cancel();
      break;
    case Phase::Persisting:
      publisher_.withdraw(halted.edition.snapshot->epoch);
      if (keeper_.give_up() == StateKeeper::Refused::MayLand) halted.change.may_land = true;
      break;
  }
  return std::move(halted.change);
}

void Controller::refuse(Queued change, RefusalCode code, std::string detail) {
  counts_.add(change.request, text(code));
  if (change.may_land && !keeper_.is_durable()) {
    detail +=
        "; until the state in force has been written again, a crash may still bring this "
        "change back";
  }
  reply_later(std::move(change.reply), Refusal{code, std::move(detail)});
}

void Controller::reply_later(ChangeReply reply, ChangeOutcome outcome) {
  replies_.emplace_back(std::move(reply), std::move(outcome));
  deps_.loop.defer(run_);
}

ChangeAnswer Controller::answer_of(const ChangeRequest& request, const ChangePlan& plan) const {
  ChangeAnswer answer{.scope = request.scope,
                      .execution = request.execution,
                      .changed = plan.changed,
                      .generation = plan.after.generation,
                      .is_durable = keeper_.is_durable(),
                      .took = {},
                      .workers = publisher_.adoption(publisher_.active()),
                      .services = {}};
  for (const PlannedService& service : plan.services) {
    const model::ServiceTraffic& after = *plan.after.find(service.name);
    answer.services.push_back({.service = service.name,
                               .changed = service.changed,
                               .generation = after.generation,
                               .live = after.live,
                               .split = after.split,
                               .drain = std::nullopt,
                               .endpoint = service.endpoint,
                               .preview = std::nullopt,
                               .warnings = warnings_of(service, after)});
  }
  if (request.execution == Execution::DryRun) add_previews(plan, answer);
  return answer;
}

/// Beside what the decisions say: a live pool that accepted nothing when it was last tried.
std::vector<std::string> Controller::warnings_of(const PlannedService& service,
                                                 const model::ServiceTraffic& after) const {
  auto warnings = warnings_about(known_[service.service.raw], after);
  if (!warnings.empty()) return warnings;
  const auto& endpoints = in_force(service.service)->pool(after.live).endpoints;
  const bool is_failing = std::ranges::all_of(endpoints, [](const model::Endpoint& endpoint) {
    return !endpoint.why_down.empty() ||
           endpoint.cell->penalty.load(std::memory_order_relaxed) != 0;
  });
  if (is_failing) {
    warnings.push_back("no endpoint of the live pool " + std::string(core::text(after.live)) +
                       " accepted a connection when it was last tried");
  }
  return warnings;
}

void Controller::tell_live_pool(core::ServiceId id, Telling telling) {
  const KnownService& service = known_[id.raw];
  const model::ServiceTraffic& traffic = *truth().find(service.name);
  const bool is_usable = control::has_usable_endpoint(service, traffic);
  const bool has_turned = reporter_.on_live_pool(service.name, traffic.live, is_usable);
  if (!is_usable && (has_turned || telling == Telling::Always))
    note("service " + service.name + ": " + warnings_about(service, traffic)[0]);
}

/// Workers read it in the cells: nothing is published.
void Controller::on_health_changed() {
  known_ = known_services(deps_.parts.services);
  for (std::uint32_t id = 0; id < known_.size(); ++id)
    tell_live_pool(core::ServiceId{id}, Telling::WhatTurned);
}

const std::shared_ptr<const model::ServiceSettings>& Controller::in_force(
    core::ServiceId id) const {
  return in_force_.snapshot->service(id).settings;
}

void Controller::note(const std::string& line) const {
  if (deps_.notice) deps_.notice(line);
}

}  // namespace sluice::control
