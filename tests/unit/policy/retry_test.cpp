#include "sluice/policy/retry.hpp"

#include <initializer_list>

#include "support/catch.hpp"

using namespace sluice;
using namespace sluice::policy;
using namespace std::chrono_literals;

namespace {

constexpr Failure kAll[] = {Failure::Connect,   Failure::Lost,      Failure::TimedOut,
                            Failure::Status500, Failure::Status502, Failure::Status503,
                            Failure::Status504};
constexpr RetryRule kDefault{.per_try_timeout = 1s};

/// Every combination of what an attempt may have been.
template <typename Check>
void for_each_attempt(Check check) {
  for (const Failure failure : kAll) {
    for (const Repeatable method : {Repeatable::Never, Repeatable::Idempotent, Repeatable::Safe}) {
      for (const ConnectionAge age : {ConnectionAge::Fresh, ConnectionAge::Reused}) {
        for (const BodyState body : {BodyState::AbsentOrHeld, BodyState::PartlyGone}) {
          for (const int bits : {0, 1, 2, 3}) {
            check(FailedAttempt{.failure = failure,
                                .method = method,
                                .connection = age,
                                .body = body,
                                .response_began = (bits & 1) != 0,
                                .answer_sent = (bits & 2) != 0});
          }
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("retry: who may be repeated after what", "[policy][retry]") {
  unsigned allowed = 0;
  for_each_attempt([&](const FailedAttempt& attempt) {
    INFO("failure " << int(attempt.failure) << " method " << int(attempt.method) << " connection "
                    << int(attempt.connection) << " body " << int(attempt.body) << " began "
                    << attempt.response_began << " sent " << attempt.answer_sent);
    const bool is = may_retry(attempt, kDefault, 0);
    allowed += is ? 1U : 0U;
    if (attempt.answer_sent || attempt.failure == Failure::Status500) {
      CHECK_FALSE(is);
    } else if (attempt.failure == Failure::Connect) {
      CHECK(is);  // nothing was sent
    } else if (attempt.body == BodyState::PartlyGone || attempt.method == Repeatable::Never) {
      CHECK_FALSE(is);
    } else if (attempt.failure == Failure::Lost && attempt.response_began) {
      CHECK_FALSE(is);
    } else if (attempt.method == Repeatable::Idempotent) {
      CHECK(is ==
            (attempt.failure == Failure::Lost && attempt.connection == ConnectionAge::Reused));
    } else {
      CHECK(is);
    }
  });
  CHECK(allowed > 0);
}

TEST_CASE("retry: only after what the service names, and as often as it says", "[policy][retry]") {
  for (const Failure failure : kAll) {
    const FailedAttempt attempt{.failure = failure, .method = Repeatable::Safe};
    for (const Failure named : kAll) {
      const RetryRule rule{.retries_max = 2, .when = {named}, .per_try_timeout = 1s};
      CHECK(may_retry(attempt, rule, 0) == (named == failure));
      CHECK(may_retry(attempt, rule, 1) == (named == failure));
      CHECK_FALSE(may_retry(attempt, rule, 2));
    }
    CHECK_FALSE(may_retry(attempt, {.when = {}}, 0));
    CHECK_FALSE(may_retry(attempt, {.retries_max = 0}, 0));
  }
}

TEST_CASE("retry: a request that has had all of its time gets no more, but may be rescued",
          "[policy][retry]") {
  const FailedAttempt attempt{.failure = Failure::TimedOut, .method = Repeatable::Safe};
  CHECK_FALSE(may_retry(attempt, {.per_try_timeout = 0s}, 0));
  CHECK(may_retry(attempt, {.per_try_timeout = 1ms}, 0));
  CHECK(may_rescue(attempt, kUsualFailures));
}

TEST_CASE("rescue: safe methods alone, as long as the client has nothing", "[policy][retry]") {
  const FailureSet when = kDefault.when;
  unsigned allowed = 0;
  for_each_attempt([&](const FailedAttempt& attempt) {
    const bool is = may_rescue(attempt, when);
    allowed += is ? 1U : 0U;
    CHECK(is == (attempt.method == Repeatable::Safe && attempt.body == BodyState::AbsentOrHeld &&
                 !attempt.answer_sent && attempt.failure != Failure::Status500));
  });
  CHECK(allowed > 0);
  CHECK(may_rescue({.failure = Failure::Status500, .method = Repeatable::Safe},
                   {Failure::Status500}));
}

TEST_CASE("retry: the pause is jittered, doubles and has an end", "[policy][retry]") {
  core::Rng rng(1);
  const auto longest_of_many = [&](unsigned made) {
    core::Nanos longest{0};
    core::Nanos shortest = 1h;
    for (int i = 0; i < 10'000; ++i) {
      const core::Nanos pause = back_off(25ms, made, rng);
      longest = std::max(longest, pause);
      shortest = std::min(shortest, pause);
    }
    CHECK(shortest < longest / 100);
    return longest;
  };
  CHECK(longest_of_many(0) < 25ms);
  CHECK(longest_of_many(0) > 24ms);
  CHECK(longest_of_many(1) > 48ms);
  CHECK(longest_of_many(1) < 50ms);
  CHECK(longest_of_many(4) > 240ms);
  CHECK(longest_of_many(4) < 250ms);
  CHECK(longest_of_many(1'000'000) < 250ms);
  CHECK(back_off(0ms, 3, rng) == 0ns);
}

TEST_CASE("retry budget: a share of what is in flight, and never less than three",
          "[policy][retry]") {
  const Budget fifth{core::BasisPoints::make(2000, "").value()};
  CHECK(fifth.most(0) == 3);
  CHECK(fifth.most(19) == 3);
  CHECK(fifth.most(20) == 4);
  CHECK(fifth.most(24) == 4);
  CHECK(fifth.most(1000) == 200);
  const Budget none{core::BasisPoints::make(0, "").value()};
  CHECK(none.most(1'000'000) == 3);
  const Budget all{core::BasisPoints::make(10'000, "").value()};
  CHECK(all.most(4'294'967'295U) == 4'294'967'295U);
  CHECK(fifth.bound(20) == fifth.most(20));
  CHECK(fifth.bound(0) == 3);
  const Budget nearly{core::BasisPoints::make(9999, "").value()};
  CHECK(nearly.bound(10'000) == 9999);
  CHECK(all.bound(0) == 4'294'967'295U);
}
