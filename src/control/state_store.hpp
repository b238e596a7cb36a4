#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/state_directory.hpp"
#include "net/mailbox.hpp"
#include "sluice/core/clock.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/core/loose_thread.hpp"

namespace sluice::control {

/// Where the control thread hands its synced writes to. The order of the calls is the order on the
/// disk.
class StateWriter {
 public:
  using Done = std::function<void(WriteResult)>;

  /// `done` runs on the control loop, later, exactly once; never while the disk hangs, nor after
  /// the end.
  virtual void write(std::string bytes, OldState old, Done done) = 0;
  /// A line that can't be written now is kept and tried again.
  virtual void append_audit(ChangeRecord record) = 0;
  /// The newest lines of the audit, read behind what was handed over before. `done` as with
  /// write().
  using AuditDone = std::function<void(core::Result<AuditTail>)>;
  virtual void read_audit(std::size_t lines, AuditDone done) = 0;
  /// Lines that the disk did not take when they were last tried.
  virtual std::size_t audit_waiting() const = 0;

 protected:
  ~StateWriter() = default;
};

/// The one thread that syncs a disk (architecture.md §5): the control loop never waits for one.
/// Control thread only, apart from its own thread. The control loop must outlive it.
class StateStore final : public StateWriter {
 public:
  /// `directory` is opened (open_state) and used by the store's thread alone from now on.
  /// `audit_pending`: lines that the start could not write.
  StateStore(std::shared_ptr<StateDirectory> directory, net::Mailbox& control,
             std::vector<ChangeRecord> audit_pending,
             core::Millis audit_retry = core::limits::kPersistRetryMax);
  ~StateStore();
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;

  void write(std::string bytes, OldState old, Done done) override;
  void append_audit(ChangeRecord record) override;
  void read_audit(std::size_t lines, AuditDone done) override;
  std::size_t audit_waiting() const override;

  enum class Stopped : std::uint8_t { Finished, DiskHangs };
  /// Finishes what was handed over and ends the thread, but waits for a hung disk no longer than
  /// `patience`; its thread is then left to the end of the process. Idempotent. No `done` runs
  /// afterwards.
  Stopped stop(core::Millis patience);

 private:
  struct Shared;
  static void run(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;  // outlives this object when the disk hangs
  core::LooseThread thread_;
};

}  // namespace sluice::control
