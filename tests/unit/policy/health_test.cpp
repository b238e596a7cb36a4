#include "sluice/policy/health.hpp"

#include <set>

#include "support/catch.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using policy::CheckAnswer;
using policy::Finding;
using policy::Health;
using policy::HealthCheck;
using policy::HealthWord;
using State = policy::Health::State;

namespace {

HealthCheck check_of(std::uint32_t healthy_after, std::uint32_t unhealthy_after) {
  HealthCheck check;
  check.is_on = true;
  check.healthy_after = healthy_after;
  check.unhealthy_after = unhealthy_after;
  return check;
}

Health after(Health health, std::initializer_list<Finding> findings, const HealthCheck& check) {
  for (const Finding finding : findings) health = policy::after_finding(health, finding, check);
  return health;
}

constexpr Health kUp{.state = State::Up};
constexpr auto kPass = Finding::Pass;
constexpr auto kFail = Finding::Fail;

}  // namespace

TEST_CASE("health: an endpoint is used until it is proven bad", "[policy][health]") {
  const HealthCheck check = check_of(2, 3);
  CHECK(Health{}.gets_requests());
  CHECK(after({}, {kPass}, check).state == State::Up);
  CHECK(after({}, {kFail, kFail}, check).state == State::Unknown);
  CHECK(after({}, {kFail, kFail}, check).gets_requests());
  CHECK(after({}, {kFail, kFail, kFail}, check).state == State::Down);
  CHECK_FALSE(after({}, {kFail, kFail, kFail}, check).gets_requests());
}

TEST_CASE(
    "health: it falls with unhealthy_after failures in a row and rises with healthy_after "
    "passes",
    "[policy][health]") {
  const HealthCheck check = check_of(2, 3);
  CHECK(after(kUp, {kFail, kFail}, check).state == State::Up);
  CHECK(after(kUp, {kFail, kFail, kFail}, check).state == State::Down);
  // A pass between them begins the count anew, and so does a failure on the way up.
  CHECK(after(kUp, {kFail, kFail, kPass, kFail, kFail}, check).state == State::Up);
  const Health down = after(kUp, {kFail, kFail, kFail}, check);
  CHECK(after(down, {kPass}, check).state == State::Down);
  CHECK(after(down, {kPass, kFail, kPass}, check).state == State::Down);
  CHECK(after(down, {kPass, kPass}, check).state == State::Up);
}

TEST_CASE("health: thresholds of one turn at once, and counts do not grow for ever",
          "[policy][health]") {
  const HealthCheck check = check_of(1, 1);
  CHECK(after(kUp, {kFail}, check).state == State::Down);
  CHECK(after(kUp, {kFail, kPass}, check).state == State::Up);
  Health health = kUp;
  for (int i = 0; i < 1000; ++i) health = policy::after_finding(health, kPass, check_of(2, 3));
  CHECK(health.passes == 2);
  for (int i = 0; i < 1000; ++i) health = policy::after_finding(health, kFail, check_of(2, 3));
  CHECK(health.failures == 3);
}

TEST_CASE("health: its own word counts at once, and the way back is that of passes",
          "[policy][health]") {
  const HealthCheck check = check_of(2, 3);
  const Health draining = after(kUp, {Finding::Drain}, check);
  CHECK(draining.state == State::Draining);
  CHECK_FALSE(draining.gets_requests());
  CHECK(after(draining, {kPass}, check).state == State::Draining);
  CHECK(after(draining, {kPass, Finding::Drain, kPass}, check).state == State::Draining);
  CHECK(after(draining, {kPass, kPass}, check).state == State::Up);
  CHECK(after(draining, {kFail, kFail}, check).state == State::Draining);
  CHECK(after(draining, {kFail, kFail, kFail}, check).state == State::Down);

  const Health down = after(kUp, {Finding::Down}, check);
  CHECK(down.state == State::Down);
  CHECK(after(down, {kPass}, check).state == State::Down);
  CHECK(after(down, {kPass, kPass}, check).state == State::Up);
  CHECK(after(down, {Finding::Drain}, check).state == State::Draining);
}

TEST_CASE("health: a check that could not be made says nothing", "[policy][health]") {
  const HealthCheck check = check_of(2, 3);
  const Health doubted = after(kUp, {kFail, kFail}, check);
  CHECK(policy::after_finding(doubted, Finding::Skipped, check) == doubted);
  CHECK(after(doubted, {Finding::Skipped, kFail}, check).state == State::Down);
}

TEST_CASE("health: it is in doubt while one more finding may turn it", "[policy][health]") {
  const HealthCheck check = check_of(2, 3);
  CHECK(policy::is_in_doubt({}));
  CHECK_FALSE(policy::is_in_doubt(after({}, {kPass}, check)));
  CHECK(policy::is_in_doubt(after(kUp, {kFail}, check)));
  const Health down = after(kUp, {kFail, kFail, kFail}, check);
  CHECK_FALSE(policy::is_in_doubt(down));
  CHECK(policy::is_in_doubt(after(down, {kPass}, check)));
  const Health draining = after(kUp, {Finding::Drain}, check);
  CHECK_FALSE(policy::is_in_doubt(draining));
  CHECK(policy::is_in_doubt(after(draining, {kPass}, check)));
  CHECK(policy::is_in_doubt(after(draining, {kFail}, check)));
}

TEST_CASE("health: the next check comes after an interval with its jitter", "[policy][health]") {
  HealthCheck check = check_of(2, 3);
  check.interval = 1000ms;
  check.fast_interval = 100ms;
  check.jitter = *core::BasisPoints::make(1000, "");
  core::Rng rng(7);
  std::set<core::Millis> seen;
  for (int i = 0; i < 20'000; ++i) seen.insert(policy::next_check_in(kUp, check, rng));
  CHECK(*seen.begin() == 900ms);
  CHECK(*seen.rbegin() == 1100ms);
  CHECK(seen.size() == 201);
  seen.clear();
  for (int i = 0; i < 2000; ++i) seen.insert(policy::next_check_in({}, check, rng));
  CHECK(*seen.begin() == 90ms);
  CHECK(*seen.rbegin() == 110ms);
}

TEST_CASE("health: without jitter the interval is exact, and doubt never makes it longer",
          "[policy][health]") {
  HealthCheck check = check_of(2, 3);
  check.jitter = {};
  core::Rng rng(1);
  CHECK(policy::next_check_in(kUp, check, rng) == 5s);
  CHECK(policy::next_check_in({}, check, rng) == 1s);
  check.interval = 200ms;
  CHECK(policy::next_check_in({}, check, rng) == 200ms);
  check.interval = 1ms;
  CHECK(policy::next_check_in(kUp, check, rng) == 1ms);
  CHECK(policy::first_check_in(check, rng) == 0ms);
}

TEST_CASE("health: first checks are spread over one fast interval", "[policy][health]") {
  const HealthCheck check = check_of(2, 3);
  core::Rng rng(3);
  std::set<core::Millis> seen;
  for (int i = 0; i < 20'000; ++i) seen.insert(policy::first_check_in(check, rng));
  CHECK(*seen.begin() == 0ms);
  CHECK(*seen.rbegin() == 999ms);
}

TEST_CASE("health: a status is good from one end of the range to the other", "[policy][health]") {
  const HealthCheck check = check_of(2, 3);
  for (const std::uint16_t status : std::initializer_list<std::uint16_t>{200, 204, 299}) {
    CHECK(judge(check, CheckAnswer{.status = status}).finding == Finding::Pass);
  }
  for (const std::uint16_t status :
       std::initializer_list<std::uint16_t>{100, 199, 300, 404, 500, 503}) {
    CHECK(judge(check, CheckAnswer{.status = status}).finding == Finding::Fail);
  }
  CHECK(judge(check, CheckAnswer{.status = 500}).why == "status 500, expected 200-299");
  HealthCheck one = check;
  one.status_least = one.status_most = 204;
  CHECK(judge(one, CheckAnswer{.status = 204}).finding == Finding::Pass);
  CHECK(judge(one, CheckAnswer{.status = 200}).why == "status 200, expected 204");
  CHECK(judge(check, CheckAnswer{.status = 200, .has_body_text = false}).why ==
        "the body lacks the expected text");
}

TEST_CASE("health: an origin's own word beats its status, but ready does not", "[policy][health]") {
  const HealthCheck check = check_of(2, 3);
  const auto said = [&](std::uint16_t status, std::string_view report) {
    return judge(check, CheckAnswer{.status = status, .report_lines = 1, .report = report});
  };
  CHECK(said(200, "ready").finding == Finding::Pass);
  CHECK(said(500, "ready").finding == Finding::Fail);
  CHECK(said(200, "drain").finding == Finding::Drain);
  CHECK(said(503, "drain").finding == Finding::Drain);
  CHECK(said(200, "down").finding == Finding::Down);
  CHECK(said(200, "drain").why == "it asks for no new requests");
  CHECK(said(200, "ready; database=down").finding == Finding::Pass);
}

TEST_CASE("health: memory above the limit drains, at the limit it does not", "[policy][health]") {
  HealthCheck check = check_of(2, 3);
  const auto said = [&](std::string_view report) {
    return judge(check, CheckAnswer{.status = 200, .report_lines = 1, .report = report});
  };
  CHECK(said("ready; memory=90").finding == Finding::Pass);
  CHECK(said("ready; memory=91").finding == Finding::Drain);
  CHECK(said("ready; memory=91").why == "its memory is at 91%, above the limit of 90%");
  check.memory_limit = core::BasisPoints::make(9050, "").value();
  CHECK(said("ready; memory=90").finding == Finding::Pass);
  CHECK(said("ready; memory=91").finding == Finding::Drain);
  check.memory_limit = std::nullopt;
  CHECK(said("ready; memory=100").finding == Finding::Pass);
}

TEST_CASE("health: a word that can't be read is ignored whole and told", "[policy][health]") {
  const HealthCheck check = check_of(2, 3);
  const auto bad =
      judge(check, CheckAnswer{.status = 200, .report_lines = 1, .report = "drain; memory=101"});
  CHECK(bad.finding == Finding::Pass);
  CHECK(bad.is_report_unreadable);
  CHECK_FALSE(bad.report);
  const auto twice = judge(check, CheckAnswer{.status = 200, .report_lines = 2, .report = "drain"});
  CHECK(twice.finding == Finding::Pass);
  CHECK(twice.is_report_unreadable);
  CHECK_FALSE(judge(check, CheckAnswer{.status = 200}).is_report_unreadable);
}

TEST_CASE("health: the word that workers read", "[policy][health]") {
  CHECK(HealthWord().is_usable());
  CHECK(HealthWord().share() == HealthWord::kWhole);
  CHECK_FALSE(HealthWord::out().is_usable());
  CHECK(HealthWord::usable(1).share() == 1);
  CHECK(HealthWord::usable(999).share() == 999);
  CHECK(HealthWord::usable(999).is_usable());
  CHECK(HealthWord::usable(1000).word() == 0);
}

TEST_CASE("health: a slow start grows evenly from its least to the whole", "[policy][health]") {
  CHECK(policy::slow_start_share(-1s, 10s) == 100);
  CHECK(policy::slow_start_share(0s, 10s) == 100);
  CHECK(policy::slow_start_share(1s, 10s) == 100);
  CHECK(policy::slow_start_share(1s + 10ms, 10s) == 101);
  CHECK(policy::slow_start_share(5s, 10s) == 500);
  CHECK(policy::slow_start_share(10s - 1ns, 10s) == 999);
  CHECK(policy::slow_start_share(10s, 10s) == 1000);
  CHECK(policy::slow_start_share(0s, 0s) == 1000);
  CHECK(policy::slow_start_share(12h, 24h) == 500);
}
