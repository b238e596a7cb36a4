#pragma once
#include <functional>
#include <list>
#include <utility>
#include <vector>

#include "control/change.hpp"
#include "control/drainer.hpp"
#include "control/publisher.hpp"
#include "net/loop.hpp"

namespace sluice::control {

/// Flipped changes whose callers wait: for the adoption by all workers (at most kAdoptionWait),
/// then, when they asked so, for their drains. The queue of changes does not wait with them.
/// Control thread only.
class Answers {
 public:
  /// One flipped change. `answer` is complete but for the adoption and the drains.
  struct Pending {
    core::Epoch epoch;
    core::Instant flipped{};   // read afresh
    core::Instant deadline{};  // of the adoption
    AnswerWhen when = AnswerWhen::Adopted;
    ChangeAnswer answer;
    std::vector<std::pair<DrainId, std::size_t>> drains;  // and the position in answer.services
    ChangeReply reply;
    bool is_adopted = false;  // or given up
    std::size_t open_drains = 0;
  };

  Answers(net::Loop& loop, const Publisher& publisher, Drainer& drainer,
          std::function<bool()> is_durable);

  void add(Pending pending);
  /// Some worker has adopted: answers what is complete.
  void on_adopted();
  void on_drain_ended(DrainId id, const DrainReport& report);
  std::size_t size() const { return pending_.size(); }

 private:
  void on_tick();
  void look();
  void note_adoption(Pending& pending);
  static bool is_complete(const Pending& pending);
  void answer_complete();

  net::Loop& loop_;
  const Publisher& publisher_;
  Drainer& drainer_;
  std::function<bool()> is_durable_;
  std::list<Pending> pending_;
  net::MemberTimer<Answers, &Answers::on_tick> tick_{*this};
  net::MemberDeferred<Answers, &Answers::look> look_{*this};
  net::MemberDeferred<Answers, &Answers::answer_complete> answer_{*this};
};

}  // namespace sluice::control
