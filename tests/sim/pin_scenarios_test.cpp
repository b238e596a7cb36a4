#include "sim/scenario.hpp"

// Pins of every kind against what is stronger than they: a closed candidate, a rollback, a dead
// pool (behaviour.md §2).
namespace sluice::sim {

namespace {

using policy::PinTarget;

/// A pin to the candidate, and a request that it takes.
struct Kind {
  model::Pin pin;
  std::string fields;
  const char* word;
};

std::vector<Kind> kinds() {
  const core::Network everyone = *core::Network::parse("0.0.0.0/0", "");
  const auto value_pin = [&](model::ValuePin::Field field, PinTarget target) {
    return model::ValuePin{.field = field,
                           .name = "beta",
                           .values = {{"yes", target}},
                           .from = {.networks = {everyone}, .has_unix = false}};
  };
  model::SegmentPin share;
  share.share = {core::BasisPoints::parse_percent("100%", "").value(), "another"};
  model::SegmentPin network;
  network.network = {.networks = {everyone}, .has_unix = false};
  return {
      {value_pin(model::ValuePin::Field::Header, PinTarget::Candidate), "beta: yes\r\n",
       "pin_header"},
      {value_pin(model::ValuePin::Field::Cookie, PinTarget::Green), "Cookie: beta=yes\r\n",
       "pin_cookie"},
      {model::ListPin{.list = 0, .target = PinTarget::Candidate}, "", "pin_list"},
      {share, "", "pin_segment"},
      {network, "", "pin_segment"},
  };
}

WorldOptions world_with(const Kind& kind) {
  WorldOptions options = calm();
  options.service.pins = {kind.pin};
  options.service.lists = {std::make_shared<const policy::IdentityList>(
      policy::IdentityList::parse("user-1\n", {}).value())};
  return options;
}

RequestPlan taken_by(const Kind& kind) {
  const auto& word = std::string_view(kind.word);
  policy::PinHit hit{.target = PinTarget::Candidate, .reason = policy::Reason::PinSegment};
  if (word == "pin_header") hit.reason = policy::Reason::PinHeader;
  if (word == "pin_cookie") hit = {PinTarget::Green, policy::Reason::PinCookie};
  if (word == "pin_list") hit.reason = policy::Reason::PinList;
  return {.user = "user-1", .fields = kind.fields, .pin = hit, .answers = {sized(1)}};
}

}  // namespace

TEST_CASE("sim pins: each kind sends to an open candidate, at a split of 0 % as well",
          "[sim][pins]") {
  for (const Kind& kind : kinds()) {
    INFO(kind.word);
    SimWorld world(world_with(kind));
    ask(world, taken_by(kind));
    world.settle();
    world.split(0);
    ask(world, taken_by(kind));
    finish(world);
    for (const unsigned number : {0U, 1U}) {
      CHECK(field(world, number, "Sluice-Pool") == "green");
      CHECK(field(world, number, "Sluice-Reason") == kind.word);
      CHECK(line(world, number).reason == kind.word);
    }
  }
}

TEST_CASE("sim pins: none reaches a candidate that a switch closed", "[sim][pins]") {
  for (const Kind& kind : kinds()) {
    INFO(kind.word);
    const bool is_by_name = std::string_view(kind.word) == "pin_cookie";  // green, live by then
    SimWorld world(world_with(kind));
    world.switch_to(PoolName::Green);
    ask(world, taken_by(kind));
    world.settle();
    world.switch_to(PoolName::Blue);
    ask(world, taken_by(kind));
    finish(world);
    CHECK(field(world, 0, "Sluice-Pool") == "green");
    CHECK(field(world, 0, "Sluice-Reason") == (is_by_name ? kind.word : "pin_closed"));
    CHECK(field(world, 1, "Sluice-Pool") == "blue");
    CHECK(field(world, 1, "Sluice-Reason") == "pin_closed");
  }
}

TEST_CASE("sim pins: a rollback beats each kind", "[sim][pins]") {
  for (const Kind& kind : kinds()) {
    INFO(kind.word);
    SimWorld world(world_with(kind));
    world.split(5000);
    ask(world, taken_by(kind));
    world.settle();
    world.rollback();
    ask(world, taken_by(kind));
    world.settle();
    world.rollback();  // harmless
    ask(world, taken_by(kind));
    world.settle();
    world.split(0);
    ask(world, taken_by(kind));
    finish(world);
    CHECK(field(world, 0, "Sluice-Reason") == kind.word);
    for (const unsigned number : {1U, 2U}) {
      CHECK(field(world, number, "Sluice-Pool") == "blue");
      CHECK(field(world, number, "Sluice-Reason") == "pin_closed");
    }
    CHECK(field(world, 3, "Sluice-Pool") == "green");
  }
}

TEST_CASE("sim pins: users whom a pin sends to a dead candidate get the live pool", "[sim][pins]") {
  for (const Kind& kind : kinds()) {
    INFO(kind.word);
    SimWorld refused(world_with(kind));
    meet(refused.origin(1), kRefuse);
    ask(refused, taken_by(kind));
    finish(refused);
    SimWorld disabled(world_with(kind));
    disabled.disable(PoolName::Green, 1);
    ask(disabled, taken_by(kind));
    finish(disabled);
    for (SimWorld* world : {&refused, &disabled}) {
      CHECK(status(*world, 0) == 200);
      CHECK(field(*world, 0, "Sluice-Pool") == "blue");
      CHECK(field(*world, 0, "Sluice-Reason") == "fallback");
    }
  }
}

TEST_CASE("sim pins: a list that is replaced counts for the next request, in the same generation",
          "[sim][pins]") {
  const Kind kind{model::ListPin{.list = 0, .target = PinTarget::Candidate}, "", "pin_list"};
  SimWorld world(world_with(kind));
  ask(world, taken_by(kind));
  ask(world, {.user = "user-2", .answers = {sized(1)}});
  world.settle();
  world.control().replace_lists({std::make_shared<const policy::IdentityList>(
      policy::IdentityList::parse("user-2\n", {}).value())});
  world.adopt_everywhere();
  ask(world, {.user = "user-1", .answers = {sized(1)}});
  RequestPlan listed = taken_by(kind);
  listed.user = "user-2";
  ask(world, listed);
  finish(world);
  CHECK(field(world, 0, "Sluice-Reason") == "pin_list");
  CHECK(field(world, 1, "Sluice-Reason") == "live");
  CHECK(field(world, 2, "Sluice-Reason") == "live");
  CHECK(field(world, 3, "Sluice-Reason") == "pin_list");
  for (const unsigned number : {0U, 1U, 2U, 3U})
    CHECK(field(world, number, "Sluice-Generation") == "1");
  CHECK(world.control().snapshots_alive() == 1);
}

TEST_CASE("sim pins: an answer that goes on for hours keeps its snapshot, but no list of it",
          "[sim][pins]") {
  const Kind kind{model::ListPin{.list = 0, .target = PinTarget::Candidate}, "", "pin_list"};
  SimWorld world(world_with(kind));
  std::vector<std::weak_ptr<const policy::IdentityList>> old;
  for (unsigned i = 0; i < 4; ++i) {
    auto list = std::make_shared<const policy::IdentityList>(
        policy::IdentityList::parse("user-1\n", {}).value());
    old.push_back(list);
    world.control().replace_lists({std::move(list)});
    world.adopt_everywhere();
    RequestPlan drip = taken_by(kind);
    drip.answers = {sized(10'000)};
    drip.answers[0].most_each = 500;
    drip.answers[0].pause_each = seconds(20);
    ask(world, drip);
    world.run_for(seconds(1));
  }
  // One snapshot of each answer that runs, and the newest is one of them.
  CHECK(world.control().snapshots_alive() == 4);
  for (std::size_t i = 0; i < old.size(); ++i) CHECK(old[i].expired() == (i + 1 < old.size()));
  finish(world);
  for (const unsigned number : {0U, 1U, 2U, 3U}) {
    CHECK(status(world, number) == 200);
    CHECK(field(world, number, "Sluice-Reason") == "pin_list");
  }
  CHECK(world.control().snapshots_alive() == 1);
}

}  // namespace sluice::sim
