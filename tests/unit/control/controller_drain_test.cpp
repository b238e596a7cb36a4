#include "control/controller.hpp"
#include "support/catch.hpp"
#include "support/control_rig.hpp"

namespace {

using namespace sluice;
using namespace std::chrono_literals;
using control::AnswerWhen;
using control::DrainOutcome;
using core::PoolName;
using model::TunnelPolicy;
using test::ControlRig;
using test::rollback;
using test::split_to;
using test::switch_to;

control::ChangeRequest waiting(control::ChangeRequest request) {
  request.answer = AnswerWhen::Drained;
  return request;
}
control::ChangeRequest within(control::ChangeRequest request, core::Millis drain) {
  request.drain = drain;
  return request;
}

const control::DrainReport& drain_of(const std::shared_ptr<ControlRig::Call>& call) {
  return call->answer().services[0].drain.value();
}

constexpr bool kTunnel = true;

}  // namespace

TEST_CASE("drain: nobody on the old pool is drained in the first answer", "[control][drain]") {
  ControlRig rig;
  const auto call = rig.done(switch_to(PoolName::Green));
  CHECK(drain_of(call).outcome == DrainOutcome::Drained);
  CHECK(rig.view().drains.empty());
}

TEST_CASE("drain: the answer comes before the drain ends, and with wait after",
          "[control][drain]") {
  ControlRig rig;
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  const auto call = rig.done(waiting(switch_to(PoolName::Green)));
  CHECK_FALSE(call->is_answered());
  REQUIRE(rig.view().drains.size() == 1);
  CHECK(rig.view().drains[0].pool == PoolName::Blue);
  CHECK(rig.view().drains[0].generation == core::Generation{2});
  CHECK(rig.view().drains[0].requests == 1);
  rig.workers[0]->end_lease(0);
  rig.advance(100ms);
  REQUIRE(call->is_answered());
  CHECK(drain_of(call).outcome == DrainOutcome::Drained);

  rig.workers[1]->take_lease(rig.pool(PoolName::Green));
  const auto quick = rig.done(switch_to(PoolName::Blue));
  REQUIRE(quick->is_answered());
  CHECK(drain_of(quick).outcome == DrainOutcome::Running);
}

TEST_CASE("drain: what runs at the deadline is cut and counted", "[control][drain]") {
  ControlRig rig;
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue), kTunnel);
  rig.workers[1]->take_lease(rig.pool(PoolName::Blue));
  const auto call = rig.submit(waiting(switch_to(PoolName::Green)));
  rig.advance(29s);
  CHECK_FALSE(call->is_answered());
  rig.advance(1200ms);
  REQUIRE(call->is_answered());
  CHECK(drain_of(call).outcome == DrainOutcome::Deadline);
  CHECK(drain_of(call).requests_cut == 2);
  CHECK(drain_of(call).tunnels_cut == 1);
  CHECK(rig.workers[0]->orders.back().cause == model::CutCause::DrainDeadline);
  CHECK(rig.workers[0]->leases.empty());
  CHECK(rig.view().drains.empty());
}

TEST_CASE("drain: 0s cuts at once", "[control][drain]") {
  ControlRig rig;
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  const auto call = rig.submit(within(waiting(switch_to(PoolName::Green)), core::Millis(0)));
  rig.settle();
  REQUIRE(call->is_answered());
  CHECK(drain_of(call).requests_cut == 1);
}

TEST_CASE("drain: runs although its caller does not wait", "[control][drain]") {
  ControlRig rig;
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  rig.done(within(switch_to(PoolName::Green), core::Millis(1000)));
  CHECK(rig.workers[0]->leases.size() == 1);
  rig.advance(1200ms);
  CHECK(rig.workers[0]->leases.empty());
}

TEST_CASE("drain: ends as superseded when its pool is live again, and cuts nobody",
          "[control][drain]") {
  ControlRig rig;
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  const auto call = rig.submit(waiting(switch_to(PoolName::Green)));
  rig.advance(10s);
  const auto undo = rig.done(rollback());
  REQUIRE(call->is_answered());
  CHECK(drain_of(call).outcome == DrainOutcome::Superseded);
  CHECK(drain_of(call).requests_cut == 0);
  CHECK(drain_of(undo).outcome == DrainOutcome::Drained);  // nobody was on green
  rig.advance(60s);
  CHECK(rig.workers[0]->leases.size() == 1);
  CHECK(rig.workers[0]->orders.empty());
}

TEST_CASE("drain: concerns only what was routed below its flip", "[control][drain]") {
  ControlRig rig;
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  const auto call = rig.submit(within(waiting(switch_to(PoolName::Green)), core::Millis(5000)));
  rig.settle();
  rig.done(split_to(5000));  // blue is the open candidate now
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  rig.advance(5200ms);
  REQUIRE(call->is_answered());
  CHECK(drain_of(call).outcome == DrainOutcome::Deadline);
  CHECK(drain_of(call).requests_cut == 1);
  CHECK(rig.workers[0]->leases.size() == 1);
}

TEST_CASE("drain: ends although newer requests use the pool", "[control][drain]") {
  ControlRig rig;
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  const auto call = rig.submit(waiting(switch_to(PoolName::Green)));
  rig.settle();
  rig.done(split_to(5000));
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  rig.workers[0]->end_lease(0);
  rig.advance(200ms);
  REQUIRE(call->is_answered());
  CHECK(drain_of(call).outcome == DrainOutcome::Drained);
}

TEST_CASE("drain: a split starts none, a settling switch and a rollback drain the candidate",
          "[control][drain]") {
  ControlRig rig;
  CHECK_FALSE(rig.done(split_to(1000))->answer().services[0].drain);
  CHECK_FALSE(rig.done(split_to(0))->answer().services[0].drain);
  rig.done(split_to(1000));
  rig.workers[0]->take_lease(rig.pool(PoolName::Green));
  rig.done(switch_to(PoolName::Blue));
  REQUIRE(rig.view().drains.size() == 1);
  CHECK(rig.view().drains[0].pool == PoolName::Green);
  rig.done(split_to(1000));
  rig.done(rollback());
  CHECK(rig.view().drains.size() == 2);
}

// ---- tunnels ----

TEST_CASE("drain: kept tunnels are exempt and counted", "[control][drain][tunnel]") {
  ControlRig rig({.tunnels = TunnelPolicy::Keep});
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue), kTunnel);
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  const auto call = rig.submit(waiting(switch_to(PoolName::Green)));
  rig.advance(1s);
  CHECK_FALSE(call->is_answered());
  rig.workers[0]->end_lease(1);
  rig.advance(200ms);
  REQUIRE(call->is_answered());
  CHECK(drain_of(call).outcome == DrainOutcome::Drained);
  CHECK(drain_of(call).tunnels_kept == 1);
  CHECK(rig.workers[0]->leases.size() == 1);
}

TEST_CASE("drain: at the deadline kept tunnels stay, requests go", "[control][drain][tunnel]") {
  ControlRig rig({.tunnels = TunnelPolicy::Keep});
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue), kTunnel);
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  const auto call = rig.submit(within(waiting(switch_to(PoolName::Green)), core::Millis(1000)));
  rig.advance(1200ms);
  REQUIRE(call->is_answered());
  CHECK(drain_of(call).outcome == DrainOutcome::Deadline);
  CHECK(drain_of(call).requests_cut == 1);
  CHECK(drain_of(call).tunnels_cut == 0);
  CHECK(drain_of(call).tunnels_kept == 1);
}

TEST_CASE("drain: policy close ends tunnels at once, spread over a second",
          "[control][drain][tunnel]") {
  ControlRig rig({.tunnels = TunnelPolicy::Close});
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue), kTunnel);
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  const auto call = rig.submit(waiting(switch_to(PoolName::Green)));
  rig.settle();
  REQUIRE(rig.workers[0]->orders.size() == 1);
  CHECK(rig.workers[0]->orders[0].what == model::CutWhat::TunnelsOnly);
  CHECK(rig.workers[0]->orders[0].cause == model::CutCause::TunnelPolicy);
  CHECK(rig.workers[0]->orders[0].tunnel_spread == core::Nanos(1s));
  CHECK(rig.workers[0]->leases.size() == 1);
  // A request that becomes a tunnel later is closed too, once those before it have had their time.
  rig.workers[0]->leases[0].is_tunnel = true;
  rig.advance(1s);
  CHECK(rig.workers[0]->orders.size() == 1);
  rig.advance(2s);
  CHECK(rig.workers[0]->orders.size() == 2);
  REQUIRE(call->is_answered());
  CHECK(drain_of(call).outcome == DrainOutcome::Drained);
  CHECK(drain_of(call).tunnels_cut == 2);
}

// ---- workers that hang ----

TEST_CASE("drain: a worker that hangs over the deadline is named", "[control][drain]") {
  ControlRig rig;
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  rig.workers[1]->take_lease(rig.pool(PoolName::Blue));
  const auto call = rig.submit(within(waiting(switch_to(PoolName::Green)), core::Millis(3000)));
  rig.settle();
  rig.workers[1]->is_hanging = true;
  rig.advance(4500ms);
  CHECK_FALSE(call->is_answered());
  rig.advance(700ms);
  REQUIRE(call->is_answered());
  CHECK(drain_of(call).outcome == DrainOutcome::Deadline);
  CHECK(drain_of(call).requests_cut == 1);
  CHECK(call->answer().workers.missing == std::vector<std::size_t>{1});
  // Its late answers find nobody.
  rig.workers[1]->is_hanging = false;
  rig.settle();
  CHECK(rig.workers[1]->leases.empty());
}

TEST_CASE("drain: counts of zero of a worker that has not adopted prove nothing",
          "[control][drain]") {
  ControlRig rig;
  rig.workers[1]->is_hanging = true;
  const auto call = rig.submit(waiting(switch_to(PoolName::Green)));
  rig.advance(2s);
  CHECK_FALSE(call->is_answered());
  rig.workers[1]->is_hanging = false;
  rig.advance(100ms);
  REQUIRE(call->is_answered());
  CHECK(drain_of(call).outcome == DrainOutcome::Drained);
}

// ---- bounds and the end ----

TEST_CASE("drain: the drains of one pool are bounded, and the deadline of the oldest is kept",
          "[control][drain]") {
  ControlRig rig;
  rig.done(split_to(1000));
  rig.workers[0]->take_lease(rig.pool(PoolName::Green));
  const auto first = rig.submit(within(waiting(switch_to(PoolName::Blue)), core::Millis(2000)));
  rig.settle();
  for (std::size_t i = 0; i < core::limits::kDrainsPerPoolMax; ++i) {
    rig.done(split_to(1000));
    rig.done(within(switch_to(PoolName::Blue), core::Millis(3'600'000)));
  }
  CHECK(rig.view().drains.size() == core::limits::kDrainsPerPoolMax);
  CHECK(drain_of(first).outcome == DrainOutcome::Superseded);
  rig.advance(2200ms);
  CHECK(rig.workers[0]->leases.empty());
}

TEST_CASE("stop: waits for all pools, then cuts what is left with its own cause",
          "[control][drain][stop]") {
  ControlRig rig({.services = {"shop", "blog"}, .tunnels = TunnelPolicy::Keep});
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  rig.workers[1]->take_lease(rig.pool(PoolName::Green, 1), kTunnel);
  bool has_stopped = false;
  rig.controller->begin_stop(5s, [&has_stopped] { has_stopped = true; });
  rig.workers[0]->end_lease(0);
  rig.advance(4900ms);
  CHECK_FALSE(has_stopped);
  rig.advance(300ms);
  CHECK(has_stopped);
  CHECK(rig.workers[1]->leases.empty());
  CHECK(rig.workers[1]->orders.back().cause == model::CutCause::Stop);
}

TEST_CASE("stop: a rollback meanwhile spares nobody", "[control][drain][stop]") {
  ControlRig rig;
  rig.done(switch_to(PoolName::Green));
  rig.workers[0]->take_lease(rig.pool(PoolName::Green));
  bool has_stopped = false;
  rig.controller->begin_stop(5s, [&has_stopped] { has_stopped = true; });
  CHECK(rig.done(rollback())->answer().changed);
  rig.done(switch_to(PoolName::Green));
  rig.advance(5200ms);
  CHECK(has_stopped);
  CHECK(rig.workers[0]->leases.empty());
}

TEST_CASE("stop: the second call shortens the first", "[control][drain][stop]") {
  ControlRig rig;
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  bool has_stopped = false;
  rig.controller->begin_stop(3600s, [] { FAIL("replaced"); });
  rig.advance(1s);
  rig.controller->begin_stop(0s, [&has_stopped] { has_stopped = true; });
  rig.advance(200ms);
  CHECK(has_stopped);
}
