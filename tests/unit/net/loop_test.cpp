#include "net/loop.hpp"

#include <functional>
#include <string>
#include <vector>

#include "net/connector.hpp"
#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using sluice::core::Instant;
using sluice::core::WallTime;

struct TestClock final : sluice::core::Clock {
  Instant time{100s};
  Instant now() const override { return time; }
  WallTime wall() const override { return WallTime{1'700'000'000s}; }
};

struct Step final : sluice::net::Deferred {
  std::function<void()> action;
  void run_deferred() override { action(); }
};

struct Corpse final : sluice::net::Reapable {
  std::function<void()> action;
  void reap() override { action(); }
};

struct Alarm final : sluice::net::Timer {
  std::function<void()> action;
  void on_timer() override { action(); }
};

struct Fixture {
  TestClock clock;
  unsigned woken = 0;
  sluice::net::Loop loop{clock, 1, [this] { ++woken; }};
  std::vector<std::string> order;
  std::function<void()> note(std::string what) {
    return [this, what = std::move(what)] { order.push_back(what); };
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "loop: a turn is timers, mail, deferred work, reaper", "[net][loop]") {
  Step step;
  Corpse corpse;
  Alarm alarm;
  step.action = note("deferred");
  corpse.action = note("reaper");
  alarm.action = note("timer");
  loop.retire(corpse);
  loop.defer(step);
  loop.mailbox().post(note("mail"));
  loop.timers().arm(alarm, clock.time + 10ms);
  clock.time += 1s;
  loop.begin_turn();
  order.push_back("events");
  loop.end_turn();
  CHECK(order == std::vector<std::string>{"timer", "events", "mail", "deferred", "reaper"});
  CHECK(woken == 1);
}

TEST_CASE_METHOD(Fixture, "loop: time stands still within a turn", "[net][loop]") {
  loop.begin_turn();
  const Instant begin = loop.now();
  clock.time += 1s;
  CHECK(loop.now() == begin);
  loop.end_turn();
  loop.begin_turn();
  CHECK(loop.now() == begin + 1s);
  loop.end_turn();
  CHECK(loop.turns() == 2);
}

TEST_CASE_METHOD(Fixture, "loop: deferred work keeps its order and counts once while it waits",
                 "[net][loop]") {
  Step one;
  Step two;
  one.action = note("one");
  two.action = note("two");
  loop.defer(one);
  loop.defer(two);
  loop.defer(one);
  loop.end_turn();
  CHECK(order == std::vector<std::string>{"one", "two"});
}

TEST_CASE_METHOD(Fixture, "loop: work deferred by deferred work runs in the same turn", "[net]") {
  Step one;
  Step two;
  two.action = note("two");
  one.action = [&] {
    order.push_back("one");
    loop.defer(two);
  };
  loop.defer(one);
  loop.end_turn();
  CHECK(order == std::vector<std::string>{"one", "two"});
}

TEST_CASE_METHOD(Fixture, "loop: deferred work of an object that died does not run",
                 "[net][loop]") {
  Step later;
  later.action = note("later");
  {
    Step gone;
    gone.action = note("gone");
    loop.defer(gone);
    loop.defer(later);
  }
  loop.end_turn();
  CHECK(order == std::vector<std::string>{"later"});
}

TEST_CASE_METHOD(Fixture, "loop: an object retired twice is reaped once, after all deferred work",
                 "[net][loop]") {
  Corpse corpse;
  Step step;
  corpse.action = note("reaper");
  step.action = [&] {
    order.push_back("deferred");
    loop.retire(corpse);
  };
  loop.retire(corpse);
  loop.defer(step);
  loop.end_turn();
  CHECK(order == std::vector<std::string>{"deferred", "reaper"});
}

TEST_CASE_METHOD(Fixture, "loop: what the reaper defers still runs in this turn", "[net][loop]") {
  Corpse corpse;
  Step step;
  step.action = note("deferred");
  corpse.action = [&] {
    order.push_back("reaper");
    loop.defer(step);
  };
  loop.retire(corpse);
  loop.end_turn();
  CHECK(order == std::vector<std::string>{"reaper", "deferred"});
}

TEST_CASE("net: every error has its words", "[net]") {
  using sluice::net::ConnectError;
  using sluice::net::TransportError;
  CHECK(text(TransportError::Reset) == "connection reset");
  CHECK(text(TransportError::TimedOut) == "connection timed out");
  CHECK(text(TransportError::Other) == "connection failed");
  CHECK(text(ConnectError::Refused) == "connection refused");
  CHECK(text(ConnectError::TimedOut) == "connect timed out");
  CHECK(text(ConnectError::Unreachable) == "address unreachable");
  CHECK(text(ConnectError::LocalResources) == "out of local ports, descriptors or memory");
}

TEST_CASE_METHOD(Fixture, "loop: what is ready comes first when it has stood still",
                 "[net][loop]") {
  Alarm alarm;
  alarm.action = note("timer");
  const auto turn = [&] {
    loop.begin_turn_of_sockets();
    note("sockets")();
    loop.end_turn();
  };
  turn();
  const Instant began = clock.time;
  loop.timers().arm(alarm, clock.time + 100ms);
  order.clear();
  SECTION("late by as much as a busy loop may be") {
    clock.time = loop.timers().next_tick() + sluice::core::limits::kLoopAway;
    turn();
    CHECK(order == std::vector<std::string>{"timer", "sockets"});
    CHECK(loop.away_since(began) == 0ns);
  }
  SECTION("later than that") {
    const Instant due = loop.timers().next_tick();
    clock.time = due + sluice::core::limits::kLoopAway + 1ns;
    turn();
    CHECK(order == std::vector<std::string>{"sockets"});
    CHECK(loop.away_since(began) == sluice::core::limits::kLoopAway + 1ns);
    CHECK(loop.away_since(due + 300ms) == sluice::core::limits::kLoopAway + 1ns - 300ms);
    CHECK(loop.away_since(clock.time) == 0ns);
    CHECK(loop.away_since(clock.time + 1s) == 0ns);
    turn();
    CHECK(order == std::vector<std::string>{"sockets", "timer", "sockets"});
  }
  SECTION("as long as more is ready than one turn tells, but not for ever") {
    clock.time += 10s;
    loop.set_crowded(true);
    turn();
    clock.time += sluice::core::limits::kLoopAway;
    turn();
    CHECK(order == std::vector<std::string>{"sockets", "sockets"});
    clock.time += 1ns;
    turn();
    CHECK(order == std::vector<std::string>{"sockets", "sockets", "timer", "sockets"});
    CHECK(loop.away_since(began + 5s) == 5s);  // what it needs to catch up is no part of it
  }
  SECTION("a second time") {
    for (int i = 0; i < 2; ++i) {
      order.clear();
      loop.timers().arm(alarm, clock.time + 100ms);
      clock.time += 10s;
      turn();
      CHECK(order == std::vector<std::string>{"sockets"});
      turn();
      CHECK(order == std::vector<std::string>{"sockets", "timer", "sockets"});
    }
    CHECK(loop.away_since(clock.time - 20s) < 10s);
  }
}

TEST_CASE_METHOD(Fixture, "loop: one that had nothing to wait for has not stood still",
                 "[net][loop]") {
  Alarm alarm;
  alarm.action = note("timer");
  loop.begin_turn_of_sockets();
  loop.end_turn();
  clock.time += 10s;
  loop.begin_turn_of_sockets();
  loop.timers().arm(alarm, clock.time + 10ms);
  loop.end_turn();
  CHECK(loop.away_since(Instant{}) == 0ns);
  clock.time += 100ms;
  loop.begin_turn_of_sockets();
  loop.end_turn();
  CHECK(order == std::vector<std::string>{"timer"});
}
