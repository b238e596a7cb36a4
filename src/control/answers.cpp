#include "control/answers.hpp"

#include <algorithm>

#include "sluice/core/limits.hpp"

namespace sluice::control {

Answers::Answers(net::Loop& loop, const Publisher& publisher, Drainer& drainer,
                 std::function<bool()> is_durable)
    : loop_(loop), publisher_(publisher), drainer_(drainer), is_durable_(std::move(is_durable)) {}

void Answers::add(Pending pending) {
  pending.deadline = loop_.now() + core::limits::kAdoptionWait;
  pending.open_drains = pending.drains.size();
  pending_.push_back(std::move(pending));
  loop_.defer(look_);
  if (!tick_.is_armed()) loop_.timers().arm(tick_, loop_.now() + core::limits::kTimerTick);
}

void Answers::on_adopted() {
  look();
}

void Answers::on_tick() {
  look();
  const bool has_unadopted =
      std::ranges::any_of(pending_, [](const Pending& pending) { return !pending.is_adopted; });
  if (has_unadopted) loop_.timers().arm(tick_, loop_.now() + core::limits::kTimerTick);
}

void Answers::look() {
  bool has_news = false;
  for (Pending& pending : pending_) {
    if (pending.is_adopted) continue;
    note_adoption(pending);
    has_news |= pending.is_adopted;
  }
  if (!has_news) return;
  // Often nobody is left at once; the drainer reports that at the end of the turn, so the answers
  // go out behind it.
  drainer_.look();
  loop_.defer(answer_);
}

void Answers::note_adoption(Pending& pending) {
  if (!publisher_.is_adopted(pending.epoch) && loop_.now() < pending.deadline) return;
  pending.is_adopted = true;
  pending.answer.workers = publisher_.adoption(pending.epoch);
  pending.answer.took.adopted = loop_.clock().now() - pending.flipped;
}

void Answers::on_drain_ended(DrainId id, const DrainReport& report) {
  for (Pending& pending : pending_) {
    for (const auto& [drain, position] : pending.drains) {
      if (drain != id) continue;
      pending.answer.services[position].drain = report;
      --pending.open_drains;
      for (const std::size_t worker : drainer_.silent_workers(id)) {
        auto& missing = pending.answer.workers.missing;
        if (std::ranges::find(missing, worker) == missing.end()) missing.push_back(worker);
      }
    }
  }
  answer_complete();
}

bool Answers::is_complete(const Pending& pending) {
  const bool waits = pending.when == AnswerWhen::Drained && pending.open_drains > 0;
  return pending.is_adopted && !waits;
}

void Answers::answer_complete() {
  std::list<Pending> complete;
  for (auto it = pending_.begin(); it != pending_.end();) {
    const auto next = std::next(it);
    if (is_complete(*it)) complete.splice(complete.end(), pending_, it);
    it = next;
  }
  for (Pending& pending : complete) {
    pending.answer.is_durable = pending.answer.is_durable || is_durable_();
    pending.reply(pending.answer);
  }
}

}  // namespace sluice::control
