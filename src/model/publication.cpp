#include "sluice/model/publication.hpp"

#include <algorithm>

namespace sluice::model {

Publication::Publication(std::size_t workers) {
  slots_.reserve(workers);
  for (std::size_t i = 0; i < workers; ++i) slots_.push_back(std::make_unique<Slot>());
}

void Publication::prepare(Edition edition) {
  ENSURE(edition.snapshot != nullptr && edition.lists != nullptr, "an edition is whole");
  ENSURE(edition.snapshot->epoch > newest_, "epochs grow and are never reused");
  newest_ = edition.snapshot->epoch;
  for (auto& slot : slots_) {
    const std::lock_guard lock(slot->mutex);
    slot->prepared.push_back(edition);
  }
}

void Publication::withdraw(core::Epoch epoch) {
  ENSURE(epoch != active(), "an active snapshot can't be withdrawn");
  for (auto& slot : slots_) {
    const std::lock_guard lock(slot->mutex);
    std::erase_if(slot->prepared, [epoch](const Edition& e) { return e.snapshot->epoch == epoch; });
  }
}

void Publication::flip(core::Epoch epoch) {
  ENSURE(epoch > active(), "a flip goes forward");
  active_.store(epoch.raw, std::memory_order_release);
}

core::Epoch Publication::adopted(std::size_t worker) const {
  return {slots_[worker]->adopted.load(std::memory_order_acquire)};
}

Edition Publication::take(std::size_t worker, core::Epoch epoch) {
  // Editions are moved out under the lock and dropped after it: the last reference may die here
  // only in tests, as control keeps its own until every worker has adopted a newer one.
  std::vector<Edition> dropped;
  Slot& slot = *slots_[worker];
  const std::lock_guard lock(slot.mutex);
  const auto wanted =
      std::find_if(slot.prepared.begin(), slot.prepared.end(),
                   [epoch](const Edition& e) { return e.snapshot->epoch == epoch; });
  ENSURE(wanted != slot.prepared.end(), "an active epoch that was never prepared");
  Edition found = *wanted;
  dropped.assign(std::make_move_iterator(slot.prepared.begin()),
                 std::make_move_iterator(wanted + 1));
  slot.prepared.erase(slot.prepared.begin(), wanted + 1);
  return found;
}

void Publication::set_adopted(std::size_t worker, core::Epoch epoch) {
  slots_[worker]->adopted.store(epoch.raw, std::memory_order_release);
}

}  // namespace sluice::model
