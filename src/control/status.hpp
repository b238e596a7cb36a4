#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/drainer.hpp"
#include "sluice/core/clock.hpp"
#include "sluice/core/ids.hpp"
#include "sluice/core/units.hpp"
#include "sluice/model/overload.hpp"
#include "sluice/policy/breaker.hpp"
#include "sluice/policy/overload.hpp"
#include "sluice/policy/self_report.hpp"

/// What the controller shows of itself: plain values that admin/ writes out (behaviour.md §5
/// "Status").
namespace sluice::control {

struct ListenerView {
  std::string name;
  std::string address;  // as bound: the port that was chosen when 0 was asked
};

enum class EndpointState : std::uint8_t { Up, Down, Draining, Disabled };
std::string_view text(EndpointState state);

/// What is known of an endpoint's health.
struct HealthView {
  std::string_view state;      // unknown, up, down, draining, ejected
  core::WallTime since{};      // in that state
  std::string reason = {};     // of the last bad finding, while it counts; empty: none
  std::uint32_t share = 1000;  // of what an equal endpoint gets, in thousandths
  std::optional<std::uint8_t> memory_percent;                     // as it says itself
  std::vector<policy::SelfReport::Dependency> dependencies = {};  // likewise
};

/// What a circuit breaker says now.
struct BreakerView {
  std::string_view state;        // closed, open, half_open
  core::Millis opens_in{0};      // of an open one: until it lets probes through; 0: with the next
  policy::BreakerCounts window;  // of a closed one
  std::uint64_t openings = 0;    // since the start
};

/// One ceiling that is set.
struct CeilingView {
  std::string_view name;  // `connections`, `pending`, `requests`, `retries`
  std::uint32_t used = 0;
  std::uint32_t most = 0;
};

/// What guards a pool.
struct GuardView {
  std::optional<BreakerView> breaker;  // nullopt: it has none
  std::vector<CeilingView> ceilings;
};

struct RouteView {
  std::string path_prefix;
  std::array<BreakerView, 2> breakers;  // by core::index(PoolName)
};

struct EndpointView {
  std::string address;             // of one that is down: a name of the file
  std::vector<std::string> names;  // of the file, that have this address
  std::string why_down;            // the name has no address: why; else empty
  EndpointState state = EndpointState::Up;
  std::uint32_t in_flight = 0;
  std::optional<HealthView> health = {};  // nullopt: nobody looks after it
  GuardView guard = {};

  /// It gets no requests for its health, whatever operators say.
  bool is_out_by_health() const { return health && health->share == 0; }
};

/// One table of a limit: how full it is.
struct LimitTableView {
  std::string_view name;   // `rate`, `in_flight`, `candidate_rate`, `candidate_in_flight`
  std::uint64_t keys = 0;  // that owe something, or run; about, in a large one
  std::uint64_t places = 0;
};

/// A rate limit, and what all workers have counted of it since the start.
struct LimitView {
  std::string name;
  std::string_view mode;         // `enforce`, `shadow`
  std::string allows;            // `5/min, burst 5`
  std::string candidate_allows;  // empty: the same budget
  std::uint64_t admitted = 0, refused = 0, shadowed = 0, exempt = 0, keyless = 0;
  std::uint64_t evicted = 0, uncounted = 0;
  std::vector<LimitTableView> tables;
};

/// How much of a bound on requests that are sent again is in use in a pool.
struct BudgetView {
  std::uint32_t in_use = 0;
  std::uint32_t most = 0;     // at the moment
  std::uint64_t refused = 0;  // since the start, all workers
};
/// Of one pool.
struct PoolBudgets {
  BudgetView retries;
  BudgetView rescues;  // that it makes for the other one
  BudgetView assets;   // likewise, for files that the other one has not
};

struct ServiceView {
  std::string name;
  core::Generation generation;
  core::PoolName live = core::PoolName::Blue;
  core::BasisPoints split;
  /// What it really was, 0 to 1: of the requests of the last minute, or since the last change, that
  /// no pin decided. Absent: there was none.
  std::optional<double> observed_split;
  std::string salt;
  std::string_view hash;  // policy::kHashVersion
  bool is_candidate_open = false;
  std::vector<DrainView> drains;
  std::vector<LimitView> limits;
  std::array<std::vector<EndpointView>, 2> pools;  // by core::index(PoolName)
  std::array<PoolBudgets, 2> budgets{};            // likewise
  std::array<GuardView, 2> guards;                 // likewise
  std::vector<RouteView> routes;
};

/// How much the process itself has to do (docs/guide/overload.md).
struct OverloadView {
  enum class Level : std::uint8_t { Normal, NoKeepAlive, Shedding };
  Level level = Level::Normal;
  std::optional<model::MemorySample> memory;  // nullopt: it has no limit
  core::Nanos loop_wait{0};                   // of the worker that waits longest
  policy::Strain strain = 0;                  // likewise
};
std::string_view text(OverloadView::Level level);

struct StatusView {
  core::Generation generation;
  core::Epoch epoch;
  bool is_durable = true;
  std::size_t workers = 0;
  std::vector<std::size_t> silent_workers;
  OverloadView overload;
  std::vector<ListenerView> listeners;
  std::vector<ServiceView> services;
};

/// One line of `readyz?verbose`.
struct Check {
  std::string name;
  bool is_good = true;
  std::string detail;  // why not
};

}  // namespace sluice::control
