#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/breaker_seat.hpp"
#include "proxy/context.hpp"
#include "proxy/place.hpp"
#include "sluice/model/snapshot.hpp"

namespace sluice::proxy {

/// What the ceilings, the adaptive limit and the circuit breakers of a service say to one request,
/// and what the request has of them until it gives it back (behaviour.md §2). One for each
/// exchange. Allocates nothing but for the news of a breaker that changes. Worker thread only; the
/// cells behind it are shared by all workers, and the snapshot that they were entered under must be
/// held until they are left.
class Guard {
 public:
  Guard(const Context& context, const http::RequestHead& head) : context_(context), head_(head) {}

  /// One pool of a service, as the snapshot has it that decides now.
  struct Scope {
    const model::ServiceSettings* settings;
    core::PoolName pool;

    const model::Pool& its_pool() const { return settings->pool(pool); }
  };
  /// How the attempt that runs stands, or the last one did.
  struct Attempt {
    bool has_failed;
    core::Instant awaited_since;  // since when it was the endpoint's turn; never: it is not
  };
  enum class Heard : std::uint8_t { Nothing, Failure, Answer };

  // ---- the pool ----
  /// Whether it takes one more: nullopt, and what it takes is given back by leave_pool(). Else
  /// nothing is taken, and this is why.
  std::optional<metrics::Refusal> enter_pool(const Scope& scope);
  bool has_entered_pool() const {
    return pool_seat_.is_taken() || request_.is_taken() || adaptive_ != nullptr;
  }
  /// Once for each pool that was entered; `heard` is what the request has to say of it.
  void leave_pool(const Attempt& attempt, Heard heard);
  /// Whether another pool would take it now: none is asked for what it would only turn away, as
  /// long as there is an answer that can be passed on instead. A look may be what moves its breaker
  /// on.
  bool takes_more(const Scope& scope, policy::Standing standing) const;
  /// Where the users of a candidate go that has no room, or whose breaker is open.
  model::BreakerFallback fallback(const model::ServiceSettings& settings) const;

  // ---- the endpoint of an attempt ----
  /// Whether it takes one more, which is then counted as in flight. That count goes on for whoever
  /// asked; the rest is given back by leave_endpoint(). `is_retry`: of the pool that it is in.
  bool enter_endpoint(const Scope& scope, const model::Endpoint& endpoint, bool is_retry);
  /// It counts under max_retries of its endpoint.
  bool is_retry() const { return repeat_.is_taken(); }
  bool has_entered_endpoint() const { return endpoint_seat_.is_taken() || repeat_.is_taken(); }
  void leave_endpoint(const Attempt& attempt, const model::Endpoint& endpoint);
  /// As takes_more(), of an endpoint that could be used otherwise.
  bool has_room(const Scope& scope, const model::Endpoint& endpoint, bool is_retry) const;
  /// A ceiling of 0: none.
  static bool is_below(const std::atomic<std::uint32_t>& counted, std::uint32_t ceiling) {
    return ceiling == 0 || counted.load(std::memory_order_relaxed) < ceiling;
  }
  static bool is_below_ceilings(const model::ServiceSettings& settings,
                                const model::Endpoint& endpoint, bool is_retry);
  static bool is_below_retries(const model::ServiceSettings& settings,
                               const model::Endpoint& endpoint);
  /// From now on the breakers of endpoints are not asked: they would leave none. False: they are
  /// not asked already.
  bool ignore_endpoint_breakers() { return !std::exchange(ignores_endpoints_, true); }
  void heed_endpoint_breakers() { ignores_endpoints_ = false; }

  // ---- what came of it ----
  bool holds_probe() const { return pool_seat_.is_probe() || endpoint_seat_.is_probe(); }
  /// It says nothing of the pool after all, and others may try it instead.
  void give_up_probes(const model::Endpoint* endpoint);
  bool awaits_answer() const { return pool_seat_.is_taken() || endpoint_seat_.is_taken(); }
  /// By the head of the answer, and not at its end: a body may go on for hours, and a probe that is
  /// not heard of has failed.
  void hear_answer(const Attempt& attempt, const model::Endpoint* endpoint);
  /// The adaptive limit learns from it.
  bool samples_latency() const { return adaptive_ != nullptr; }
  void sample_latency(core::Nanos latency);

  /// For the log: `open`, `probe`; nothing: it met no breaker that was not closed.
  std::string_view word() const {
    if (was_turned_away_) return "open";
    return was_probe_ ? std::string_view("probe") : std::string_view();
  }
  /// Of the breaker that has turned it away.
  core::Millis retry_after() const { return retry_after_; }

 private:
  const model::RouteBreaker* route(const model::ServiceSettings& settings) const {
    return settings.breakers.routes.empty() ? nullptr : find_route(settings);
  }
  const model::RouteBreaker* find_route(const model::ServiceSettings& settings) const;
  bool enter_adaptive(policy::AdaptiveCell& cell);
  void leave_adaptive();
  std::optional<metrics::Refusal> enter_opened(policy::BreakerCell& breaker,
                                               const model::BreakerRule& rule,
                                               const model::RouteBreaker* route);
  void leave(BreakerSeat& seat, policy::Outcome outcome, const model::Endpoint* endpoint);
  policy::Outcome outcome(const model::BreakerRule& rule, const Attempt& attempt,
                          Heard heard) const;
  /// Whose breaker: that of the pool, unless one of the others is given.
  struct Whose {
    const model::Endpoint* endpoint;
    const model::RouteBreaker* route;
  };
  void tell(const Scope& scope, const Whose& whose, const policy::BreakerTurn& turn) const;

  const Context& context_;
  const http::RequestHead& head_;
  Scope scope_{};                             // that it has entered last
  BreakerSeat pool_seat_;                     // of the pool, or of the route in it
  BreakerSeat endpoint_seat_;                 // of the attempt that runs
  Place request_;                             // under max_requests of the pool
  Place repeat_;                              // under max_retries of the endpoint
  policy::AdaptiveCell* adaptive_ = nullptr;  // where it counts under an adaptive limit
  core::Millis retry_after_{};
  bool was_turned_away_ = false;  // by a breaker, at least once
  bool was_probe_ = false;        // of a breaker that was not closed
  bool ignores_endpoints_ = false;
};

}  // namespace sluice::proxy
