#include "sluice/policy/retry.hpp"

#include "support/catch.hpp"

using namespace sluice::policy;

TEST_CASE("retry: who may repeat after which connection died", "[policy][retry]") {
  struct Row {
    Repeatable method;
    ConnectionAge connection;
    bool allowed;
  };
  const Row rows[] = {
      {Repeatable::Never, ConnectionAge::Fresh, false},
      {Repeatable::Never, ConnectionAge::Reused, false},
      {Repeatable::Idempotent, ConnectionAge::Fresh, false},
      {Repeatable::Idempotent, ConnectionAge::Reused, true},
      {Repeatable::Safe, ConnectionAge::Fresh, true},
      {Repeatable::Safe, ConnectionAge::Reused, true},
  };
  for (const Row& row : rows) {
    for (const bool response_began : {false, true}) {
      for (const BodyState body : {BodyState::AbsentOrHeld, BodyState::PartlyGone}) {
        for (const unsigned used : {0U, 1U, 2U}) {
          const FailedAttempt attempt{.method = row.method,
                                      .connection = row.connection,
                                      .body = body,
                                      .response_began = response_began,
                                      .retries_used = used,
                                      .retries_max = 1};
          INFO("method " << int(row.method) << " connection " << int(row.connection) << " body "
                         << int(body) << " began " << response_began << " used " << used);
          const bool expected =
              row.allowed && !response_began && body == BodyState::AbsentOrHeld && used == 0;
          CHECK(may_retry(attempt) == expected);
        }
      }
    }
  }
}

TEST_CASE("retry: none when none is allowed, the second when two are", "[policy][retry]") {
  FailedAttempt attempt{.method = Repeatable::Safe};
  attempt.retries_max = 0;
  CHECK_FALSE(may_retry(attempt));
  attempt.retries_max = 2;
  attempt.retries_used = 1;
  CHECK(may_retry(attempt));
}
