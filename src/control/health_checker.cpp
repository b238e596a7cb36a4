#include "control/health_checker.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "sluice/core/duration.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace limits = core::limits;
using policy::FailureKind;
using policy::Finding;
using policy::Health;
using policy::HealthWord;

/// One endpoint. Constant for its life: who it is; everything else is what has been found.
class HealthChecker::Watched final : public ProbeEvents {
 public:
  Watched(HealthChecker& of, core::ServiceId of_service, const Policies& by, core::PoolName of_pool,
          const model::Endpoint& the_endpoint)
      : service(of_service),
        policies(by),
        pool(of_pool),
        endpoint(the_endpoint),
        since(of.deps_.loop.wall()),
        checker_(of),
        probe(of.deps_.loop, of.deps_.connector, *this) {}

  void on_probe_ended(policy::CheckResult result) override {
    checker_.on_finding(*this, std::move(result));
  }
  void on_timer() { checker_.on_due(*this); }

  std::string name() const {
    return std::string(core::text(pool)).append("/").append(endpoint.text);
  }
  std::string_view state() const { return is_ejected ? "ejected" : policy::text(health.state); }

  const core::ServiceId service;
  const Policies& policies;
  const core::PoolName pool;
  const model::Endpoint endpoint;

  Health health;
  policy::Ejection ejection;
  bool is_ejected = false;
  bool was_usable = true;                   // as published
  std::optional<core::Instant> back_since;  // it starts slowly
  std::optional<core::Instant> kept_since;  // it was told that it stays in spite of its failures
  core::WallTime since;                     // in state()
  core::Instant turned{};                   // into health.state
  core::Instant ejected_at{};               // the last time
  std::string reason;
  std::optional<policy::SelfReport> report;
  bool is_report_unreadable = false;
  std::uint64_t passed = 0, failed = 0, skipped = 0;  // checks
  std::uint64_t ejections = 0, kept = 0;
  std::uint64_t turned_up = 0, turned_down = 0, turned_draining = 0;

 private:
  HealthChecker& checker_;

 public:
  HealthProbe probe;
  net::MemberTimer<Watched, &Watched::on_timer> timer{*this};
};

std::uint64_t& HealthChecker::count_of(Watched& endpoint, Finding finding) {
  switch (finding) {
    case Finding::Pass:
      return endpoint.passed;
    case Finding::Skipped:
      return endpoint.skipped;
    case Finding::Fail:
    case Finding::Drain:
    case Finding::Down:
      return endpoint.failed;
  }
  core::unreachable();
}

namespace {

std::string counted(std::uint32_t count, std::string_view noun) {
  return std::to_string(count).append(" ").append(noun).append(count == 1 ? "" : "s");
}

/// `5 failures in a row (3 without a connection, 2 with status 5xx)`
std::string in_words(policy::FailureRun run) {
  struct Kind {
    FailureKind kind;
    std::string_view words;
  };
  constexpr std::array<Kind, policy::kFailureKinds> kKinds{
      {{FailureKind::Connect, "without a connection"},
       {FailureKind::Timeout, "without an answer in time"},
       {FailureKind::Broken, "with an answer that broke off"},
       {FailureKind::Status, "with status 5xx"}}};
  std::string kinds;
  for (const Kind& each : kKinds) {
    if (run.count(each.kind) == 0) continue;
    kinds += (kinds.empty() ? "" : ", ") + std::to_string(run.count(each.kind)) + " ";
    kinds += each.words;
  }
  return counted(run.total(), "failure") + " in a row (" + kinds + ")";
}

/// How long something lasted: nobody asks for the milliseconds of a minute.
std::string about(core::Nanos time) {
  using std::chrono::round;
  using std::chrono::seconds;
  if (time < seconds(1)) return core::format_duration(round<core::Millis>(time));
  return core::format_duration(round<seconds>(time));
}

std::uint64_t milliseconds(core::Nanos time) {
  return static_cast<std::uint64_t>(std::chrono::round<core::Millis>(time).count());
}

/// Why an endpoint that does not pass is taken out, in one word.
std::string_view cause_of(const policy::CheckResult& result) {
  switch (result.finding) {
    case Finding::Pass:
    case Finding::Fail:
    case Finding::Skipped:
      return "checks";
    case Finding::Down:
      return "down";
    case Finding::Drain:
      return result.report->word == policy::SelfReport::Word::Drain ? "drain" : "memory";
  }
  core::unreachable();
}

const policy::SelfReport::Dependency* find_dependency(
    const std::optional<policy::SelfReport>& report, std::string_view name) {
  if (!report) return nullptr;
  const auto found =
      std::ranges::find(report->dependencies, name, &policy::SelfReport::Dependency::name);
  return found == report->dependencies.end() ? nullptr : &*found;
}

}  // namespace

HealthChecker::HealthChecker(Deps deps, std::function<void()> on_changed)
    : deps_(std::move(deps)), on_changed_(std::move(on_changed)), hooks_(deps_.commands) {
  for (const auto& service : deps_.services) {
    policies_.push_back({service->name, service->health_check, service->outliers,
                         service->slow_start, service->on_pool_down});
    has_outliers_ = has_outliers_ || service->outliers.is_on();
  }
}

HealthChecker::~HealthChecker() = default;

void HealthChecker::start() {
  is_started_ = true;
  follow();
  arm_look();
}

void HealthChecker::follow() {
  if (!is_started_) return;
  std::set<core::EndpointId> there;
  for (const auto& service : deps_.services) {
    if (!policies_[service->id.raw].is_watched()) continue;
    for (const model::Pool& pool : service->pools) {
      for (const model::Endpoint& endpoint : pool.endpoints) {
        if (!endpoint.why_down.empty()) continue;  // a name without an address
        there.insert(endpoint.id);
        if (!watched_.contains(endpoint.id)) add(service->id, pool.name, endpoint);
      }
    }
  }
  std::erase_if(watched_, [&](const auto& entry) {
    const bool is_gone = !there.contains(entry.first);
    if (is_gone && entry.second->probe.is_running()) --running_;  // it ends with its endpoint
    return is_gone;
  });
  // One that comes back has a timer of its own, and would else be due twice.
  std::erase_if(waiting_, [&](core::EndpointId id) { return !there.contains(id); });
  start_waiting();
}

void HealthChecker::add(core::ServiceId service, core::PoolName pool,
                        const model::Endpoint& endpoint) {
  const Policies& policies = policies_[service.raw];
  Watched& added = *watched_
                        .emplace(endpoint.id, std::make_unique<Watched>(*this, service, policies,
                                                                        pool, endpoint))
                        .first->second;
  // The cell may be older: of an address that left its name and came back.
  endpoint.cell->health.store(0, std::memory_order_relaxed);
  endpoint.cell->failures.store(0, std::memory_order_relaxed);
  added.turned = deps_.loop.now();
  if (!policies.check.is_on) return;
  deps_.loop.timers().arm(
      added.timer, deps_.loop.now() + policy::first_check_in(policies.check, deps_.loop.rng()));
}

// ---- checks ----

void HealthChecker::on_due(Watched& endpoint) {
  waiting_.push_back(endpoint.endpoint.id);
  start_waiting();
}

void HealthChecker::start_waiting() {
  while (running_ < limits::kHealthChecksMax && !waiting_.empty()) {
    Watched& endpoint = *watched_.at(waiting_.front());
    waiting_.pop_front();
    ++running_;
    endpoint.probe.start(endpoint.policies.check, endpoint.endpoint, endpoint.pool);
  }
}

void HealthChecker::arm_next(Watched& endpoint) {
  deps_.loop.timers().arm(
      endpoint.timer,
      deps_.loop.now() +
          policy::next_check_in(endpoint.health, endpoint.policies.check, deps_.loop.rng()));
}

void HealthChecker::on_finding(Watched& endpoint, policy::CheckResult result) {
  --running_;
  const Health before = endpoint.health;
  endpoint.health = policy::after_finding(before, result.finding, endpoint.policies.check);
  ++count_of(endpoint, result.finding);
  const bool has_turned = endpoint.health.state != before.state;
  if (has_turned) tell_turn(endpoint, before.state, result);
  if (!result.why.empty()) endpoint.reason = result.why;
  if (endpoint.health.state == Health::State::Up && endpoint.health.failures == 0 &&
      !endpoint.is_ejected)
    endpoint.reason.clear();
  const std::string_view cause = cause_of(result);
  tell_report(endpoint, result);
  if (before.gets_requests() && !endpoint.health.gets_requests())
    call_hook(endpoint, cause, endpoint.reason);
  arm_next(endpoint);
  start_waiting();
  if (publish(endpoint)) on_changed_();
}

// ---- what workers have counted, and what time brings ----

void HealthChecker::arm_look() {
  const bool has_slow = std::ranges::any_of(
      watched_, [](const auto& entry) { return entry.second->back_since.has_value(); });
  if (!has_outliers_ && !has_slow) return;
  deps_.loop.timers().arm(look_, deps_.loop.now() + limits::kHealthLook);
}

void HealthChecker::look() {
  bool has_changed = bring_back_needed();
  for (const auto& [id, endpoint] : watched_) {
    if (look_at_failures(*endpoint) || endpoint->back_since) has_changed |= publish(*endpoint);
  }
  arm_look();
  if (has_changed) on_changed_();
}

/// Whether something is to be published.
bool HealthChecker::look_at_failures(Watched& endpoint) {
  if (!endpoint.policies.outliers.is_on()) return false;
  std::atomic<std::uint64_t>& word = endpoint.endpoint.cell->failures;
  const core::Instant now = deps_.loop.now();
  if (endpoint.is_ejected) {
    if (endpoint.ejection.is_out(now)) return false;
    bring_back(endpoint, "");
    return true;
  }
  if (!policy::FailureRun(word.load(std::memory_order_relaxed)).is_full()) return false;
  const policy::FailureRun run(word.exchange(0, std::memory_order_relaxed));
  if (!endpoint.health.gets_requests()) return false;  // out already
  const auto verdict = policy::may_eject(count_pool(endpoint), endpoint.policies.outliers);
  if (verdict != policy::EjectVerdict::Eject) {
    keep(endpoint, run, verdict);
    return false;
  }
  eject(endpoint, run);
  return true;
}

/// Ejected endpoints that nobody stands in for any more, before their time: one that fails some
/// requests is better than none. All of a pool together, as nobody knows which of them is well.
bool HealthChecker::bring_back_needed() {
  if (!has_outliers_) return false;
  std::vector<Watched*> needed;
  for (const auto& [id, endpoint] : watched_) {
    if (is_needed(*endpoint)) needed.push_back(endpoint.get());
  }
  for (Watched* endpoint : needed) {
    bring_back(*endpoint, ": nothing else in its pool is usable");
    publish(*endpoint);
  }
  return !needed.empty();
}

/// The users of a candidate that falls back are better served by the live pool.
bool HealthChecker::is_needed(const Watched& endpoint) const {
  if (!endpoint.is_ejected || !endpoint.health.gets_requests()) return false;
  const bool falls_back = endpoint.pool != deps_.live(endpoint.service) &&
                          endpoint.policies.on_pool_down == model::OnPoolDown::Fallback;
  if (falls_back) return false;
  const auto& endpoints = deps_.in_force(endpoint.service, endpoint.pool).endpoints;
  const auto own = std::ranges::find(endpoints, endpoint.endpoint.id, &model::Endpoint::id);
  return own != endpoints.end() && own->is_in_use() &&
         std::ranges::none_of(endpoints, &model::Endpoint::is_usable);
}

void HealthChecker::bring_back(Watched& endpoint, std::string_view why) {
  // What was on its way when it was ejected has failed since, and says nothing new.
  endpoint.endpoint.cell->failures.store(0, std::memory_order_relaxed);
  endpoint.is_ejected = false;
  endpoint.since = deps_.loop.wall();
  if (!endpoint.health.gets_requests()) return;  // for its checks it is out all the same
  endpoint.reason.clear();
  const core::Nanos out = deps_.loop.now() - endpoint.ejected_at;
  tell(endpoint, "returned", "gets requests again, after " + about(out).append(why),
       {{"out_ms", milliseconds(out)}});
}

void HealthChecker::eject(Watched& endpoint, policy::FailureRun run) {
  const core::Instant now = deps_.loop.now();
  endpoint.ejection = policy::eject(endpoint.ejection, now, endpoint.policies.outliers);
  endpoint.is_ejected = true;
  endpoint.kept_since.reset();
  ++endpoint.ejections;
  endpoint.since = deps_.loop.wall();
  endpoint.ejected_at = now;
  const auto length = std::chrono::round<core::Millis>(endpoint.ejection.until - now);
  endpoint.reason = in_words(run) + ", out for " + core::format_duration(length);
  tell(endpoint, "ejected",
       "is ejected for " + core::format_duration(length) + ": " + in_words(run),
       {{"failures", std::uint64_t{run.total()}},
        {"no_connection", std::uint64_t{run.count(FailureKind::Connect)}},
        {"timeouts", std::uint64_t{run.count(FailureKind::Timeout)}},
        {"broken", std::uint64_t{run.count(FailureKind::Broken)}},
        {"status_5xx", std::uint64_t{run.count(FailureKind::Status)}},
        {"ejection_ms", milliseconds(length)}});
}

/// It would be told with each run; once in base_time is enough.
void HealthChecker::keep(Watched& endpoint, policy::FailureRun run, policy::EjectVerdict verdict) {
  ++endpoint.kept;
  const core::Instant now = deps_.loop.now();
  const policy::OutlierPolicy& outliers = endpoint.policies.outliers;
  if (endpoint.kept_since && now - *endpoint.kept_since < outliers.base_time) return;
  endpoint.kept_since = now;
  const bool is_last = verdict == policy::EjectVerdict::LastUsable;
  tell(endpoint, "kept",
       "stays in spite of " + in_words(run) + ": " +
           (is_last ? "it is the last usable one of its pool"
                    : "max_ejected is " + outliers.max_ejected.percent()),
       {{"failures", std::uint64_t{run.total()}},
        {"cause", std::string(is_last ? "last_usable" : "max_ejected")}});
}

policy::PoolCount HealthChecker::count_pool(const Watched& endpoint) const {
  policy::PoolCount count;
  for (const model::Endpoint& each : deps_.in_force(endpoint.service, endpoint.pool).endpoints) {
    if (!each.why_down.empty()) continue;
    ++count.endpoints;
    count.usable += each.is_usable() ? 1 : 0;
    const auto found = watched_.find(each.id);
    count.ejected += found != watched_.end() && found->second->is_ejected ? 1 : 0;
  }
  return count;
}

// ---- what comes of it ----

/// Into the cell. Whether it began or ceased to be usable.
bool HealthChecker::publish(Watched& endpoint) {
  const core::Instant now = deps_.loop.now();
  const bool is_usable = endpoint.health.gets_requests() && !endpoint.is_ejected;
  const bool has_turned = is_usable != std::exchange(endpoint.was_usable, is_usable);
  if (!is_usable) endpoint.back_since.reset();
  if (is_usable && has_turned) endpoint.back_since = now;
  HealthWord word = is_usable ? HealthWord() : HealthWord::out();
  if (endpoint.back_since) {
    word = HealthWord::usable(
        policy::slow_start_share(now - *endpoint.back_since, endpoint.policies.slow_start));
    if (word.share() == HealthWord::kWhole) endpoint.back_since.reset();
  }
  endpoint.endpoint.cell->health.store(word.word(), std::memory_order_relaxed);
  if (endpoint.back_since && !look_.is_armed()) arm_look();
  return has_turned;
}

void HealthChecker::tell_turn(Watched& endpoint, Health::State before,
                              const policy::CheckResult& result) {
  const core::Instant now = deps_.loop.now();
  const core::Nanos lasted = now - std::exchange(endpoint.turned, now);
  endpoint.since = deps_.loop.wall();
  const policy::HealthCheck& check = endpoint.policies.check;
  switch (endpoint.health.state) {
    case Health::State::Unknown:
      return;
    case Health::State::Up:
      if (before == Health::State::Unknown) return;  // as was taken for granted
      ++endpoint.turned_up;
      return tell(
          endpoint, "up",
          "is up: " + counted(check.healthy_after, "check") + " passed in a row, after " +
              about(lasted),
          {{"checks", std::uint64_t{check.healthy_after}}, {"out_ms", milliseconds(lasted)}});
    case Health::State::Draining:
      ++endpoint.turned_draining;
      return tell(endpoint, "draining", "gets no new requests: " + result.why,
                  {{"reason", result.why}});
    case Health::State::Down: {
      ++endpoint.turned_down;
      const bool says_so = result.finding == Finding::Down;
      const std::string line = says_so ? "is down: it says so itself"
                                       : "is down: " + counted(check.unhealthy_after, "check") +
                                             " failed in a row, the last: " + result.why;
      return tell(
          endpoint, "down", line,
          {{"checks", std::uint64_t{says_so ? 1 : check.unhealthy_after}}, {"reason", result.why}});
    }
  }
  core::unreachable();
}

/// What the origin says beside its one word. An answer without a report leaves the last one: it may
/// come from another page in front of the origin.
void HealthChecker::tell_report(Watched& endpoint, policy::CheckResult& result) {
  if (result.is_report_unreadable && !endpoint.is_report_unreadable)
    tell(endpoint, "unreadable_report", "sends a Sluice-Health that can't be read: it is ignored");
  endpoint.is_report_unreadable = result.is_report_unreadable;
  if (!result.report) return;
  for (const policy::SelfReport::Dependency& now : result.report->dependencies) {
    const auto* const before = find_dependency(endpoint.report, now.name);
    if (before == nullptr ? now.is_up : before->is_up == now.is_up) continue;
    tell(endpoint, now.is_up ? "dependency_up" : "dependency_down",
         "says that its " + now.name + (now.is_up ? " is up" : " is down"),
         {{"dependency", now.name}});
    if (!now.is_up) recycle_for(endpoint, now.name);
  }
  endpoint.report = std::move(result.report);
}

/// What the endpoint has opened to the dependency may hang, and what it does with it too.
void HealthChecker::recycle_for(const Watched& endpoint, const std::string& dependency) {
  const std::vector<std::string>& names = endpoint.policies.check.recycle_on;
  if (std::ranges::find(names, dependency) == names.end()) return;
  if (deps_.recycle) deps_.recycle(endpoint.endpoint.id);
  tell(endpoint, "recycled", "gets fresh connections: it says that its " + dependency + " is down",
       {{"dependency", dependency}});
  call_hook(endpoint, "dependency", dependency + " is down");
}

void HealthChecker::call_hook(const Watched& endpoint, std::string_view cause,
                              const std::string& why) {
  const policy::HealthCheck& check = endpoint.policies.check;
  if (check.hook.empty()) return;
  net::Command command{.words = check.hook, .environment = {}, .timeout = check.hook_timeout};
  const auto set = [&](const char* name, std::string_view value) {
    command.environment.push_back(std::string(name) + "=" + std::string(value));
  };
  set("SLUICE_SERVICE", endpoint.policies.service);
  set("SLUICE_POOL", core::text(endpoint.pool));
  set("SLUICE_ENDPOINT", endpoint.endpoint.text);
  set("SLUICE_STATE", policy::text(endpoint.health.state));
  set("SLUICE_CAUSE", cause);
  set("SLUICE_REASON", why);
  if (endpoint.report && endpoint.report->memory_percent)
    set("SLUICE_MEMORY_PERCENT", std::to_string(*endpoint.report->memory_percent));
  const core::EndpointId id = endpoint.endpoint.id;
  hooks_.call(id, std::move(command), [this, id](const net::CommandEnd& end) {
    const auto found = watched_.find(id);
    if (found == watched_.end()) return;  // it has left meanwhile
    tell(*found->second, end.is_good() ? "hook_ended" : "hook_failed", "hook " + text(end));
  });
}

void HealthChecker::tell(const Watched& endpoint, std::string_view state, const std::string& line,
                         std::vector<std::pair<std::string_view, EventValue>> more) {
  const std::string whole = endpoint.policies.service + ": " + endpoint.name() + " " + line;
  std::vector<std::pair<std::string_view, EventValue>> members{
      {"service", endpoint.policies.service},
      {"endpoint", endpoint.name()},
      {"state", std::string(state)}};
  std::ranges::move(more, std::back_inserter(members));
  deps_.events.add(EventKind::Endpoint, whole, std::move(members));
  if (deps_.notice) deps_.notice(whole);
}

std::optional<bool> HealthChecker::is_dependency_up(core::EndpointId id,
                                                    std::string_view name) const {
  const auto found = watched_.find(id);
  if (found == watched_.end()) return std::nullopt;
  const auto* const dependency = find_dependency(found->second->report, name);
  return dependency == nullptr ? std::nullopt : std::optional(dependency->is_up);
}

std::optional<HealthView> HealthChecker::view(core::EndpointId id) const {
  const auto found = watched_.find(id);
  if (found == watched_.end()) return std::nullopt;
  const Watched& endpoint = *found->second;
  HealthView view{.state = endpoint.state(),
                  .since = endpoint.since,
                  .reason = endpoint.reason,
                  .share = endpoint.endpoint.health().share(),
                  .memory_percent = std::nullopt,
                  .dependencies = {}};
  if (!endpoint.was_usable) view.share = 0;
  if (endpoint.report) {
    view.memory_percent = endpoint.report->memory_percent;
    view.dependencies = endpoint.report->dependencies;
  }
  return view;
}

void HealthChecker::write_metrics(metrics::Exposition& out) const {
  using metrics::MetricType;
  const auto each = [&](std::string_view name, MetricType type, std::string_view help, auto write) {
    out.family({name, type, help});
    for (const auto& [id, endpoint] : watched_) write(*endpoint);
  };
  const auto labels = [](const Watched& e, auto write) {
    write(std::string_view(e.policies.service), core::text(e.pool),
          std::string_view(e.endpoint.text));
  };
  if (watched_.empty()) return;
  each("sluice_health_checks_total", MetricType::Counter, "Health checks, by result.",
       [&](const Watched& e) {
         labels(e, [&](auto service, auto pool, auto text) {
           const auto write_result = [&](std::string_view result, std::uint64_t count) {
             out.sample(
                 {{"service", service}, {"pool", pool}, {"endpoint", text}, {"result", result}},
                 count);
           };
           write_result("passed", e.passed);
           write_result("failed", e.failed);
           write_result("skipped", e.skipped);
         });
       });
  each("sluice_endpoint_transitions_total", MetricType::Counter,
       "How often its checks have turned an endpoint to a state.", [&](const Watched& e) {
         labels(e, [&](auto service, auto pool, auto text) {
           const auto write_to = [&](std::string_view to, std::uint64_t count) {
             out.sample({{"service", service}, {"pool", pool}, {"endpoint", text}, {"to", to}},
                        count);
           };
           write_to("up", e.turned_up);
           write_to("down", e.turned_down);
           write_to("draining", e.turned_draining);
         });
       });
  each("sluice_endpoint_ejections_total", MetricType::Counter,
       "Ejections of an endpoint for failures in a row; kept: it stayed in spite of them.",
       [&](const Watched& e) {
         labels(e, [&](auto service, auto pool, auto text) {
           out.sample(
               {{"service", service}, {"pool", pool}, {"endpoint", text}, {"result", "ejected"}},
               e.ejections);
           out.sample(
               {{"service", service}, {"pool", pool}, {"endpoint", text}, {"result", "kept"}},
               e.kept);
         });
       });
  each("sluice_endpoint_ejected", MetricType::Gauge, "1 while the endpoint is ejected.",
       [&](const Watched& e) {
         labels(e, [&](auto service, auto pool, auto text) {
           out.sample({{"service", service}, {"pool", pool}, {"endpoint", text}},
                      e.is_ejected ? 1 : 0);
         });
       });
  each("sluice_endpoint_share_ratio", MetricType::Gauge,
       "Share of the requests that the endpoint gets of what an equal one gets: 0 while its health "
       "has taken it out, below 1 while it starts slowly.",
       [&](const Watched& e) {
         labels(e, [&](auto service, auto pool, auto text) {
           const double share = e.was_usable ? e.endpoint.health().share() : 0;
           out.sample_ratio({{"service", service}, {"pool", pool}, {"endpoint", text}},
                            share / HealthWord::kWhole);
         });
       });
  each("sluice_endpoint_memory_ratio", MetricType::Gauge,
       "Memory that the endpoint says it uses, of what it has.", [&](const Watched& e) {
         if (!e.report || !e.report->memory_percent) return;
         labels(e, [&](auto service, auto pool, auto text) {
           out.sample_ratio({{"service", service}, {"pool", pool}, {"endpoint", text}},
                            *e.report->memory_percent / 100.0);
         });
       });
  out.family({"sluice_health_hooks_total", MetricType::Counter, "Hooks of endpoints that ended."});
  out.sample({{"result", "good"}}, hooks_.good());
  out.sample({{"result", "failed"}}, hooks_.failed());
}

}  // namespace sluice::control
