#include "control/events.hpp"

#include "sluice/core/limits.hpp"
#include "support/catch.hpp"
#include "support/control_rig.hpp"

namespace {

using namespace sluice;
using namespace std::chrono_literals;
using control::EventKind;
using control::EventLog;
using core::PoolName;
using test::ControlRig;

struct Reader final : control::EventReader {
  explicit Reader(std::function<void()> what = {}) : on_told(std::move(what)) {}
  void on_events() override {
    ++told;
    if (on_told) on_told();
  }
  std::size_t told = 0;
  std::function<void()> on_told;
};

/// A log on a loop that is turned by hand.
struct Log {
  test::ManualClock clock;
  net::Loop loop{clock, 1, [] {}};
  EventLog log{loop};

  void add(std::size_t count = 1) {
    for (std::size_t i = 0; i < count; ++i) log.add(EventKind::Change, "x", {});
  }
  void turn() {
    loop.begin_turn();
    loop.end_turn();
  }
};

/// The events of a rig as `kind text`, from `first` on.
std::vector<std::string> lines(ControlRig& rig, std::uint64_t first = 1) {
  const EventLog& log = rig.controller->events();
  std::vector<std::string> found;
  for (std::uint64_t id = first; id <= log.newest(); ++id) {
    found.push_back(std::string(text(log.at(id).kind)) + " " + log.at(id).text);
  }
  return found;
}

const control::EventValue* member(const control::Event& event, std::string_view name) {
  for (const auto& [key, value] : event.members) {
    if (key == name) return &value;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("events: ids have no gaps, and only the newest are kept", "[control][events]") {
  constexpr std::size_t kMost = core::limits::kEventsKept;
  Log log;
  CHECK(log.log.newest() == 0);
  CHECK(log.log.oldest() == 1);
  log.add(kMost);
  CHECK(log.log.oldest() == 1);
  CHECK(log.log.newest() == kMost);
  log.add();
  CHECK(log.log.oldest() == 2);
  CHECK(log.log.at(2).id == 2);
  CHECK(log.log.at(kMost + 1).id == kMost + 1);
}

TEST_CASE("events: readers are told once per turn, at its end", "[control][events]") {
  Log log;
  Reader reader;
  REQUIRE(log.log.join(reader));
  log.add(3);
  CHECK(reader.told == 0);
  log.turn();
  CHECK(reader.told == 1);
  log.turn();
  CHECK(reader.told == 1);
  log.log.leave(reader);
  log.add();
  log.turn();
  CHECK(reader.told == 1);
}

TEST_CASE("events: so many readers and no more", "[control][events]") {
  Log log;
  std::vector<Reader> readers(core::limits::kEventReadersMax + 1);
  for (std::size_t i = 0; i + 1 < readers.size(); ++i) CHECK(log.log.join(readers[i]));
  CHECK_FALSE(log.log.join(readers.back()));
  log.log.leave(readers.front());
  CHECK(log.log.join(readers.back()));
}

TEST_CASE("events: a reader may leave, and make others leave, while they are told",
          "[control][events]") {
  Log log;
  Reader second;
  Reader first([&] {
    log.log.leave(first);
    log.log.leave(second);
  });
  REQUIRE(log.log.join(first));
  REQUIRE(log.log.join(second));
  log.add();
  log.turn();
  CHECK(first.told == 1);
  CHECK(second.told == 0);
  CHECK(log.log.readers() == 0);
}

// ---- what the controller tells ----

TEST_CASE("events: a switch tells the change, its drain and how that ended", "[control][events]") {
  ControlRig rig;
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  auto request = test::switch_to(PoolName::Green);
  request.reason = "release 42";
  request.actor = {.uid = 1000, .pid = 7};
  rig.done(request);
  CHECK(lines(rig) ==
        std::vector<std::string>{"change shop: switch: green is live, blue is closed (release 42)",
                                 "drain shop: blue drains, up to 30s"});
  const control::Event& change = rig.controller->events().at(1);
  CHECK(std::get<std::uint64_t>(*member(change, "generation")) == 2);
  CHECK(std::get<std::uint64_t>(*member(change, "uid")) == 1000);
  CHECK(std::get<std::string>(*member(change, "live")) == "green");
  rig.advance(31s);
  REQUIRE(lines(rig).size() == 3);
  CHECK(lines(rig)[2] == "drain shop: blue reached its deadline, 1 request and 0 tunnels cut");
  const control::Event& ended = rig.controller->events().at(3);
  CHECK(std::get<std::string>(*member(ended, "phase")) == "ended");
  CHECK(std::get<std::uint64_t>(*member(ended, "requests_cut")) == 1);
}

TEST_CASE("events: what changes nothing, and what is refused, is no change", "[control][events]") {
  ControlRig rig;
  rig.done(test::switch_to(PoolName::Blue));
  rig.done(test::switch_to(PoolName::Green, "nope"));
  CHECK(lines(rig).empty());
  rig.done(test::split_to(1250));
  CHECK(lines(rig) == std::vector<std::string>{
                          "change shop: split: blue is live, green gets 12.5% of the users"});
}

TEST_CASE("events: a drain that is superseded says so", "[control][events]") {
  ControlRig rig;
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  rig.done(test::switch_to(PoolName::Green));
  rig.done(test::rollback());
  const auto told = lines(rig, 3);
  REQUIRE(told.size() == 4);
  CHECK(told[0] == "change shop: rollback: blue is live, green is closed");
  CHECK(std::ranges::count(
            told, "drain shop: blue is live again: its drain is over, nothing was cut") == 1);
}

TEST_CASE("events: endpoints that are taken out, fail and answer again", "[control][events]") {
  ControlRig rig;
  rig.done(test::endpoint_to(model::EndpointMode::Disabled, "127.0.0.1:9002"));
  CHECK(lines(rig) == std::vector<std::string>{"endpoint shop: green/127.0.0.1:9002 is disabled"});
  auto& penalty = rig.pool(PoolName::Blue).endpoints[0].cell->penalty;
  penalty.store(1);
  rig.advance(3s);
  penalty.store(0);
  rig.advance(3s);
  CHECK(lines(rig, 2) ==
        std::vector<std::string>{"endpoint shop: blue/127.0.0.1:9001 accepts no connections",
                                 "endpoint shop: blue/127.0.0.1:9001 answers again"});
}

TEST_CASE("events: each problem is told when it begins and when it is over", "[control][events]") {
  ControlRig rig;
  rig.done(test::split_to(100));
  rig.store.mode = test::FakeStore::Mode::Hangs;
  rig.submit(test::rollback());
  rig.advance(3s);
  auto told = lines(rig, 2);
  CHECK(std::ranges::count_if(told, [](const std::string& line) {
          return line.starts_with("problem the state in force is not on the disk");
        }) == 1);
  rig.store.mode = test::FakeStore::Mode::Lands;
  rig.store.answer(test::FakeStore::Mode::Lands);
  rig.advance(3s);
  CHECK(lines(rig).back() == "solved the state in force is on the disk");

  const std::uint64_t before = rig.controller->events().newest();
  rig.store.audit_left = 2;
  rig.workers[1]->is_hanging = true;
  rig.advance(5s);
  rig.store.audit_left = 0;
  rig.workers[1]->is_hanging = false;
  rig.advance(2s);
  told = lines(rig, before + 1);
  std::ranges::sort(told);
  CHECK(told == std::vector<std::string>{
                    "problem the disk does not take 2 records of the audit; they are kept and "
                    "tried again",
                    "problem worker 1 does not turn", "solved the audit is complete on the disk",
                    "solved worker 1 turns again"});
}

TEST_CASE("events: a change that the disk refused, and the end", "[control][events]") {
  ControlRig rig;
  rig.store.mode = test::FakeStore::Mode::Fails;
  rig.done(test::split_to(100));
  REQUIRE_FALSE(lines(rig).empty());
  CHECK(lines(rig)[0].starts_with("problem a change was refused: the state could not be written"));
  const std::uint64_t before = rig.controller->events().newest();
  rig.controller->begin_stop(1s, {});
  rig.controller->begin_stop(0s, {});
  rig.settle();
  CHECK(lines(rig, before + 1) == std::vector<std::string>{"stopping the process is stopping"});
}
