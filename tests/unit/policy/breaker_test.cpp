#include "sluice/policy/breaker.hpp"

#include <thread>
#include <vector>

#include "sluice/core/rng.hpp"
#include "support/catch.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using policy::Breaker;
using policy::BreakerCell;
using policy::BreakerCounts;
using policy::BreakerPolicy;
using policy::BreakerSecond;
using policy::BreakerTicket;
using policy::Outcome;
using State = policy::Breaker::State;

namespace {

constexpr core::Instant kNow{1000s};
// Times of the word are ticks of 10 ms, rounded so that nothing ends early.
constexpr core::Nanos kLate = 20ms;

struct Scene {
  BreakerCell cell;
  BreakerPolicy policy;
  core::Instant now = kNow;

  State state() const { return Breaker::from_word(cell.word.load()).state; }
  Breaker breaker() const { return Breaker::from_word(cell.word.load()); }
  /// A request that ends at once. False: it was refused.
  bool request(Outcome outcome) {
    const auto entry = policy::enter(cell, now, policy);
    if (!entry.admission.admit) return false;
    policy::leave(cell, entry.admission.ticket, outcome, now, policy);
    return true;
  }
  void requests(int count, Outcome outcome) {
    for (int i = 0; i < count; ++i) CHECK(request(outcome));
  }
  void open() {
    requests(20, Outcome::Failure);
    REQUIRE(state() == State::Open);
  }
  /// Admits a probe that is not answered.
  BreakerTicket probe() {
    const auto entry = policy::enter(cell, now, policy);
    REQUIRE(entry.admission.admit);
    CHECK(entry.admission.is_probe);
    return entry.admission.ticket;
  }
  bool refuses() { return !policy::enter(cell, now, policy).admission.admit; }
  std::optional<policy::BreakerTurn> leave(BreakerTicket ticket, Outcome outcome) {
    return policy::leave(cell, ticket, outcome, now, policy);
  }
};

}  // namespace

TEST_CASE("breaker: the word keeps everything, and a fresh one is 0", "[policy][breaker]") {
  CHECK(Breaker{}.word() == 0);
  Breaker full;
  full.state = State::HalfOpen;
  full.number = (1U << 14U) - 1;
  full.openings = 15;
  full.probes_out = 63;
  full.probes_good = 62;
  full.tick = UINT32_MAX;
  CHECK(Breaker::from_word(full.word()) == full);
  CHECK(Breaker::from_word(full.word()).word() == full.word());
}

TEST_CASE("breaker: it opens at the error rate, with enough requests", "[policy][breaker]") {
  BreakerPolicy policy;
  CHECK_FALSE(is_too_bad({.requests = 19, .failures = 19, .slow = 0}, policy));
  CHECK_FALSE(is_too_bad({.requests = 20, .failures = 9, .slow = 9}, policy));
  CHECK(is_too_bad({.requests = 20, .failures = 10, .slow = 0}, policy));
  CHECK(is_too_bad({.requests = 20, .failures = 0, .slow = 10}, policy));
  policy.error_rate = std::nullopt;
  CHECK_FALSE(is_too_bad({.requests = 20, .failures = 20, .slow = 0}, policy));
  policy.slow_rate = std::nullopt;
  CHECK_FALSE(is_too_bad({.requests = 20, .failures = 0, .slow = 20}, policy));
  policy.min_requests = 0;
  CHECK_FALSE(is_too_bad({}, policy));
}

TEST_CASE("breaker: a burst of errors opens it once, and it says with which numbers",
          "[policy][breaker]") {
  Scene s;
  s.requests(10, Outcome::Success);
  s.requests(9, Outcome::Failure);
  CHECK(s.state() == State::Closed);
  const auto entry = policy::enter(s.cell, s.now, s.policy);
  const auto turn = s.leave(entry.admission.ticket, Outcome::Failure);
  REQUIRE(turn);
  CHECK(turn->from == State::Closed);
  CHECK(turn->to == State::Open);
  CHECK(turn->counts == BreakerCounts{.requests = 20, .failures = 10, .slow = 0});
  const auto refused = policy::enter(s.cell, s.now, s.policy);
  CHECK_FALSE(refused.admission.admit);
  CHECK(refused.admission.retry_after >= 5s);
  CHECK(refused.admission.retry_after <= 5s + kLate);
}

TEST_CASE("breaker: slow calls open it as well", "[policy][breaker]") {
  Scene s;
  s.requests(19, Outcome::Slow);
  CHECK(s.state() == State::Closed);
  CHECK(s.request(Outcome::Slow));
  CHECK(s.state() == State::Open);
}

TEST_CASE("breaker: what was abandoned counts as nothing", "[policy][breaker]") {
  Scene s;
  s.requests(1000, Outcome::Abandoned);
  CHECK(s.state() == State::Closed);
  CHECK(policy::window_counts(s.cell, s.breaker(), s.now, s.policy) == BreakerCounts{});
}

TEST_CASE("breaker: seconds leave the window one by one", "[policy][breaker]") {
  Scene s;
  s.requests(12, Outcome::Failure);
  s.now += 9s;
  CHECK(policy::window_counts(s.cell, s.breaker(), s.now, s.policy).failures == 12);
  s.now += 1s;
  CHECK(policy::window_counts(s.cell, s.breaker(), s.now, s.policy).failures == 0);
  s.requests(12, Outcome::Failure);
  CHECK(s.state() == State::Closed);  // 12 and not 24
  s.policy.window_seconds = 1;
  s.now += 999ms;
  CHECK(policy::window_counts(s.cell, s.breaker(), s.now, s.policy).failures == 12);
  s.now += 1ms;
  CHECK(policy::window_counts(s.cell, s.breaker(), s.now, s.policy).failures == 0);
}

TEST_CASE("breaker: a second that runs over keeps its rates", "[policy][breaker]") {
  BreakerSecond second;
  for (int i = 0; i < 100'000; ++i)
    second = second.after(1000, i % 4 == 0 ? Outcome::Failure : Outcome::Success);
  const BreakerCounts counts = second.counts(1000);
  CHECK(counts.requests > 16'000);
  CHECK(counts.requests < 32'768);
  CHECK(counts.failures * 4 > counts.requests - 100);
  CHECK(counts.failures * 4 < counts.requests + 100);
  // Another second in the same place begins anew, also one of two months later.
  CHECK(second.counts(1010) == BreakerCounts{});
  CHECK(second.after(1010, Outcome::Slow).counts(1010) ==
        BreakerCounts{.requests = 1, .failures = 0, .slow = 1});
}

TEST_CASE("breaker: after the cool-down so many probes and no more", "[policy][breaker]") {
  Scene s;
  s.open();
  s.now += 5s - 1ns;
  CHECK(s.refuses());
  s.now += kLate;
  const BreakerTicket first = s.probe();
  const BreakerTicket second = s.probe();
  const BreakerTicket third = s.probe();
  CHECK(s.refuses());
  CHECK_FALSE(s.leave(first, Outcome::Success));
  CHECK(s.refuses());  // one has succeeded, two are out: that is three
  CHECK_FALSE(s.leave(second, Outcome::Success));
  const auto turn = s.leave(third, Outcome::Success);
  REQUIRE(turn);
  CHECK(turn->to == State::Closed);
  s.requests(100, Outcome::Success);
}

TEST_CASE("breaker: one probe that fails opens it again, for twice as long", "[policy][breaker]") {
  Scene s;
  s.policy.open_most = 300s;
  s.open();
  for (const core::Millis length : {10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
    s.now += 300s + kLate;
    const BreakerTicket good = s.probe();
    const BreakerTicket bad = s.probe();
    s.leave(good, Outcome::Success);
    const auto turn = s.leave(bad, Outcome::Failure);
    REQUIRE(turn);
    CHECK(turn->from == State::HalfOpen);
    CHECK(turn->to == State::Open);
    CHECK(turn->open_for == length);
    CHECK_FALSE(turn->is_overdue);
    const core::Instant opened = s.now;
    s.now = opened + length - 1ns;
    CHECK(s.refuses());
    s.now = opened;
  }
}

TEST_CASE("breaker: a slow probe has failed, unless slow calls do not matter",
          "[policy][breaker]") {
  Scene s;
  s.open();
  s.now += 5s + kLate;
  s.leave(s.probe(), Outcome::Slow);
  CHECK(s.state() == State::Open);

  Scene lenient;
  lenient.policy.slow_rate = std::nullopt;
  lenient.open();
  lenient.now += 5s + kLate;
  for (int i = 0; i < 3; ++i) lenient.leave(lenient.probe(), Outcome::Slow);
  CHECK(lenient.state() == State::Closed);
}

TEST_CASE("breaker: a probe that was abandoned makes room for another", "[policy][breaker]") {
  Scene s;
  s.policy.half_open_probes = 1;
  s.open();
  s.now += 5s + kLate;
  for (int i = 0; i < 100; ++i) s.leave(s.probe(), Outcome::Abandoned);
  CHECK(s.state() == State::HalfOpen);
  s.leave(s.probe(), Outcome::Success);
  CHECK(s.state() == State::Closed);
}

TEST_CASE("breaker: probes that are never heard of have failed", "[policy][breaker]") {
  Scene s;
  s.open();
  s.now += 5s + kLate;
  const BreakerTicket lost = s.probe();
  s.probe();
  s.probe();
  s.now += 30s - kLate;
  CHECK(s.refuses());
  CHECK(s.state() == State::HalfOpen);
  s.now += kLate;
  const auto entry = policy::enter(s.cell, s.now, s.policy);
  CHECK_FALSE(entry.admission.admit);
  CHECK(entry.admission.retry_after == 10s);
  REQUIRE(entry.turn);
  CHECK(entry.turn->to == State::Open);
  // What comes of them later says nothing about the new state.
  CHECK_FALSE(s.leave(lost, Outcome::Success));
  CHECK(s.state() == State::Open);
  s.now += 10s + kLate;
  for (int i = 0; i < 3; ++i) s.leave(s.probe(), Outcome::Success);
  CHECK(s.state() == State::Closed);
}

TEST_CASE("breaker: one hanging probe is noticed though others are abandoned",
          "[policy][breaker]") {
  Scene s;
  s.open();
  s.now += s.policy.open_for + kLate;
  s.probe();
  int rounds = 0;
  while (s.state() == State::HalfOpen && rounds < 10) {
    const auto entry = policy::enter(s.cell, s.now, s.policy);
    s.now += s.policy.probe_time * 9 / 10;
    if (entry.admission.admit) s.leave(entry.admission.ticket, Outcome::Abandoned);
    ++rounds;
  }
  CHECK(s.state() == State::Open);
  CHECK(rounds <= 3);
}

TEST_CASE("breaker: one lost probe is noticed though others succeed", "[policy][breaker]") {
  Scene s;
  s.open();
  s.now += 5s + kLate;
  s.probe();  // lost
  for (int i = 0; i < 2; ++i) {
    const BreakerTicket good = s.probe();
    s.now += 29s;
    s.leave(good, Outcome::Success);
  }
  CHECK(s.refuses());
  CHECK(s.state() == State::HalfOpen);
  s.now += 30s;
  CHECK(s.refuses());
  CHECK(s.state() == State::Open);
}

TEST_CASE("breaker: with few requests a half-open one waits for them", "[policy][breaker]") {
  Scene s;
  s.open();
  s.now += 5s + kLate;
  for (int i = 0; i < 3; ++i) {
    s.leave(s.probe(), Outcome::Success);
    s.now += 1h;  // nothing is out, so nothing is overdue
  }
  CHECK(s.state() == State::Closed);
}

TEST_CASE("breaker: a look takes no place, and moves what is overdue", "[policy][breaker]") {
  Scene s;
  const auto look = [&] { return policy::look(s.cell, s.now, s.policy); };
  CHECK(look().admits);
  s.open();
  CHECK_FALSE(look().admits);
  s.now += s.policy.open_for + kLate;
  // Whoever may enter makes it half open, not who looks.
  for (int i = 0; i < 5; ++i) CHECK(look().admits);
  CHECK(s.state() == State::Open);
  for (std::uint32_t i = 0; i < s.policy.half_open_probes; ++i) s.probe();
  CHECK_FALSE(look().admits);
  CHECK_FALSE(look().turn);
  s.now += s.policy.probe_time + kLate;
  const auto overdue = look();
  CHECK_FALSE(overdue.admits);
  REQUIRE(overdue.turn);
  CHECK(overdue.turn->from == State::HalfOpen);
  CHECK(overdue.turn->to == State::Open);
  CHECK(overdue.turn->is_overdue);
  CHECK(overdue.turn->open_for == 2 * s.policy.open_for);
  CHECK_FALSE(look().turn);
}

TEST_CASE("breaker: one that is held open opens, stays so, and lapses", "[policy][breaker]") {
  Scene s;
  const BreakerTicket before = policy::enter(s.cell, s.now, s.policy).admission.ticket;
  const auto hold = [&] { return policy::hold_open(s.cell, s.now, s.policy); };
  const auto turn = hold();
  REQUIRE(turn);
  CHECK(turn->from == State::Closed);
  CHECK(turn->to == State::Open);
  CHECK(turn->open_for == s.policy.open_for);
  for (int i = 0; i < 100; ++i) {
    s.now += s.policy.open_for - 10ms;
    CHECK(s.refuses());
    CHECK_FALSE(hold());  // no news
  }
  s.leave(before, Outcome::Failure);  // of a state that is over
  CHECK(s.breaker().openings == 1);   // however long it was held: the cool-down is the first one
  s.now += s.policy.open_for + kLate;
  const BreakerTicket probe = s.probe();
  SECTION("a longer cool-down stays") {
    s.leave(probe, Outcome::Failure);  // twice as long
    CHECK_FALSE(hold());
    s.now += s.policy.open_for + kLate;
    CHECK(s.refuses());
  }
  SECTION("and again when it is half open") {
    REQUIRE(hold());
    CHECK(s.refuses());
    CHECK_FALSE(s.leave(probe, Outcome::Success));
    CHECK(s.state() == State::Open);
  }
  SECTION("or closes") {
    s.leave(probe, Outcome::Success);
    s.requests(2, Outcome::Success);
    CHECK(s.state() == State::Closed);
  }
}

TEST_CASE("breaker: one that is closed by decision is judged by what comes then",
          "[policy][breaker]") {
  Scene s;
  CHECK_FALSE(policy::close(s.cell, s.now));
  s.open();
  const auto turn = policy::close(s.cell, s.now);
  REQUIRE(turn);
  CHECK(turn->from == State::Open);
  CHECK(turn->to == State::Closed);
  s.requests(19, Outcome::Failure);
  CHECK(s.state() == State::Closed);
  s.request(Outcome::Failure);
  CHECK(s.state() == State::Open);
  CHECK(s.breaker().openings == 2);
  s.now += 10s + kLate;
  s.probe();
  REQUIRE(policy::close(s.cell, s.now));  // half open
  CHECK(s.state() == State::Closed);
}

TEST_CASE("breaker: nobody is told to wait longer than it is open", "[policy][breaker]") {
  Scene s;
  s.now += 9'999'999ns;
  s.open();
  CHECK(policy::enter(s.cell, s.now, s.policy).admission.retry_after == s.policy.open_for);
}

TEST_CASE("breaker: an outcome of an earlier state says nothing", "[policy][breaker]") {
  Scene s;
  const BreakerTicket early = policy::enter(s.cell, s.now, s.policy).admission.ticket;
  s.open();
  CHECK_FALSE(s.leave(early, Outcome::Failure));
  s.now += 5s + kLate;
  const BreakerTicket probe = s.probe();
  CHECK_FALSE(s.leave(early, Outcome::Failure));
  CHECK(s.state() == State::HalfOpen);
  CHECK_FALSE(s.leave(early, Outcome::Success));
  CHECK(s.breaker().probes_out == 1);
  s.leave(probe, Outcome::Success);
  CHECK(s.breaker().probes_good == 1);
  const BreakerTicket second = s.probe();
  const Breaker half_open = s.breaker();
  CHECK(policy::after_outcome(half_open, early, Outcome::Failure, {}, s.now, s.policy) ==
        half_open);
  s.leave(second, Outcome::Success);
  s.leave(s.probe(), Outcome::Success);
  REQUIRE(s.state() == State::Closed);
  s.leave(early, Outcome::Failure);
  s.leave(probe, Outcome::Failure);
  CHECK(policy::window_counts(s.cell, s.breaker(), s.now, s.policy) == BreakerCounts{});
}

TEST_CASE("breaker: what opened it does not open it again when it has closed",
          "[policy][breaker]") {
  Scene s;
  s.policy.open_for = 1s;
  s.open();
  s.now += 1s + kLate;
  for (int i = 0; i < 3; ++i) s.leave(s.probe(), Outcome::Success);
  REQUIRE(s.state() == State::Closed);
  // The twenty failures are two seconds old and in the window of ten.
  CHECK(policy::window_counts(s.cell, s.breaker(), s.now, s.policy).failures == 0);
  CHECK(s.request(Outcome::Failure));
  CHECK(s.state() == State::Closed);
  s.requests(19, Outcome::Failure);
  CHECK(s.state() == State::Open);
}

TEST_CASE("breaker: one that flaps stays open longer, one that was well begins anew",
          "[policy][breaker]") {
  Scene s;
  s.open();
  s.now += 5s + kLate;
  for (int i = 0; i < 3; ++i) s.leave(s.probe(), Outcome::Success);
  s.now += 4s;
  s.open();
  CHECK(s.breaker().openings == 2);
  s.now += 10s - 1ns;
  CHECK(s.refuses());
  s.now += kLate;
  for (int i = 0; i < 3; ++i) s.leave(s.probe(), Outcome::Success);
  s.now += 10s + kLate;  // as long well as it was open
  s.open();
  CHECK(s.breaker().openings == 1);
}

TEST_CASE("breaker: a clock that jumps ahead ends what it has to end", "[policy][breaker]") {
  for (const core::Nanos jump :
       {core::Nanos(24h), core::Nanos(300 * 24h), core::Nanos(490 * 24h)}) {
    Scene s;
    s.open();
    s.now += jump;
    CHECK_FALSE(s.refuses());
    CHECK(s.state() == State::HalfOpen);
    s.now += jump;
    CHECK(s.refuses());  // its probe is overdue
    CHECK(s.state() == State::Open);
    s.now += jump;
    for (int i = 0; i < 3; ++i) s.leave(s.probe(), Outcome::Success);
    CHECK(s.state() == State::Closed);
    s.now += jump;
    s.open();
    CHECK(s.breaker().openings == 1);
  }
}

TEST_CASE("breaker: a worker whose clock is a little behind changes nothing", "[policy][breaker]") {
  Scene s;
  s.open();
  s.now -= 500ms;
  CHECK(s.refuses());
  s.now += 500ms + 5s + kLate;
  s.probe();
  s.now -= 500ms;
  s.probe();
  CHECK(s.state() == State::HalfOpen);
}

TEST_CASE("breaker: the tick may wrap", "[policy][breaker]") {
  Scene s;
  s.now = core::Instant(10ms * (std::int64_t{1} << 32U) - 1s);
  s.open();
  s.now += 5s - 1ns;
  CHECK(s.refuses());
  s.now += kLate;
  for (int i = 0; i < 3; ++i) s.leave(s.probe(), Outcome::Success);
  CHECK(s.state() == State::Closed);
}

TEST_CASE("breaker: four threads under a cap of probes", "[policy][breaker]") {
  for (int round = 0; round < 50; ++round) {
    Scene s;
    s.policy.half_open_probes = 5;
    s.open();
    s.now += 5s + kLate;
    std::atomic<int> admitted{0};
    std::atomic<int> turns{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          const auto entry = policy::enter(s.cell, s.now, s.policy);
          admitted += entry.admission.admit ? 1 : 0;
          turns += entry.turn ? 1 : 0;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(admitted == 5);
    CHECK(turns == 1);
    CHECK(s.breaker().probes_out == 5);
  }
}

TEST_CASE("breaker: four threads count every outcome, and one of them opens it",
          "[policy][breaker]") {
  Scene s;
  s.policy.min_requests = 4000;
  std::atomic<int> turns{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        const auto entry = policy::enter(s.cell, s.now, s.policy);
        if (!entry.admission.admit) continue;
        turns += policy::leave(s.cell, entry.admission.ticket, Outcome::Failure, s.now, s.policy)
                     ? 1
                     : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(turns == 1);
  CHECK(s.state() == State::Open);
}

TEST_CASE("breaker: any history keeps the cap and ends closed when all is well again",
          "[policy][breaker]") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    core::Rng rng(seed);
    Scene s;
    s.policy.half_open_probes = 1 + rng.below(5);
    struct Running {
      BreakerTicket ticket;
      bool is_probe;
    };
    std::vector<Running> running;
    for (int step = 0; step < 3000; ++step) {
      s.now += core::Millis(rng.below(200));
      if (rng.below(500) == 0) s.now += core::Millis(rng.below(120'000));
      const auto entry = policy::enter(s.cell, s.now, s.policy);
      if (entry.admission.admit)
        running.push_back({entry.admission.ticket, entry.admission.is_probe});
      const Breaker breaker = s.breaker();
      CHECK(breaker.probes_out + breaker.probes_good <=
            static_cast<int>(s.policy.half_open_probes));
      std::size_t out = 0;
      for (const Running& each : running)
        out += each.is_probe && each.ticket.number == breaker.number ? 1U : 0U;
      CHECK(out == breaker.probes_out + (breaker.state == State::HalfOpen ? 0U : out));
      while (running.size() > 20 || (!running.empty() && rng.below(2) == 0)) {
        const std::size_t which = rng.below(static_cast<std::uint32_t>(running.size()));
        const auto outcome = static_cast<Outcome>(rng.below(4));
        s.leave(running[which].ticket, outcome);
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(which));
      }
    }
    // All well, and what still runs is never heard of: within a cool-down and the time of a probe,
    // a cool-down more when that was lost, it is closed.
    const core::Instant limit = s.now + 2 * 300s + 30s + 1s;
    while (s.state() != State::Closed && s.now < limit) {
      s.request(Outcome::Success);
      s.now += 100ms;
    }
    CHECK(s.state() == State::Closed);
  }
}
