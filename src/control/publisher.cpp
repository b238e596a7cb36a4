#include "control/publisher.hpp"

#include <algorithm>

namespace sluice::control {

namespace {
/// A worker adopts in the turn that it was woken for, so the second answer comes after it; the rest
/// is for the poll.
constexpr unsigned kQuestionsPerFlip = 4;
}  // namespace

Publisher::Publisher(net::Loop& loop, model::Publication& publication,
                     std::span<model::WorkerPort* const> workers, std::function<void()> on_adopted)
    : loop_(loop),
      publication_(publication),
      workers_(workers),
      on_adopted_(std::move(on_adopted)),
      asked_(workers.size()) {
  ENSURE(workers.size() == publication.workers(), "one port per worker");
}

void Publisher::prepare(model::Edition edition) {
  publication_.prepare(edition);
  kept_.push_back(std::move(edition));
}

void Publisher::withdraw(core::Epoch epoch) {
  publication_.withdraw(epoch);
  std::erase_if(kept_,
                [epoch](const model::Edition& kept) { return kept.snapshot->epoch == epoch; });
}

void Publisher::flip(core::Epoch epoch) {
  publication_.flip(epoch);
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    workers_[worker]->wake();
    asked_[worker].questions_left = kQuestionsPerFlip;
    ask(worker);
  }
  loop_.timers().arm(poll_, loop_.now() + core::limits::kTimerTick);
}

// A worker adopts while it turns and tells nobody. Its answer to a question, posted after the wake,
// is the earliest moment at which control can know: polling on the wheel's 50 ms ticks would alone
// exceed the 10 ms that a switch may take (G2).
void Publisher::ask(std::size_t worker) {
  if (asked_[worker].is_waiting || asked_[worker].questions_left == 0) return;
  asked_[worker].is_waiting = true;
  --asked_[worker].questions_left;
  const model::LeaseQuery nobody{.pool = core::PoolId{0}, .below = core::Epoch{0}};
  workers_[worker]->count_leases(nobody, [this, worker](model::LeaseReport) { on_answer(worker); });
}

void Publisher::on_answer(std::size_t worker) {
  asked_[worker].is_waiting = false;
  look();
  if (publication_.adopted(worker) < active()) ask(worker);  // it was asked before the newest flip
}

void Publisher::on_poll() {
  look();
  if (!is_adopted(active())) loop_.timers().arm(poll_, loop_.now() + core::limits::kTimerTick);
}

void Publisher::look() {
  bool has_news = false;
  core::Epoch oldest = active();
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    const core::Epoch adopted = publication_.adopted(worker);
    has_news |= adopted != asked_[worker].adopted;
    asked_[worker].adopted = adopted;
    oldest = std::min(oldest, adopted);
  }
  if (!has_news) return;
  std::erase_if(kept_,
                [oldest](const model::Edition& kept) { return kept.snapshot->epoch < oldest; });
  on_adopted_();
}

bool Publisher::is_adopted(core::Epoch epoch) const {
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    if (publication_.adopted(worker) < epoch) return false;
  }
  return true;
}

Adoption Publisher::adoption(core::Epoch epoch) const {
  Adoption report{.total = static_cast<std::uint32_t>(workers_.size()), .missing = {}};
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    if (publication_.adopted(worker) < epoch) report.missing.push_back(worker);
  }
  return report;
}

}  // namespace sluice::control
