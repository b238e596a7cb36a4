#include "control/name_watcher.hpp"

#include <algorithm>

#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace {

/// So many addresses stand in one notice.
constexpr std::size_t kAddressesTold = 8;

std::string joined(const std::vector<core::IpAddress>& addresses) {
  std::string text;
  for (std::size_t i = 0; i < std::min(addresses.size(), kAddressesTold); ++i) {
    text += (i == 0 ? "" : ", ") + addresses[i].text();
  }
  if (addresses.size() > kAddressesTold) text += ", ...";
  return text;
}

}  // namespace

NameWatcher::NameWatcher(Deps deps, std::function<void()> on_changed)
    : deps_(std::move(deps)),
      on_changed_(std::move(on_changed)),
      resolution_(config::hosts_of(deps_.config), deps_.loop.clock().now()) {}

void NameWatcher::start() {
  is_changed_ = true;  // that a name has not been answered yet is known now
  ask();
}

void NameWatcher::ask() {
  const core::Instant now = deps_.loop.clock().now();
  const std::size_t room = core::limits::kLookupsMax - resolution_.asked();
  for (const std::string& host : resolution_.take_due(now, room)) {
    deps_.resolver.lookup(
        host, [this, host, alive = std::weak_ptr(is_there_)](const net::Resolver::Answer& answer) {
          if (alive.lock() != nullptr) on_answer(host, answer);
        });
  }
  // Without room the next answer asks again.
  const auto next = resolution_.next_due();
  if (next && resolution_.asked() < core::limits::kLookupsMax) deps_.loop.timers().arm(due_, *next);
}

void NameWatcher::on_answer(const std::string& host, const net::Resolver::Answer& answer) {
  const Resolution::News news =
      resolution_.on_answer(host, answer, deps_.loop.clock().now(), deps_.loop.wall());
  if (news.turned) tell_outcome(host);
  if (news.changed) {
    is_changed_ = true;
    deps_.loop.defer(apply_);
  }
  ask();
}

void NameWatcher::apply() {
  apply_.unlink();
  if (!is_changed_) return;
  is_changed_ = false;
  const std::vector<config::LeftOut> before = deps_.parts.left_out;
  const std::vector<config::PoolCircle> circles_before = deps_.parts.circles;
  config::rebuild_named(deps_.config, deps_.cells, resolution_.in_force(), deps_.parts,
                        deps_.machine());
  tell_left_out(before);
  tell_circles(circles_before);
  on_changed_();
}

void NameWatcher::tell_outcome(const std::string& host) const {
  const Resolution::Name& name = resolution_.names().find(host)->second;
  const std::string addresses = joined(resolution_.in_force().find(host)->second.addresses);
  if (name.newest == Resolution::Outcome::Found) {
    deps_.notice("host name " + host + " is found now: " + addresses);
  } else if (addresses.empty()) {
    deps_.notice("host name " + host + " is not found: " + name.error +
                 "; it has no endpoint until it is");
  } else {
    deps_.notice("host name " + host + " is not found: " + name.error +
                 "; its last addresses stay: " + addresses);
  }
}

void NameWatcher::tell_left_out(const std::vector<config::LeftOut>& before) const {
  for (const config::LeftOut& each : deps_.parts.left_out) {
    if (std::ranges::find(before, each) != before.end()) continue;
    deps_.notice("pool " + std::string(core::text(each.pool)) + " of service " + each.service +
                 " has its most of " + std::to_string(core::limits::kEndpointsPerPoolMax) +
                 " endpoints: " + std::to_string(each.addresses) +
                 (each.addresses == 1 ? " address of its host names is left out"
                                      : " addresses of its host names are left out"));
  }
}

/// As an address of the file it would be refused; here it is too late for that.
void NameWatcher::tell_circles(const std::vector<config::PoolCircle>& before) const {
  for (const config::PoolCircle& each : deps_.parts.circles) {
    if (std::ranges::find(before, each) != before.end()) continue;
    deps_.notice("endpoint " + each.circle.name + " in pool " + std::string(core::text(each.pool)) +
                 " of service " + each.service + " has the address " + each.circle.address.text() +
                 ", which is listener " + each.circle.listener +
                 " of this proxy: requests would run in a circle, so it is left out");
  }
}

void NameWatcher::write_metrics(metrics::Exposition& out) const {
  using metrics::MetricType;
  if (resolution_.names().empty()) return;
  out.family(
      {"sluice_name_lookups_total", MetricType::Counter, "Look-ups of endpoint names, by result."});
  for (const auto& [host, name] : resolution_.names()) {
    out.sample({{"name", host}, {"result", "found"}}, name.found);
    out.sample({{"name", host}, {"result", "failed"}}, name.failed);
  }
  out.family({"sluice_name_addresses", MetricType::Gauge,
              "Addresses of the endpoint name that are in use."});
  for (const auto& [host, name] : resolution_.in_force()) {
    out.sample({{"name", host}}, name.addresses.size());
  }
  out.family({"sluice_name_last_found_timestamp_seconds", MetricType::Gauge,
              "When the endpoint name was last found, in seconds since 1970; 0: not yet."});
  for (const auto& [host, name] : resolution_.names()) {
    const auto since = name.last_found.value_or(core::WallTime{}).time_since_epoch();
    out.sample({{"name", host}},
               static_cast<std::uint64_t>(
                   std::chrono::duration_cast<std::chrono::seconds>(since).count()));
  }
}

}  // namespace sluice::control
