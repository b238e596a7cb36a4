// What a disk that fails or hangs does to changes (behaviour.md §1 "Durability").
#include "control/controller.hpp"
#include "support/catch.hpp"
#include "support/control_rig.hpp"

namespace {

using namespace sluice;
using namespace std::chrono_literals;
using control::RefusalCode;
using core::PoolName;
using Mode = test::FakeStore::Mode;
using test::ControlRig;
using test::rollback;
using test::split_to;
using test::switch_to;

}  // namespace

TEST_CASE("storage: a failed write refuses the change and flips nothing", "[control][storage]") {
  for (const Mode mode : {Mode::Fails, Mode::Uncertain}) {
    ControlRig rig;
    rig.store.mode = mode;
    const auto call = rig.done(switch_to(PoolName::Green));
    REQUIRE(call->is_refused());
    CHECK(call->refusal().code == RefusalCode::StorageUnavailable);
    const bool says_in_flight = call->refusal().detail.find("crash") != std::string::npos;
    CHECK(says_in_flight == (mode == Mode::Uncertain));
    CHECK(rig.publication.active() == core::Epoch{1});
    CHECK(rig.view().live == PoolName::Blue);
    CHECK(rig.store.audit.empty());
    // The epoch is used up, the generation is not.
    rig.store.mode = Mode::Lands;
    rig.advance(5s);
    const auto again = rig.done(switch_to(PoolName::Green));
    CHECK(again->answer().generation == core::Generation{2});
    CHECK(rig.publication.active() == core::Epoch{3});
    CHECK(rig.controller->is_durable());
  }
}

TEST_CASE("storage: a disk that never answers refuses after five seconds", "[control][storage]") {
  ControlRig rig;
  rig.store.mode = Mode::Hangs;
  const auto call = rig.submit(split_to(1000));
  rig.advance(4900ms);
  CHECK_FALSE(call->is_answered());
  rig.advance(200ms);
  REQUIRE(call->is_refused());
  CHECK(call->refusal().code == RefusalCode::StorageUnavailable);
  CHECK(call->refusal().detail.find("crash") != std::string::npos);
  CHECK(rig.view().split.count() == 0);
  CHECK_FALSE(rig.controller->is_durable());
}

TEST_CASE("storage: a late write is corrected at once and never flipped", "[control][storage]") {
  ControlRig rig;
  rig.store.mode = Mode::Hangs;
  rig.submit(split_to(1000));
  rig.advance(6s);
  rig.store.mode = Mode::Lands;
  rig.store.answer(Mode::Lands);
  rig.settle();
  CHECK(rig.store.on_disk->state.generation == core::Generation{1});
  CHECK(rig.store.writes == 2);
  CHECK(rig.controller->is_durable());
  CHECK(rig.publication.active() == core::Epoch{1});
}

TEST_CASE("storage: a rollback waits at most 100 ms for a hung disk", "[control][storage]") {
  ControlRig rig;
  rig.done(switch_to(PoolName::Green));
  rig.store.mode = Mode::Hangs;
  const auto call = rig.submit(rollback());
  rig.settle();
  CHECK_FALSE(call->is_answered());
  rig.advance(100ms);
  REQUIRE(call->is_answered());
  CHECK(call->answer().changed);
  CHECK_FALSE(call->answer().is_durable);
  CHECK(rig.routed(0).live == PoolName::Blue);
  CHECK_FALSE(rig.controller->status().is_durable);
  CHECK(rig.store.audit.size() == 1);  // the switch only
  rig.store.answer(Mode::Lands);
  rig.settle();
  CHECK(rig.controller->status().is_durable);
  CHECK(rig.store.audit.back().action == "rollback");
}

TEST_CASE("storage: a rollback with a full disk is flipped and written until it lands",
          "[control][storage]") {
  ControlRig rig;
  rig.done(switch_to(PoolName::Green));
  rig.store.mode = Mode::Fails;
  const auto call = rig.done(rollback());
  REQUIRE(call->is_answered());
  CHECK_FALSE(call->answer().is_durable);
  CHECK(rig.routed(1).live == PoolName::Blue);
  rig.advance(10s);
  CHECK_FALSE(rig.controller->is_durable());
  rig.store.mode = Mode::Lands;
  rig.advance(3s);
  CHECK(rig.controller->is_durable());
  CHECK(rig.store.on_disk->state.services[0].live == PoolName::Blue);
  CHECK(rig.store.audit.back().action == "rollback");
}

TEST_CASE("storage: a rollback overtakes a change that waits for the disk", "[control][storage]") {
  ControlRig rig;
  rig.done(switch_to(PoolName::Green));
  rig.store.mode = Mode::Hangs;
  const auto split = rig.done(split_to(1000));
  CHECK_FALSE(split->is_answered());
  const auto undo = rig.submit(rollback());
  rig.settle();
  REQUIRE(split->is_refused());
  CHECK(split->refusal().code == RefusalCode::Superseded);
  rig.advance(100ms);
  REQUIRE(undo->is_answered());
  CHECK(rig.routed(0).live == PoolName::Blue);

  // The disk comes back: first the superseded write lands, then at once the state in force.
  rig.store.mode = Mode::Lands;
  rig.store.answer(Mode::Lands);
  rig.settle();
  CHECK(rig.store.on_disk->state.services[0].live == PoolName::Blue);
  CHECK(rig.store.on_disk->state.services[0].split.count() == 0);
  CHECK(rig.controller->is_durable());
  for (const auto& record : rig.store.audit) CHECK(record.action != "split");
}

TEST_CASE("storage: a rollback overtakes a switch in its connect check", "[control][storage]") {
  ControlRig rig;
  rig.done(split_to(1000));
  rig.connector.modes[9002] = test::FakeConnector::Mode::Silent;
  const auto change = rig.done(switch_to(PoolName::Green));
  CHECK(rig.connector.open() == 1);
  const auto undo = rig.done(rollback());
  CHECK(change->refusal().code == RefusalCode::Superseded);
  CHECK(undo->answer().changed);
  CHECK(rig.connector.open() == 0);
  CHECK(rig.view().live == PoolName::Blue);
  CHECK(rig.view().split.count() == 0);
  rig.advance(2s);
  CHECK(rig.view().live == PoolName::Blue);
}

TEST_CASE("storage: a rollback takes the changes of its service that wait with it, not others",
          "[control][storage]") {
  ControlRig rig({.services = {"shop", "blog"}});
  rig.done(switch_to(PoolName::Green));
  rig.store.mode = Mode::Hangs;
  const auto running = rig.done(split_to(100, "blog"));
  const auto same = rig.submit(split_to(200));
  const auto other = rig.submit(split_to(300, "blog"));
  const auto undo = rig.submit(rollback());
  rig.advance(100ms);
  CHECK_FALSE(running->is_answered());
  CHECK(same->refusal().code == RefusalCode::Superseded);
  CHECK(undo->answer().changed);
  CHECK_FALSE(other->is_answered());
  rig.store.mode = Mode::Lands;
  while (!rig.store.waiting.empty()) rig.store.answer(Mode::Lands);
  rig.advance(1s);
  REQUIRE(running->is_answered());
  REQUIRE(other->is_answered());
  CHECK(running->answer().changed);
  CHECK(other->answer().changed);
  CHECK(running->answer().generation < other->answer().generation);
  CHECK(rig.view(1).split.count() == 300);
  CHECK(rig.view(0).split.count() == 0);
}

TEST_CASE("storage: a rollback does not overtake a rollback", "[control][storage]") {
  ControlRig rig({.services = {"shop", "blog"}});
  rig.done(split_to(1000));
  rig.done(split_to(1000, "blog"));
  rig.store.mode = Mode::Hangs;
  const auto first = rig.submit(rollback());
  rig.turn();
  const auto second = rig.submit(rollback("blog"));
  rig.advance(300ms);
  CHECK(first->answer().changed);
  CHECK(second->answer().changed);
  CHECK(second->answer().generation.raw == first->answer().generation.raw + 1);
}

TEST_CASE("storage: a rollback that finds nothing to do still stops what waits",
          "[control][storage]") {
  ControlRig rig;
  rig.done(rollback());  // closes the candidate of the first start
  rig.store.mode = Mode::Hangs;
  const auto change = rig.done(switch_to(PoolName::Green));
  const auto undo = rig.done(rollback());
  CHECK(change->refusal().code == RefusalCode::Superseded);
  CHECK_FALSE(undo->answer().changed);
  CHECK(rig.view().live == PoolName::Blue);
}

TEST_CASE("storage: a rollback without a name takes the changes of the only service",
          "[control][storage]") {
  ControlRig rig;
  rig.store.mode = Mode::Hangs;
  const auto change = rig.done(split_to(1000));
  rig.done(rollback(""));
  REQUIRE(change->is_refused());
  CHECK(change->refusal().code == RefusalCode::Superseded);
}

TEST_CASE("storage: a refused rollback disturbs no change", "[control][storage]") {
  ControlRig rig({.services = {"shop", "blog"}});
  rig.connector.modes[9002] = test::FakeConnector::Mode::Silent;
  control::ChangeRequest mismatched = rollback();
  mismatched.if_generation = 77;
  const auto running = rig.done(switch_to(PoolName::Green));
  const auto waiting = rig.done(split_to(300, "blog"));
  for (const control::ChangeRequest& refused : {rollback("nosuch"), rollback(""), mismatched}) {
    CHECK(rig.done(refused)->is_refused());
    CHECK_FALSE(running->is_answered());
    CHECK_FALSE(waiting->is_answered());
  }
  CHECK(rig.connector.attempted[9002] == 1);
  rig.connector.modes.clear();
  rig.advance(600ms);
  CHECK(running->refusal().code == RefusalCode::PoolUnreachable);
  CHECK(waiting->answer().changed);
}

TEST_CASE("storage: a rollback of another service with nothing to do disturbs no change",
          "[control][storage]") {
  ControlRig rig({.services = {"shop", "blog"}});
  rig.done(rollback("blog"));  // closes the candidate of the first start
  rig.connector.modes[9002] = test::FakeConnector::Mode::Silent;
  const auto change = rig.done(switch_to(PoolName::Green));
  const auto undo = rig.done(rollback("blog"));
  CHECK_FALSE(undo->answer().changed);
  CHECK_FALSE(change->is_answered());
  CHECK(rig.connector.attempted[9002] == 1);
}

TEST_CASE("storage: a switch in its connect check makes room for another service's rollback",
          "[control][storage]") {
  ControlRig rig({.services = {"shop", "blog"}});
  rig.connector.modes[9002] = test::FakeConnector::Mode::Silent;
  const auto change = rig.done(switch_to(PoolName::Green));
  rig.connector.modes.clear();
  const auto undo = rig.submit(rollback("blog"));
  rig.settle();
  REQUIRE(undo->is_answered());
  CHECK(undo->answer().changed);
  REQUIRE(change->is_answered());
  CHECK(change->answer().changed);
  CHECK(change->answer().generation.raw == undo->answer().generation.raw + 1);
  CHECK(rig.view(0).live == PoolName::Green);
}

TEST_CASE("storage: a rollback of all services takes every change that waits",
          "[control][storage]") {
  ControlRig rig({.services = {"shop", "blog"}});
  rig.connector.modes[9002] = test::FakeConnector::Mode::Silent;
  const auto running = rig.done(switch_to(PoolName::Green));
  const auto waiting = rig.done(split_to(300, "blog"));
  control::ChangeRequest every = rollback();
  every.scope = control::Scope::List;
  every.orders.push_back(rollback("blog").orders.front());
  CHECK(rig.done(every)->answer().changed);
  CHECK(running->refusal().code == RefusalCode::Superseded);
  CHECK(waiting->refusal().code == RefusalCode::Superseded);
}

TEST_CASE("storage: a rollback takes no change that came after it", "[control][storage]") {
  ControlRig rig;
  const auto undo = rig.submit(rollback());
  const auto later = rig.submit(split_to(1000));
  rig.settle();
  CHECK(undo->answer().changed);
  REQUIRE(later->is_answered());
  CHECK(later->answer().changed);
}

TEST_CASE("storage: a change that made room for rollbacks is given up at its first deadline",
          "[control][storage]") {
  ControlRig rig({.services = {"shop", "blog"}});
  rig.store.mode = Mode::Hangs;
  const auto change = rig.done(split_to(1000));
  rig.advance(3s);
  CHECK(rig.done(rollback("nosuch"))->is_refused());
  const auto undo = rig.submit(rollback("blog"));
  rig.advance(200ms);
  CHECK(undo->answer().changed);
  CHECK_FALSE(change->is_answered());
  rig.advance(1900ms);
  REQUIRE(change->is_refused());
  CHECK(change->refusal().code == RefusalCode::StorageUnavailable);
  CHECK(change->refusal().detail.find("a crash may still bring") != std::string::npos);
}

TEST_CASE("storage: the state on disk is the last acknowledged or the one in flight, at every step",
          "[control][storage]") {
  // Random disks under random changes; what the disk holds is compared after every turn.
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    core::Rng rng(seed);
    ControlRig rig({.services = {"shop", "blog"}});
    std::uint64_t acknowledged_durable = 1;
    std::vector<std::shared_ptr<ControlRig::Call>> calls;
    for (int step = 0; step < 60; ++step) {
      rig.store.mode = static_cast<Mode>(rng.below(4));
      rig.connector.modes[9002] = rng.below(4) == 0 ? test::FakeConnector::Mode::Silent
                                                    : test::FakeConnector::Mode::Accepts;
      const std::string service = rng.below(2) == 0 ? "shop" : "blog";
      const std::uint32_t what = rng.below(5);
      if (what == 0)
        calls.push_back(
            rig.submit(switch_to(rng.below(2) == 0 ? PoolName::Blue : PoolName::Green, service)));
      if (what == 1) calls.push_back(rig.submit(split_to(rng.below(10'001), service)));
      if (what == 2) calls.push_back(rig.submit(rollback(service)));
      if (what == 3 && !rig.store.waiting.empty())
        rig.store.answer(static_cast<Mode>(rng.below(3)));
      rig.advance(core::Millis(rng.below(rng.below(2) == 0 ? 60 : 2000)));
      for (const auto& call : calls) {
        if (!call->is_answered() || call->is_refused() || !call->answer().changed) continue;
        if (call->answer().is_durable)
          acknowledged_durable = std::max(acknowledged_durable, call->answer().generation.raw);
      }
      const std::uint64_t on_disk = rig.store.on_disk ? rig.store.on_disk->state.generation.raw : 1;
      REQUIRE(on_disk >= acknowledged_durable);
      if (rig.controller->is_durable() && rig.store.on_disk) {
        REQUIRE(rig.store.on_disk->state.generation == rig.controller->status().generation);
      }
    }
    rig.store.mode = Mode::Lands;
    while (!rig.store.waiting.empty()) rig.store.answer(Mode::Lands);
    rig.advance(15s);
    for (const auto& call : calls) REQUIRE(call->is_answered());
    REQUIRE(rig.controller->is_durable());
    if (rig.store.on_disk) {
      for (const std::size_t i : {0U, 1U}) {
        const control::ServiceView view = rig.view(i);
        REQUIRE(rig.store.on_disk->state.find(view.name)->live == view.live);
      }
    }
    // Every accepted change has its audit line, in order, and none has two.
    std::uint64_t last = 1;
    for (const auto& record : rig.store.audit) {
      REQUIRE(record.generation.raw == last + 1);
      last = record.generation.raw;
    }
    REQUIRE(last == rig.controller->status().generation.raw);
  }
}
