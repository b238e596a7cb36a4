#include "sim/scenario.hpp"

// Breakers and ceilings where they meet retries, rescues, assets, switches and tunnels: what a
// request holds and says when it changes its way (behaviour.md §2). finish() judges the invariants.
namespace sluice::sim {

namespace {

using State = policy::Breaker::State;

WorldOptions guarded(std::size_t blue = 1, std::size_t green = 1) {
  WorldOptions options = with_endpoints(blue, green);
  model::BreakerRule rule;
  rule.policy.min_requests = 4;
  rule.policy.open_for = seconds(5);
  rule.policy.half_open_probes = 2;
  options.service.breakers.rule = rule;
  options.service.repeats.retry.back_off = core::Millis(0);
  return options;
}

RequestPlan of_green(AnswerPlan first = {}, AnswerPlan then = sized(3)) {
  return {.user = "user-1", .answers = {std::move(first), std::move(then)}};
}
AnswerPlan silent() {
  return {.deed = AnswerPlan::Deed::Silence};
}

State state(SimWorld& world, PoolName pool) {
  return policy::Breaker::from_word(world.control().pool_cell(pool).breaker.word.load()).state;
}
const metrics::ServiceCounters& counters(SimWorld& world) {
  return world.worker().metrics().services[0];
}

}  // namespace

TEST_CASE("sim guard: a retry that the client does not wait for has mended nothing",
          "[sim][guard]") {
  const auto run = [](AnswerPlan second) {
    WorldOptions options = guarded();
    options.service.repeats.retry.retries_max = 1;
    options.service.repeats.retry.per_try_timeout = milliseconds(100);
    auto world = std::make_unique<SimWorld>(options);
    for (int i = 0; i < 4; ++i) {
      SimClient& client = ask(*world, {.answers = {silent(), second}});
      world->run_for(seconds(1));
      client.leave();
      world->settle();
    }
    return world;
  };
  const auto given_up = run(silent());
  CHECK(state(*given_up, PoolName::Blue) == State::Open);
  finish(*given_up);
  for (unsigned i = 0; i < 4; ++i) CHECK(attempts(*given_up, i) == 2);
  const auto mended = run(sized(3));
  CHECK(state(*mended, PoolName::Blue) == State::Closed);
  finish(*mended);
  for (unsigned i = 0; i < 4; ++i) CHECK(status(*mended, i) == 200);
}

TEST_CASE("sim guard: who leaves the second endpoint at once says nothing of it", "[sim][guard]") {
  WorldOptions options = guarded(2, 1);
  options.service.repeats.retry.retries_max = 1;
  options.service.repeats.retry.per_try_timeout = milliseconds(100);
  options.service.breakers.endpoint_rule = model::BreakerRule::of_endpoint();
  SimWorld world(options);
  SimClient& client = ask(world, {.answers = {silent(), silent()}});
  world.run_for(milliseconds(200));
  client.leave();
  world.settle();
  std::uint32_t failures = 0, requests = 0;
  for (std::uint32_t id : {0U, 1U}) {
    for (const auto& second : world.control().cell(core::EndpointId{id}).breaker.seconds) {
      const std::int64_t now = world.now().time_since_epoch() / seconds(1);
      const auto counts = policy::BreakerSecond(second.load()).counts(now);
      failures += counts.failures;
      requests += counts.requests;
    }
  }
  CHECK(failures == 1);
  CHECK(requests == 1);
  finish(world);
}

TEST_CASE("sim guard: a rescue that follows a retry without room is a failure all the same",
          "[sim][guard]") {
  WorldOptions options = guarded(1, 2);
  options.service.repeats.retry.retries_max = 1;
  options.service.repeats.retry.per_try_timeout = milliseconds(100);
  options.service.breakers.pool.pending = 1;
  options.service.timeouts.connect = seconds(60);
  options.service.timeouts.endpoint_idle = seconds(60);
  SimWorld world(options);
  world.split(10'000);
  world.disable(PoolName::Green, 0b10);
  for (int i = 0; i < 4; ++i) {  // each leaves a connection to the first endpoint
    ask(world, of_green({.size = 3, .delay = milliseconds(50)}));
    world.run_for(milliseconds(10));
  }
  world.disable(PoolName::Green, 0);
  meet(world.origin(2), ConnectFate::Kind::NoAnswer);
  SimClient& waiting = ask(world, of_green());  // by the other one, which has less to do
  world.run_for(milliseconds(200));
  REQUIRE(world.control().pool_cell(PoolName::Green).pending.load() == 1);
  REQUIRE(world.control().cell({1}).connections.load() == 4);
  world.run_for(seconds(12));  // out of the window
  for (unsigned i = 0; i < 4; ++i) {
    ask(world, of_green(silent()));
    world.run_for(milliseconds(300));
    CHECK(status(world, 5 + i) == 200);
  }
  CHECK(counters(world).retries.read() == 4);
  CHECK(counters(world).rescues.read() == 4);
  CHECK(state(world, PoolName::Green) == State::Open);
  waiting.leave();
  finish(world);
}

TEST_CASE("sim guard: a failed connect that nothing has mended is a failure of the pool",
          "[sim][guard]") {
  SECTION("its client leaves during the connect to the next endpoint") {
    WorldOptions options = guarded(2);
    options.service.timeouts.connect = seconds(1);
    SimWorld world(options);
    meet(world.origin(0), ConnectFate::Kind::NoAnswer);
    meet(world.origin(1), ConnectFate::Kind::NoAnswer);
    for (int i = 0; i < 4; ++i) {
      SimClient& client = ask(world, get());
      world.run_for(milliseconds(1300));
      client.leave();
      world.settle();
    }
    CHECK(state(world, PoolName::Blue) == State::Open);
    finish(world);
  }
  SECTION("the next endpoint has no room") {
    WorldOptions options = guarded(2);
    options.service.breakers.endpoint.connections = 1;
    options.service.breakers.endpoint_rule.is_on = false;
    SimWorld world(options);
    world.disable(PoolName::Blue, 0b10);
    ask(world, get({.size = 3, .delay = seconds(5)}));
    world.run_for(milliseconds(10));
    world.disable(PoolName::Blue, 0);
    meet(world.origin(1), kRefuse);
    for (unsigned i = 0; i < 4; ++i) {
      ask(world, get());
      world.settle();
      CHECK(status(world, 1 + i) == 503);
    }
    CHECK(state(world, PoolName::Blue) == State::Open);
    finish(world);
  }
  SECTION("the next endpoint has mended it") {
    WorldOptions options = guarded(2);
    options.service.breakers.endpoint_rule.is_on = false;
    SimWorld world(options);
    meet(world.origin(1), kRefuse);
    for (unsigned i = 0; i < 8; ++i) {
      ask(world, get());
      world.run_for(seconds(1));
      CHECK(status(world, i) == 200);
    }
    CHECK(state(world, PoolName::Blue) == State::Closed);
    finish(world);
  }
  SECTION("its user was answered by the live pool") {
    WorldOptions options = guarded();
    SimWorld world(options);
    world.split(10'000);
    meet(world.origin(1), kRefuse);
    for (unsigned i = 0; i < 4; ++i) {
      SimClient& client = ask(world, of_green(silent()));
      world.run_for(milliseconds(10));
      CHECK(attempts(world, i) == 1);
      client.leave();  // what the candidate has failed in says nothing of the live pool
      world.run_for(seconds(1U << i) + milliseconds(100));  // till its penalty is over
    }
    CHECK(state(world, PoolName::Green) == State::Open);
    CHECK(state(world, PoolName::Blue) == State::Closed);
    finish(world);
  }
}

TEST_CASE("sim guard: an answer is passed on where its retry could not connect", "[sim][guard]") {
  const bool is_of_pool = GENERATE(true, false);
  const unsigned places = GENERATE(1U, 5U);
  INFO((is_of_pool ? "of the pool " : "of the endpoint ") << places);
  // Of the five of a pool the last one is not for who is not known.
  const unsigned taken = is_of_pool && places == 5 ? 4 : places;
  WorldOptions options = is_of_pool ? guarded(2) : guarded(1);
  options.service.repeats.retry.retries_max = 1;
  options.service.timeouts.connect = seconds(60);
  options.service.timeouts.endpoint_idle = seconds(60);
  (is_of_pool ? options.service.breakers.pool : options.service.breakers.endpoint).pending = places;
  SimWorld world(options);
  world.disable(PoolName::Blue, is_of_pool ? 0b10 : 0);
  ask(world, get());  // leaves an idle connection to the first endpoint
  world.settle();
  RequestPlan server_error{.answers = {{.status = 503, .size = 7, .delay = seconds(1)}, sized(3)}};
  ask(world, server_error);
  world.run_for(milliseconds(10));
  if (is_of_pool) world.disable(PoolName::Blue, 0b01);
  meet(world.origin(is_of_pool ? 1 : 0), ConnectFate::Kind::NoAnswer);
  std::vector<SimClient*> waiting;
  for (unsigned i = 0; i < taken; ++i) waiting.push_back(&ask(world, get()));
  world.run_for(milliseconds(100));
  world.disable(PoolName::Blue, 0);
  world.run_for(seconds(2));
  REQUIRE(world.control().pool_cell(PoolName::Blue).pending.load() == taken);
  CHECK(status(world, 1) == 503);
  CHECK(attempts(world, 1) == 1);
  CHECK(counters(world).retries.read() == 0);
  for (SimClient* client : waiting) client->leave();
  finish(world);
}

TEST_CASE(
    "sim guard: who finds no place among those that wait for an endpoint takes none of its pool",
    "[sim][guard]") {
  WorldOptions options = guarded();
  options.service.breakers.pool.pending = 10;
  options.service.breakers.endpoint.pending = 1;
  options.service.timeouts.connect = seconds(60);
  SimWorld world(options);
  meet(world.origin(0), ConnectFate::Kind::NoAnswer);
  SimClient& waiting = ask(world, get());
  world.run_for(milliseconds(10));
  for (unsigned i = 1; i < 4; ++i) {
    ask(world, get());
    world.settle();
    CHECK(status(world, i) == 503);
  }
  CHECK(world.control().pool_cell(PoolName::Blue).pending.load() == 1);
  waiting.leave();
  finish(world);
}

TEST_CASE("sim guard: a rescue takes no place among the retries of the pool that has failed",
          "[sim][guard]") {
  WorldOptions options = guarded();
  options.service.repeats.retry.retries_max = 1;
  SimWorld world(options);
  world.split(10'000);
  ask(world, {.user = "user-1",
              .answers = {{.status = 503}, {.status = 503}, {.size = 3, .delay = seconds(1)}}});
  world.run_for(milliseconds(500));
  CHECK(counters(world).rescues.read() == 1);
  CHECK(world.control().pool_cell(PoolName::Green).repeating.load() == 0);
  CHECK(world.control().pool_cell(PoolName::Blue).rescuing.load() == 1);
  world.run_for(seconds(2));  // not judged by finish(), which knows of one retry
  CHECK(status(world, 0) == 200);
}

TEST_CASE("sim guard: what comes of an upload after its first attempt goes to the next one whole",
          "[sim][guard]") {
  const BodyForm form = GENERATE(BodyForm::Length, BodyForm::Chunked);
  WorldOptions options = guarded();
  options.service.repeats.retry.retries_max = 1;
  options.service.repeats.retry.back_off = seconds(10);
  options.service.repeats.trusts_idempotency_key = true;
  SimWorld world(options);
  RequestPlan request{.method = "PUT", .form = form, .body = 1'000'000};
  request.fields = "Idempotency-Key: 1\r\n";
  request.answers = {{.status = 503, .is_early = true}, sized(3)};
  ask(world, request, {.most_written = 20'000, .write_pause = milliseconds(10)});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(attempts(world, 0) == 2);
}

TEST_CASE("sim guard: an upgrade that was sent again gives the place of its retry back",
          "[sim][guard]") {
  WorldOptions options = guarded();
  options.service.repeats.retry.retries_max = 1;
  options.service.breakers.endpoint.retries = 1;
  SimWorld world(options);
  RequestPlan upgrade{.upgrades = true, .tunnel_up = 4, .tunnel_down = 4};
  upgrade.answers = {{.status = 503}, {.status = 101}};
  ask(world, upgrade, {.at_end = ClientPlan::AtEnd::Stay});
  world.run_for(seconds(1));
  CHECK(attempts(world, 0) == 2);
  CHECK(status(world, 0) == 101);
  CHECK(world.control().cell({0}).repeating.load() == 0);
  finish(world);
}

TEST_CASE("sim guard: a kept connection that ends is no failure of its endpoint's breaker",
          "[sim][guard]") {
  WorldOptions options = guarded(2);
  options.service.repeats.retry.retries_max = 1;
  options.service.breakers.endpoint_rule = model::BreakerRule::of_endpoint();
  SimWorld world(options);
  world.disable(PoolName::Blue, 0b10);
  ask(world, get());
  world.settle();
  ask(world, {.answers = {{.deed = AnswerPlan::Deed::Leave}, sized(3)}});
  world.settle();
  CHECK(status(world, 1) == 200);
  CHECK(attempts(world, 1) == 2);
  std::uint32_t failures = 0;
  const std::int64_t now = world.now().time_since_epoch() / seconds(1);
  for (const auto& second : world.control().cell({0}).breaker.seconds)
    failures += policy::BreakerSecond(second.load()).counts(now).failures;
  CHECK(failures == 0);
  finish(world);
}

TEST_CASE("sim guard: what kept it from the candidate's endpoints is not said of the live pool's",
          "[sim][guard]") {
  WorldOptions options = guarded();
  options.service.breakers.endpoint.pending = 1;
  options.service.timeouts.connect = seconds(60);
  SimWorld world(options);
  world.split(10'000);
  world.disable(PoolName::Blue, 0b1);
  meet(world.origin(1), ConnectFate::Kind::NoAnswer);
  SimClient& waiting = ask(world, of_green());
  world.run_for(milliseconds(10));
  ask(world, of_green());
  world.settle();
  CHECK(status(world, 1) == 503);
  waiting.leave();
  finish(world);
  CHECK(line(world, 1).pool == "blue");
  CHECK(line(world, 1).error == "no usable endpoint");
}

TEST_CASE("sim guard: in the live pool the breakers of endpoints count again", "[sim][guard]") {
  WorldOptions options = guarded(2, 2);
  options.service.breakers.endpoint_rule = model::BreakerRule::of_endpoint();
  SimWorld world(options);
  world.disable(PoolName::Blue, 0b01);
  SimClient& busy = ask(world, get({.size = 3, .delay = seconds(3)}));
  world.run_for(milliseconds(10));  // the first endpoint has less to do
  world.disable(PoolName::Blue, 0);
  world.split(10'000);
  for (const std::uint32_t id : {0U, 2U, 3U}) {
    policy::hold_open(world.control().cell({id}).breaker, world.now(),
                      options.service.breakers.endpoint_rule.policy);
  }
  meet(world.origin(2), kRefuse);
  meet(world.origin(3), kRefuse);
  ask(world, of_green());
  world.settle();
  CHECK(status(world, 1) == 200);
  CHECK(policy::Breaker::from_word(world.control().cell({0}).breaker.word.load()).state ==
        State::Open);
  REQUIRE(attempts(world, 1) == 1);
  CHECK(entry(world, 1).attempts.front().endpoint == core::EndpointId{1});
  finish(world);
  CHECK(busy.is_finished());
}

TEST_CASE("sim guard: nobody is told to come again at once while a breaker is open",
          "[sim][guard]") {
  SimWorld world(guarded());
  for (int i = 0; i < 4; ++i) {
    ask(world, get({.status = 500}));
    world.settle();
  }
  REQUIRE(state(world, PoolName::Blue) == State::Open);
  world.run_for(milliseconds(4500));  // of five seconds
  ask(world, get());
  world.settle();
  CHECK(status(world, 4) == 503);
  CHECK(field(world, 4, "Retry-After") == "1");
  finish(world);
}

TEST_CASE("sim guard: nothing is rescued by a pool without a connection to spare", "[sim][guard]") {
  WorldOptions options = guarded();
  options.service.repeats.retry.retries_max = 0;
  options.service.breakers.pool.connections = 1;
  SimWorld world(options);
  SimClient& waiting = ask(world, get({.size = 3, .delay = seconds(2)}));
  world.run_for(milliseconds(10));
  world.split(10'000);
  ask(world, of_green({.status = 503, .size = 7}));
  world.settle();
  CHECK(status(world, 1) == 503);
  CHECK(attempts(world, 1) == 1);
  CHECK(counters(world).rescues.read() == 0);
  world.run_for(seconds(3));  // its connection is idle now, and would be used
  CHECK(waiting.is_finished());
  ask(world, of_green({.status = 503, .size = 7}));
  world.settle();
  CHECK(status(world, 2) == 200);
  CHECK(counters(world).rescues.read() == 1);
  finish(world);
  CHECK(line(world, 1).pool == "green");  // its own 503 was passed on
  CHECK(line(world, 1).error.empty());
}

TEST_CASE("sim guard: nobody is rescued by a pool whose last places are for known users",
          "[sim][guard]") {
  WorldOptions options = guarded();
  options.service.has_minted_cookie = true;
  options.service.repeats.retry.retries_max = 0;
  options.service.breakers.pool.pending = 5;
  options.service.timeouts.connect = seconds(60);
  SimWorld world(options);
  meet(world.origin(0), ConnectFate::Kind::NoAnswer);
  std::vector<SimClient*> waiting;
  for (int i = 0; i < 4; ++i) waiting.push_back(&ask(world, of_green()));
  world.run_for(milliseconds(10));
  world.split(10'000);
  RequestPlan of_new_user = get({.status = 503, .size = 7});
  of_new_user.fields = "X-Pin: green\r\n";  // who has no identity is sent there by a pin
  ask(world, of_new_user);
  world.settle();
  CHECK(status(world, 4) == 503);
  CHECK(counters(world).rescues.read() == 0);
  world.origin(0).fate = {};
  ask(world, of_green({.status = 503, .size = 7}));
  world.settle();
  CHECK(status(world, 5) == 200);
  CHECK(counters(world).rescues.read() == 1);
  for (SimClient* client : waiting) client->leave();
  world.run_to_end();  // not judged by finish(), which knows nobody's minted cookie
  CHECK(line(world, 4).pool == "green");
  CHECK(world.control().pool_cell(PoolName::Blue).rescuing.load() == 0);
}

TEST_CASE("sim guard: nothing is rescued by a pool of which no endpoint can take it",
          "[sim][guard]") {
  WorldOptions options = guarded();
  options.service.repeats.retry.retries_max = 0;
  options.service.repeats.rescue.add(policy::Failure::Status500);
  options.service.breakers.endpoint.requests = 1;
  SimWorld world(options);
  SimClient& waiting = ask(world, get({.size = 3, .delay = seconds(2)}));
  world.run_for(milliseconds(10));
  world.split(10'000);
  const RequestPlan failing = of_green({.status = 500, .size = 7});
  ask(world, failing);  // the one endpoint of the live pool has as many as it may have
  world.settle();
  CHECK(status(world, 1) == 500);
  world.run_for(seconds(3));
  CHECK(waiting.is_finished());
  world.disable(PoolName::Blue, 0b1);
  ask(world, failing);
  world.settle();
  CHECK(status(world, 2) == 500);
  CHECK(counters(world).rescues.read() == 0);
  world.disable(PoolName::Blue, 0);
  ask(world, failing);
  world.settle();
  CHECK(status(world, 3) == 200);
  CHECK(counters(world).rescues.read() == 1);
  finish(world);
}

TEST_CASE("sim guard: an answer that is not wanted gives its place to the next attempt",
          "[sim][guard]") {
  for (const bool is_of_pool : {true, false}) {
    INFO((is_of_pool ? "of the pool" : "of the endpoint"));
    WorldOptions options = is_of_pool ? guarded(2) : guarded(1);
    options.service.repeats.retry.retries_max = 1;
    (is_of_pool ? options.service.breakers.pool : options.service.breakers.endpoint).connections =
        1;
    SimWorld world(options);
    ask(world, {.answers = {{.status = 503, .size = 7}, sized(3)}});
    world.settle();
    CHECK(status(world, 0) == 200);
    finish(world);
    CHECK(attempts(world, 0) == 2);
  }
}

TEST_CASE("sim guard: idle connections to an endpoint make room for the fresh one of a retry",
          "[sim][guard]") {
  WorldOptions options = guarded();
  options.service.repeats.retry.retries_max = 1;
  options.service.repeats.retry.back_off = milliseconds(400);
  options.service.breakers.endpoint.connections = 2;
  SimWorld world(options);
  ask(world, {.answers = {{.status = 503, .size = 7}, sized(3)}});
  world.settle();
  // Its pause is drawn, and longer than what two others need to come and go.
  for (int i = 0; i < 2; ++i) ask(world, get({.size = 3, .delay = milliseconds(50)}));
  world.run_for(milliseconds(100));
  REQUIRE(world.control().cell({0}).connections.load() == 2);
  REQUIRE(attempts(world, 0) == 1);
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(attempts(world, 0) == 2);
}

TEST_CASE("sim guard: below the ceilings it keeps its connection", "[sim][guard]") {
  WorldOptions options = guarded(2);
  options.service.repeats.retry.retries_max = 1;
  options.service.breakers.pool.connections = 2;
  SimWorld world(options);
  ask(world, {.answers = {{.status = 503, .size = 7}, sized(3)}});
  world.settle();
  CHECK(status(world, 0) == 200);
  CHECK(world.control().pool_cell(PoolName::Blue).connections.load() == 2);
  finish(world);
}

TEST_CASE("sim guard: a switch while the candidate is half open asks it without probes",
          "[sim][guard]") {
  WorldOptions options = guarded();
  options.service.repeats.retry.retries_max = 0;
  options.service.repeats.rescue = {};
  SimWorld world(options);
  world.split(10'000);
  for (int i = 0; i < 4; ++i) {
    ask(world, of_green({.status = 500}));
    world.settle();
  }
  REQUIRE(state(world, PoolName::Green) == State::Open);
  world.run_for(seconds(6));
  for (int i = 0; i < 2; ++i) ask(world, of_green({.status = 500, .delay = seconds(1)}));
  world.run_for(milliseconds(100));
  REQUIRE(state(world, PoolName::Green) == State::HalfOpen);
  // As control does it before the flip of a switch.
  policy::close(world.control().pool_cell(PoolName::Green).breaker, world.now());
  world.switch_to(PoolName::Green);
  world.settle();
  for (int i = 0; i < 8; ++i) ask(world, of_green({.size = 3, .delay = seconds(2)}));
  world.run_for(seconds(3));  // the probes have failed meanwhile
  CHECK(state(world, PoolName::Green) == State::Closed);
  for (unsigned i = 6; i < 14; ++i) CHECK(status(world, i) == 200);
  finish(world);
}

TEST_CASE("sim guard: an address that is lost with a probe on it leaves nothing half open",
          "[sim][guard]") {
  WorldOptions options = guarded(2);
  options.service.repeats.retry.retries_max = 0;
  options.service.breakers.pool.requests = 2;
  SimWorld world(options);
  for (int i = 0; i < 4; ++i) {
    ask(world, get({.status = 500}));
    world.settle();
  }
  world.run_for(seconds(6));
  for (int i = 0; i < 2; ++i) ask(world, get({.size = 3, .delay = seconds(1)}));
  world.run_for(milliseconds(100));
  world.lose_addresses(PoolName::Blue, 0b01);
  world.run_for(milliseconds(100));
  ask(world, get());
  world.settle();
  CHECK(status(world, 6) == 503);  // as many as may be
  world.run_for(seconds(2));
  CHECK(state(world, PoolName::Blue) == State::Closed);
  ask(world, get());
  finish(world);
  for (const unsigned i : {4U, 5U, 7U}) CHECK(status(world, i) == 200);
}

TEST_CASE("sim guard: who leaves during a retry gives all places back", "[sim][guard]") {
  for (const milliseconds leaves_after :
       {milliseconds(50), milliseconds(120), milliseconds(180), milliseconds(260)}) {
    INFO(leaves_after.count());
    WorldOptions options = guarded();
    options.service.repeats.retry.retries_max = 2;
    options.service.repeats.retry.per_try_timeout = milliseconds(100);
    options.service.repeats.retry.back_off = milliseconds(100);
    options.service.breakers.pool = {.connections = 1, .pending = 1, .requests = 1, .retries = 1};
    options.service.breakers.endpoint = options.service.breakers.pool;
    SimWorld world(options);
    SimClient& leaver = ask(world, {.answers = {silent()}});
    world.run_for(leaves_after);
    leaver.leave();
    world.settle();
    ask(world, {.answers = {{.status = 503}, sized(3)}});  // needs each of them
    finish(world);
    CHECK(status(world, 1) == 200);
    CHECK(attempts(world, 1) == 2);
  }
}

TEST_CASE("sim guard: an upgrade takes places, and keeps its connection's", "[sim][guard]") {
  WorldOptions options = guarded();
  options.service.breakers.pool = {.connections = 1, .pending = 1, .requests = 1, .retries = 1};
  SimWorld world(options);
  RequestPlan upgrade{.upgrades = true, .tunnel_up = 4, .tunnel_down = 4};
  upgrade.answers = {{.status = 101, .delay = seconds(1)}};
  ask(world, upgrade, {.at_end = ClientPlan::AtEnd::Stay});
  world.run_for(milliseconds(500));
  ask(world, get());
  world.settle();
  CHECK(status(world, 1) == 503);
  world.run_for(seconds(1));
  const model::PoolCell& cell = world.control().pool_cell(PoolName::Blue);
  if (world.worker().load().tunnels == 1) {
    CHECK(cell.requests.load() == 0);
    CHECK(cell.connections.load() == 1);
    world.lose_addresses(PoolName::Blue, 0);  // the same again: a tunnel is no idle connection
    world.settle();
    CHECK(world.worker().load().tunnels == 1);
  }
  ask(world, get());
  world.settle();
  CHECK(status(world, 2) == (world.worker().load().tunnels == 1 ? 503 : 200));
  finish(world);
  CHECK(cell.connections.load() == 0);
}

TEST_CASE("sim guard: who waits for a 100 holds no place of those that wait for a connection",
          "[sim][guard]") {
  WorldOptions options = guarded();
  options.service.breakers.pool.pending = 1;
  SimWorld world(options);
  for (int i = 0; i < 3; ++i) {
    RequestPlan request{.method = "POST", .form = BodyForm::Length, .body = 5, .expects = true};
    request.answers = {{.size = 3, .sends_continue = false}};
    ask(world, request);
    world.run_for(milliseconds(10));
    CHECK(world.control().pool_cell(PoolName::Blue).pending.load() == 0);
  }
  finish(world);
  for (unsigned i = 0; i < 3; ++i) CHECK(status(world, i) == 200);
}

TEST_CASE("sim guard: an answer that is no answer is a failure of its endpoint too",
          "[sim][guard]") {
  WorldOptions options = guarded();
  options.service.outliers.consecutive_failures = 3;
  SimWorld world(options);
  ask(world, get({.deed = AnswerPlan::Deed::Raw,
                  .raw = "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"}));
  world.settle();
  ask(world, get({.size = 3, .informational = core::limits::kInformationalMax + 1}));
  finish(world);
  CHECK(status(world, 0) == 502);
  CHECK(status(world, 1) == 502);
  const policy::FailureRun run(world.control().cell({0}).failures.load());
  CHECK(run.count(policy::FailureKind::Broken) == 2);
}

TEST_CASE("sim guard: a file that is asked of a full pool stays a 404", "[sim][guard]") {
  WorldOptions options = guarded();
  options.service.repeats.retry.retries_max = 0;
  options.service.repeats.assets = {policy::PathPattern("/r/*")};
  options.service.breakers.pool.connections = 1;
  SimWorld world(options);
  SimClient& waiting = ask(world, get({.size = 3, .delay = seconds(2)}));
  world.run_for(milliseconds(10));
  world.split(10'000);
  ask(world, of_green({.status = 404, .size = 7}));
  world.settle();
  CHECK(status(world, 1) == 404);
  CHECK(attempts(world, 1) == 1);
  waiting.leave();
  finish(world);
}

}  // namespace sluice::sim
