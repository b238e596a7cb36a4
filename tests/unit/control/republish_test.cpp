#include "control/controller.hpp"
#include "support/catch.hpp"
#include "support/control_rig.hpp"

/// What changes beside the traffic state: identity lists.
namespace {

using namespace sluice;
using core::PoolName;
using test::ControlRig;
using test::FakeStore;
using test::rollback;
using test::split_to;
using test::switch_to;

std::shared_ptr<const policy::IdentityList> list_of(std::string_view text) {
  return std::make_shared<const policy::IdentityList>(
      policy::IdentityList::parse(text, {}).value());
}

/// A new list and the news of it.
std::weak_ptr<const policy::IdentityList> replace_list(ControlRig& rig, std::string_view text) {
  rig.parts.lists =
      std::make_shared<const model::IdentityLists>(model::IdentityLists{list_of(text)});
  rig.controller->republish();
  return rig.parts.lists->front();
}

bool lists(const ControlRig& rig, std::size_t worker, std::string_view identity) {
  const model::IdentityLists& all = *rig.workers[worker]->lists;
  return !all.empty() && all[0]->contains(identity);
}

}  // namespace

TEST_CASE("republish: a new list reaches every worker, without a generation or a write",
          "[control][republish]") {
  ControlRig rig;
  const core::Epoch before = rig.publication.active();
  const std::size_t writes = rig.store.writes;
  const std::size_t audited = rig.store.audit.size();
  replace_list(rig, "user-1\n");
  rig.settle();
  for (const std::size_t worker : {0U, 1U}) {
    CHECK(lists(rig, worker, "user-1"));
    CHECK(rig.workers[worker]->snapshot->generation == core::Generation{1});
    CHECK(rig.workers[worker]->adopted > before);
  }
  CHECK(rig.store.writes == writes);
  CHECK(rig.store.audit.size() == audited);
  CHECK(rig.controller->status().generation == core::Generation{1});
}

TEST_CASE("republish: the old list goes when the last worker has the new one",
          "[control][republish]") {
  ControlRig rig;
  const auto old = replace_list(rig, "user-1\n");
  rig.settle();
  rig.workers[1]->is_hanging = true;
  replace_list(rig, "user-2\n");
  rig.settle();
  CHECK_FALSE(old.expired());
  CHECK(lists(rig, 0, "user-2"));
  CHECK(lists(rig, 1, "user-1"));
  rig.workers[1]->is_hanging = false;
  rig.advance(core::limits::kTimerTick);
  CHECK(lists(rig, 1, "user-2"));
  CHECK(old.expired());
}

TEST_CASE("republish: snapshots that requests hold keep no list", "[control][republish]") {
  ControlRig rig;
  std::vector<std::shared_ptr<const model::Snapshot>> held;
  std::vector<std::weak_ptr<const policy::IdentityList>> old;
  for (int i = 0; i < 5; ++i) {
    old.push_back(replace_list(rig, "user-1\n"));
    rig.settle();
    held.push_back(rig.workers[0]->snapshot);
  }
  rig.advance(core::limits::kTimerTick);
  for (std::size_t i = 0; i < old.size(); ++i) CHECK(old[i].expired() == (i + 1 < old.size()));
}

TEST_CASE("republish: it waits for a change that is being written, and comes with its flip",
          "[control][republish]") {
  ControlRig rig;
  rig.store.mode = FakeStore::Mode::Hangs;
  const auto call = rig.done(switch_to(PoolName::Green));
  replace_list(rig, "user-1\n");
  rig.settle();
  CHECK(rig.workers[0]->lists->empty());
  CHECK(rig.routed().live == PoolName::Blue);
  rig.store.answer(FakeStore::Mode::Lands);
  rig.settle();
  REQUIRE(call->is_answered());
  CHECK(call->answer().workers.missing.empty());
  CHECK(lists(rig, 0, "user-1"));
  CHECK(lists(rig, 1, "user-1"));
  CHECK(rig.routed().live == PoolName::Green);
  CHECK(rig.workers[0]->snapshot->generation == core::Generation{2});
}

TEST_CASE("republish: it comes also when the change that is being written fails",
          "[control][republish]") {
  ControlRig rig;
  rig.store.mode = FakeStore::Mode::Hangs;
  const auto call = rig.done(switch_to(PoolName::Green));
  replace_list(rig, "user-1\n");
  rig.advance(core::limits::kPersistWait + core::limits::kTimerTick);
  REQUIRE(call->is_refused());
  CHECK(lists(rig, 0, "user-1"));
  CHECK(rig.routed().live == PoolName::Blue);
  CHECK(rig.workers[0]->snapshot->generation == core::Generation{1});
}

TEST_CASE("republish: during a connect check it comes at once, and the switch has the new list",
          "[control][republish]") {
  ControlRig rig;
  rig.connector.modes[9002] = test::FakeConnector::Mode::Silent;
  const auto call = rig.submit(switch_to(PoolName::Green));
  rig.turn();
  replace_list(rig, "user-1\n");
  rig.settle();
  CHECK(lists(rig, 0, "user-1"));
  CHECK_FALSE(call->is_answered());
  const auto back = rig.done(rollback());
  CHECK(lists(rig, 0, "user-1"));
  CHECK(call->is_refused());
  CHECK(back->is_answered());
}

TEST_CASE("republish: a rollback with a hanging disk does not wait for it",
          "[control][republish]") {
  ControlRig rig;
  rig.done(split_to(1000));
  rig.store.mode = FakeStore::Mode::Hangs;
  const auto split = rig.done(split_to(2000));
  replace_list(rig, "user-1\n");
  const auto back = rig.done(rollback());
  rig.advance(core::limits::kRollbackPersistWait);
  REQUIRE(back->is_answered());
  CHECK(back->answer().changed);
  CHECK_FALSE(rig.routed().is_candidate_open);
  CHECK(lists(rig, 0, "user-1"));
  CHECK(lists(rig, 1, "user-1"));
}
