#include "sim/scenario.hpp"

// Circuit breakers and ceilings on the data path (behaviour.md §2): who is turned away, and that
// what a request holds of them is given back once, however it ends. finish() judges the invariants:
// never more in flight than a ceiling, never more probes than the cap, nothing left.
namespace sluice::sim {

namespace {

using State = policy::Breaker::State;

WorldOptions guarded(std::size_t blue = 1, std::size_t green = 1) {
  WorldOptions options = with_endpoints(blue, green);
  options.service.repeats.retry.retries_max = 0;
  model::BreakerRule rule;
  rule.policy.min_requests = 4;
  rule.policy.open_for = seconds(5);
  rule.policy.half_open_probes = 2;
  options.service.breakers.rule = rule;
  return options;
}

RequestPlan says(unsigned status, const std::string& user = "") {
  return {.method = "GET", .user = user, .answers = {{.status = status, .size = 3}}};
}

State state(SimWorld& world, PoolName pool) {
  return policy::Breaker::from_word(world.control().pool_cell(pool).breaker.word.load()).state;
}

const metrics::ServiceCounters& counters(SimWorld& world) {
  return world.worker().metrics().services[0];
}

/// One after the other, each on its own connection; their numbers begin at `from`.
void ask_times(SimWorld& world, int count, const RequestPlan& request) {
  for (int i = 0; i < count; ++i) {
    ask(world, request);
    world.settle();
  }
}

}  // namespace

TEST_CASE("sim breaker: it opens, is tried by so many and no more, and closes", "[sim][breaker]") {
  SimWorld world(guarded());
  ask_times(world, 4, says(500));
  CHECK(state(world, PoolName::Blue) == State::Open);
  ask_times(world, 1, says(200));
  CHECK(status(world, 4) == 503);
  CHECK(field(world, 4, "Retry-After") == "5");
  CHECK(attempts(world, 4) == 0);

  world.run_for(seconds(6));
  // Three at once, of which none is answered before all have come.
  for (int i = 0; i < 3; ++i) ask(world, get({.size = 3, .delay = seconds(1)}));
  world.run_for(seconds(2));
  CHECK(status(world, 5) == 200);
  CHECK(status(world, 6) == 200);
  CHECK(status(world, 7) == 503);
  CHECK(state(world, PoolName::Blue) == State::Closed);
  finish(world);
  REQUIRE(world.breaker_news().size() == 3);
  const auto& news = world.breaker_news();
  CHECK(news[0].turn.to == State::Open);
  CHECK(news[0].turn.counts == policy::BreakerCounts{.requests = 4, .failures = 4});
  CHECK(news[1].turn.to == State::HalfOpen);
  CHECK(news[2].turn.to == State::Closed);
  CHECK(world.peaks(PoolName::Blue).probes == 2);
}

TEST_CASE("sim breaker: a probe whose client leaves makes room for another", "[sim][breaker]") {
  SimWorld world(guarded());
  ask_times(world, 4, says(500));
  world.run_for(seconds(6));
  for (int round = 0; round < 5; ++round) {
    SimClient& leaver = ask(world, get({.size = 3, .delay = seconds(1)}));
    world.settle();
    leaver.leave();
    world.settle();
    CHECK(state(world, PoolName::Blue) == State::HalfOpen);
  }
  ask_times(world, 2, says(200));
  world.settle();
  CHECK(state(world, PoolName::Blue) == State::Closed);
  finish(world);
}

TEST_CASE("sim breaker: an upload that comes slowly keeps nobody out", "[sim][breaker]") {
  SimWorld world(guarded());
  ask_times(world, 4, says(500));
  world.run_for(seconds(6));
  const RequestPlan upload{
      .method = "POST", .form = BodyForm::Length, .body = 4000, .answers = {{.size = 3}}};
  const ClientPlan slow{.most_written = 100, .write_pause = milliseconds(500)};
  for (int i = 0; i < 2; ++i) ask(world, upload, slow);
  world.run_for(milliseconds(900));
  REQUIRE(state(world, PoolName::Blue) == State::HalfOpen);
  ask_times(world, 1, says(200));  // both places are taken
  CHECK(status(world, 6) == 503);
  world.run_for(seconds(2));
  ask_times(world, 2, says(200));
  CHECK(state(world, PoolName::Blue) == State::Closed);
  world.run_for(seconds(60));
  CHECK(state(world, PoolName::Blue) == State::Closed);
  finish(world);
  for (const unsigned each : {4U, 5U, 7U, 8U}) CHECK(status(world, each) == 200);
}

TEST_CASE("sim breaker: a kept connection that ends is no failure, also when its retry is left",
          "[sim][breaker]") {
  WorldOptions options = guarded();
  options.service.repeats.retry.retries_max = 1;
  options.service.timeouts.endpoint_idle = seconds(60);
  SimWorld world(options);
  for (unsigned i = 0; i < 6; ++i) {
    SimClient& client = ask_all(
        world,
        {says(200),
         {.method = "GET",
          .answers = {{.deed = AnswerPlan::Deed::Leave}, {.size = 3, .delay = seconds(2)}}}});
    world.run_for(milliseconds(100));
    client.leave();
    world.settle();
  }
  CHECK(counters(world).retries.read() == 6);
  CHECK(state(world, PoolName::Blue) == State::Closed);
  CHECK(world.breaker_news().empty());
  finish(world);
}

TEST_CASE("sim breaker: who does not take an upload is slow", "[sim][breaker]") {
  WorldOptions options = guarded();
  options.service.breakers.rule.slow_call = milliseconds(200);
  SimWorld world(options);
  AnswerPlan stuck{.size = 3, .delay = seconds(100)};
  stuck.stops_reading = true;
  for (int i = 0; i < 4; ++i) {
    SimClient& client = ask(
        world, {.method = "POST", .form = BodyForm::Length, .body = 4'000'000, .answers = {stuck}});
    world.run_for(seconds(1));
    client.leave();
    world.settle();
  }
  CHECK(state(world, PoolName::Blue) == State::Open);
  REQUIRE(world.breaker_news().size() == 1);
  CHECK(world.breaker_news()[0].turn.counts.slow == 4);
  finish(world);
}

TEST_CASE("sim breaker: an answer is passed on where its retry has no room", "[sim][breaker]") {
  WorldOptions options = guarded(2);
  options.service.repeats.retry.retries_max = 1;
  options.service.repeats.retry_budget = {core::BasisPoints::of(core::BasisPoints::kAll)};
  options.service.breakers.endpoint.retries = 1;
  options.service.breakers.rule.is_on = false;
  SimWorld world(options);
  const RequestPlan slow{.method = "GET",
                         .answers = {{.status = 503, .size = 3}, {.size = 3, .delay = seconds(1)}}};
  for (int i = 0; i < 2; ++i) ask(world, slow);  // each endpoint has its one retry
  world.run_for(milliseconds(100));
  ask(world, says(503));
  world.settle();
  CHECK(status(world, 2) == 503);
  CHECK(attempts(world, 2) == 1);
  CHECK(counters(world).retries_over_budget[core::index(PoolName::Blue)].read() == 1);
  finish(world);
  CHECK(status(world, 0) == 200);
}

TEST_CASE("sim breaker: a retry has room where it has it already", "[sim][breaker]") {
  WorldOptions options = guarded();
  options.service.repeats.retry.retries_max = 2;
  options.service.breakers.endpoint.retries = 1;
  options.service.breakers.rule.is_on = false;
  SimWorld world(options);
  ask(world, {.method = "GET", .answers = {{.status = 503}, {.status = 503}, {.size = 3}}});
  world.run_for(seconds(1));  // not judged by finish(), which knows of one retry
  CHECK(status(world, 0) == 200);
  CHECK(attempts(world, 0) == 3);
  CHECK(world.control().pool_cell(PoolName::Blue).repeating.load() == 0);
}

TEST_CASE("sim breaker: a failure of any kind counts, what the client does is none",
          "[sim][breaker]") {
  const auto opens = [](const std::function<void(SimWorld&)>& one) {
    SimWorld world(guarded());
    for (int i = 0; i < 4; ++i) {
      one(world);
      world.settle();
    }
    world.run_for(seconds(9));
    const bool has_opened = state(world, PoolName::Blue) == State::Open;
    finish(world);
    return has_opened;
  };
  CHECK(opens([](SimWorld& world) { ask(world, says(599)); }));
  CHECK(opens([](SimWorld& world) {
    meet(world.origin(0), kRefuse);
    ask(world, get());
  }));
  CHECK(opens([](SimWorld& world) { ask(world, get({.size = 3, .cut_at = 5})); }));
  CHECK_FALSE(opens([](SimWorld& world) { ask(world, says(499)); }));
  CHECK_FALSE(opens([](SimWorld& world) {
    SimClient& leaver = ask(world, get({.size = 3, .delay = seconds(3)}));
    world.settle();
    leaver.leave();
  }));
  // Waited for longer than what is slow: the endpoint's doing, not the client's.
  SimWorld world(guarded());
  std::vector<SimClient*> leavers;
  for (int i = 0; i < 4; ++i)
    leavers.push_back(&ask(world, get({.size = 3, .delay = seconds(60)})));
  world.run_for(core::Millis(5100));
  for (SimClient* leaver : leavers) leaver->leave();
  world.settle();
  CHECK(state(world, PoolName::Blue) == State::Open);
  finish(world);
  CHECK(world.breaker_news().front().turn.counts ==
        policy::BreakerCounts{.requests = 4, .slow = 4});
}

namespace {

/// Clients of an endpoint that answers no connect, who leave after so long.
void leave_connects(SimWorld& world, core::Nanos patience, int count = 4) {
  meet(world.origin(0), ConnectFate::Kind::NoAnswer);
  for (int i = 0; i < count; ++i) {
    SimClient& leaver = ask(world, get());
    world.run_for(patience);
    leaver.leave();
    world.settle();
  }
}

WorldOptions guarded_connects(core::Millis slow_call) {
  WorldOptions options = guarded();
  options.service.timeouts.connect = seconds(1);
  options.service.breakers.rule.slow_call = slow_call;
  options.service.outliers.consecutive_failures = 5;
  return options;
}

}  // namespace

TEST_CASE("sim breaker: a connect that is given up has failed once it had half of its time",
          "[sim][breaker]") {
  for (const core::Millis slow_call : {core::Millis(5000), core::Millis(0)}) {
    INFO("slow_call " << slow_call.count());
    SimWorld soon(guarded_connects(slow_call));
    leave_connects(soon, milliseconds(500), 8);
    CHECK(state(soon, PoolName::Blue) == State::Closed);
    CHECK(soon.control().cell({0}).failures.load() == 0);
    CHECK(soon.control().cell({0}).penalty.load() == 0);
    finish(soon);
    CHECK(soon.breaker_news().empty());

    SimWorld late(guarded_connects(slow_call));
    leave_connects(late, milliseconds(501));
    CHECK(state(late, PoolName::Blue) == State::Open);
    const policy::FailureRun run(late.control().cell({0}).failures.load());
    CHECK(run.count(policy::FailureKind::Connect) == 4);
    CHECK(late.control().cell({0}).penalty.load() != 0);
    finish(late);
    CHECK(late.breaker_news().front().turn.counts ==
          policy::BreakerCounts{.requests = 4, .failures = 4});
    CHECK(line(late, 3).status == 499);
    const auto& counters = late.worker().metrics().services[0];
    CHECK(counters.endpoint_failures[core::index(PoolName::Blue)].read() == 4);
  }
}

TEST_CASE("sim breaker: a connect that is given up was slow after slow_call", "[sim][breaker]") {
  SimWorld soon(guarded_connects(core::Millis(100)));
  leave_connects(soon, milliseconds(100));
  CHECK(state(soon, PoolName::Blue) == State::Closed);
  finish(soon);
  SimWorld late(guarded_connects(core::Millis(100)));
  leave_connects(late, milliseconds(101));
  CHECK(state(late, PoolName::Blue) == State::Open);
  CHECK(late.control().cell({0}).failures.load() == 0);  // slow is no failure of the endpoint
  finish(late);
  CHECK(late.breaker_news().front().turn.counts == policy::BreakerCounts{.requests = 4, .slow = 4});
}

TEST_CASE("sim breaker: the time of a connect is no time of the answer", "[sim][breaker]") {
  WorldOptions options = guarded();
  options.service.breakers.rule.slow_call = milliseconds(100);
  SimWorld world(options);
  world.origin(0).fate = [] { return ConnectFate{.delay = milliseconds(400)}; };
  for (int i = 0; i < 4; ++i) {
    // Its body waits for a 100 that does not come: until it is whole the endpoint need not answer.
    RequestPlan request{.method = "POST", .form = BodyForm::Length, .body = 5, .expects = true};
    request.answers = {{.status = 417, .size = 3, .sends_continue = false, .is_early = true}};
    ask(world, request);
    world.run_for(milliseconds(450));
  }
  finish(world);
  CHECK(world.breaker_news().empty());
  for (unsigned i = 0; i < 4; ++i) CHECK(status(world, i) == 417);
}

TEST_CASE("sim breaker: a probe whose connect hangs opens it again, though its client leaves",
          "[sim][breaker]") {
  SimWorld world(guarded());
  ask_times(world, 4, says(500));
  world.run_for(seconds(6));
  meet(world.origin(0), ConnectFate::Kind::NoAnswer);
  SimClient& leaver = ask(world, get());
  world.run_for(milliseconds(700));
  REQUIRE(state(world, PoolName::Blue) == State::HalfOpen);
  leaver.leave();
  world.settle();
  CHECK(state(world, PoolName::Blue) == State::Open);
  finish(world);
}

TEST_CASE("sim breaker: what the live pool refuses is no fallback", "[sim][breaker]") {
  // Green has no room, and the breaker of blue is open.
  const auto refused_by_blue = [](core::Millis open_for) {
    WorldOptions options = guarded();
    options.service.breakers.rule.policy.min_requests = 2;
    options.service.breakers.rule.policy.open_for = open_for;
    options.service.breakers.pool.connections = 1;
    auto world = std::make_unique<SimWorld>(options);
    ask_times(*world, 2, says(500));
    world->split(10'000);
    ask(*world, {.user = "user-1", .answers = {{.size = 3, .delay = seconds(2)}}});
    world->run_for(seconds(1));
    return world;
  };
  const auto world = refused_by_blue(seconds(5));
  const auto counters = [&]() -> const metrics::ServiceCounters& {
    return world->worker().metrics().services[0];
  };
  const auto choices = [&](policy::Reason reason) {
    return counters().choices[core::index(PoolName::Blue)][static_cast<std::size_t>(reason)].read();
  };
  ask_times(*world, 1, says(200, "user-2"));
  CHECK(status(*world, 3) == 503);
  CHECK(counters().fallbacks.read() == 0);
  CHECK(counters().breaker_fallbacks.read() == 0);
  CHECK(choices(policy::Reason::Fallback) == 0);
  CHECK(counters().refusals[static_cast<std::size_t>(metrics::Refusal::BreakerOpen)].read() == 1);
  world->run_for(seconds(6));  // now it lets probes through
  ask(*world, {.user = "user-1", .answers = {{.size = 3, .delay = seconds(2)}}});
  world->run_for(seconds(1));
  ask_times(*world, 1, says(200, "user-2"));
  CHECK(status(*world, 5) == 200);
  CHECK(counters().fallbacks.read() == 1);
  CHECK(counters().breaker_fallbacks.read() == 1);
  CHECK(choices(policy::Reason::Fallback) == 1);
  finish(*world);
  CHECK(line(*world, 3).text.find(R"("breaker":"open")") != std::string::npos);
  CHECK(line(*world, 3).pool.empty());
  CHECK(line(*world, 5).text.find(R"("breaker":"probe")") != std::string::npos);
  CHECK(line(*world, 5).pool == "blue");
}

TEST_CASE("sim breaker: the candidate's users go to the live pool, by rescue first",
          "[sim][breaker]") {
  SimWorld world(guarded());
  world.split(10'000);
  RequestPlan rescued = says(503, "user-1");
  rescued.answers.push_back(sized(3));
  ask_times(world, 4, rescued);
  ask_times(world, 1, says(200, "user-1"));
  finish(world);
  for (unsigned i = 0; i < 4; ++i) CHECK(line(world, i).reason == "rescue");
  CHECK(state(world, PoolName::Green) == State::Open);
  CHECK(line(world, 4).reason == "fallback");
  CHECK(line(world, 4).pool == "blue");
  CHECK(status(world, 4) == 200);
  CHECK(state(world, PoolName::Blue) == State::Closed);
}

TEST_CASE("sim breaker: nothing is rescued by a pool whose breaker is open", "[sim][breaker]") {
  WorldOptions options = guarded();
  options.service.breakers.rule.policy.min_requests = 2;
  SimWorld world(options);
  ask_times(world, 2, says(500));
  REQUIRE(state(world, PoolName::Blue) == State::Open);
  world.split(10'000);
  ask_times(world, 1, says(503, "user-1"));
  finish(world);
  CHECK(status(world, 2) == 503);
  CHECK(line(world, 2).pool == "green");
  CHECK(attempts(world, 2) == 1);
}

TEST_CASE("sim breaker: no more requests at a time than the ceiling", "[sim][breaker]") {
  WorldOptions options = guarded();
  options.service.breakers.pool.requests = 2;
  SimWorld world(options);
  for (int i = 0; i < 5; ++i) ask(world, get({.size = 3, .delay = seconds(1)}));
  world.run_for(seconds(2));
  ask(world, get());
  finish(world);
  std::size_t answered = 0;
  for (unsigned i = 0; i < 5; ++i) answered += status(world, i) == 200 ? 1 : 0;
  CHECK(answered == 2);
  CHECK(status(world, 5) == 200);
  CHECK(world.peaks(PoolName::Blue).requests == 2);
}

TEST_CASE("sim breaker: an idle connection makes room under the ceiling", "[sim][breaker]") {
  WorldOptions options = guarded(3, 1);
  options.service.breakers.pool.connections = 1;
  SimWorld world(options);
  ask_times(world, 20, get());
  finish(world);
  for (unsigned i = 0; i < 20; ++i) CHECK(status(world, i) == 200);
  CHECK(world.peaks(PoolName::Blue).connections == 1);
}

TEST_CASE("sim breaker: a tunnel is a connection until it ends", "[sim][breaker]") {
  WorldOptions options = guarded();
  options.service.breakers.pool.connections = 1;
  options.service.breakers.pool.requests = 1;
  SimWorld world(options);
  RequestPlan upgrade{.upgrades = true, .tunnel_up = 100, .tunnel_down = 100};
  upgrade.answers = {{.status = 101}};
  ask(world, upgrade);
  world.settle();
  const bool is_tunnel_open = world.worker().load().tunnels == 1;
  if (is_tunnel_open) {
    CHECK(world.control().pool_cell(PoolName::Blue).connections.load() == 1);
    CHECK(world.control().pool_cell(PoolName::Blue).requests.load() == 0);
  }
  finish(world);
}

TEST_CASE("sim breaker: one bad endpoint of two is out before the pool is", "[sim][breaker]") {
  WorldOptions options = guarded(2, 1);
  options.service.breakers.rule.policy.min_requests = 20;
  options.service.breakers.endpoint_rule = model::BreakerRule::of_endpoint();
  SimWorld world(options);
  meet(world.origin(0), kRefuse);
  ask_times(world, 40,
            {.method = "POST", .form = BodyForm::Length, .body = 5, .answers = {sized(3)}});
  CHECK(state(world, PoolName::Blue) == State::Closed);
  finish(world);
}

TEST_CASE("sim breaker: the last endpoint is asked whatever its breaker says", "[sim][breaker]") {
  WorldOptions options = guarded(2, 1);
  options.service.breakers.rule = model::BreakerRule::off();
  options.service.breakers.endpoint_rule = model::BreakerRule::of_endpoint();
  SimWorld world(options);
  ask_times(world, 30, says(500));
  finish(world);
  for (unsigned i = 0; i < 30; ++i) CHECK(status(world, i) == 500);
}

}  // namespace sluice::sim
