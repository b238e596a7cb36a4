#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/answers.hpp"
#include "control/breaker_journal.hpp"
#include "control/change.hpp"
#include "control/change_counts.hpp"
#include "control/change_plan.hpp"
#include "control/connect_check.hpp"
#include "control/drainer.hpp"
#include "control/explain.hpp"
#include "control/health_checker.hpp"
#include "control/limit_tuner.hpp"
#include "control/observed_share.hpp"
#include "control/overload_keeper.hpp"
#include "control/publisher.hpp"
#include "control/reporter.hpp"
#include "control/start_state.hpp"
#include "control/state_keeper.hpp"
#include "control/status.hpp"
#include "control/user_census.hpp"
#include "control/watchdog.hpp"
#include "net/connector.hpp"
#include "net/loop.hpp"
#include "sluice/config/build.hpp"
#include "sluice/model/publication.hpp"
#include "sluice/model/worker_port.hpp"

namespace sluice::control {

/// The single owner of the truth: changes in, snapshots out (architecture.md §5). Control thread
/// only.
///
/// One change at a time, judged when its turn comes:
///
///   queued → (Checking: connect check of a switch) → Persisting → flip → answered by Answers
///                 |                                     |
///                 '---- a rollback overtakes: a change of one of its services is superseded and
///                       never flipped; one of others goes back to the head of the queue
///
/// All that can fail comes before the flip; a refusal leaves everything as it was.
class Controller {
 public:
  /// All borrowed, and outliving the controller. The workers' answers must have ended before it
  /// goes.
  struct Deps {
    const config::Config& config;
    const config::StaticParts& parts;
    model::Publication& publication;
    StateWriter& store;
    net::Connector& connector;
    net::Loop& loop;
    std::vector<model::WorkerPort*> workers;
    std::function<void(const std::string&)> notice;  // one line for the log; may be empty
    net::CommandRunner* commands = nullptr;          // for hooks; nullptr: none runs
    net::Connector* checks = nullptr;                // of health checks; nullptr: `connector`
    model::OverloadCells* overload = nullptr;        // by worker; nullptr: nobody is told
    // As in OverloadKeeper::Deps
    std::function<std::optional<model::MemorySample>()> memory{};
    std::function<void()> trim{};
  };
  Controller(Deps deps, StartState start);
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  /// Publishes the first snapshot. Before the workers are made: each takes the active snapshot in
  /// its constructor.
  void start();
  /// Listeners are open and workers run: from now on the process may be ready.
  void set_serving(std::vector<ListenerView> listeners);

  /// Queues a change. `reply` comes later, on the loop, once; whoever waits for it may be gone by
  /// then.
  void submit(ChangeRequest request, ChangeReply reply);

  /// What has changed in Deps::parts becomes live: a new epoch, the same generation, nothing on
  /// disk. At once, or right behind the change that is being written.
  void republish();

  /// Graceful end (behaviour.md §4 "Signals"): not ready any more; when nobody uses any pool, or
  /// `deadline` has passed and the rest is cut with cause Stop, `stopped` runs. A second call
  /// shortens the deadline.
  void begin_stop(core::Nanos deadline, std::function<void()> stopped);
  bool is_stopping() const { return is_stopping_; }

  /// The newest lines of the audit, at most kAuditTailLines; `done` comes later, on the loop; not
  /// while the disk hangs. False: one such look is under way, and there is one at a time, as the
  /// store thread has changes to write and the answer is made on this loop.
  bool read_audit(std::size_t lines, StateWriter::AuditDone done);

  EventLog& events() { return reporter_.log(); }
  /// What a worker has found.
  void on_breaker(const model::BreakerNews& news) { breakers_.on_news(news); }

  StatusView status() const;
  /// Why a request would go where it goes, under the snapshot that is in force.
  ExplainOutcome explain(const ExplainRequest& asked) const;
  /// Whether this process may get traffic: every check good.
  std::vector<Check> readiness() const;
  /// Workers whose loops hang; none before they serve.
  std::vector<std::size_t> silent_workers() const;
  const std::vector<model::WorkerPort*>& workers() const { return deps_.workers; }
  bool is_durable() const { return keeper_.is_durable(); }
  const ChangeCounts& change_counts() const { return counts_; }
  void write_health_metrics(metrics::Exposition& out) const {
    health_.write_metrics(out);
    breakers_.write_metrics(out);
  }
  void write_overload_metrics(metrics::Exposition& out) const { overload_.write_metrics(out); }
  /// Records that the disk has not taken yet.
  std::size_t audit_waiting() const { return deps_.store.audit_waiting(); }

 private:
  struct Queued {
    ChangeRequest request;
    ChangeReply reply;
    std::uint64_t number = 0;                 // in the order of submit()
    std::optional<core::Instant> persist_by;  // once its write has begun
    bool may_land = false;                    // a write of it was given up and may still land
  };
  enum class Phase : std::uint8_t { Checking, Persisting };
  struct Running {
    Queued change;
    ChangePlan plan;
    Phase phase = Phase::Checking;
    model::Edition edition{};       // of Persisting: prepared
    core::Instant persist_began{};  // read afresh
  };

  const model::TrafficState& truth() const { return keeper_.in_force().state; }
  void note(const std::string& line) const;

  void run_queue();
  void publish();
  model::Edition next_edition(const model::TrafficState& traffic);
  void republish_if_due();
  std::optional<Queued> next_queued();
  static Queued first_of(std::deque<Queued>& queue);
  void supersede_for(const Queued& rollback, const ChangePlan& plan);
  void begin(Queued change);
  void check_targets();
  void persist();
  void answer_dry_run();
  void add_previews(const ChangePlan& plan, ChangeAnswer& answer) const;
  Preview preview_of(const PlannedService& service, const model::ServiceTraffic& after) const;
  void on_persisted(const std::optional<core::Error>& error);
  void on_persist_time_is_up();
  void flip();
  void close_breakers(const ChangePlan& plan);
  void end_drains_of_live_pools(const ChangePlan& plan);
  void start_drains(const Running& done, Answers::Pending& pending);
  void refuse_running(RefusalCode code, std::string detail);
  Queued halt_running();
  void refuse(Queued change, RefusalCode code, std::string detail);
  void reply_later(ChangeReply reply, ChangeOutcome outcome);
  ChangeAnswer answer_of(const ChangeRequest& request, const ChangePlan& plan) const;
  /// As requests see it; lives as long as somebody holds it.
  const std::shared_ptr<const model::ServiceSettings>& in_force(core::ServiceId id) const;
  ServiceView view_of(core::ServiceId id) const;
  void add_endpoints(ExplainAnswer& answer) const;
  std::vector<std::string> warnings_of(const PlannedService& service,
                                       const model::ServiceTraffic& after) const;
  /// That it has no usable endpoint: after each change, or when that has just become so.
  enum class Telling : std::uint8_t { Always, WhatTurned };
  void tell_live_pool(core::ServiceId id, Telling telling);
  void on_health_changed();
  void on_drain_ended(DrainId id, const DrainReport& report);
  bool has_usable_endpoint(core::ServiceId id) const;

  Deps deps_;
  // By ServiceId; made anew with the parts, and when an endpoint's health has turned
  std::vector<KnownService> known_;
  StateKeeper keeper_;
  Publisher publisher_;
  Drainer drainer_;
  Answers answers_;
  ConnectCheck check_;
  Watchdog watchdog_;
  ObservedShare shares_;
  UserCensus users_;
  Reporter reporter_;
  HealthChecker health_;
  BreakerJournal breakers_;
  OverloadKeeper overload_;
  LimitTuner tuner_;
  ChangeCounts counts_;

  std::deque<Queued> rollbacks_;  // go first
  std::deque<Queued> changes_;
  std::uint64_t newest_number_ = 0;
  std::optional<Running> running_;
  bool is_republish_due_ = false;
  bool is_audit_read_ = false;  // for somebody, now
  model::Edition in_force_;     // what the workers route by
  std::vector<std::pair<ChangeReply, ChangeOutcome>>
      replies_;  // to be given at the end of the turn

  std::vector<ListenerView> listeners_;
  bool is_serving_ = false;
  bool is_stopping_ = false;
  std::vector<DrainId> stop_drains_;  // still running
  std::function<void()> stopped_;

  net::MemberTimer<Controller, &Controller::on_persist_time_is_up> persist_deadline_{*this};
  net::MemberDeferred<Controller, &Controller::run_queue> run_{*this};
};

}  // namespace sluice::control
