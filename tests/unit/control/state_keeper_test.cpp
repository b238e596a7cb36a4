#include "control/state_keeper.hpp"

#include "support/catch.hpp"
#include "support/control_rig.hpp"

namespace {

using namespace sluice;
using control::StateKeeper;
using Mode = test::FakeStore::Mode;

struct Keeper {
  test::ManualClock clock;
  net::Loop loop{clock, 1, [] {}};
  test::FakeStore store{loop};
  StateKeeper keeper;

  explicit Keeper(StateKeeper::OnDisk on_disk = StateKeeper::OnDisk::Yes)
      : keeper(loop, store, image(1), on_disk) {}
  ~Keeper() { loop.mailbox().close(); }

  static control::StateImage image(std::uint64_t generation) {
    control::StateImage image;
    image.state.generation = core::Generation{generation};
    image.record.generation = core::Generation{generation};
    return image;
  }
  void turn() {
    loop.begin_turn();
    loop.end_turn();
  }
  /// As the controller of a switch does: flips when it has landed, else gives up.
  void write(std::uint64_t generation) {
    keeper.write_change(image(generation), [this](const std::optional<core::Error>& error) {
      if (error) {
        refused = keeper.give_up();
      } else {
        keeper.commit();
      }
    });
  }
  void retry() {
    clock.advance(core::limits::kPersistRetryMax + 2 * core::limits::kTimerTick);
    turn();
    turn();
  }
  std::uint64_t in_force() const { return keeper.in_force().state.generation.raw; }
  std::uint64_t on_disk() const { return store.on_disk ? store.on_disk->state.generation.raw : 0; }

  std::optional<StateKeeper::Refused> refused;
};

}  // namespace

TEST_CASE("keeper: a change lands, is committed, then audited", "[control][keeper]") {
  Keeper k;
  k.store.mode = Mode::Hangs;
  k.write(2);
  CHECK(k.in_force() == 1);
  CHECK(k.store.audit.empty());
  k.store.answer(Mode::Lands);
  k.turn();
  CHECK(k.in_force() == 2);
  CHECK(k.keeper.is_durable());
  REQUIRE(k.store.audit.size() == 1);
  CHECK(k.store.audit[0].generation == core::Generation{2});
  CHECK(k.store.writes == 1);
  CHECK(k.store.olds[0] == control::OldState::KeepAsPrevious);
}

TEST_CASE("keeper: what was surely not written needs no correction", "[control][keeper]") {
  Keeper k;
  k.store.mode = Mode::Fails;
  k.write(2);
  k.turn();
  CHECK(k.refused == StateKeeper::Refused::NeverWritten);
  CHECK(k.keeper.is_durable());
  k.retry();
  CHECK(k.store.writes == 1);
  CHECK(k.store.audit.empty());
}

TEST_CASE("keeper: what may have landed is corrected", "[control][keeper]") {
  Keeper k;
  k.store.mode = Mode::Uncertain;
  k.write(2);
  k.turn();
  CHECK(k.refused == StateKeeper::Refused::MayLand);
  CHECK_FALSE(k.keeper.is_durable());
  k.store.mode = Mode::Lands;
  k.retry();
  CHECK(k.on_disk() == 1);
  CHECK(k.keeper.is_durable());
  CHECK(k.store.olds.back() ==
        control::OldState::Drop);  // the refused one is nobody's previous state
  CHECK(k.store.audit.empty());
}

TEST_CASE("keeper: a late write is followed at once by the state in force", "[control][keeper]") {
  Keeper k;
  k.store.mode = Mode::Hangs;
  k.write(2);
  CHECK(k.keeper.give_up() == StateKeeper::Refused::MayLand);
  CHECK_FALSE(k.keeper.is_durable());
  k.store.answer(Mode::Lands);
  k.turn();
  CHECK(k.on_disk() == 2);
  REQUIRE(k.store.waiting.size() == 1);  // no time has passed
  k.store.answer(Mode::Lands);
  k.turn();
  CHECK(k.on_disk() == 1);
  CHECK(k.keeper.is_durable());
  CHECK(k.store.audit.empty());
}

TEST_CASE("keeper: a change behind a hung write is never written when it is given up",
          "[control][keeper]") {
  Keeper k;
  k.store.mode = Mode::Hangs;
  k.write(2);
  static_cast<void>(k.keeper.give_up());
  k.write(3);
  CHECK(k.store.writes == 1);
  CHECK(k.keeper.give_up() == StateKeeper::Refused::NeverWritten);
  k.store.mode = Mode::Lands;
  k.store.answer(Mode::Lands);
  k.turn();
  k.turn();
  CHECK(k.on_disk() == 1);
  CHECK(k.store.writes == 2);
}

TEST_CASE("keeper: a change goes before the correction and stands for it", "[control][keeper]") {
  Keeper k;
  k.store.mode = Mode::Hangs;
  k.write(2);
  static_cast<void>(k.keeper.give_up());
  k.write(3);
  k.store.answer(Mode::Lands);
  k.turn();
  k.store.answer(Mode::Lands);
  k.turn();
  CHECK(k.on_disk() == 3);
  CHECK(k.in_force() == 3);
  CHECK(k.keeper.is_durable());
  CHECK(k.store.writes == 2);
  CHECK(k.store.olds.back() == control::OldState::Drop);
}

TEST_CASE("keeper: committed without the disk, it is written until it lands, then audited",
          "[control][keeper]") {
  Keeper k;
  k.store.mode = Mode::Fails;
  k.keeper.write_change(Keeper::image(2),
                        [&k](const std::optional<core::Error>&) { k.keeper.commit(); });
  k.turn();
  CHECK(k.in_force() == 2);
  CHECK_FALSE(k.keeper.is_durable());
  CHECK(k.store.audit.empty());
  for (int i = 0; i < 5; ++i) k.retry();
  CHECK(k.store.writes == 6);
  k.store.mode = Mode::Lands;
  k.retry();
  CHECK(k.on_disk() == 2);
  CHECK(k.keeper.is_durable());
  CHECK(k.store.audit.size() == 1);
  k.retry();
  CHECK(k.store.writes == 7);
}

TEST_CASE("keeper: committed while its write hangs, it is durable when that lands",
          "[control][keeper]") {
  Keeper k;
  k.store.mode = Mode::Hangs;
  k.keeper.write_change(Keeper::image(2),
                        [](const std::optional<core::Error>&) { FAIL("it was committed before"); });
  k.keeper.commit();
  CHECK_FALSE(k.keeper.is_durable());
  k.store.answer(Mode::Lands);
  k.turn();
  CHECK(k.keeper.is_durable());
  CHECK(k.store.writes == 1);
  CHECK(k.store.audit.size() == 1);
}

TEST_CASE("keeper: committed behind another's hung write, it is written when that ends",
          "[control][keeper]") {
  Keeper k;
  k.store.mode = Mode::Hangs;
  k.write(2);
  static_cast<void>(k.keeper.give_up());
  k.keeper.write_change(Keeper::image(3),
                        [](const std::optional<core::Error>&) { FAIL("it was committed before"); });
  k.keeper.commit();
  k.store.answer(Mode::Lands);
  k.turn();
  CHECK(k.on_disk() == 2);
  CHECK_FALSE(k.keeper.is_durable());
  k.store.answer(Mode::Lands);
  k.turn();
  CHECK(k.on_disk() == 3);
  CHECK(k.keeper.is_durable());
}

TEST_CASE("keeper: a start that could not write hands its state over at once",
          "[control][keeper]") {
  Keeper k(StateKeeper::OnDisk::No);
  CHECK_FALSE(k.keeper.is_durable());
  CHECK(k.store.writes == 1);
  k.turn();
  CHECK(k.on_disk() == 1);
  CHECK(k.keeper.is_durable());
}

TEST_CASE("keeper: a disk that fails for long is asked seldom", "[control][keeper]") {
  Keeper k;
  k.store.mode = Mode::Fails;
  k.keeper.write_change(Keeper::image(2),
                        [&k](const std::optional<core::Error>&) { k.keeper.commit(); });
  for (int i = 0; i < 1200; ++i) {  // one minute in ticks
    k.clock.advance(core::limits::kTimerTick);
    k.turn();
  }
  CHECK(k.store.writes >= 25);
  CHECK(k.store.writes <= 40);
}
