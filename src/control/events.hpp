#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "net/loop.hpp"
#include "sluice/core/clock.hpp"

/// What has happened, for those who watch (behaviour.md §5 "Events").
namespace sluice::control {

enum class EventKind : std::uint8_t {
  Change,    // of traffic state
  Endpoint,  // taken out, back in, failing, answering again
  Drain,     // began, ended
  Breaker,   // of a pool, a route or an endpoint: opened, lets probes through, closed
  Problem,   // something that an operator should know
  Solved,    // a problem that is over
  Stopping,
};
std::string_view text(EventKind kind);

using EventValue = std::variant<std::string, std::uint64_t, bool>;

struct Event {
  std::uint64_t id = 0;   // from 1, without gaps; given by the log
  core::WallTime time{};  // given by the log
  EventKind kind = EventKind::Change;
  std::string text;                                              // a line for a person
  std::vector<std::pair<std::string_view, EventValue>> members;  // for programs; literal names
};

/// Hears of events at the end of the turn in which they came, and reads them from the log then.
class EventReader {
 public:
  virtual void on_events() = 0;

 protected:
  ~EventReader() = default;
};

/// The newest events, at most kEventsKept. Readers keep their own place in it, so a slow one costs
/// nothing: what has gone before it came is lost to it. Control thread only.
class EventLog {
 public:
  explicit EventLog(net::Loop& loop);

  void add(EventKind kind, std::string text,
           std::vector<std::pair<std::string_view, EventValue>> members);

  /// 0: none came yet.
  std::uint64_t newest() const { return newest_; }
  /// Of those that are kept; newest() + 1 when there are none.
  std::uint64_t oldest() const { return newest_ + 1 - kept_.size(); }
  /// Requires: oldest() <= id <= newest().
  const Event& at(std::uint64_t id) const { return kept_[id - oldest()]; }
  /// Tells the events of this process from those of another: when the log began, in milliseconds.
  std::uint64_t epoch() const { return epoch_; }

  /// False: kEventReadersMax are here already. The reader leaves before it ends.
  bool join(EventReader& reader);
  void leave(EventReader& reader);
  std::size_t readers() const { return readers_.size(); }

 private:
  void notify();

  net::Loop& loop_;
  const std::uint64_t epoch_;
  std::uint64_t newest_ = 0;
  std::deque<Event> kept_;
  std::vector<EventReader*> readers_;
  net::MemberDeferred<EventLog, &EventLog::notify> notify_{*this};
};

}  // namespace sluice::control
