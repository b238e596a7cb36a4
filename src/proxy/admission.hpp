#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/local_reply.hpp"
#include "sluice/core/clock.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/http/forward.hpp"
#include "sluice/model/rate_limits.hpp"

namespace sluice::proxy {

/// What a request or a tunnel holds of limits on those in flight, until it ends. Worker thread
/// only.
class LimitTickets {
 public:
  LimitTickets() = default;
  LimitTickets(const LimitTickets&) = delete;
  LimitTickets& operator=(const LimitTickets&) = delete;
  ~LimitTickets() { give_back(); }

  void add(policy::InFlightTable::Ticket ticket) { tickets_[count_++] = ticket; }
  /// They may outlive the snapshot that they were taken under.
  void keep(std::shared_ptr<const model::RateLimits> limits) {
    if (keeps_ == nullptr) keeps_ = std::move(limits);
  }
  void take_over(LimitTickets& from) {
    tickets_ = from.tickets_;
    count_ = std::exchange(from.count_, std::uint8_t{0});
    keeps_ = std::move(from.keeps_);
  }
  void give_back() {
    while (count_ > 0) policy::InFlightTable::give_back(tickets_[--count_]);
    keeps_.reset();
  }

 private:
  std::uint8_t count_ = 0;
  std::array<policy::InFlightTable::Ticket, core::limits::kInFlightLimitsMax> tickets_;
  std::shared_ptr<const model::RateLimits> keeps_;
};

/// What the limits of a service said to one request (behaviour.md §2), and what the request has of
/// them. One for each exchange. Allocates nothing, takes no lock, and does nothing for a service
/// without limits. Worker thread only; the tables behind it are shared by all workers.
class Admission {
 public:
  /// Asks all limits that are about the request. All of them admit it, and are charged; or it is
  /// refused, and none is. Called once; `limits` must live until end(), or until stay_with() is
  /// told.
  bool ask(const model::RateLimits& limits, model::LimitedRequest& request, std::size_t worker,
           const core::Clock& clock);

  /// The exchange goes on under a snapshot that may have other limits.
  void stay_with(const std::shared_ptr<const model::RateLimits>& limits) {
    if (limits_ != nullptr) tickets_.keep(limits);
  }
  /// For the tunnel that goes on when the exchange has ended.
  LimitTickets& tickets_for_tunnel(const std::shared_ptr<const model::RateLimits>& limits) {
    stay_with(limits);
    return tickets_;
  }
  /// The request has ended.
  void end() {
    if (limits_ == nullptr) return;
    tickets_.give_back();
    limits_ = nullptr;
    limited_by_ = nullptr;
  }

  /// Why it was refused, for people.
  std::string_view detail() const;
  /// Of the refusal: when to come again, and what was violated. The views are valid until the next
  /// call of this or announce() on this thread.
  void tell(LocalReply& reply) const;
  /// The fields of an answer of an endpoint; as tell(). Redirects carry none: they would have a
  /// client wait before it goes on (draft-ietf-httpapi-ratelimit-headers).
  void announce(http::ResponseForwarding& with, std::uint16_t status) const {
    if (applied_ != 0 && status / 100 != 3) announce_in(with);
  }
  /// For the access log; data() is nullptr: no limit has.
  std::string_view limited_by() const {
    return limited_by_ == nullptr ? std::string_view() : limited_by_->log_name;
  }

 private:
  struct Asked;
  class Round;
  enum class Bound : std::uint8_t { Rate, InFlight };

  void announce_in(http::ResponseForwarding& with) const;
  std::string_view policies() const {
    if (applied_ == limits_->announced) return limits_->policies[is_candidate_ ? 1 : 0];
    return some_policies();
  }
  std::string_view some_policies() const;
  const policy::RatePolicy& policy_of(const model::RateLimit& limit) const {
    return *limit.rule.allowance(is_candidate_).rate;
  }
  core::Nanos wait() const;

  const model::RateLimits* limits_ = nullptr;     // nullptr: not asked
  const model::RateLimit* limited_by_ = nullptr;  // refused it, or would have in shadow mode
  const model::RateLimit* tightest_ = nullptr;    // of those that are announced
  std::uint64_t debt_ = 0;     // under the tightest; of a refusal: under limited_by_
  std::uint16_t applied_ = 0;  // bit by position: announced ones that were asked
  bool is_candidate_ = false;
  Bound bound_ = Bound::Rate;  // what refused it
  LimitTickets tickets_;
};
static_assert(core::limits::kRateLimitsPerServiceMax <= 16, "Admission keeps one bit per limit");

}  // namespace sluice::proxy
