#pragma once
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "sluice/core/ids.hpp"
#include "sluice/model/snapshot.hpp"

namespace sluice::model {

/// How a snapshot becomes live on every worker with one store (architecture.md §5,
/// docs/internals/life-of-a-switch.md).
///
///   control:  prepare(S) puts S into every mailbox → state is persisted → flip(E) stores
///   active_epoch worker:   e = active(); if e is not mine: take(worker, e), then
///   set_adopted(worker, e)
///
/// Once any worker has seen E, every later load on any worker sees E or newer: one word, release
/// and acquire, and a request loads it when its head is complete. Mailboxes are locked only on a
/// change. All calls are thread-safe as their notes say.
class Publication {
 public:
  explicit Publication(std::size_t workers);

  std::size_t workers() const { return slots_.size(); }

  // ---- control thread ----
  /// Epochs grow and are never reused. Requires: neither part is nullptr, and the snapshot's epoch
  /// is above every epoch given before.
  void prepare(Edition edition);
  /// Takes back a prepared snapshot that will not be flipped (its state could not be persisted).
  void withdraw(core::Epoch epoch);
  /// The switch: one store. Requires: prepared and not withdrawn.
  void flip(core::Epoch epoch);
  /// What `worker` routes by at least. Acquire: lease counts read afterwards include every lease
  /// taken below this epoch.
  core::Epoch adopted(std::size_t worker) const;

  // ---- any thread ----
  core::Epoch active() const { return {active_.load(std::memory_order_acquire)}; }

  // ---- the worker with that number ----
  /// Exactly the edition of `epoch`; older ones in the mailbox are dropped. Its absence is a broken
  /// invariant.
  Edition take(std::size_t worker, core::Epoch epoch);
  /// From now on the worker uses nothing of an older edition but the snapshots that requests hold:
  /// control may drop the last reference to older lists, and they die on its thread.
  void set_adopted(std::size_t worker, core::Epoch epoch);

 private:
  struct alignas(64) Slot {
    std::atomic<std::uint64_t> adopted{0};  // written by the worker
    std::mutex mutex;
    std::vector<Edition> prepared;  // guarded by mutex, epochs grow
  };
  alignas(64) std::atomic<std::uint64_t> active_{0};  // written by control
  std::vector<std::unique_ptr<Slot>> slots_;          // constant after construction
  core::Epoch newest_;                                // control only
};

}  // namespace sluice::model
