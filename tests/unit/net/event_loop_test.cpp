#include "net/event_loop.hpp"

#include <algorithm>
#include <numeric>
#include <thread>

#include "net_fixture.hpp"

using namespace net_test;
using sluice::net::TurnTimes;

namespace {

struct ManualClock final : sluice::core::Clock {
  Instant time{100s};
  Instant now() const override { return time; }
  sluice::core::WallTime wall() const override { return {}; }
};

struct OneShot final : sluice::net::Timer {
  std::function<void()> action;
  void on_timer() override { action(); }
};

std::uint64_t total(const TurnTimes& times) {
  return std::accumulate(times.counts.begin(), times.counts.end(), std::uint64_t{0});
}

}  // namespace

TEST_CASE_METHOD(LoopFixture, "event loop: a post from another thread makes it turn",
                 "[net][eventloop]") {
  std::thread::id ran_on;
  std::thread poster([&] {
    loop.core().mailbox().post([&] {
      ran_on = std::this_thread::get_id();
      loop.stop();
    });
  });
  loop.run();
  poster.join();
  CHECK(ran_on == std::this_thread::get_id());
}

TEST_CASE_METHOD(LoopFixture,
                 "event loop: stop from another thread ends run, which may be called again",
                 "[net][eventloop]") {
  for (int round = 0; round < 3; ++round) {
    std::thread stopper([&] { loop.stop(); });
    loop.run();
    stopper.join();
  }
  CHECK(loop.core().turns() >= 3);
}

TEST_CASE_METHOD(LoopFixture, "event loop: a stop before run ends it after its first turn",
                 "[net][eventloop]") {
  bool has_run = false;
  loop.stop();
  loop.core().mailbox().post([&] { has_run = true; });
  loop.run();
  CHECK(has_run);
}

TEST_CASE_METHOD(LoopFixture, "event loop: a timer fires in time, never early",
                 "[net][eventloop]") {
  OneShot timer;
  Instant fired{};
  timer.action = [&] {
    fired = clock.now();
    loop.stop();
  };
  const Instant deadline = clock.now() + 120ms;
  loop.core().timers().arm(timer, deadline);
  loop.run();
  CHECK(fired >= deadline);
  // One tick and the rounding of libuv, with room for a busy machine.
  CHECK(fired < deadline + 50ms + 500ms);
}

TEST_CASE_METHOD(LoopFixture, "event loop: without timers it sleeps without end",
                 "[net][eventloop]") {
  turn_now(loop);
  CHECK(loop.next_wait_ms() == -1);
  OneShot timer;
  timer.action = [] {};
  loop.core().timers().arm(timer, clock.now() + 10ms);
  turn_now(loop);
  CHECK(loop.next_wait_ms() > 0);
  CHECK(loop.next_wait_ms() <= 52);
  REQUIRE(run_until(loop, [&] { return !timer.is_armed(); }));
  // The tick that finds an empty wheel is the last one.
  for (int i = 0; i < 3 && loop.next_wait_ms() != -1; ++i) loop.run_once();
  CHECK(loop.next_wait_ms() == -1);
}

TEST_CASE_METHOD(LoopFixture, "event loop: work deferred before run does not wait for an event",
                 "[net][eventloop]") {
  struct Work final : sluice::net::Deferred {
    EventLoop* loop = nullptr;
    void run_deferred() override { loop->stop(); }
  } work;
  work.loop = &loop;
  loop.core().defer(work);
  loop.run();  // hangs if not
  CHECK_FALSE(work.is_linked());
}

TEST_CASE_METHOD(LoopFixture, "event loop: time in a socket event is the time after the wait",
                 "[net][eventloop]") {
  SocketPair pair = unix_pair();
  auto* transport = SocketTransport::open(loop, std::move(pair.ours));
  Recorder events;
  transport->set_events(events);
  transport->read(ReadMode::On);
  Instant seen{};
  events.on_any = [&] { seen = loop.core().now(); };
  turn_now(loop);
  Instant sent{};
  std::thread sender([&, fd = pair.theirs.get()] {
    sent = clock.now();
    static_cast<void>(::send(fd, "x", 1, MSG_NOSIGNAL));
  });
  CHECK(run_until(loop, [&] { return !events.received.empty(); }));
  sender.join();
  CHECK(seen >= sent);
  transport->close();
}

TEST_CASE_METHOD(LoopFixture, "event loop: of two that are ready, the first may close the second",
                 "[net][eventloop]") {
  SocketPair first = unix_pair();
  SocketPair second = unix_pair();
  std::array<SocketTransport*, 2> transports{SocketTransport::open(loop, std::move(first.ours)),
                                             SocketTransport::open(loop, std::move(second.ours))};
  std::array<Recorder, 2> events;
  for (std::size_t i = 0; i < 2; ++i) {
    transports[i]->set_events(events[i]);
    transports[i]->read(ReadMode::On);
    events[i].on_any = [&, other = 1 - i] { transports[other]->close(); };
  }
  send_all(first.theirs.get(), "x");
  send_all(second.theirs.get(), "x");
  turn_now(loop);  // both events come in this one turn
  CHECK(events[0].received.size() + events[1].received.size() == 1);
  turn_now(loop);
  CHECK(loop.transports().in_use() == 1);
  transports[events[0].received.empty() ? 1 : 0]->close();
  turn_now(loop);
  CHECK(loop.transports().in_use() == 0);
}

TEST_CASE("event loop: turns are counted by how long they took", "[net][eventloop]") {
  ManualClock clock;
  EventLoop loop(clock, 1);
  for (const Nanos duration : {Nanos{0}, Nanos{1ms} - 1ns, Nanos{1ms}, Nanos{60ms}, Nanos{2s}}) {
    const TurnTimes before = loop.turn_times();
    loop.core().mailbox().post([&] { clock.time += duration; });
    loop.enter();
    loop.run_once();
    const TurnTimes after = loop.turn_times();
    const auto bucket = static_cast<std::size_t>(
        std::ranges::find_if(TurnTimes::kBoundsMs,
                             [&](auto ms) { return duration < ms * Nanos{1ms}; }) -
        TurnTimes::kBoundsMs.begin());
    CHECK(after.counts[bucket] > before.counts[bucket]);
    CHECK(after.longest == duration);
    CHECK(total(after) > total(before));
  }
}

TEST_CASE("system clock: moves forward, and wall time is after 2024", "[net][clock]") {
  const sluice::net::SystemClock clock;
  const Instant first = clock.now();
  CHECK(clock.now() >= first);
  CHECK(clock.wall().time_since_epoch() > std::chrono::hours{24 * 365 * 54});
}

TEST_CASE("event loop: tells how long an event waits for it", "[net][eventloop]") {
  ManualClock clock;
  EventLoop loop(clock, 1);
  CHECK(loop.lag(clock.time) == 0s);
  loop.ask_lag(clock.time);
  clock.time += 70ms;
  CHECK(loop.lag(clock.time) == 70ms);  // not answered yet
  loop.ask_lag(clock.time);             // one question at a time
  clock.time += 5ms;
  loop.run_once();
  CHECK(loop.lag(clock.time) == 75ms);
  clock.time += 1h;
  CHECK(loop.lag(clock.time) == 75ms);
  loop.ask_lag(clock.time);
  CHECK(loop.lag(clock.time) == 75ms);  // the new question has waited for nothing yet
  loop.run_once();
  CHECK(loop.lag(clock.time) == 0ms);
  loop.ask_lag(clock.time + 1s);  // clocks of two threads need not agree
  CHECK(loop.lag(clock.time) == 0ms);
  loop.run_once();
  CHECK(loop.lag(clock.time) == 0ms);
}
