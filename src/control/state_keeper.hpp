#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "control/state_store.hpp"
#include "net/loop.hpp"

namespace sluice::control {

/// Keeps the disk in step with the traffic state in force (behaviour.md §1 "Durability"). At most
/// one write is at the store.
///
///   write_change ──landed──► done: commit()                            the disk is ahead of the
///   flip, never behind
///        │──────not in time► give_up(): a write that lands late is followed at once by one of the
///        state in force └──────(rollback)─► commit() all the same: not durable; written again
///        until it has landed
///
/// Audit lines of committed changes go out once the state that they led to, or a newer one, has
/// landed. Control thread only.
class StateKeeper {
 public:
  enum class OnDisk : std::uint8_t { Yes, No };
  using Done = std::function<void(std::optional<core::Error>)>;

  StateKeeper(net::Loop& loop, StateWriter& writer, StateImage in_force, OnDisk on_disk);

  /// Requires: no other change is under way. `done` comes later, on the loop, unless the change
  /// ended before; it calls commit() or give_up().
  void write_change(StateImage next, Done done);
  /// The change has been flipped: its state is the one in force.
  void commit();
  enum class Refused : std::uint8_t { NeverWritten, MayLand };
  /// The change is refused. MayLand: it is in flight until a write of the state in force has
  /// landed.
  Refused give_up();

  const StateImage& in_force() const { return in_force_.image; }
  /// A restart finds the state in force, and nothing else can land.
  bool is_durable() const;

 private:
  using Tag = std::uint64_t;
  struct Version {
    StateImage image;
    Tag tag = 0;
  };
  struct Change {
    Version next;
    Done done;
    bool is_handed_over = false;
  };

  void pump();
  void hand_over(const Version& version);
  void on_written(Tag tag, const WriteResult& result);
  void note_landing(Tag tag, const WriteResult& result);
  void send_audit();
  bool is_in_step() const { return on_disk_ == in_force_.tag; }

  net::Loop& loop_;
  StateWriter& writer_;
  Tag newest_ = 1;  // before in_force_, which begins with it
  Version in_force_;
  std::optional<Tag> on_disk_;  // what a restart is known to find; nullopt: one of several
  std::optional<Change> change_;
  std::optional<Tag> at_store_;
  std::vector<ChangeRecord> audit_waiting_;
  core::Nanos retry_after_;
  net::MemberTimer<StateKeeper, &StateKeeper::pump> retry_{*this};
};

}  // namespace sluice::control
