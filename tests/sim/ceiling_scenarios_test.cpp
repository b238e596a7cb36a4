#include "sim/scenario.hpp"

// What counts under the ceilings of a pool, and for how long: connections that nobody can use any
// more, and those that another worker keeps (behaviour.md §2). finish() judges the invariants.
namespace sluice::sim {

namespace {

WorldOptions with_ceiling(std::uint32_t connections, std::size_t blue = 1,
                          std::size_t workers = 1) {
  WorldOptions options = with_endpoints(blue, 1);
  options.workers = workers;
  options.service.repeats.retry.retries_max = 0;
  options.service.breakers.pool.connections = connections;
  return options;
}

SimClient& ask_on(SimWorld& world, std::size_t worker, RequestPlan request = get()) {
  return ask(world, std::move(request), {.worker = worker});
}

/// As many at once, so that each has a connection of its own.
void open_connections(SimWorld& world, std::size_t count, std::size_t worker = 0) {
  for (std::size_t i = 0; i < count; ++i)
    ask_on(world, worker, get({.size = 3, .delay = milliseconds(10)}));
  world.run_for(milliseconds(50));
}

std::uint32_t open_now(SimWorld& world, PoolName pool = PoolName::Blue) {
  return world.control().pool_cell(pool).connections.load();
}
std::uint32_t open_to(SimWorld& world, std::uint32_t endpoint) {
  return world.control().cell(core::EndpointId{endpoint}).connections.load();
}

}  // namespace

TEST_CASE("sim ceiling: idle connections to an address that is gone are closed, on each worker",
          "[sim][ceiling]") {
  SimWorld world(with_ceiling(4, 2, 2));
  open_connections(world, 2, 0);
  open_connections(world, 2, 1);
  REQUIRE(open_now(world) == 4);
  REQUIRE(open_to(world, 0) == 2);
  world.lose_addresses(PoolName::Blue, 0b01);
  world.settle();
  CHECK(open_to(world, 0) == 0);
  CHECK(open_to(world, 1) == 2);
  open_connections(world, 2, 0);  // one reused, one opened in the place of one that is gone
  CHECK(open_now(world) == 3);
  finish(world);
  for (unsigned i = 0; i < 6; ++i) CHECK(status(world, i) == 200);
}

TEST_CASE("sim ceiling: a connection to an address that is gone ends with its request",
          "[sim][ceiling]") {
  for (const bool is_connecting : {false, true}) {
    INFO("connecting: " << is_connecting);
    SimWorld world(with_ceiling(4, 2));
    world.disable(PoolName::Blue, 0b10);
    if (is_connecting)
      world.origin(0).fate = [] { return ConnectFate{.delay = milliseconds(100)}; };
    ask(world, get({.size = 3, .delay = milliseconds(is_connecting ? 0 : 100)}));
    world.run_for(milliseconds(50));
    REQUIRE(open_to(world, 0) == 1);
    world.disable(PoolName::Blue, 0);
    world.lose_addresses(PoolName::Blue, 0b01);
    world.run_for(milliseconds(10));
    CHECK(open_to(world, 0) == 1);
    world.run_for(milliseconds(200));
    CHECK(status(world, 0) == 200);
    CHECK(open_to(world, 0) == 0);
    finish(world);
  }
}

TEST_CASE("sim ceiling: an address that comes back has connections as before", "[sim][ceiling]") {
  SimWorld world(with_ceiling(4));
  open_connections(world, 1);
  world.lose_addresses(PoolName::Blue, 0b1);
  world.settle();
  CHECK(open_now(world) == 0);
  world.lose_addresses(PoolName::Blue, 0);
  world.settle();
  open_connections(world, 1);
  open_connections(world, 1);
  CHECK(open_now(world) == 1);
  CHECK(world.worker().metrics().endpoint_connections_reused.read() == 1);
  finish(world);
}

TEST_CASE("sim ceiling: an endpoint that is taken out keeps no idle connections",
          "[sim][ceiling]") {
  SimWorld world(with_ceiling(4, 2, 2));
  open_connections(world, 2, 0);
  open_connections(world, 2, 1);
  REQUIRE(open_to(world, 0) == 2);
  world.disable(PoolName::Blue, 0b01);
  world.settle();
  CHECK(open_to(world, 0) == 0);
  CHECK(open_to(world, 1) == 2);
  finish(world);
}

TEST_CASE("sim ceiling: the old pool keeps its connections for a rollback", "[sim][ceiling]") {
  SimWorld world(with_ceiling(4, 2));
  open_connections(world, 2);
  world.switch_to(PoolName::Green);
  world.settle();
  CHECK(open_now(world) == 2);
  world.rollback();
  world.settle();
  open_connections(world, 2);
  CHECK(world.worker().metrics().endpoint_connections_reused.read() == 2);
  finish(world);
}

TEST_CASE("sim ceiling: what a worker keeps idle is another one's within a moment",
          "[sim][ceiling]") {
  SimWorld world(with_ceiling(2, 1, 2));
  open_connections(world, 2, 0);
  ask_on(world, 1);
  world.settle();
  CHECK(status(world, 2) == 503);  // nobody knew of it before
  world.run_for(core::limits::kIdleLook + core::limits::kTimerTick);
  CHECK(open_now(world) == 1);  // one place for one that was missing
  ask_on(world, 1);
  world.settle();
  CHECK(status(world, 3) == 200);
  ask_on(world, 0);
  world.settle();
  CHECK(status(world, 4) == 200);
  finish(world);
  CHECK(world.peaks(PoolName::Blue).connections == 2);
}

TEST_CASE("sim ceiling: the same for the ceiling of an endpoint", "[sim][ceiling]") {
  WorldOptions options = with_ceiling(0, 1, 2);
  options.service.breakers.endpoint.connections = 1;
  SimWorld world(options);
  open_connections(world, 1, 0);
  ask_on(world, 1);
  world.settle();
  CHECK(status(world, 1) == 503);
  world.run_for(core::limits::kIdleLook + core::limits::kTimerTick);
  ask_on(world, 1);
  world.settle();
  CHECK(status(world, 2) == 200);
  finish(world);
}

TEST_CASE("sim ceiling: idle connections that nobody misses stay until their time is up",
          "[sim][ceiling]") {
  WorldOptions options = with_ceiling(2);
  options.service.timeouts.endpoint_idle = seconds(4);
  SimWorld world(options);
  open_connections(world, 2);
  world.run_for(milliseconds(3900));
  CHECK(open_now(world) == 2);
  world.run_for(milliseconds(150));
  CHECK(open_now(world) == 0);
  finish(world);

  options.service.timeouts.endpoint_idle = milliseconds(100);
  SimWorld brief(options);
  open_connections(brief, 2);
  brief.run_for(milliseconds(120));
  CHECK(open_now(brief) == 0);
  finish(brief);
}

}  // namespace sluice::sim
