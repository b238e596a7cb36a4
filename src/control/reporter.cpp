#include "control/reporter.hpp"

#include <algorithm>

#include "sluice/core/duration.hpp"

namespace sluice::control {

namespace {

constexpr core::Nanos kTick = std::chrono::seconds(1);

std::string qualified(core::PoolName pool, std::string_view address) {
  return std::string(core::text(pool)).append("/").append(address);
}

std::string endpoint_text(const PlannedService& service) {
  const EndpointAnswer& endpoint = *service.endpoint;
  const bool is_enabled = endpoint.mode == model::EndpointMode::Enabled;
  return service.name + ": " + qualified(endpoint.pool, endpoint.address) +
         (is_enabled ? " takes requests again" : " is " + std::string(text(endpoint.mode)));
}

std::string change_text(const PlannedService& service, const model::ServiceTraffic& after) {
  if (service.endpoint) return endpoint_text(service);
  const std::string candidate(core::text(after.candidate()));
  std::string line = service.name + ": " + std::string(text(service.action)) + ": " +
                     std::string(core::text(after.live)) + " is live, " + candidate;
  if (!after.is_candidate_open) return line + " is closed";
  return line + " gets " + after.split.percent() + " of the users";
}

std::string counted(std::uint32_t count, std::string_view noun) {
  return std::to_string(count).append(" ").append(noun).append(count == 1 ? "" : "s");
}

std::string listed(const std::set<std::string>& addresses) {
  constexpr std::size_t kListedMax = 8;
  std::string text;
  std::size_t count = 0;
  for (const std::string& address : addresses) {
    if (count == kListedMax) return text + ", ...";
    text.append(count++ == 0 ? "" : ", ").append(address);
  }
  return text;
}

std::string drain_text(const DrainReport& report) {
  switch (report.outcome) {
    case DrainOutcome::Running:
    case DrainOutcome::Drained:
      break;
    case DrainOutcome::Superseded:
      return "is live again: its drain is over, nothing was cut";
    case DrainOutcome::Deadline:
      return "reached its deadline, " + counted(report.requests_cut, "request") + " and " +
             counted(report.tunnels_cut, "tunnel") + " cut";
  }
  if (report.requests_cut + report.tunnels_cut == 0) return "is drained, nothing was cut";
  return "is drained, " + counted(report.tunnels_cut, "tunnel") + " closed";
}

}  // namespace

Reporter::Reporter(net::Loop& loop,
                   const std::vector<std::shared_ptr<const model::ServiceSettings>>& services,
                   Look look)
    : loop_(loop), services_(services), look_(std::move(look)), log_(loop) {}

void Reporter::start() {
  on_tick();
}

void Reporter::on_changed(const ChangePlan& plan, const ChangeRequest& request) {
  for (const PlannedService& service : plan.services) {
    if (!service.changed) continue;
    const model::ServiceTraffic& after = *plan.after.find(service.name);
    std::string line = change_text(service, after);
    if (!request.reason.empty()) line += " (" + request.reason + ")";
    std::vector<std::pair<std::string_view, EventValue>> members{
        {"service", service.name},
        {"generation", after.generation.raw},
        {"action", action_of(request)},
        {"live", std::string(core::text(after.live))},
        {"split_basis_points", std::uint64_t{after.split.count()}},
        {"candidate_open", after.is_candidate_open},
        {"uid", std::uint64_t{request.actor.uid}},
        {"reason", request.reason}};
    if (service.endpoint) {
      members.emplace_back("endpoint",
                           qualified(service.endpoint->pool, service.endpoint->address));
      members.emplace_back("state", std::string(text(service.endpoint->mode)));
    }
    log_.add(service.endpoint ? EventKind::Endpoint : EventKind::Change, std::move(line),
             std::move(members));
  }
}

void Reporter::on_drain_began(DrainId id, const DrainOrder& order) {
  drains_[id] = {order.service->name, order.pool, order.generation};
  log_.add(EventKind::Drain,
           order.service->name + ": " + std::string(core::text(order.pool)) + " drains, up to " +
               core::format_duration(std::chrono::ceil<core::Millis>(order.deadline)),
           {{"phase", "began"},
            {"service", order.service->name},
            {"pool", std::string(core::text(order.pool))},
            {"generation", order.generation.raw},
            {"deadline_ms",
             static_cast<std::uint64_t>(std::chrono::ceil<core::Millis>(order.deadline).count())}});
}

void Reporter::on_drain_ended(DrainId id, const DrainReport& report) {
  const auto found = drains_.find(id);
  if (found == drains_.end()) return;  // of the end of the process
  const Began began = std::move(found->second);
  drains_.erase(found);
  log_.add(EventKind::Drain,
           began.service + ": " + std::string(core::text(began.pool)) + " " + drain_text(report),
           {{"phase", "ended"},
            {"service", began.service},
            {"pool", std::string(core::text(began.pool))},
            {"generation", began.generation.raw},
            {"outcome", std::string(text(report.outcome))},
            {"requests_cut", std::uint64_t{report.requests_cut}},
            {"tunnels_cut", std::uint64_t{report.tunnels_cut}},
            {"tunnels_kept", std::uint64_t{report.tunnels_kept}}});
}

bool Reporter::on_live_pool(const std::string& service, core::PoolName pool, bool is_usable) {
  Problem& problem = live_pools_.try_emplace(service, Problem{"no_usable_endpoint"}).first->second;
  return set(problem, !is_usable,
             service + ": the live pool " + std::string(core::text(pool)) +
                 (is_usable ? " has a usable endpoint" : " has no usable endpoint"));
}

void Reporter::on_not_durable() {
  set(durable_, true, "the state in force is not on the disk; it is written again until it is");
}

void Reporter::on_refused_by_disk(const std::string& why) {
  log_.add(EventKind::Problem, "a change was refused: " + why,
           {{"code", std::string(text(RefusalCode::StorageUnavailable))}});
}

void Reporter::on_stopping() {
  log_.add(EventKind::Stopping, "the process is stopping", {});
}

void Reporter::on_tick() {
  const Health health = look_();
  set(durable_, !health.is_durable,
      health.is_durable ? "the state in force is on the disk"
                        : "the state in force is not on the disk");
  const bool is_behind = health.audit_waiting > 0;
  set(audit_, is_behind,
      is_behind ? "the disk does not take " + std::to_string(health.audit_waiting) +
                      " records of the audit; they are kept and tried again"
                : "the audit is complete on the disk");
  for (const std::size_t worker : health.silent_workers) {
    workers_.try_emplace(worker, Problem{"worker_silent"});
  }
  for (auto& [worker, problem] : workers_) {
    const bool is_silent =
        std::ranges::find(health.silent_workers, worker) != health.silent_workers.end();
    set(problem, is_silent,
        "worker " + std::to_string(worker) + (is_silent ? " does not turn" : " turns again"));
  }
  look_at_endpoints();
  look_at_names();
  loop_.timers().arm(tick_, loop_.now() + kTick);
}

void Reporter::look_at_endpoints() {
  std::set<core::EndpointId> failing;
  for (const auto& service : services_) {
    for (const model::Pool& pool : service->pools) {
      for (const model::Endpoint& endpoint : pool.endpoints) {
        if (look_at_endpoint(service->name, pool.name, endpoint)) failing.insert(endpoint.id);
      }
    }
  }
  failing_ = std::move(failing);
}

// The word is 0 until a connect fails, and again after one has succeeded: penalties that end and
// begin in between are no news.
bool Reporter::look_at_endpoint(const std::string& service, core::PoolName pool,
                                const model::Endpoint& endpoint) {
  const bool is_failing = endpoint.cell->penalty.load(std::memory_order_relaxed) != 0;
  if (is_failing == failing_.contains(endpoint.id)) return is_failing;
  const std::string name = qualified(pool, endpoint.text);
  log_.add(EventKind::Endpoint,
           service + ": " + name + (is_failing ? " accepts no connections" : " answers again"),
           {{"service", service},
            {"endpoint", name},
            {"state", std::string(is_failing ? "failing" : "answering")}});
  return is_failing;
}

void Reporter::look_at_names() {
  Names names;
  for (const auto& service : services_) {
    for (const model::Pool& pool : service->pools) {
      const auto named = [&](const std::string& name) -> Named& {
        std::string endpoint = qualified(pool.name, name);
        Named& entry = names[{service->name, endpoint}];
        entry.service = service->name;
        entry.endpoint = std::move(endpoint);
        return entry;
      };
      for (const model::Endpoint& endpoint : pool.endpoints) {
        if (!endpoint.why_down.empty()) named(endpoint.text).why_down = endpoint.why_down;
        for (const std::string& name : endpoint.names) named(name).addresses.insert(endpoint.text);
      }
    }
  }
  for (const auto& [key, now] : names) {
    const auto before = names_.find(key);
    tell_name(now, before == names_.end() ? nullptr : &before->second);
  }
  names_ = std::move(names);
}

/// `before`: nullptr at the first look.
void Reporter::tell_name(const Named& now, const Named* before) {
  std::string state;
  std::string line = now.service + ": " + now.endpoint;
  if (now.addresses.empty()) {
    if (before != nullptr) return;
    state = "down";
    line += " is down: " + now.why_down;
  } else if (before == nullptr || before->addresses == now.addresses) {
    return;
  } else if (before->addresses.empty()) {
    state = "up";
    line += " is up: " + listed(now.addresses);
  } else {
    state = "changed";
    line += " has other addresses: " + listed(now.addresses);
  }
  log_.add(EventKind::Endpoint, std::move(line),
           {{"service", now.service}, {"endpoint", now.endpoint}, {"state", std::move(state)}});
}

bool Reporter::set(Problem& problem, bool is_there, const std::string& text) {
  if (problem.is_there == is_there) return false;
  problem.is_there = is_there;
  log_.add(is_there ? EventKind::Problem : EventKind::Solved, text,
           {{"code", std::string(problem.code)}});
  return true;
}

}  // namespace sluice::control
