#include "sluice/model/traffic.hpp"

#include <vector>

#include "sluice/core/rng.hpp"
#include "support/catch.hpp"

using namespace sluice;
using core::BasisPoints;
using core::PoolName;
using model::ServiceTraffic;
using model::Transition;

namespace {

BasisPoints percent(std::string_view text) {
  return BasisPoints::parse_percent(text, "test").value();
}

ServiceTraffic first_start(std::string name = "shop") {
  ServiceTraffic state;
  state.salt = name;
  state.name = std::move(name);
  return state;
}

ServiceTraffic at_split(std::string_view split) {
  return model::apply_split(first_start(), percent(split), std::nullopt).after;
}

void check_closed_on(const ServiceTraffic& state, PoolName live) {
  CHECK(state.live == live);
  CHECK(state.split.count() == 0);
  CHECK_FALSE(state.is_candidate_open);
}

void check_untouched(const Transition& t, const ServiceTraffic& before) {
  CHECK_FALSE(t.changed);
  CHECK(t.after == before);
  CHECK_FALSE(t.drains);
}

}  // namespace

TEST_CASE("switch: to the other pool closes it behind itself and drains the old one",
          "[model][traffic]") {
  for (const ServiceTraffic& before :
       {first_start(), at_split("0%"), at_split("12.5%"), at_split("100%")}) {
    const Transition t = model::apply_switch(before, PoolName::Green);
    CHECK(t.changed);
    check_closed_on(t.after, PoolName::Green);
    CHECK(t.after.can_undo_switch);
    CHECK(t.drains == PoolName::Blue);
    CHECK(t.after.salt == before.salt);
    CHECK(t.after.generation == before.generation);  // stamped by the caller
  }
}

TEST_CASE("switch: to the live pool settles on it when there is a split", "[model][traffic]") {
  const Transition t = model::apply_switch(at_split("0.01%"), PoolName::Blue);
  CHECK(t.changed);
  check_closed_on(t.after, PoolName::Blue);
  CHECK(t.drains == PoolName::Green);
  // It did not change live, so a rollback has nothing to undo.
  check_untouched(model::apply_rollback(t.after), t.after);
}

TEST_CASE("switch: to the live pool without a split does nothing", "[model][traffic]") {
  const ServiceTraffic open = at_split("0%");
  check_untouched(model::apply_switch(open, PoolName::Blue), open);
  const ServiceTraffic switched = model::apply_switch(open, PoolName::Green).after;
  check_untouched(model::apply_switch(switched, PoolName::Green), switched);
}

TEST_CASE("split: opens the candidate, also at 0 %", "[model][traffic]") {
  const ServiceTraffic closed = model::apply_switch(first_start(), PoolName::Green).after;
  for (const std::string_view share : {"0%", "0.01%", "100%"}) {
    const Transition t = model::apply_split(closed, percent(share), std::nullopt);
    CHECK(t.changed);
    CHECK(t.after.is_candidate_open);
    CHECK(t.after.split == percent(share));
    CHECK(t.after.live == PoolName::Green);
    CHECK_FALSE(t.drains);
  }
}

TEST_CASE("split: to what it already is does nothing", "[model][traffic]") {
  const ServiceTraffic before = at_split("10%");
  check_untouched(model::apply_split(before, percent("10%"), std::nullopt), before);
  check_untouched(model::apply_split(before, percent("10%"), before.salt), before);
  const ServiceTraffic fresh = first_start();
  check_untouched(model::apply_split(fresh, percent("0%"), std::nullopt), fresh);
}

TEST_CASE("split: going down to 0 % starts no drain and keeps the candidate open",
          "[model][traffic]") {
  const Transition t = model::apply_split(at_split("50%"), percent("0%"), std::nullopt);
  CHECK(t.changed);
  CHECK(t.after.is_candidate_open);
  CHECK_FALSE(t.drains);
}

TEST_CASE("split: a new salt is a change of its own", "[model][traffic]") {
  const Transition t = model::apply_split(at_split("10%"), percent("10%"), "autumn");
  CHECK(t.changed);
  CHECK(t.after.salt == "autumn");
  CHECK(t.after.split == percent("10%"));
}

TEST_CASE("rollback 1: a split, or an open candidate, is closed and drains", "[model][traffic]") {
  for (const ServiceTraffic& before :
       {first_start(), at_split("0%"), at_split("10%"), at_split("100%")}) {
    const Transition t = model::apply_rollback(before);
    CHECK(t.changed);
    check_closed_on(t.after, PoolName::Blue);
    CHECK(t.drains == PoolName::Green);
    check_untouched(model::apply_rollback(t.after), t.after);
  }
}

TEST_CASE("rollback 2: the last switch is undone, once", "[model][traffic]") {
  const ServiceTraffic switched = model::apply_switch(at_split("50%"), PoolName::Green).after;
  const Transition t = model::apply_rollback(switched);
  CHECK(t.changed);
  check_closed_on(t.after, PoolName::Blue);
  CHECK(t.drains == PoolName::Green);
  check_untouched(model::apply_rollback(t.after), t.after);
}

TEST_CASE("rollback 1 before 2: a split after a switch is closed, and the switch stays",
          "[model][traffic]") {
  ServiceTraffic state = model::apply_switch(first_start(), PoolName::Green).after;
  state = model::apply_split(state, percent("5%"), std::nullopt).after;
  const Transition t = model::apply_rollback(state);
  check_closed_on(t.after, PoolName::Green);
  CHECK(t.drains == PoolName::Blue);
  check_untouched(model::apply_rollback(t.after), t.after);  // pressed twice: still green
}

TEST_CASE("rollback 3: nothing to undo", "[model][traffic]") {
  ServiceTraffic state = first_start();
  state.is_candidate_open = false;
  check_untouched(model::apply_rollback(state), state);
}

TEST_CASE("switch back after a rollback can be rolled back again", "[model][traffic]") {
  ServiceTraffic state = model::apply_switch(first_start(), PoolName::Green).after;
  state = model::apply_rollback(state).after;
  state = model::apply_switch(state, PoolName::Green).after;
  CHECK(state.live == PoolName::Green);
  CHECK(model::apply_rollback(state).after.live == PoolName::Blue);
}

TEST_CASE("traffic: any run of commands keeps the rules", "[model][traffic]") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    INFO("seed " << seed);
    core::Rng rng(seed);
    ServiceTraffic state = first_start();
    for (int step = 0; step < 40; ++step) {
      const ServiceTraffic before = state;
      const auto pool = rng.below(2) == 0 ? PoolName::Blue : PoolName::Green;
      const auto share = BasisPoints::make(rng.below(3) * 5000, "").value();
      Transition t;
      switch (rng.below(3)) {
        case 0:
          t = model::apply_switch(state, pool);
          break;
        case 1:
          t = model::apply_split(state, share, std::nullopt);
          break;
        default:
          t = model::apply_rollback(state);
          break;
      }
      state = t.after;
      CHECK(t.changed == (state != before));
      CHECK((t.changed || !t.drains));
      if (!state.is_candidate_open)
        CHECK(state.split.count() == 0);  // closed means closed for everyone
      if (state.can_undo_switch) CHECK_FALSE(state.is_candidate_open);
      if (state.live != before.live) CHECK(t.drains == before.live);
      if (t.drains) CHECK(*t.drains == state.candidate());
    }
    // Two presses always come to rest.
    const Transition once = model::apply_rollback(state);
    if (once.changed && once.after.live == state.live)
      check_untouched(model::apply_rollback(once.after), once.after);
  }
}

TEST_CASE("traffic: services are found by name", "[model][traffic]") {
  model::TrafficState state;
  state.services = {first_start(), first_start("blog")};
  REQUIRE(state.find("blog") != nullptr);
  CHECK(state.find("blog")->name == "blog");
  CHECK(state.find("Blog") == nullptr);
  const model::TrafficState& same = state;
  CHECK(same.find("shop") == &state.services[0]);
  CHECK(same.find("") == nullptr);
}

TEST_CASE("endpoint: a decision is kept in order, once, and gone when it is enabled again",
          "[model][traffic]") {
  using model::EndpointMode;
  ServiceTraffic state = first_start();
  const auto decide = [&state](PoolName pool, std::string_view address, EndpointMode mode) {
    const Transition t = model::apply_endpoint(state, pool, address, mode);
    CHECK(t.changed);
    CHECK_FALSE(t.drains);
    CHECK(t.after.generation == state.generation);  // stamped by the caller
    state = t.after;
  };
  decide(PoolName::Green, "10.0.0.2:80", EndpointMode::Disabled);
  decide(PoolName::Blue, "10.0.0.9:80", EndpointMode::Draining);
  decide(PoolName::Green, "10.0.0.1:80", EndpointMode::Draining);
  REQUIRE(state.endpoints.size() == 3);
  CHECK(state.endpoints[0].address == "10.0.0.9:80");
  CHECK(state.endpoints[1].address == "10.0.0.1:80");
  CHECK(state.endpoints[2].address == "10.0.0.2:80");
  CHECK(state.mode_of(PoolName::Green, "10.0.0.2:80") == EndpointMode::Disabled);
  CHECK(state.mode_of(PoolName::Blue, "10.0.0.2:80") == EndpointMode::Enabled);

  decide(PoolName::Green, "10.0.0.1:80", EndpointMode::Disabled);
  CHECK(state.endpoints.size() == 3);
  CHECK(state.mode_of(PoolName::Green, "10.0.0.1:80") == EndpointMode::Disabled);
  decide(PoolName::Green, "10.0.0.2:80", EndpointMode::Enabled);
  CHECK(state.endpoints.size() == 2);
  check_untouched(
      model::apply_endpoint(state, PoolName::Green, "10.0.0.2:80", EndpointMode::Enabled), state);
  check_untouched(
      model::apply_endpoint(state, PoolName::Green, "10.0.0.1:80", EndpointMode::Disabled), state);
}

TEST_CASE("endpoint: a decision leaves split and rollback as they are, and they leave it",
          "[model][traffic]") {
  const ServiceTraffic switched = model::apply_switch(first_start(), PoolName::Green).after;
  ServiceTraffic state =
      model::apply_endpoint(switched, PoolName::Green, "10.0.0.1:80", model::EndpointMode::Disabled)
          .after;
  const auto decisions = state.endpoints;
  state.endpoints.clear();
  CHECK(state == switched);
  state.endpoints = decisions;
  const Transition back = model::apply_rollback(state);
  CHECK(back.after.live == PoolName::Blue);
  CHECK(back.after.endpoints == decisions);
  CHECK(model::apply_split(state, percent("5%"), std::nullopt).after.endpoints == decisions);
}

TEST_CASE("traffic: an address is out by its own decision, else by the strictest of its names",
          "[model][traffic]") {
  using model::EndpointMode;
  model::ServiceTraffic traffic;
  const std::vector<std::string> names{"a:1", "b:1"};
  const auto decide = [&traffic](const std::string& about, EndpointMode mode) {
    traffic = model::apply_endpoint(traffic, PoolName::Green, about, mode).after;
  };
  const auto mode = [&](PoolName pool = PoolName::Green) {
    return traffic.mode_of(pool, "10.0.0.1:1", names);
  };
  CHECK(mode() == EndpointMode::Enabled);
  decide("b:1", EndpointMode::Draining);
  CHECK(mode() == EndpointMode::Draining);
  CHECK(mode(PoolName::Blue) == EndpointMode::Enabled);
  decide("a:1", EndpointMode::Disabled);
  CHECK(mode() == EndpointMode::Disabled);
  decide("10.0.0.1:1", EndpointMode::Draining);
  CHECK(mode() == EndpointMode::Draining);
  CHECK(traffic.mode_of(PoolName::Green, "10.0.0.2:1", names) == EndpointMode::Disabled);
  CHECK(traffic.mode_of(PoolName::Green, "10.0.0.2:1", {}) == EndpointMode::Enabled);
}
