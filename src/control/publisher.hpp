#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "control/change.hpp"
#include "net/loop.hpp"
#include "sluice/model/publication.hpp"
#include "sluice/model/worker_port.hpp"

namespace sluice::control {

/// Numbers snapshots, makes them live, and knows which workers route by them (architecture.md §5).
/// Keeps every edition until all workers have adopted a newer one, so that snapshots and lists die
/// on the control thread. Control thread only.
class Publisher {
 public:
  /// `on_adopted` runs on the loop whenever a worker has adopted a newer epoch.
  Publisher(net::Loop& loop, model::Publication& publication,
            std::span<model::WorkerPort* const> workers, std::function<void()> on_adopted);

  /// For the snapshot that prepare() gets. Never reused, also when it is withdrawn.
  core::Epoch next_epoch() { return {++newest_}; }
  void prepare(model::Edition edition);
  void withdraw(core::Epoch epoch);
  /// One store; the workers are woken so that they adopt also without traffic.
  void flip(core::Epoch epoch);

  core::Epoch active() const { return publication_.active(); }
  bool is_adopted(core::Epoch epoch) const;
  Adoption adoption(core::Epoch epoch) const;

 private:
  void ask(std::size_t worker);
  void on_answer(std::size_t worker);
  void on_poll();
  void look();

  net::Loop& loop_;
  model::Publication& publication_;
  std::span<model::WorkerPort* const> workers_;
  std::function<void()> on_adopted_;
  std::uint64_t newest_ = 0;
  std::deque<model::Edition> kept_;  // epochs grow
  struct Asked {
    bool is_waiting = false;  // one question at a time
    unsigned questions_left = 0;
    core::Epoch adopted;  // when last looked
  };
  std::vector<Asked> asked_;  // by worker
  net::MemberTimer<Publisher, &Publisher::on_poll> poll_{*this};
};

}  // namespace sluice::control
