#include "control/events.hpp"

#include <algorithm>

#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::control {

std::string_view text(EventKind kind) {
  switch (kind) {
    case EventKind::Change:
      return "change";
    case EventKind::Endpoint:
      return "endpoint";
    case EventKind::Breaker:
      return "breaker";
    case EventKind::Drain:
      return "drain";
    case EventKind::Problem:
      return "problem";
    case EventKind::Solved:
      return "solved";
    case EventKind::Stopping:
      return "stopping";
  }
  core::unreachable();
}

EventLog::EventLog(net::Loop& loop)
    : loop_(loop),
      epoch_(static_cast<std::uint64_t>(
          std::chrono::floor<core::Millis>(loop.wall().time_since_epoch()).count())) {}

void EventLog::add(EventKind kind, std::string text,
                   std::vector<std::pair<std::string_view, EventValue>> members) {
  if (kept_.size() == core::limits::kEventsKept) kept_.pop_front();
  kept_.push_back({.id = ++newest_,
                   .time = loop_.wall(),
                   .kind = kind,
                   .text = std::move(text),
                   .members = std::move(members)});
  loop_.defer(notify_);
}

bool EventLog::join(EventReader& reader) {
  if (readers_.size() == core::limits::kEventReadersMax) return false;
  readers_.push_back(&reader);
  return true;
}

void EventLog::leave(EventReader& reader) {
  std::erase(readers_, &reader);
}

// A reader may leave, or another one, while they are told: those that are still here are told.
void EventLog::notify() {
  const std::vector<EventReader*> told = readers_;
  for (EventReader* reader : told) {
    if (std::ranges::find(readers_, reader) != readers_.end()) reader->on_events();
  }
}

}  // namespace sluice::control
