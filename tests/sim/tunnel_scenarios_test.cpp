#include "sim/scenario.hpp"

// After a 101: bytes both ways, half-close, drains by policy (behaviour.md §1, §4).
namespace sluice::sim {

namespace {

RequestPlan upgrade(std::size_t up, std::size_t down) {
  return {.upgrades = true, .tunnel_up = up, .tunnel_down = down, .answers = {{.status = 101}}};
}

WorldOptions with_policy(model::TunnelPolicy policy) {
  WorldOptions options = calm();
  options.service.tunnels = policy;
  return options;
}

/// A tunnel that both ends keep open.
SimClient& open_tunnel(SimWorld& world) {
  for (std::size_t i = 0; i < world.origins(); ++i) world.origin(i).ends_tunnels = false;
  SimClient& client = ask(world, upgrade(500, 700), {.at_end = ClientPlan::AtEnd::Stay});
  world.run_for(milliseconds(50));
  REQUIRE(world.worker().load().tunnels == 1);
  return client;
}

}  // namespace

TEST_CASE("sim tunnel: bytes pass both ways and half-close is relayed", "[sim][tunnel]") {
  SimWorld world(calm());
  ask(world, upgrade(300'000, 200'000));
  ask(world, upgrade(0, 200'000));
  ask(world, upgrade(200'000, 0));
  finish(world);
  for (unsigned number = 0; number < 3; ++number) {
    CHECK(status(world, number) == 101);
    CHECK(entry(world, number).outcome.tunnel_received.size() ==
          entry(world, number).plan.tunnel_down);
    CHECK(entry(world, number).attempts[0].tunnel_received.size() ==
          entry(world, number).plan.tunnel_up);
    CHECK(line(world, number).status == 101);
    CHECK(line(world, number).error.empty());
  }
}

TEST_CASE("sim tunnel: a slow end pauses the other one", "[sim][tunnel]") {
  SimWorld world(calm());
  ask(world, upgrade(10, 600'000),
      {.most_read = 4000, .read_pause = milliseconds(1), .kernel_out = 8000});
  finish(world);
  CHECK(entry(world, 0).outcome.tunnel_received.size() == 600'000);
  CHECK(world.node().queued_most <= core::limits::kHighWatermark + core::limits::kReadBufferSize);
}

TEST_CASE("sim tunnel: one more than the limit is a 503, and each end gives its place back",
          "[sim][tunnel]") {
  WorldOptions options = calm();
  options.tunnels_max = 2;
  SimWorld world(options);
  SimClient& first = open_tunnel(world);
  // One that is refused by the endpoint has a place until then, a plain request needs none.
  ask(world, {.upgrades = true, .answers = {{.status = 403, .delay = milliseconds(200)}}});
  world.run_for(milliseconds(100));
  ask(world, upgrade(5, 5));
  ask(world, get(sized(4)));
  world.run_for(milliseconds(50));
  CHECK(status(world, 2) == 503);
  CHECK(status(world, 3) == 200);
  CHECK(attempts(world, 2) == 0);
  world.run_for(milliseconds(200));
  CHECK(status(world, 1) == 403);
  ask(world, upgrade(5, 5), {.at_end = ClientPlan::AtEnd::Stay});
  world.run_for(milliseconds(50));
  CHECK(status(world, 4) == 101);
  ask(world, upgrade(5, 5));
  world.run_for(milliseconds(50));
  CHECK(status(world, 5) == 503);
  first.break_off();
  world.run_for(milliseconds(50));
  ask(world, upgrade(5, 5));
  world.run_for(milliseconds(50));
  CHECK(status(world, 6) == 101);
  for (const auto& client : world.clients()) {
    if (!client->is_finished()) client->leave();
  }
  finish(world);
}

TEST_CASE("sim tunnel: it holds a lease and no snapshot", "[sim][tunnel]") {
  SimWorld world(calm());
  SimClient& client = open_tunnel(world);
  world.switch_to(PoolName::Green);
  world.settle();
  CHECK(world.worker().load().holds == 0);
  CHECK(world.worker().load().leases == 1);
  CHECK(world.control().snapshots_alive() == 1);
  client.leave();
  finish(world);
}

TEST_CASE("sim tunnel: policy drain: cut at the deadline with FIN, then RST", "[sim][tunnel]") {
  SimWorld world(with_policy(model::TunnelPolicy::Drain));
  SimClient& client = open_tunnel(world);
  world.switch_to(PoolName::Green, seconds(2));
  world.run_for(milliseconds(1900));
  CHECK(world.worker().load().tunnels == 1);
  world.run_for(milliseconds(1200));
  CHECK(world.worker().load().tunnels == 0);
  CHECK(world.cut_tunnels() == 1);
  CHECK(client.is_finished());
  finish(world);
  CHECK(line(world, 0).error == "cut at the drain deadline");
  CHECK(entry(world, 0).outcome.has_tunnel_ended);
}

TEST_CASE("sim tunnel: policy keep: it outlives the drain", "[sim][tunnel]") {
  SimWorld world(with_policy(model::TunnelPolicy::Keep));
  SimClient& client = open_tunnel(world);
  world.switch_to(PoolName::Green, seconds(2));
  world.run_for(seconds(100));
  CHECK(world.worker().load().tunnels == 1);
  CHECK(world.cut_tunnels() == 0);
  client.half_close();
  finish(world);
  CHECK(line(world, 0).error.empty());
}

TEST_CASE("sim tunnel: policy close: ended within a second of the switch", "[sim][tunnel]") {
  SimWorld world(with_policy(model::TunnelPolicy::Close));
  open_tunnel(world);
  ask(world, upgrade(10, 10), {.at_end = ClientPlan::AtEnd::Stay});
  world.run_for(milliseconds(50));
  REQUIRE(world.worker().load().tunnels == 2);
  world.switch_to(PoolName::Green, seconds(30));
  world.run_for(milliseconds(50));
  CHECK(world.cut_tunnels() == 2);
  world.run_for(milliseconds(1200));
  CHECK(world.worker().load().tunnels == 0);
  finish(world);
  CHECK(line(world, 0).error == "closed by the tunnel policy");
  CHECK(line(world, 1).error == "closed by the tunnel policy");
}

TEST_CASE("sim tunnel: a silent peer is reset a second after the cut", "[sim][tunnel]") {
  SimWorld world(with_policy(model::TunnelPolicy::Drain));
  SimClient& client = open_tunnel(world);
  client.stop_reading();
  world.switch_to(PoolName::Green, seconds(1));
  world.run_for(milliseconds(1500));
  CHECK(world.worker().load().tunnels == 1);
  world.run_for(milliseconds(700));
  CHECK(world.worker().load().tunnels == 0);
  finish(world);
}

TEST_CASE("sim tunnel: a cut one is logged by its cause, whatever ends it then", "[sim][tunnel]") {
  SimWorld world(with_policy(model::TunnelPolicy::Drain));
  SimClient& client = open_tunnel(world);
  client.stop_reading();
  world.switch_to(PoolName::Green, seconds(1));
  world.run_for(milliseconds(1500));
  client.break_off();
  world.settle();
  CHECK(world.worker().load().tunnels == 0);
  finish(world);
  CHECK(line(world, 0).error == "cut at the drain deadline");
}

TEST_CASE("sim tunnel: idle for its time it ends", "[sim][tunnel]") {
  WorldOptions options = calm();
  options.service.timeouts.tunnel_idle = seconds(5);
  SimWorld world(options);
  open_tunnel(world);
  world.run_for(seconds(4));
  CHECK(world.worker().load().tunnels == 1);
  world.run_for(milliseconds(1200));
  CHECK(world.worker().load().tunnels == 0);
  finish(world);
  CHECK(line(world, 0).error == "no byte for the tunnel's idle time");
}

TEST_CASE(
    "sim tunnel: idle with bytes that an end does not take, it is reset: a FIN would say that this "
    "was all",
    "[sim][tunnel]") {
  WorldOptions options = calm();
  options.service.timeouts.tunnel_idle = seconds(5);
  SimWorld world(options);
  SimClient& client =
      ask(world, upgrade(10, 50'000), {.read_pause = seconds(20), .kernel_out = 8000});
  finish(world);
  CHECK(client.was_broken());
  CHECK(line(world, 0).error == "no byte for the tunnel's idle time");
}

TEST_CASE("sim tunnel: a reset of one end is a reset of the other", "[sim][tunnel]") {
  SimWorld world(calm());
  SimClient& client = open_tunnel(world);
  world.origin(0).connections[0]->break_off();
  world.settle();
  CHECK(client.is_finished());
  CHECK(client.was_broken());
  finish(world);
  CHECK(line(world, 0).error == "the endpoint reset the tunnel");
}

TEST_CASE("sim tunnel: an upgrade that is declined is an ordinary answer", "[sim][tunnel]") {
  SimWorld world(calm());
  RequestPlan declined{.upgrades = true, .answers = {sized(40)}};
  ask_all(world, {declined, get(sized(5))});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(status(world, 1) == 200);
  CHECK(world.worker().metrics().connections_accepted.read() == 1);
}

TEST_CASE("sim tunnel: bytes behind the request wait for the 101 and pass through the tunnel",
          "[sim][tunnel]") {
  SimWorld world(calm());
  world.origin(0).ends_tunnels = false;
  RequestPlan plan = upgrade(0, 100);
  plan.answers[0].delay = milliseconds(50);
  SimClient& client = ask(world, plan, {.at_end = ClientPlan::AtEnd::Stay});
  world.run_until([&] { return entry(world, 0).outcome.is_begun; });
  client.say("EARLY");
  world.run_for(milliseconds(20));
  REQUIRE(attempts(world, 0) == 1);
  CHECK(entry(world, 0).attempts[0].tunnel_received.empty());
  world.run_for(milliseconds(100));
  CHECK(entry(world, 0).attempts[0].tunnel_received == "EARLY");
  client.leave();
  world.run_to_end();
  CHECK(world.worker().load().tunnels == 0);
}

TEST_CASE("sim tunnel: bytes behind a request that is repeated wait for the second 101",
          "[sim][tunnel]") {
  SimWorld world(with_endpoints(2, 1));
  for (std::size_t i = 0; i < 2; ++i) world.origin(i).ends_tunnels = false;
  RequestPlan plan = upgrade(0, 100);
  plan.answers = {{.deed = AnswerPlan::Deed::Break, .delay = milliseconds(50)},
                  {.status = 101, .delay = milliseconds(50)}};
  SimClient& client = ask(world, plan, {.at_end = ClientPlan::AtEnd::Stay});
  world.run_until([&] { return entry(world, 0).outcome.is_begun; });
  client.say("EARLY");
  world.run_for(milliseconds(200));
  REQUIRE(attempts(world, 0) == 2);
  CHECK(entry(world, 0).attempts[0].tunnel_received.empty());
  CHECK(entry(world, 0).attempts[1].tunnel_received == "EARLY");
  client.leave();
  world.run_to_end();
  CHECK(world.worker().load().tunnels == 0);
}

}  // namespace sluice::sim
