#include "sim/scenario.hpp"

// Switches, splits, rollbacks, drains, the end of the process (behaviour.md §1).
namespace sluice::sim {

using Deed = AnswerPlan::Deed;

namespace {

RequestPlan slow(core::Nanos delay, std::size_t size = 100) {
  return {.answers = {{.size = size, .delay = delay}}};
}

}  // namespace

TEST_CASE(
    "sim traffic: a switch in the middle of a request: it ends where it began, the next one goes "
    "over",
    "[sim][traffic]") {
  SimWorld world(calm());
  ask_all(world, {slow(milliseconds(100)), get(sized(10))});
  world.run_for(milliseconds(50));
  world.switch_to(PoolName::Green);
  finish(world);
  CHECK(field(world, 0, "Sluice-Pool") == "blue");
  CHECK(field(world, 0, "Sluice-Generation") == "1");
  CHECK(field(world, 1, "Sluice-Pool") == "green");
  CHECK(field(world, 1, "Sluice-Generation") == "2");
  CHECK(world.control().snapshots_alive() == 1);
}

TEST_CASE(
    "sim traffic: a switch during the connect or the upload: the request stays where it was routed",
    "[sim][traffic]") {
  SimWorld world(calm());
  world.origin(0).fate = [] { return ConnectFate{.delay = milliseconds(100)}; };
  ask(world, get(sized(10)));
  ask(world, {.method = "PUT", .form = BodyForm::Length, .body = 4000, .answers = {sized(10)}},
      {.most_written = 100, .write_pause = milliseconds(10)});
  world.run_for(milliseconds(50));
  world.switch_to(PoolName::Green);
  world.run_for(milliseconds(100));
  world.disable(PoolName::Blue, 1);
  finish(world);
  for (const unsigned number : {0U, 1U}) {
    CHECK(field(world, number, "Sluice-Pool") == "blue");
    CHECK(field(world, number, "Sluice-Generation") == "1");
    CHECK(line(world, number).generation == 1U);
  }
}

TEST_CASE("sim traffic: pipelined requests are routed when their turn comes", "[sim][traffic]") {
  SimWorld world(calm());
  ask_all(world, {slow(milliseconds(100)), get(sized(10)), get(sized(20))}, {.pipelined = 3});
  world.run_for(milliseconds(50));
  world.switch_to(PoolName::Green);
  finish(world);
  CHECK(field(world, 0, "Sluice-Pool") == "blue");
  CHECK(field(world, 1, "Sluice-Pool") == "green");
  CHECK(field(world, 2, "Sluice-Pool") == "green");
}

TEST_CASE("sim traffic: the flip counts at once, before any worker was told", "[sim][traffic]") {
  WorldOptions options = calm();
  options.workers = 2;
  SimWorld world(options);
  world.settle();
  REQUIRE(world.control().prepare(
      model::apply_switch(world.control().current().traffic, PoolName::Green)));
  ask(world, get(sized(1)), {.worker = 0});
  world.settle();
  world.control().flip();
  ask(world, get(sized(1)), {.worker = 0});
  ask(world, get(sized(1)), {.worker = 1});
  world.settle();
  world.adopt_everywhere();
  finish(world);
  CHECK(field(world, 0, "Sluice-Generation") == "1");
  CHECK(field(world, 1, "Sluice-Generation") == "2");
  CHECK(field(world, 2, "Sluice-Generation") == "2");
}

TEST_CASE("sim traffic: a withdrawn change never routes anything", "[sim][traffic]") {
  SimWorld world(calm());
  REQUIRE(world.control().prepare(
      model::apply_switch(world.control().current().traffic, PoolName::Green)));
  world.control().withdraw();
  ask(world, get(sized(1)));
  world.settle();
  world.switch_to(PoolName::Green);
  ask(world, get(sized(1)));
  finish(world);
  CHECK(field(world, 0, "Sluice-Pool") == "blue");
  CHECK(field(world, 1, "Sluice-Pool") == "green");
  CHECK(world.control().epoch().raw == 3);
}

TEST_CASE("sim traffic: an idle worker adopts when it is woken, and gives the old snapshot back",
          "[sim][traffic]") {
  WorldOptions options = calm();
  options.workers = 2;
  SimWorld world(options);
  world.switch_to(PoolName::Green);
  CHECK(world.control().snapshots_alive() == 2);
  world.settle();
  CHECK(world.control().snapshots_alive() == 1);
  CHECK(world.control().publication().adopted(0) == world.control().epoch());
  CHECK(world.control().publication().adopted(1) == world.control().epoch());
  finish(world);
}

TEST_CASE("sim traffic: what still runs at the drain's deadline is cut with its cause",
          "[sim][traffic]") {
  SimWorld world(calm());
  AnswerPlan begun = sized(2000);
  begun.most_each = 1000;
  begun.pause_each = seconds(20);
  ask(world, slow(seconds(20)));
  SimClient& reader = ask(world, get(begun));
  world.run_for(milliseconds(50));
  world.switch_to(PoolName::Green, seconds(2));
  ask(world, slow(seconds(5)));
  world.run_for(milliseconds(1900));
  CHECK(world.worker().load().leases == 3);
  world.run_for(milliseconds(200));
  CHECK(world.worker().load().leases == 1);
  CHECK(world.cut_requests() == 2);
  finish(world);
  CHECK(status(world, 0) == 503);
  CHECK(line(world, 0).error == "cut at the drain deadline");
  CHECK(status(world, 1) == 0);
  CHECK(reader.was_broken());
  CHECK(status(world, 2) == 200);
}

TEST_CASE("sim traffic: a drain of 0s cuts at once", "[sim][traffic]") {
  SimWorld world(calm());
  ask(world, slow(seconds(20)));
  world.run_for(milliseconds(50));
  world.switch_to(PoolName::Green, core::Nanos(0));
  world.run_for(milliseconds(50));
  finish(world);
  CHECK(status(world, 0) == 503);
}

TEST_CASE("sim traffic: a rollback in a drain cuts nobody", "[sim][traffic]") {
  SimWorld world(calm());
  ask(world, slow(seconds(3)));
  world.run_for(milliseconds(50));
  world.switch_to(PoolName::Green, seconds(1));
  ask(world, slow(seconds(3)));
  world.run_for(milliseconds(500));
  world.rollback(seconds(30));
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(field(world, 0, "Sluice-Pool") == "blue");
  CHECK(status(world, 1) == 200);
  CHECK(field(world, 1, "Sluice-Pool") == "green");
  CHECK(world.cut_requests() == 0);
}

TEST_CASE("sim traffic: a drain concerns what was routed below its flip, not what came after",
          "[sim][traffic]") {
  SimWorld world(calm());
  world.switch_to(PoolName::Green, seconds(30));
  ask(world, slow(seconds(4)));  // green, generation 2
  world.run_for(milliseconds(50));
  world.switch_to(PoolName::Blue, seconds(1));  // drains green below generation 3
  world.split(10'000);                          // and opens green again
  ask(world, {.user = "user-1", .answers = {{.size = 9, .delay = seconds(4)}}});
  finish(world);
  CHECK(status(world, 0) == 503);
  CHECK(status(world, 1) == 200);
  CHECK(field(world, 1, "Sluice-Pool") == "green");
}

TEST_CASE("sim traffic: a split sends whom their bucket says, a pin only to an open candidate",
          "[sim][traffic]") {
  SimWorld world(calm());
  const RequestPlan pinned{.user = "u", .fields = "X-Pin: green\r\n", .answers = {sized(1)}};
  world.split(0);
  ask(world, pinned);
  world.run_for(milliseconds(10));
  world.split(5000);
  for (int i = 0; i < 40; ++i)
    ask(world, {.user = "user-" + std::to_string(i), .answers = {sized(1)}});
  ask(world, get(sized(1)));
  world.run_for(milliseconds(100));
  world.rollback();
  ask(world, pinned);
  finish(world);
  CHECK(field(world, 0, "Sluice-Pool") == "green");
  CHECK(field(world, 0, "Sluice-Reason") == "pin_header");
  unsigned green = 0;
  for (unsigned number = 1; number <= 40; ++number)
    green += field(world, number, "Sluice-Reason") == "split" ? 1 : 0;
  CHECK(green > 8);
  CHECK(green < 32);
  CHECK(field(world, 41, "Sluice-Reason") == "no_identity");
  CHECK(field(world, 42, "Sluice-Pool") == "blue");
  CHECK(field(world, 42, "Sluice-Reason") == "pin_closed");
}

TEST_CASE("sim traffic: a disabled endpoint gets nothing new and finishes what it has",
          "[sim][traffic]") {
  SimWorld world(with_endpoints(2, 1));
  for (int i = 0; i < 8; ++i) ask(world, slow(milliseconds(100)));
  world.run_for(milliseconds(50));
  world.disable(PoolName::Blue, 1);
  for (int i = 0; i < 20; ++i) ask(world, get(sized(1)));
  finish(world);
  for (unsigned number = 0; number < 28; ++number) CHECK(status(world, number) == 200);
  for (unsigned number = 8; number < 28; ++number)
    CHECK(entry(world, number).attempts[0].endpoint.raw == 1);
}

TEST_CASE("sim traffic: a retry stays in its pool and under its snapshot across a switch",
          "[sim][traffic]") {
  SimWorld world(with_endpoints(2, 1));
  AnswerPlan leaves{.deed = Deed::Leave, .delay = milliseconds(100)};
  ask(world, {.answers = {leaves, sized(5)}});
  world.run_for(milliseconds(50));
  world.switch_to(PoolName::Green);
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(field(world, 0, "Sluice-Pool") == "blue");
  CHECK(field(world, 0, "Sluice-Generation") == "1");
  CHECK(attempts(world, 0) == 2);
}

TEST_CASE("sim traffic: a stop lets requests end, closes the rest, and reports once",
          "[sim][traffic]") {
  SimWorld world(calm());
  ask(world, slow(seconds(2), 5000));
  SimClient& idle = ask(world, get(sized(1)), {.at_end = ClientPlan::AtEnd::Stay});
  world.run_for(milliseconds(100));
  world.begin_stop();
  world.run_for(milliseconds(100));
  CHECK(idle.is_finished());
  CHECK(world.workers_reported_empty() == 0);
  SimClient& late = ask(world, get(sized(1)));
  finish(world);
  CHECK(late.was_refused());
  CHECK(status(world, 0) == 200);
  CHECK(field(world, 0, "Connection") == "close");
  CHECK(world.workers_reported_empty() == 1);
}

TEST_CASE("sim traffic: a stop serves what waits in the accept queue", "[sim][traffic]") {
  SimWorld world(calm());
  ask(world, get(sized(5)));
  world.run_until([&] { return world.acceptor().is_ready(); });
  world.begin_stop();
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(field(world, 0, "Connection") == "close");
}

TEST_CASE("sim traffic: a stop does not cut an answer that is still leaving", "[sim][traffic]") {
  SimWorld world(calm());
  ask(world, get(sized(60'000)),
      {.most_read = 1000,
       .read_pause = milliseconds(10),
       .kernel_out = 2000,
       .at_end = ClientPlan::AtEnd::Stay});
  world.run_for(milliseconds(100));
  world.begin_stop();
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(entry(world, 0).outcome.answer->body.size() == 60'000);
}

TEST_CASE("sim traffic: at the end of a stop the rest is cut, then given up", "[sim][traffic]") {
  SimWorld world(calm());
  ask(world, slow(seconds(60)));
  SimClient& mute = ask(world, slow(seconds(60)));
  mute.stop_reading();
  world.run_for(milliseconds(100));
  world.begin_stop();
  world.run_for(seconds(1));
  world.cut_all();
  world.run_for(milliseconds(100));
  CHECK(status(world, 0) == 503);
  world.give_up_all();
  finish(world);
  CHECK(line(world, 0).error == "cut: the proxy stopped");
  CHECK(line(world, 1).error == "cut: the proxy stopped");
}

}  // namespace sluice::sim
