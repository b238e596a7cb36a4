#include "proxy/snapshot_slot.hpp"

namespace sluice::proxy {

SnapshotSlot::SnapshotSlot(model::Publication& publication, std::size_t worker, GiveBack give_back)
    : publication_(publication),
      worker_(worker),
      give_back_(std::move(give_back)),
      current_(slab_.make()) {
  const core::Epoch active = publication_.active();
  use(publication_.take(worker_, active));
  publication_.set_adopted(worker_, active);
}

SnapshotSlot::~SnapshotSlot() {
  while (HeldSnapshot* held = old_.pop_front()) slab_.destroy(held);
  slab_.destroy(current_);
}

void SnapshotSlot::adopt(core::Epoch epoch) {
  HeldSnapshot* previous = std::exchange(current_, slab_.make());
  use(publication_.take(worker_, epoch));
  if (previous->holds == 0) {
    drop(*previous);
  } else {
    old_.push_back(*previous);
  }
  // After this store the drainer may read our lease counts: every lease below this epoch was
  // written before it.
  publication_.set_adopted(worker_, epoch);
}

/// The lists before are let go before set_adopted(): until then control keeps them, so this frees
/// nothing that is large.
void SnapshotSlot::use(model::Edition edition) {
  current_->snapshot = std::move(edition.snapshot);
  lists_ = std::move(edition.lists);
}

void SnapshotSlot::drop(HeldSnapshot& held) {
  held.unlink();
  give_back_(std::move(held.snapshot));
  slab_.destroy(&held);
}

std::size_t SnapshotSlot::holds() const {
  std::size_t sum = current_->holds;
  const_cast<core::IntrusiveList<HeldSnapshot, HeldTag>&>(old_).for_each(
      [&sum](const HeldSnapshot& held) { sum += held.holds; });
  return sum;
}

}  // namespace sluice::proxy
