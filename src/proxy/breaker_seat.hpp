#pragma once
#include <cstdint>
#include <optional>
#include <utility>

#include "sluice/core/ensure.hpp"
#include "sluice/model/circuit_breaker.hpp"

namespace sluice::proxy {

/// What a request has of one circuit breaker: it was admitted, and owes an outcome. Worker thread
/// only; the cell behind it is shared by all workers, and outlives this.
class BreakerSeat {
 public:
  BreakerSeat() = default;
  BreakerSeat(const BreakerSeat&) = delete;
  BreakerSeat& operator=(const BreakerSeat&) = delete;
  ~BreakerSeat() { DEBUG_ENSURE(!is_taken(), "a request that a breaker admitted has an outcome"); }

  bool is_taken() const { return cell_ != nullptr; }
  bool is_probe() const { return is_taken() && is_probe_; }
  /// Who the outcome is about, for who tells of it.
  const model::RouteBreaker* route() const { return route_; }
  const model::BreakerRule& rule() const { return *rule_; }

  /// Asks the breaker: it is taken when that admits the request. `route`: whose breaker it is, or
  /// nullptr.
  policy::BreakerEntry take(policy::BreakerCell& cell, const model::BreakerRule& rule,
                            const model::RouteBreaker* route, core::Instant now) {
    policy::BreakerEntry entry = policy::enter(cell, now, rule.policy);
    if (entry.admission.admit) {
      sit(cell, rule, route, entry.admission.ticket);
      is_probe_ = entry.admission.is_probe;
    } else {
      route_ = route;
    }
    return entry;
  }
  /// As take() of a closed one, at a fraction of its cost. False: it is not closed, nothing was
  /// asked.
  bool take_closed(policy::BreakerCell& cell, const model::BreakerRule& rule,
                   const model::RouteBreaker* route) {
    const auto ticket = policy::ticket_if_closed(cell.word.load(std::memory_order_relaxed));
    if (!ticket) return false;
    sit(cell, rule, route, *ticket);
    is_probe_ = false;
    return true;
  }
  /// Nothing when it is not taken.
  std::optional<policy::BreakerTurn> leave(policy::Outcome outcome, core::Instant now) {
    if (!is_taken()) return std::nullopt;
    return policy::leave(*std::exchange(cell_, nullptr), ticket_, outcome, now, rule_->policy);
  }

 private:
  void sit(policy::BreakerCell& cell, const model::BreakerRule& rule,
           const model::RouteBreaker* route, policy::BreakerTicket ticket) {
    DEBUG_ENSURE(!is_taken(), "one breaker at a time");
    cell_ = &cell;
    rule_ = &rule;
    route_ = route;
    ticket_ = ticket;
  }

  policy::BreakerCell* cell_ = nullptr;
  const model::BreakerRule* rule_ = nullptr;
  const model::RouteBreaker* route_ = nullptr;
  policy::BreakerTicket ticket_;
  bool is_probe_ = false;  // of a breaker that was not closed
};

}  // namespace sluice::proxy
