#include "control/resolution.hpp"

#include <algorithm>

#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::control {

namespace {

/// So that the order in which a name server answers is no change.
std::vector<core::IpAddress> sorted(std::vector<core::IpAddress> addresses) {
  std::ranges::sort(addresses);
  // Not std::ranges::unique: clang 14 can't compile what returns a subrange of libstdc++ 12.
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

constexpr const char* kNoAnswerYet = "the first look-up has not been answered yet";

}  // namespace

Resolution::Resolution(const std::vector<std::string>& hosts, core::Instant now) {
  for (const std::string& host : hosts) {
    names_[host].due = now;
    in_force_[host].why_not = kNoAnswerYet;
  }
}

std::vector<std::string> Resolution::take_due(core::Instant now, std::size_t room) {
  std::vector<std::pair<core::Instant, std::string>> due;
  for (const auto& [host, name] : names_) {
    if (!name.is_asked && name.due <= now) due.emplace_back(name.due, host);
  }
  std::ranges::sort(due);
  if (due.size() > room) due.resize(room);
  std::vector<std::string> hosts;
  for (auto& [when, host] : due) {
    names_.find(host)->second.is_asked = true;
    ++asked_;
    hosts.push_back(std::move(host));
  }
  return hosts;
}

std::optional<core::Instant> Resolution::next_due() const {
  std::optional<core::Instant> next;
  for (const auto& [host, name] : names_) {
    if (!name.is_asked && (!next || name.due < *next)) next = name.due;
  }
  return next;
}

bool Resolution::has_unanswered() const {
  return std::ranges::any_of(
      names_, [](const auto& entry) { return entry.second.newest == Outcome::None; });
}

Resolution::News Resolution::on_answer(const std::string& host, const Answer& answer,
                                       core::Instant now, core::WallTime wall) {
  const auto found = names_.find(host);
  ENSURE(found != names_.end() && found->second.is_asked, "an answer that nobody asked for");
  Name& name = found->second;
  config::ResolvedName& in_force = in_force_[host];
  const config::ResolvedName before = in_force;
  const Outcome newest = answer ? Outcome::Found : Outcome::Failed;
  News news;
  news.turned = newest != name.newest && (name.newest != Outcome::None || !answer);
  name.newest = newest;
  name.is_asked = false;
  --asked_;
  if (answer) {
    ++name.found;
    name.error.clear();
    name.last_found = wall;
    name.due = now + core::limits::kResolveEvery;
    in_force = {.addresses = sorted(*answer), .why_not = ""};
  } else {
    ++name.failed;
    name.error = answer.error().what;
    name.due = now + core::limits::kResolveRetry;
    if (in_force.addresses.empty()) in_force.why_not = name.error;
  }
  news.changed = in_force != before;
  return news;
}

}  // namespace sluice::control
