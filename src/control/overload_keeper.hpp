#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/events.hpp"
#include "control/status.hpp"
#include "net/loop.hpp"
#include "sluice/metrics/exposition.hpp"
#include "sluice/model/overload.hpp"
#include "sluice/model/worker_port.hpp"
#include "sluice/policy/overload.hpp"

namespace sluice::control {

/// Looks at the memory and at the loops of the workers, and tells each worker what it must refuse,
/// as one word in its cell. What a figure means is decided in policy/overload.hpp. Control thread
/// only: it has a loop of its own, which is not refused anything, so that an operator can look and
/// act.
class OverloadKeeper {
 public:
  /// All borrowed, and outliving this.
  struct Deps {
    net::Loop& loop;
    std::span<model::WorkerPort* const> workers;
    model::OverloadCells* cells = nullptr;  // by worker; nullptr: nobody is told
    /// nullopt: no limit. May be empty: none either.
    std::function<std::optional<model::MemorySample>()> memory;
    /// Gives back to the kernel what the heap holds and nobody uses. May be empty.
    std::function<void()> trim;
    EventLog& events;
    std::function<void(const std::string&)> notice;  // one line for the log; may be empty
  };
  explicit OverloadKeeper(Deps deps);

  void start() { on_look(); }
  OverloadView view() const;
  /// What the worker does that refuses most.
  policy::OverloadWord word() const;
  void write_metrics(metrics::Exposition& out) const;

 private:
  using EventMembers = std::vector<std::pair<std::string_view, EventValue>>;
  struct Worker {
    policy::StandingLag lag;
    policy::Shedding shedding;
  };

  void on_look();
  void look_at_memory();
  void look_at_loop(std::size_t number);
  void tell_worker(std::size_t number);
  policy::OverloadWord word_of(policy::Strain of_loop) const;
  void make_room();
  void trim_heap();
  void tell_memory(const policy::Mark& mark, std::string_view code, std::string_view what);
  void tell(bool is_problem, std::string text, EventMembers members);
  bool is_in_doubt() const;

  Deps deps_;
  std::optional<model::MemorySample> memory_;
  std::int64_t memory_thousandths_ = 0;
  policy::Mark memory_high_;
  policy::Shedding memory_shedding_;
  std::vector<Worker> workers_;
  policy::TrimPace trim_;
  std::array<std::uint64_t, 3> entered_{};  // by OverloadView::Level: how often since the start
  OverloadView::Level level_ = OverloadView::Level::Normal;
  net::MemberTimer<OverloadKeeper, &OverloadKeeper::on_look> timer_{*this};
};

}  // namespace sluice::control
