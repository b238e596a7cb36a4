#include "control/overload_keeper.hpp"

#include "support/catch.hpp"
#include "support/control_rig.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;
using control::EventKind;
using Level = control::OverloadView::Level;
using policy::OverloadCause;
using policy::OverloadWord;

namespace {

constexpr std::uint64_t kLimit = 512ULL << 20U;

/// A keeper with two workers; time moves by its looks.
struct KeeperRig {
  KeeperRig() {
    for (std::size_t i = 0; i < 2; ++i) {
      workers.push_back(std::make_unique<FakeWorker>(i, publication, loop, 1));
      ports.push_back(workers.back().get());
    }
    keeper.emplace(control::OverloadKeeper::Deps{
        .loop = loop,
        .workers = ports,
        .cells = &cells,
        .memory = [this] { return memory; },
        .trim =
            [this] {
              ++trims;
              if (memory) memory->used -= gained;
            },
        .events = events,
        .notice = [this](const std::string& line) { notices.push_back(line); }});
    keeper->start();
  }
  ~KeeperRig() { loop.mailbox().close(); }

  void use(std::uint64_t thousandths) {
    memory = model::MemorySample{kLimit / 1000 * thousandths + 1000, kLimit};
  }
  void advance(core::Nanos time) {
    for (; time > 0ns; time -= core::limits::kTimerTick) {
      clock.advance(std::min<core::Nanos>(core::limits::kTimerTick, time));
      loop.begin_turn();
      loop.end_turn();
    }
  }
  OverloadWord word(std::size_t worker = 0) const {
    return OverloadWord(cells[worker].word.load());
  }
  Level level() const { return keeper->view().level; }
  const control::Event& last_event() const { return events.at(events.newest()); }
  std::string metrics() const {
    metrics::Exposition out;
    keeper->write_metrics(out);
    return out.text();
  }

  ManualClock clock;
  net::Loop loop{clock, 1, [] {}};
  model::Publication publication{2};
  std::vector<std::unique_ptr<FakeWorker>> workers;
  std::vector<model::WorkerPort*> ports;
  model::OverloadCells cells{2};
  std::optional<model::MemorySample> memory;
  control::EventLog events{loop};
  std::vector<std::string> notices;
  unsigned trims = 0;
  std::uint64_t gained = 0;  // by each trim
  std::optional<control::OverloadKeeper> keeper;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("overload: without a limit and with loops that keep up nothing is told",
          "[control][overload]") {
  KeeperRig rig;
  rig.advance(10s);
  CHECK(rig.word().is_normal());
  CHECK(rig.level() == Level::Normal);
  CHECK(rig.events.newest() == 0);
  CHECK(rig.notices.empty());
  CHECK(rig.workers[0]->lags_asked > 60);
  CHECK(rig.workers[0]->lags_asked <= 102);
  CHECK(rig.workers[0]->idle_let_go == 0);
  CHECK_FALSE(has(rig.metrics(), "sluice_memory"));
}

TEST_CASE("overload: at 85 % connections end, and idle ones go", "[control][overload]") {
  KeeperRig rig;
  rig.use(849);
  rig.advance(1s);
  CHECK(rig.word().is_normal());
  CHECK(rig.events.newest() == 0);
  rig.use(850);
  rig.advance(200ms);
  CHECK(rig.word(0).ends_connections());
  CHECK(rig.word(1).ends_connections());
  CHECK(rig.word().strain() == 0);
  CHECK(rig.level() == Level::NoKeepAlive);
  REQUIRE(rig.events.newest() == 1);
  CHECK(rig.last_event().kind == EventKind::Problem);
  CHECK(rig.last_event().text == "memory is at 85% of 512MiB: connections end with their answers");
  CHECK(rig.last_event().members[0].second == control::EventValue("memory_high"));
  CHECK(rig.notices.back() == rig.last_event().text);
  CHECK(rig.workers[0]->idle_let_go > 0);
  CHECK(rig.workers[1]->idle_let_go > 0);
}

TEST_CASE("overload: the heap is trimmed less and less often while that gains nothing",
          "[control][overload]") {
  KeeperRig rig;
  rig.use(860);
  rig.advance(1900ms);
  CHECK(rig.trims == 1);
  rig.advance(300ms);
  CHECK(rig.trims == 2);
  rig.advance(10min);
  CHECK(rig.trims < 20);
  rig.use(790);  // something was freed
  rig.advance(200ms);
  REQUIRE(rig.level() == Level::Normal);
  rig.use(850);
  rig.trims = 0;
  rig.advance(200ms);
  CHECK(rig.trims == 1);
}

TEST_CASE("overload: the heap is trimmed as often as it may be while that gains",
          "[control][overload]") {
  KeeperRig rig;
  rig.use(919);
  rig.gained = kLimit / 1000 * 11;
  rig.advance(9s);
  CHECK(rig.trims == 5);
  CHECK(rig.level() == Level::NoKeepAlive);
}

TEST_CASE("overload: while requests are refused no pause of the trims is long",
          "[control][overload]") {
  KeeperRig rig;
  rig.use(950);
  rig.advance(1min);
  rig.trims = 0;
  rig.advance(50s);
  CHECK(rig.trims >= 9);
  CHECK(rig.trims <= 10);
}

TEST_CASE("overload: the level says that requests are refused exactly when some are",
          "[control][overload]") {
  KeeperRig rig;
  rig.use(919);
  rig.advance(5s);
  CHECK(rig.level() == Level::NoKeepAlive);
  CHECK(rig.word().strain() == 0);
  rig.use(920);
  rig.advance(100ms);
  CHECK(rig.level() == Level::Shedding);
  CHECK(rig.word().strain() == policy::kStrainLeast);
  for (const std::uint64_t used : {919U, 890U}) {
    rig.use(used);
    rig.advance(1min);
    CHECK(rig.level() == Level::Shedding);
    CHECK(rig.word().strain() == policy::kStrainLeast);
    CHECK(has(rig.metrics(), "sluice_overload_refused_ratio{users=\"new\"} 0.001\n"));
  }
  CHECK(rig.events.newest() == 2);
  rig.use(889);
  rig.advance(100ms);
  CHECK(rig.level() == Level::NoKeepAlive);
  CHECK(rig.word().strain() == 0);
  CHECK(rig.last_event().text == "memory is at 88% of 512MiB: requests are admitted again");
}

TEST_CASE("overload: between its marks a slow worker refuses the least, and says so",
          "[control][overload]") {
  KeeperRig rig;
  rig.workers[0]->waits = 200ms;
  rig.advance(2s);
  CHECK(rig.word().strain() == policy::kStrainLeast);
  rig.workers[0]->waits = 100ms;
  rig.advance(1min);
  CHECK(rig.word().strain() == policy::kStrainLeast);
  CHECK(rig.level() == Level::Shedding);
  rig.workers[0]->waits = 99ms;
  rig.advance(200ms);
  CHECK(rig.word().is_normal());
  CHECK(rig.level() == Level::Normal);
  CHECK(rig.events.newest() == 2);
}

TEST_CASE("overload: at 92 % requests are refused, and it all comes back", "[control][overload]") {
  KeeperRig rig;
  rig.use(950);
  rig.advance(300ms);
  CHECK(rig.word(1).strain() == policy::kStrainNew);
  CHECK(rig.word(1).cause() == OverloadCause::Memory);
  CHECK(rig.word(1).ends_connections());
  CHECK(rig.level() == Level::Shedding);
  REQUIRE(rig.events.newest() == 2);
  CHECK(rig.last_event().text == "memory is at 95% of 512MiB: requests are refused");
  CHECK(rig.last_event().members[0].second == control::EventValue("memory_shedding"));
  CHECK(has(rig.metrics(), "sluice_overload_level{level=\"shedding\"} 1\n"));
  CHECK(has(rig.metrics(), "sluice_overload_refused_ratio{users=\"new\"} 1\n"));
  rig.use(300);
  rig.advance(1s + 100ms);
  CHECK(rig.word().strain() == policy::kStrainLeast);
  CHECK(rig.level() == Level::Shedding);
  rig.advance(1s);
  CHECK(rig.word().is_normal());
  CHECK(rig.level() == Level::Normal);
  CHECK(rig.events.newest() == 4);
  CHECK(rig.last_event().kind == EventKind::Solved);
  CHECK(rig.events.at(3).text == "memory is at 30% of 512MiB: connections are kept again");
  CHECK(rig.last_event().text == "memory is at 30% of 512MiB: requests are admitted again");
  CHECK(has(rig.metrics(), "sluice_overload_entered_total{level=\"shedding\"} 1\n"));
  CHECK(has(rig.metrics(), "sluice_overload_entered_total{level=\"normal\"} 1\n"));
}

TEST_CASE("overload: the mark is not left while anybody is refused", "[control][overload]") {
  KeeperRig rig;
  rig.use(990);
  rig.advance(5s);  // it has been high for long enough
  rig.use(300);
  for (int i = 0; i < 40; ++i) {
    rig.advance(50ms);
    if (rig.word().strain() != 0) CHECK(rig.level() == Level::Shedding);
  }
  CHECK(rig.level() == Level::Normal);
}

TEST_CASE("overload: near a mark it is looked more often", "[control][overload]") {
  KeeperRig rig;
  rig.use(600);
  rig.advance(1s);
  rig.workers[0]->lags_asked = 0;
  rig.advance(1s);
  CHECK(rig.workers[0]->lags_asked >= 18);
  rig.use(599);
  rig.advance(1s);
  rig.workers[0]->lags_asked = 0;
  rig.advance(1s);
  CHECK(rig.workers[0]->lags_asked <= 11);
}

TEST_CASE("overload: a limit that can't be read any more refuses nobody", "[control][overload]") {
  KeeperRig rig;
  rig.use(990);
  rig.advance(300ms);
  REQUIRE(rig.word().strain() == policy::kStrainAll);
  rig.memory.reset();
  rig.advance(3s);
  CHECK(rig.word().is_normal());
  CHECK(rig.last_event().text ==
        "memory has no limit that can be read: requests are admitted again");
}

TEST_CASE("overload: a worker that does not keep up refuses, the other one does not",
          "[control][overload]") {
  KeeperRig rig;
  rig.workers[1]->waits = 600ms;
  rig.advance(200ms);
  CHECK(rig.word(1).is_normal());  // it takes five looks
  rig.advance(500ms);
  CHECK(rig.word(1).strain() == policy::kStrainNew);
  CHECK(rig.word(1).cause() == OverloadCause::Loop);
  CHECK_FALSE(rig.word(1).ends_connections());
  CHECK(rig.word(0).is_normal());
  CHECK(rig.level() == Level::Shedding);
  CHECK(rig.keeper->view().loop_wait == 600ms);
  REQUIRE(rig.events.newest() == 1);
  CHECK(rig.last_event().text ==
        "worker 1 does not keep up: events wait 600ms, and requests are refused");
  rig.workers[1]->waits = 1ms;
  rig.advance(2s + 200ms);
  CHECK(rig.word(1).is_normal());
  CHECK(rig.level() == Level::Normal);
  CHECK(rig.last_event().text == "worker 1 keeps up again");
  CHECK(rig.last_event().kind == EventKind::Solved);
}

TEST_CASE("overload: one long turn is no overload", "[control][overload]") {
  KeeperRig rig;
  rig.workers[0]->waits = 5s;
  rig.advance(200ms);
  rig.workers[0]->waits = 0ms;
  rig.advance(2s);
  CHECK(rig.events.newest() == 0);
  CHECK(rig.word().is_normal());
}

TEST_CASE("overload: of memory and loop the worse one counts", "[control][overload]") {
  KeeperRig rig;
  rig.use(935);  // 500
  rig.workers[0]->waits = 800ms;
  rig.workers[1]->waits = 300ms;
  rig.advance(2s);
  CHECK(rig.word(0).cause() == OverloadCause::Loop);
  CHECK(rig.word(0).strain() == 1500);
  CHECK(rig.word(0).ends_connections());
  CHECK(rig.word(1).cause() == OverloadCause::Memory);
  CHECK(rig.word(1).strain() == 500);
  CHECK(rig.keeper->word().word() == rig.word(0).word());
  rig.workers[0]->waits = 0ms;
  rig.advance(3s);
  CHECK(rig.keeper->word().word() == rig.word(1).word());
}
