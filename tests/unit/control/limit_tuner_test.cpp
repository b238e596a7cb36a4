#include "control/limit_tuner.hpp"

#include "sluice/config/build.hpp"
#include "support/catch.hpp"
#include "support/control_rig.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;
using core::PoolName;

namespace {

/// The pools of one service; time moves by its looks.
struct TunerRig {
  explicit TunerRig(const policy::AdaptivePolicy& adaptive) {
    config::Config config = config_of({"shop"});
    config.services[0].adaptive = adaptive;
    parts = config::build_static(config, cells);
    tuner.emplace(loop, parts.services);
    tuner->start();
  }
  ~TunerRig() { loop.mailbox().close(); }

  policy::AdaptiveCell& cell(PoolName name) { return parts.services[0]->pool(name).cell->adaptive; }
  void answer(PoolName name, int count, core::Nanos latency) {
    for (int i = 0; i < count; ++i) cell(name).samples += policy::LatencySum::of(latency);
  }
  void advance(core::Nanos time) {
    for (; time > 0ns; time -= core::limits::kTimerTick) {
      clock.advance(core::limits::kTimerTick);
      loop.begin_turn();
      loop.end_turn();
    }
  }

  ManualClock clock;
  net::Loop loop{clock, 1, [] {}};
  config::CellRegistry cells{1};
  config::StaticParts parts;
  std::optional<control::LimitTuner> tuner;
};

}  // namespace

TEST_CASE("limit tuner: without the key there is no limit, and nothing is looked at",
          "[control][adaptive]") {
  TunerRig rig({});
  rig.answer(PoolName::Blue, 20, 10ms);
  rig.advance(1s);
  CHECK(rig.cell(PoolName::Blue).limit == 0);
  CHECK(policy::LatencySum(rig.cell(PoolName::Blue).samples).count() == 20);
  CHECK(rig.loop.timers().empty());
}

TEST_CASE("limit tuner: each pool has a limit of its own, from its own answers",
          "[control][adaptive]") {
  TunerRig rig({.is_on = true});
  CHECK(rig.cell(PoolName::Blue).limit == 8);  // it is measured first
  CHECK(rig.cell(PoolName::Green).limit == 8);
  rig.answer(PoolName::Blue, 10, 50ms);
  rig.advance(200ms);
  CHECK(rig.cell(PoolName::Blue).limit == 20);
  CHECK(rig.cell(PoolName::Green).limit == 8);
  CHECK(rig.cell(PoolName::Blue).samples == 0);

  // As slow as with a queue, and somebody was refused: fewer. As fast as without one: more.
  rig.answer(PoolName::Blue, 20, 500ms);
  rig.cell(PoolName::Blue).refused = 3;
  rig.advance(200ms);
  const std::uint32_t fewer = rig.cell(PoolName::Blue).limit;
  CHECK(fewer < 20);
  CHECK(rig.cell(PoolName::Blue).refused == 0);
  rig.answer(PoolName::Blue, 20, 50ms);
  rig.cell(PoolName::Blue).in_flight = fewer;
  rig.advance(200ms);
  CHECK(rig.cell(PoolName::Blue).limit > fewer);
}
