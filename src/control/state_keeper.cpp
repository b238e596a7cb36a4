#include "control/state_keeper.hpp"

#include <algorithm>

#include "control/state_file.hpp"

namespace sluice::control {

namespace limits = core::limits;

StateKeeper::StateKeeper(net::Loop& loop, StateWriter& writer, StateImage in_force, OnDisk on_disk)
    : loop_(loop),
      writer_(writer),
      in_force_{std::move(in_force), newest_},
      retry_after_(limits::kPersistRetryFirst) {
  if (on_disk == OnDisk::Yes) on_disk_ = in_force_.tag;
  pump();
}

void StateKeeper::write_change(StateImage next, Done done) {
  ENSURE(!change_, "changes come one at a time");
  change_ = Change{{std::move(next), ++newest_}, std::move(done), false};
  pump();
}

void StateKeeper::commit() {
  ENSURE(change_, "only a change under way can be committed");
  in_force_ = std::move(change_->next);
  change_.reset();
  audit_waiting_.push_back(in_force_.image.record);
  send_audit();
  pump();
}

StateKeeper::Refused StateKeeper::give_up() {
  ENSURE(change_, "only a change under way can be given up");
  const Tag tag = change_->next.tag;
  change_.reset();
  pump();
  return at_store_ == tag || !on_disk_ ? Refused::MayLand : Refused::NeverWritten;
}

bool StateKeeper::is_durable() const {
  const bool only_ours =
      !at_store_ || *at_store_ == in_force_.tag || (change_ && change_->next.tag == *at_store_);
  return is_in_step() && only_ours;
}

// A change goes first, also while a retry waits: when it lands it replaces what the retry would
// have written.
void StateKeeper::pump() {
  if (at_store_) return;
  if (change_ && !change_->is_handed_over) {
    change_->is_handed_over = true;
    hand_over(change_->next);
  } else if (!is_in_step() && !change_ && !retry_.is_armed()) {
    hand_over(in_force_);
  }
}

void StateKeeper::hand_over(const Version& version) {
  // Only what was in force and is replaced by something newer deserves to be the previous state.
  const OldState old =
      is_in_step() && version.tag != in_force_.tag ? OldState::KeepAsPrevious : OldState::Drop;
  at_store_ = version.tag;
  const auto done = [this, tag = version.tag](const WriteResult& result) {
    on_written(tag, result);
  };
  auto bytes = encode_state(version.image);
  if (bytes) {
    writer_.write(std::move(*bytes), old, done);
  } else {
    loop_.mailbox().post(
        [done, error = bytes.error()] { done({.landing = Landing::NotWritten, .error = error}); });
  }
}

void StateKeeper::on_written(Tag tag, const WriteResult& result) {
  at_store_.reset();
  note_landing(tag, result);
  if (change_ && change_->next.tag == tag) {
    const Done done = std::move(change_->done);
    done(result.error);  // commits or gives up
    ENSURE(!change_ || change_->next.tag != tag, "a written change is committed or given up");
  }
  send_audit();
  pump();
}

void StateKeeper::note_landing(Tag tag, const WriteResult& result) {
  switch (result.landing) {
    case Landing::Landed:
      on_disk_ = tag;
      retry_after_ = limits::kPersistRetryFirst;
      retry_.unlink();
      return;
    case Landing::Uncertain:
      on_disk_.reset();
      break;
    case Landing::NotWritten:
      break;
  }
  loop_.timers().arm(retry_, loop_.now() + retry_after_);
  retry_after_ = std::min<core::Nanos>(retry_after_ * 2, limits::kPersistRetryMax);
}

void StateKeeper::send_audit() {
  if (!is_in_step()) return;
  for (ChangeRecord& record : audit_waiting_) writer_.append_audit(std::move(record));
  audit_waiting_.clear();
}

}  // namespace sluice::control
