#include "control/controller.hpp"

#include "support/catch.hpp"
#include "support/control_rig.hpp"

namespace {

using namespace sluice;
using namespace std::chrono_literals;
using control::RefusalCode;
using core::PoolName;
using test::ControlRig;
using test::rollback;
using test::split_to;
using test::switch_to;

control::ChangeRequest all(control::ChangeRequest first, const control::ChangeRequest& second) {
  first.scope = control::Scope::List;
  first.orders.push_back(second.orders.front());
  return first;
}

}  // namespace

TEST_CASE("controller: a switch reaches every worker, the disk and the answer",
          "[control][controller]") {
  ControlRig rig;
  const auto call = rig.done(switch_to(PoolName::Green));
  REQUIRE(call->is_answered());
  const control::ChangeAnswer& answer = call->answer();
  CHECK(answer.changed);
  CHECK(answer.generation == core::Generation{2});
  CHECK(answer.is_durable);
  CHECK(answer.workers.total == 2);
  CHECK(answer.workers.missing.empty());
  CHECK(answer.services[0].live == PoolName::Green);
  CHECK(rig.routed(0).live == PoolName::Green);
  CHECK(rig.routed(1).live == PoolName::Green);
  CHECK_FALSE(rig.routed(0).is_candidate_open);
  CHECK(rig.store.on_disk->state.generation == core::Generation{2});
  CHECK(rig.store.audit.back().action == "switch");
}

TEST_CASE("controller: nothing is flipped before the state has landed", "[control][controller]") {
  ControlRig rig;
  rig.store.mode = test::FakeStore::Mode::Hangs;
  const auto call = rig.done(switch_to(PoolName::Green));
  CHECK_FALSE(call->is_answered());
  CHECK(rig.routed().live == PoolName::Blue);
  CHECK(rig.view().live == PoolName::Blue);
  rig.store.answer(test::FakeStore::Mode::Lands);
  rig.settle();
  CHECK(call->is_answered());
  CHECK(rig.routed().live == PoolName::Green);
}

TEST_CASE("controller: switch, split and rollback in all orders of three",
          "[control][controller]") {
  const auto make = [](int which) {
    switch (which) {
      case 0:
        return switch_to(PoolName::Green);
      case 1:
        return switch_to(PoolName::Blue);
      case 2:
        return split_to(1000);
      case 3:
        return split_to(0);
      default:
        return rollback();
    }
  };
  for (int order = 0; order < 125; ++order) {
    ControlRig rig;
    model::TrafficState expected = config::initial_traffic(rig.config);
    INFO("order " << order);
    for (const int which : {order % 5, order / 5 % 5, order / 25}) {
      const control::ChangeRequest request = make(which);
      control::ChangePlan plan;
      REQUIRE_FALSE(control::plan_change(expected, test::known_of(rig.config), request, plan));
      expected = plan.after;
      const auto call = rig.done(request);
      REQUIRE(call->is_answered());
      REQUIRE(call->answer().changed == plan.changed);
      REQUIRE(call->answer().generation == expected.generation);
    }
    const control::ServiceView view = rig.view();
    REQUIRE(view.live == expected.services[0].live);
    REQUIRE(view.split == expected.services[0].split);
    REQUIRE(view.is_candidate_open == expected.services[0].is_candidate_open);
    REQUIRE(rig.routed(0).live == expected.services[0].live);
    REQUIRE(rig.routed(1).split == expected.services[0].split);
    REQUIRE(rig.controller->status().generation == expected.generation);
    if (expected.generation.raw > 1) REQUIRE(rig.store.on_disk->state == expected);
  }
}

TEST_CASE("controller: what changes nothing has no generation, no write and no epoch",
          "[control][controller]") {
  ControlRig rig;
  rig.done(switch_to(PoolName::Green));
  const std::size_t writes = rig.store.writes;
  const core::Epoch epoch = rig.publication.active();
  const auto call = rig.done(switch_to(PoolName::Green));
  REQUIRE(call->is_answered());
  CHECK_FALSE(call->answer().changed);
  CHECK(call->answer().generation == core::Generation{2});
  CHECK(rig.store.writes == writes);
  CHECK(rig.publication.active() == epoch);
}

TEST_CASE("controller: pressing rollback twice is harmless", "[control][controller]") {
  ControlRig rig;
  rig.done(switch_to(PoolName::Green));
  CHECK(rig.done(rollback())->answer().changed);
  CHECK_FALSE(rig.done(rollback())->answer().changed);
  CHECK(rig.view().live == PoolName::Blue);
}

TEST_CASE("controller: eight callers at once are served one after the other",
          "[control][controller]") {
  ControlRig rig;
  std::vector<std::shared_ptr<ControlRig::Call>> calls;
  for (int round = 0; round < 25; ++round) {
    for (int caller = 0; caller < 8; ++caller) {
      calls.push_back(rig.submit(caller % 2 == 0
                                     ? switch_to(round % 2 == 0 ? PoolName::Green : PoolName::Blue)
                                     : split_to(caller * 100 + round)));
    }
    rig.settle();
  }
  rig.advance(2s);
  core::Generation last{1};
  for (const auto& call : calls) {
    REQUIRE(call->is_answered());
    const control::ChangeAnswer& answer = call->answer();
    REQUIRE((answer.changed ? answer.generation == core::Generation{last.raw + 1}
                            : answer.generation == last));
    last = answer.generation;
  }
  CHECK(rig.controller->status().generation == last);
  CHECK(rig.store.on_disk->state.generation == last);
  CHECK(rig.view().split == calls.back()->answer().services[0].split);
}

TEST_CASE("controller: preconditions are judged when the change's turn comes",
          "[control][controller]") {
  ControlRig rig;
  control::ChangeRequest first = split_to(1000), second = split_to(2000);
  first.if_generation = second.if_generation = 1;
  const auto a = rig.submit(first), b = rig.submit(second);
  rig.settle();
  CHECK(a->answer().changed);
  REQUIRE(b->is_refused());
  CHECK(b->refusal().code == RefusalCode::GenerationMismatch);
  CHECK(rig.view().split.count() == 1000);
}

TEST_CASE("controller: a reply never comes from inside submit", "[control][controller]") {
  ControlRig rig;
  const auto call = rig.submit(rollback("nobody"));
  CHECK_FALSE(call->is_answered());
  rig.turn();
  CHECK(call->refusal().code == RefusalCode::UnknownService);
}

TEST_CASE("controller: several services change in one generation", "[control][controller]") {
  ControlRig rig({.services = {"shop", "blog"}});
  const auto call = rig.done(all(switch_to(PoolName::Green), switch_to(PoolName::Green, "blog")));
  REQUIRE(call->is_answered());
  CHECK(call->answer().generation == core::Generation{2});
  CHECK(call->answer().services.size() == 2);
  CHECK(rig.routed(0, 0).live == PoolName::Green);
  CHECK(rig.routed(0, 1).live == PoolName::Green);
  CHECK(rig.workers[0]->snapshot->epoch == core::Epoch{2});
}

TEST_CASE("controller: of several services all change or none", "[control][controller]") {
  ControlRig rig({.services = {"shop", "blog"}});
  rig.connector.modes[9012] = test::FakeConnector::Mode::Refuses;  // green of blog
  const auto call = rig.done(all(switch_to(PoolName::Green), switch_to(PoolName::Green, "blog")));
  REQUIRE(call->is_refused());
  CHECK(call->refusal().code == RefusalCode::PoolUnreachable);
  CHECK(rig.controller->status().generation == core::Generation{1});
  CHECK(rig.routed(0, 0).live == PoolName::Blue);
}

TEST_CASE("controller: the queue is bounded, and a rollback still gets in",
          "[control][controller]") {
  ControlRig rig;
  rig.store.mode = test::FakeStore::Mode::Hangs;
  std::vector<std::shared_ptr<ControlRig::Call>> calls;
  calls.push_back(rig.done(split_to(1)));  // has its turn
  for (std::size_t i = 0; i < core::limits::kChangeQueueMax; ++i)
    calls.push_back(rig.submit(split_to(2)));
  const auto over = rig.done(split_to(3));
  REQUIRE(over->is_refused());
  CHECK(over->refusal().code == RefusalCode::Busy);
  const auto undo = rig.submit(rollback());
  rig.advance(200ms);
  REQUIRE(undo->is_answered());
  CHECK(undo->answer().changed);
  for (const auto& call : calls) CHECK(call->refusal().code == RefusalCode::Superseded);
}

// ---- the connect check ----

TEST_CASE("controller: a switch to a pool that nobody answers for is refused",
          "[control][controller]") {
  ControlRig rig;
  rig.connector.modes[9002] = test::FakeConnector::Mode::Refuses;
  const auto call = rig.done(switch_to(PoolName::Green));
  REQUIRE(call->is_refused());
  CHECK(call->refusal().code == RefusalCode::PoolUnreachable);
  CHECK(rig.store.writes == 0);
  control::ChangeRequest forced = switch_to(PoolName::Green);
  forced.check = control::SafetyCheck::Skipped;
  CHECK(rig.done(forced)->answer().changed);
  CHECK(rig.connector.attempted[9002] == 1);
}

TEST_CASE("controller: a silent pool is given up after half a second", "[control][controller]") {
  ControlRig rig;
  rig.connector.modes[9002] = test::FakeConnector::Mode::Silent;
  const auto call = rig.submit(switch_to(PoolName::Green));
  rig.advance(450ms);
  CHECK_FALSE(call->is_answered());
  rig.advance(150ms);
  REQUIRE(call->is_refused());
  CHECK(call->refusal().code == RefusalCode::PoolUnreachable);
  CHECK(rig.connector.open() == 0);
}

TEST_CASE("controller: split and rollback try no endpoint", "[control][controller]") {
  ControlRig rig;
  rig.connector.modes[9001] = rig.connector.modes[9002] = test::FakeConnector::Mode::Refuses;
  CHECK(rig.done(split_to(1000))->answer().changed);
  CHECK(rig.done(rollback())->answer().changed);
  CHECK(rig.connector.attempted.empty());
}

// ---- adoption ----

TEST_CASE("controller: the answer waits for adoption by all workers", "[control][controller]") {
  ControlRig rig;
  rig.workers[1]->is_hanging = true;
  const auto call = rig.submit(switch_to(PoolName::Green));
  rig.advance(500ms);
  CHECK_FALSE(call->is_answered());
  CHECK(rig.routed(0).live == PoolName::Green);
  rig.workers[1]->is_hanging = false;
  rig.settle();
  REQUIRE(call->is_answered());
  CHECK(call->answer().workers.missing.empty());
}

TEST_CASE("controller: a worker that does not adopt within a second is named",
          "[control][controller]") {
  ControlRig rig({.workers = 3});
  rig.workers[1]->is_hanging = true;
  const auto call = rig.submit(switch_to(PoolName::Green));
  rig.advance(950ms);
  CHECK_FALSE(call->is_answered());
  rig.advance(150ms);
  REQUIRE(call->is_answered());
  CHECK(call->answer().changed);
  CHECK(call->answer().workers.total == 3);
  CHECK(call->answer().workers.adopted() == 2);
  CHECK(call->answer().workers.missing == std::vector<std::size_t>{1});
}

TEST_CASE("controller: the next change does not wait for the adoption of the one before",
          "[control][controller]") {
  ControlRig rig;
  rig.workers[1]->is_hanging = true;
  const auto a = rig.submit(switch_to(PoolName::Green));
  const auto b = rig.submit(switch_to(PoolName::Blue));
  rig.settle();
  CHECK(rig.routed(0).live == PoolName::Blue);
  rig.workers[1]->is_hanging = false;
  rig.settle();
  CHECK(a->answer().workers.missing.empty());
  CHECK(b->answer().workers.missing.empty());
  CHECK(rig.routed(1).live == PoolName::Blue);
}

TEST_CASE("controller: snapshots are dropped when all have adopted a newer one",
          "[control][controller]") {
  ControlRig rig;
  const std::weak_ptr<const model::Snapshot> first = rig.workers[0]->snapshot;
  rig.workers[1]->is_hanging = true;
  rig.done(switch_to(PoolName::Green));
  CHECK_FALSE(first.expired());
  rig.workers[1]->is_hanging = false;
  rig.settle();
  CHECK(first.expired());
}

// ---- readiness ----

TEST_CASE("controller: ready when it serves, not while it stops", "[control][controller]") {
  ControlRig rig;
  const auto is_ready = [&rig] {
    return std::ranges::all_of(rig.controller->readiness(), &control::Check::is_good);
  };
  CHECK(is_ready());
  bool has_stopped = false;
  rig.controller->begin_stop(30s, [&has_stopped] { has_stopped = true; });
  CHECK_FALSE(is_ready());
  rig.settle();
  CHECK(has_stopped);
}

TEST_CASE("controller: a loop that does not turn is seen", "[control][controller]") {
  ControlRig rig;
  rig.advance(10s);
  CHECK(rig.controller->silent_workers().empty());
  rig.workers[0]->is_hanging = true;
  rig.advance(1900ms);
  CHECK(rig.controller->silent_workers().empty());
  rig.advance(700ms);
  CHECK(rig.controller->silent_workers() == std::vector<std::size_t>{0});
  rig.workers[0]->is_hanging = false;
  rig.settle();
  CHECK(rig.controller->silent_workers().empty());
}

// ---- endpoints ----

TEST_CASE("controller: an endpoint that is taken out gets no requests on any worker",
          "[control][controller][endpoint]") {
  for (const auto mode : {model::EndpointMode::Draining, model::EndpointMode::Disabled}) {
    ControlRig rig;
    const auto out = rig.done(test::endpoint_to(mode, "127.0.0.1:9002"));
    REQUIRE(out->is_answered());
    CHECK(out->answer().changed);
    CHECK(out->answer().generation == core::Generation{2});
    for (std::size_t worker = 0; worker < rig.workers.size(); ++worker) {
      const model::Service routed = rig.routed(worker);
      CHECK(routed.settings->pool(PoolName::Green).endpoints[0].is_disabled);
      CHECK_FALSE(routed.settings->pool(PoolName::Blue).endpoints[0].is_disabled);
    }
    const auto state = rig.view().pools[core::index(PoolName::Green)][0].state;
    CHECK(control::text(state) == text(mode));
    REQUIRE(rig.store.on_disk);
    CHECK(rig.store.on_disk->state.services[0].mode_of(PoolName::Green, "127.0.0.1:9002") == mode);
    CHECK(rig.store.audit.back().generation == core::Generation{2});

    const auto again = rig.done(test::endpoint_to(mode, "127.0.0.1:9002"));
    CHECK_FALSE(again->answer().changed);
    CHECK(again->answer().generation == core::Generation{2});

    CHECK(rig.done(test::endpoint_to(model::EndpointMode::Enabled, "127.0.0.1:9002"))
              ->answer()
              .changed);
    CHECK_FALSE(rig.routed().settings->pool(PoolName::Green).endpoints[0].is_disabled);
  }
}

TEST_CASE("controller: a switch is refused to a pool whose endpoints are all taken out",
          "[control][controller][endpoint]") {
  ControlRig rig;
  rig.done(test::endpoint_to(model::EndpointMode::Disabled, "127.0.0.1:9002"));
  const auto refused = rig.done(switch_to(PoolName::Green));
  REQUIRE(refused->is_refused());
  CHECK(refused->refusal().code == RefusalCode::PoolUnreachable);
  CHECK(rig.connector.attempted.empty());
}

TEST_CASE("controller: without a usable endpoint in its live pool a service is not ready",
          "[control][controller][endpoint]") {
  ControlRig rig;
  const auto is_ready = [&rig] {
    return std::ranges::all_of(rig.controller->readiness(), &control::Check::is_good);
  };
  REQUIRE(is_ready());
  auto forced = test::endpoint_to(model::EndpointMode::Draining, "127.0.0.1:9001");
  CHECK(rig.done(forced)->refusal().code == RefusalCode::LastEndpoint);
  CHECK(is_ready());
  forced.check = control::SafetyCheck::Skipped;
  CHECK(rig.done(forced)->answer().changed);
  CHECK_FALSE(is_ready());
  CHECK(rig.done(test::endpoint_to(model::EndpointMode::Enabled, "127.0.0.1:9001"))
            ->answer()
            .changed);
  CHECK(is_ready());
}

TEST_CASE("controller: a rollback goes to a pool without a usable endpoint, and says so",
          "[control][controller][endpoint]") {
  ControlRig rig;
  rig.done(switch_to(PoolName::Green));
  rig.done(test::endpoint_to(model::EndpointMode::Disabled, "127.0.0.1:9001"));
  rig.notices.clear();
  const auto back = rig.done(rollback());
  CHECK(back->answer().services[0].live == PoolName::Blue);
  REQUIRE(rig.notices.size() == 1);
  CHECK(rig.notices[0].starts_with("service shop: the live pool blue has no usable endpoint"));
  REQUIRE(back->answer().services[0].warnings.size() == 1);
  CHECK(back->answer().services[0].warnings[0].starts_with("the live pool blue has no usable"));
  const control::EventLog& events = rig.controller->events();
  const control::Event& told = events.at(events.newest() - 2);  // its drain began and ended behind
  CHECK(told.kind == control::EventKind::Problem);
  CHECK(told.text == "shop: the live pool blue has no usable endpoint");
  CHECK(rig.routed().settings->pool(PoolName::Blue).endpoints[0].is_disabled);
}

TEST_CASE("controller: a rollback overtakes a decision about an endpoint that waits for the disk",
          "[control][controller][endpoint]") {
  ControlRig rig;
  rig.done(split_to(1000));
  rig.store.mode = test::FakeStore::Mode::Hangs;
  const auto out = rig.submit(test::endpoint_to(model::EndpointMode::Disabled, "127.0.0.1:9002"));
  rig.settle();
  CHECK_FALSE(out->is_answered());
  const auto back = rig.submit(rollback());
  rig.advance(200ms);
  REQUIRE(out->is_refused());
  CHECK(out->refusal().code == RefusalCode::Superseded);
  REQUIRE(back->is_answered());
  CHECK(back->answer().services[0].split.count() == 0);
  CHECK_FALSE(rig.routed().settings->pool(PoolName::Green).endpoints[0].is_disabled);
}

// ---- dry runs ----

namespace {

control::ChangeRequest dry(control::ChangeRequest request) {
  request.execution = control::Execution::DryRun;
  return request;
}

}  // namespace

TEST_CASE("controller: a dry run says what would be, and nothing changes",
          "[control][controller][dry]") {
  ControlRig rig;
  rig.done(split_to(1000));
  const std::size_t writes = rig.store.writes;
  const auto epoch = rig.controller->status().epoch;
  auto& blue = rig.workers[0]->block.services[0];
  blue.in_flight[core::index(PoolName::Blue)].add(3);
  rig.workers[1]->block.services[0].in_flight[core::index(PoolName::Blue)].add(2);
  blue.tunnels[core::index(PoolName::Blue)].add();

  const auto call = rig.done(dry(switch_to(PoolName::Green)));
  REQUIRE(call->is_answered());
  const control::ChangeAnswer& answer = call->answer();
  CHECK(answer.execution == control::Execution::DryRun);
  CHECK(answer.changed);
  CHECK(answer.generation == core::Generation{2});
  const control::ServiceAnswer& shop = answer.services[0];
  CHECK(shop.changed);
  CHECK(shop.generation == core::Generation{2});
  CHECK(shop.live == PoolName::Green);
  CHECK(shop.split.count() == 0);
  CHECK_FALSE(shop.drain);
  REQUIRE(shop.preview);
  CHECK(shop.preview->live == PoolName::Blue);
  CHECK(shop.preview->split.count() == 1000);
  CHECK(shop.preview->moved.count() == 9000);
  CHECK(shop.preview->drains == PoolName::Blue);
  CHECK(shop.preview->requests == 5);
  CHECK(shop.preview->tunnels == 1);

  CHECK(rig.view().live == PoolName::Blue);
  CHECK(rig.view().split.count() == 1000);
  CHECK(rig.view().drains.empty());
  CHECK(rig.controller->status().epoch == epoch);
  CHECK(rig.store.writes == writes);
  CHECK(rig.controller->events().newest() == 1);  // of the split
  CHECK(rig.done(switch_to(PoolName::Green))->answer().generation == core::Generation{3});
}

TEST_CASE("controller: a dry run is refused where the change would be",
          "[control][controller][dry]") {
  ControlRig rig;
  rig.connector.modes[9002] = test::FakeConnector::Mode::Refuses;
  const auto unreachable = rig.done(dry(switch_to(PoolName::Green)));
  REQUIRE(unreachable->is_refused());
  CHECK(unreachable->refusal().code == RefusalCode::PoolUnreachable);
  CHECK(rig.done(dry(switch_to(PoolName::Green, "nope")))->refusal().code ==
        RefusalCode::UnknownService);
  auto forced = dry(switch_to(PoolName::Green));
  forced.check = control::SafetyCheck::Skipped;
  CHECK(rig.done(forced)->answer().changed);
  CHECK(rig.view().live == PoolName::Blue);
}

TEST_CASE("controller: a dry run of nothing says so", "[control][controller][dry]") {
  ControlRig rig;
  const auto call = rig.done(dry(switch_to(PoolName::Blue)));
  REQUIRE(call->is_answered());
  CHECK_FALSE(call->answer().changed);
  REQUIRE(call->answer().services[0].preview);
  CHECK(call->answer().services[0].preview->moved.count() == 0);
  CHECK_FALSE(call->answer().services[0].preview->drains);
}

TEST_CASE("controller: a change that comes behind a dry run is not held up by it",
          "[control][controller][dry]") {
  ControlRig rig;
  const auto looked = rig.submit(dry(split_to(100)));
  const auto changed = rig.submit(split_to(200));
  rig.settle();
  CHECK(looked->answer().services[0].split.count() == 100);
  CHECK(changed->answer().changed);
  CHECK(rig.view().split.count() == 200);
}

TEST_CASE("controller: a dry run of a rollback overtakes nothing", "[control][controller][dry]") {
  ControlRig rig;
  rig.store.mode = test::FakeStore::Mode::Hangs;
  const auto split = rig.submit(split_to(1000));
  rig.settle();
  const auto looked = rig.done(dry(rollback()));
  CHECK_FALSE(split->is_answered());
  CHECK_FALSE(looked->is_answered());
  rig.store.answer(test::FakeStore::Mode::Lands);
  rig.settle();
  CHECK(split->answer().changed);
  REQUIRE(looked->is_answered());
  CHECK(looked->answer().services[0].preview->moved.count() == 1000);
  CHECK(rig.view().split.count() == 1000);
  CHECK(rig.store.writes == 1);
}

TEST_CASE(
    "controller: a change says that the live pool has no usable endpoint, as long as it has "
    "none",
    "[control][controller][endpoint]") {
  ControlRig rig;
  const auto problems = [&rig] {
    std::vector<std::string> found;
    const control::EventLog& events = rig.controller->events();
    for (std::uint64_t id = events.oldest(); id <= events.newest(); ++id) {
      const control::EventKind kind = events.at(id).kind;
      if (kind == control::EventKind::Problem || kind == control::EventKind::Solved) {
        found.push_back(events.at(id).text);
      }
    }
    return found;
  };
  rig.done(test::endpoint_to(model::EndpointMode::Disabled, "127.0.0.1:9002"));  // green
  auto forced = switch_to(PoolName::Green);
  forced.check = control::SafetyCheck::Skipped;
  forced.execution = control::Execution::DryRun;
  CHECK(rig.done(forced)->answer().services[0].warnings.size() == 1);
  CHECK(problems().empty());
  forced.execution = control::Execution::Real;
  const auto switched = rig.done(forced);
  REQUIRE(switched->answer().services[0].warnings.size() == 1);
  CHECK(problems().size() == 1);
  // Also a change that changes nothing is no time to be silent.
  CHECK(rig.done(forced)->answer().services[0].warnings.size() == 1);
  CHECK(problems().size() == 1);
  const auto back = rig.done(rollback());
  CHECK(back->answer().services[0].warnings.empty());
  CHECK(problems() == std::vector<std::string>{"shop: the live pool green has no usable endpoint",
                                               "shop: the live pool blue has a usable endpoint"});
}

TEST_CASE("controller: a live pool that accepted nothing when last tried is said",
          "[control][controller][endpoint]") {
  ControlRig rig;
  rig.done(switch_to(PoolName::Green));
  rig.routed().settings->pool(PoolName::Blue).endpoints[0].cell->penalty.store(1);
  const auto back = rig.done(rollback());
  REQUIRE(back->answer().services[0].warnings.size() == 1);
  CHECK(back->answer().services[0].warnings[0].find("accepted a connection") != std::string::npos);
}
