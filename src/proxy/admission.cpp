#include "proxy/admission.hpp"

#include <algorithm>

#include "sluice/core/ensure.hpp"

namespace sluice::proxy {

namespace {

using model::LimitMode;
using model::RateLimit;
using policy::InFlightTable;
using policy::RateTable;

std::uint64_t seconds_of(core::Nanos time) {
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(time).count());
}

/// `"login#in-flight"` of `"login"`, where both a rate and requests in flight are bounded.
void put_in_flight_name(http::HeadWriter& out, std::string_view name, bool has_rate) {
  name.remove_suffix(1);
  out.put(name, has_rate ? "#in-flight\"" : "\"");
}

/// Room for two field values; the head that they go into is written before the next one.
struct FieldRoom {
  std::array<char, 256> rate_limit;
  std::array<char, 4096> policy;
};
static_assert(core::limits::kRateLimitsPerServiceMax * 240 <= sizeof(FieldRoom::policy));
thread_local FieldRoom field_room;

}  // namespace

/// One limit that is about the request. Set whole before it is read: 16 of them are not worth to be
/// cleared for each request.
struct Admission::Asked {
  const RateLimit* limit;
  const model::Allowance* allowance;
  model::LimitTables* tables;
  model::LimitCounters* counters;
  std::uint64_t hash;
  std::uint64_t now;  // ticks
  RateTable::Look look;
  bool is_over;  // shadow mode: it would have been refused

  bool is_shadow() const { return limit->rule.mode == LimitMode::Shadow; }
};

/// The limits of one request on their way: first all are looked at, then all are charged. What has
/// been charged is taken back when a later one refuses, which happens only when another request of
/// the key came between the two.
class Admission::Round {
 public:
  Round(Admission& admission, std::size_t worker, const core::Clock& clock)
      : admission_(admission), worker_(worker), clock_(clock) {}

  void look_at(const RateLimit& limit, std::size_t position, model::LimitedRequest& request) {
    model::LimitCounters& counters = limit.cell->counters[worker_];
    if (!limit.is_for_all) {
      if (!request.is_matched(limit.rule)) return;
      if (request.is_exempt(limit.rule)) return counters.exempt.add();
    }
    const auto hash = request.key_hash(limit.rule, limit.cell->hash_key);
    if (!hash) return counters.keyless.add();
    Asked& asked = asked_[count_++];
    asked.limit = &limit;
    asked.allowance = &limit.rule.allowance(admission_.is_candidate_);
    asked.tables = &limit.cell->tables(admission_.is_candidate_);
    asked.counters = &counters;
    asked.hash = *hash;
    asked.is_over = false;
    admission_.applied_ = static_cast<std::uint16_t>(admission_.applied_ | 1U << position);
    if (asked.allowance->rate) look_at_rate(asked, *asked.allowance->rate);
  }

  bool is_refused() const { return refused_by_ != nullptr; }

  void charge_all() {
    for (std::size_t i = 0; i < count_ && !is_refused(); ++i) {
      Asked& asked = asked_[i];
      if (asked.is_over || charge(asked)) continue;
      if (asked.is_shadow()) {
        asked.is_over = true;
        continue;
      }
      take_back(i);
    }
  }

  void count() {
    if (is_refused()) {
      refused_by_->counters->refused.add();
      admission_.limited_by_ = refused_by_->limit;
      return;
    }
    for (std::size_t i = 0; i < count_; ++i) {
      const Asked& asked = asked_[i];
      (asked.is_over ? asked.counters->shadowed : asked.counters->admitted).add();
      if (asked.is_over && admission_.limited_by_ == nullptr) admission_.limited_by_ = asked.limit;
      if (asked.allowance->rate && !asked.is_over) note_tightness(asked, *asked.allowance->rate);
    }
  }

 private:
  void look_at_rate(Asked& asked, const policy::RatePolicy& policy) {
    // Fresh, and not that of the turn: time that a turn has taken is time in which more may come.
    if (now_ == core::Instant{}) now_ = clock_.now();
    asked.now = policy.tick_at(now_);
    asked.tables->rate->look(policy, asked.hash, asked.now, asked.look);
    if (asked.look.step.is_admitted) return;
    if (asked.is_shadow()) {
      asked.is_over = true;
      return;
    }
    const core::Nanos wait = asked.look.verdict(policy).until_more;
    if (is_refused() && wait <= longest_wait_) return;
    longest_wait_ = wait;
    refuse(asked, Bound::Rate);
  }

  void refuse(Asked& asked, Bound bound) {
    refused_by_ = &asked;
    admission_.bound_ = bound;
    admission_.debt_ = bound == Bound::Rate ? asked.look.step.debt : 0;
  }

  bool charge(Asked& asked) {
    InFlightTable::Ticket ticket;
    if (asked.allowance->in_flight_max != 0) {
      switch (asked.tables->in_flight->take(asked.hash, asked.allowance->in_flight_max, ticket)) {
        case InFlightTable::Outcome::Taken:
          break;
        case InFlightTable::Outcome::NoRoom:
          asked.counters->uncounted.add();
          break;
        case InFlightTable::Outcome::Refused:
          if (!asked.is_shadow()) refuse(asked, Bound::InFlight);
          return false;
      }
    }
    if (asked.allowance->rate) {
      const policy::RatePolicy& policy = *asked.allowance->rate;
      if (!asked.tables->rate->charge(policy, asked.hash, asked.now, asked.look)) {
        if (ticket.is_counted()) InFlightTable::give_back(ticket);
        if (!asked.is_shadow()) refuse(asked, Bound::Rate);
        return false;
      }
      if (asked.look.evicts) asked.counters->evicted.add();
    }
    if (ticket.is_counted()) admission_.tickets_.add(ticket);
    return true;
  }

  /// What those before `end` were charged.
  void take_back(std::size_t end) {
    for (std::size_t i = 0; i < end; ++i) {
      const Asked& asked = asked_[i];
      if (asked.allowance->rate && !asked.is_over)
        asked.tables->rate->refund(*asked.allowance->rate, asked.hash);
    }
    admission_.tickets_.give_back();
  }

  void note_tightness(const Asked& asked, const policy::RatePolicy& policy) {
    if (!asked.limit->rule.is_announced || asked.is_shadow()) return;
    const std::uint32_t left = policy.left(asked.look.step.debt);
    if (admission_.tightest_ != nullptr && left >= least_left_) return;
    least_left_ = left;
    admission_.tightest_ = asked.limit;
    admission_.debt_ = asked.look.step.debt;
  }

  Admission& admission_;
  const std::size_t worker_;
  const core::Clock& clock_;
  core::Instant now_{};  // not read yet
  const Asked* refused_by_ = nullptr;
  core::Nanos longest_wait_{};
  std::uint32_t least_left_ = 0;
  std::size_t count_ = 0;
  std::array<Asked, core::limits::kRateLimitsPerServiceMax> asked_;
};

bool Admission::ask(const model::RateLimits& limits, model::LimitedRequest& request,
                    std::size_t worker, const core::Clock& clock) {
  limits_ = &limits;
  is_candidate_ = request.is_candidate();
  Round round(*this, worker, clock);
  std::size_t position = 0;
  for (const RateLimit& limit : limits.list) round.look_at(limit, position++, request);
  applied_ = static_cast<std::uint16_t>(applied_ & limits.announced);
  if (!round.is_refused()) round.charge_all();
  round.count();
  return !round.is_refused();
}

std::string_view Admission::detail() const {
  return bound_ == Bound::Rate ? model::kRateUsedUp : model::kTooManyAtATime;
}

/// Nobody knows when a request of the same client ends: a second, as with other own answers.
core::Nanos Admission::wait() const {
  if (bound_ == Bound::InFlight) return std::chrono::seconds(1);
  return policy_of(*limited_by_).verdict(false, debt_).until_more;
}

void Admission::tell(LocalReply& reply) const {
  const RateLimit& limit = *limited_by_;
  reply.retry_after_s = static_cast<unsigned>(seconds_of(wait()));
  if (!limit.rule.is_announced) return;
  const bool has_rate = limit.rule.allowance(is_candidate_).rate.has_value();
  const std::string_view name = limit.names[is_candidate_ ? 1 : 0];
  http::HeadWriter item(field_room.rate_limit);
  if (bound_ == Bound::InFlight) {
    put_in_flight_name(item, name, has_rate);
    reply.violated = item.written();
    item.put(";r=0");
  } else {
    item.put(name, ";r=0;t=");
    item.put(seconds_of(wait()));
    reply.violated = name;
  }
  reply.rate_limit = item.written();
  reply.rate_limit_policy = policies();
}

void Admission::announce_in(http::ResponseForwarding& with) const {
  with.rate_limits.policies = policies();
  if (tightest_ == nullptr) return;
  const policy::RatePolicy& policy = policy_of(*tightest_);
  with.rate_limits.tightest = tightest_->names[is_candidate_ ? 1 : 0];
  with.rate_limits.left = policy.left(debt_);
  // The first nearly always, and it spares a division of 128 bits.
  with.rate_limits.until_more_s =
      policy.is_one_a_second_or_more() ? 1 : seconds_of(policy.verdict(true, debt_).until_more);
}

std::string_view Admission::some_policies() const {
  http::HeadWriter list(field_room.policy);
  model::put_policies(*limits_, applied_, is_candidate_,
                      [&list](std::string_view part) { list.put(part); });
  ENSURE(!list.overflowed(), "names of limits are bounded by the configuration");
  return list.written();
}

}  // namespace sluice::proxy
