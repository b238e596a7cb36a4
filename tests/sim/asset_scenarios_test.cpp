#include "sim/scenario.hpp"

// A file that only the other version has (behaviour.md §4). All requests of the simulator are for
// /r/NUMBER.
namespace sluice::sim {

namespace {

using policy::AssetOutcome;

AnswerPlan says(unsigned status) {
  return {.status = status, .size = 3};
}

RequestPlan of(const std::string& method, std::vector<AnswerPlan> answers) {
  return {.method = method, .user = "user-1", .answers = std::move(answers)};
}

/// Everyone is live, on blue, until someone splits.
WorldOptions with_assets(std::size_t blue = 1, std::size_t green = 1,
                         const std::string& pattern = "/r/*") {
  WorldOptions options = with_endpoints(blue, green);
  options.service.repeats.assets.emplace_back(pattern);
  return options;
}

std::uint64_t counted(SimWorld& world, PoolName missed_by, AssetOutcome outcome) {
  return world.worker()
      .metrics()
      .services[0]
      .asset_rescues[core::index(missed_by)][static_cast<std::size_t>(outcome)]
      .read();
}

std::uint64_t counted(SimWorld& world) {
  std::uint64_t sum = 0;
  for (const PoolName pool : {PoolName::Blue, PoolName::Green}) {
    for (const AssetOutcome outcome : policy::kAllAssetOutcomes)
      sum += counted(world, pool, outcome);
  }
  return sum;
}

std::uint64_t failures(SimWorld& world) {
  std::uint64_t sum = 0;
  for (const auto& pool : world.worker().metrics().services[0].attempt_failures) {
    for (const auto& failure : pool) sum += failure.read();
  }
  return sum;
}

}  // namespace

TEST_CASE("sim assets: what the one pool has not, the other one answers, either way",
          "[sim][assets]") {
  for (const PoolName asked_first : {PoolName::Blue, PoolName::Green}) {
    SimWorld world(with_assets());
    if (asked_first == PoolName::Green) world.split(10'000);
    const std::string from(core::text(asked_first));
    const std::string by(core::text(core::other(asked_first)));
    ask(world, of("GET", {says(404), sized(7)}));
    finish(world);
    CHECK(status(world, 0) == 200);
    CHECK(field(world, 0, "Sluice-Pool") == by);
    CHECK(field(world, 0, "Sluice-Reason") == "asset");
    CHECK(field(world, 0, "Sluice-Rescued") == from);
    CHECK(field(world, 0, "Cache-Control").empty());
    CHECK(line(world, 0).reason == "asset");
    CHECK(line(world, 0).pool == by);
    CHECK(line(world, 0).rescued_from == from);
    CHECK(line(world, 0).error.empty());
    CHECK(counted(world, asked_first, AssetOutcome::Found) == 1);
    CHECK(counted(world) == 1);
    CHECK(failures(world) == 0);  // a 404 is nobody's failure
    CHECK(world.worker().metrics().services[0].rescues.read() == 0);
    CHECK(world.worker().metrics().services[0].retries.read() == 0);
  }
}

TEST_CASE("sim assets: the answer of the other pool counts when it says that the file is there",
          "[sim][assets]") {
  for (const unsigned code : {200U, 204U, 206U, 301U, 304U, 412U, 416U}) {
    SimWorld world(with_assets());
    AnswerPlan answer = says(code);
    if (code == 204 || code == 304) answer.size = 0;
    ask(world, of("GET", {says(404), answer}));
    finish(world);
    CHECK(status(world, 0) == code);
    CHECK(field(world, 0, "Cache-Control").empty());
    CHECK(counted(world, PoolName::Blue, AssetOutcome::Found) == 1);
  }
}

TEST_CASE("sim assets: when neither has it, the second 404 goes out, and nothing may store it",
          "[sim][assets]") {
  SimWorld world(with_assets());
  AnswerPlan stored = says(404);
  stored.fields =
      "Cache-Control: public, max-age=600\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\n";
  ask(world, of("GET", {stored, stored}));
  finish(world);
  CHECK(status(world, 0) == 404);
  CHECK(field(world, 0, "Sluice-Pool") == "green");
  CHECK(entry(world, 0).outcome.answer->body.size() == 3);  // of the endpoint
  CHECK(field(world, 0, "Cache-Control") == "no-store");
  CHECK(field(world, 0, "Expires").empty());
  CHECK(attempts(world, 0) == 2);
  CHECK(counted(world, PoolName::Blue, AssetOutcome::Missing) == 1);
}

TEST_CASE("sim assets: when the other pool fails, the user has the 404", "[sim][assets]") {
  const AnswerPlan failed[] = {says(500),
                               says(503),
                               says(401),
                               says(403),
                               says(429),
                               {.deed = AnswerPlan::Deed::Leave},
                               {.deed = AnswerPlan::Deed::Break},
                               {.deed = AnswerPlan::Deed::Silence},
                               {.deed = AnswerPlan::Deed::Raw, .raw = "SSH-2.0-x\r\n\r\n"}};
  for (const PoolName asked_first : {PoolName::Blue, PoolName::Green}) {
    for (const AnswerPlan& plan : failed) {
      SimWorld world(with_assets(2, 2));
      if (asked_first == PoolName::Green) world.split(10'000);
      ask(world, of("GET", {says(404), plan, sized(7)}));
      const core::Instant start = world.now();
      REQUIRE(world.run_until([&] { return status(world, 0) != 0; }));
      const core::Nanos took = world.now() - start;
      finish(world);
      INFO(describe(plan));
      CHECK(status(world, 0) == 404);
      CHECK(field(world, 0, "Server") == "sluice");
      CHECK(field(world, 0, "Cache-Control") == "no-store");
      CHECK(field(world, 0, "Proxy-Status").empty());
      CHECK(attempts(world, 0) == 2);  // once
      CHECK(took <= core::limits::kAssetWaitMax + seconds(1));
      CHECK(line(world, 0).reason == "asset");
      CHECK_FALSE(line(world, 0).error.empty());
      CHECK(counted(world, asked_first, AssetOutcome::Failed) == 1);
      CHECK(counted(world) == 1);
      const metrics::ServiceCounters& all = world.worker().metrics().services[0];
      for (const auto& refusal : all.refusals) CHECK(refusal.read() == 0);
      CHECK(all.rescues.read() == 0);
      CHECK(all.fallbacks.read() == 0);
    }
  }
}

TEST_CASE("sim assets: the other pool can't be connected", "[sim][assets]") {
  for (const auto kind : {ConnectFate::Kind::Refuse, ConnectFate::Kind::NoAnswer,
                          ConnectFate::Kind::LocalResources}) {
    for (const PoolName asked_first : {PoolName::Blue, PoolName::Green}) {
      SimWorld world(with_assets());
      if (asked_first == PoolName::Green) world.split(10'000);
      meet(world.origin(asked_first == PoolName::Blue ? 1 : 0), kind);
      ask(world, of("GET", {says(404), sized(7)}));
      finish(world);
      CHECK(status(world, 0) == 404);
      CHECK(counted(world, asked_first, AssetOutcome::Failed) == 1);
      CHECK(world.worker().metrics().services[0].fallbacks.read() == 0);
    }
  }
}

TEST_CASE("sim assets: an endpoint that can't be connected leaves it to the next one",
          "[sim][assets]") {
  SimWorld world(with_assets(1, 3));
  meet(world.origin(1), kRefuse);
  meet(world.origin(2), kRefuse);
  ask(world, of("GET", {says(404), sized(7)}));
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(line(world, 0).pool == "green");
}

TEST_CASE("sim assets: the wait for the other pool has an end of its own", "[sim][assets]") {
  const auto run = [](core::Nanos delay) {
    SimWorld world(with_assets());
    AnswerPlan late = sized(7);
    late.delay = delay;
    ask(world, of("GET", {says(404), late}));
    finish(world);
    CHECK(failures(world) == 0);  // the endpoint has had less than its time
    return status(world, 0);
  };
  CHECK(run(core::limits::kAssetWaitMax - milliseconds(100)) == 200);
  CHECK(run(core::limits::kAssetWaitMax + milliseconds(100)) == 404);
  // Once the answer has begun it has the time of every other.
  SimWorld world(with_assets());
  AnswerPlan slow = sized(7);
  slow.most_each = 40;
  slow.pause_each = seconds(1);
  ask(world, of("GET", {says(404), slow}));
  ask(world, of("GET", {says(404), says(404)}));
  finish(world);
  CHECK(status(world, 1) == 404);
}

TEST_CASE(
    "sim assets: connecting is part of the wait, also behind an idle connection that has ended",
    "[sim][assets]") {
  for (const bool has_idle : {false, true}) {
    WorldOptions options = with_assets();
    options.service.timeouts.connect = seconds(30);
    SimWorld world(options);
    world.split(10'000);
    if (has_idle) ask(world, of("GET", {sized(1)}));
    world.settle();
    world.split(0);
    meet(world.origin(1), ConnectFate::Kind::NoAnswer);
    const unsigned number = has_idle ? 1 : 0;
    ask(world, of("GET", {says(404), {.deed = AnswerPlan::Deed::Leave}, sized(7)}));
    const core::Instant start = world.now();
    REQUIRE(world.run_until([&] { return status(world, number) != 0; }));
    CHECK(status(world, number) == 404);
    CHECK(world.now() - start <= core::limits::kAssetWaitMax + seconds(1));
    finish(world);
  }
}

TEST_CASE("sim assets: only what is safe, whole, and not begun", "[sim][assets]") {
  const auto run = [](const RequestPlan& request) {
    SimWorld world(with_assets());
    ask(world, request);
    finish(world);
    CHECK(status(world, 0) == 404);
    CHECK(field(world, 0, "Sluice-Pool") == "blue");
    CHECK(field(world, 0, "Cache-Control") == "no-store");  // all the same
    CHECK(line(world, 0).rescued_from.empty());
    CHECK(counted(world) == 0);
  };
  run(of("POST", {says(404), sized(7)}));
  run(of("PUT", {says(404), sized(7)}));
  run(of("DELETE", {says(404), sized(7)}));
  // The client has an informational answer already.
  AnswerPlan hinted = says(404);
  hinted.informational = 1;
  run(of("GET", {hinted, sized(7)}));
  // A question for another protocol.
  RequestPlan upgrade = of("GET", {says(404), sized(7)});
  upgrade.upgrades = true;
  run(upgrade);
  // A body that is not held any more.
  RequestPlan large = of("GET", {says(404), sized(7)});
  large.form = BodyForm::Length;
  large.body = core::limits::kReplayBodyMax + 1;
  run(large);
  // A key that makes a POST safe to repeat does not make it a question for a file.
  WorldOptions options = with_assets();
  options.service.repeats.trusts_idempotency_key = true;
  SimWorld world(options);
  RequestPlan keyed = of("POST", {says(404), sized(7)});
  keyed.fields = "Idempotency-Key: \"a-1\"\r\n";
  ask(world, keyed);
  finish(world);
  CHECK(status(world, 0) == 404);
}

TEST_CASE("sim assets: HEAD, a range and a small body go along", "[sim][assets]") {
  SimWorld world(with_assets());
  ask(world, of("HEAD", {says(404), sized(700)}));
  RequestPlan ranged = of("GET", {says(404), says(206)});
  ranged.fields = "Range: bytes=0-2\r\n";
  ask(world, ranged);
  RequestPlan with_body = of("GET", {says(404), sized(7)});
  with_body.form = BodyForm::Length;
  with_body.body = core::limits::kReplayBodyMax;
  ask(world, with_body);
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(field(world, 0, "Content-Length") == "700");
  CHECK(status(world, 1) == 206);
  CHECK(status(world, 2) == 200);
}

TEST_CASE("sim assets: other paths, other statuses and services without them are left alone",
          "[sim][assets]") {
  const auto run = [](const WorldOptions& options, unsigned code) {
    SimWorld world(options);
    AnswerPlan stored = says(code);
    stored.fields = "Cache-Control: max-age=600\r\n";
    ask(world, of("GET", {stored, sized(7)}));
    finish(world);
    CHECK(status(world, 0) == code);
    CHECK(field(world, 0, "Cache-Control") == "max-age=600");
    CHECK(attempts(world, 0) == 1);
  };
  run(with_assets(1, 1, "/assets/*"), 404);
  run(with_endpoints(1, 1), 404);
  run(with_assets(), 403);
  run(with_assets(), 410);  // the application says that it is gone for good
}

TEST_CASE("sim assets: a closed candidate is asked only if the service says so", "[sim][assets]") {
  for (const bool asks_closed : {false, true}) {
    WorldOptions options = with_assets();
    options.service.repeats.asks_closed_for_assets = asks_closed;
    SimWorld world(options);
    world.switch_to(PoolName::Green);
    ask(world, of("GET", {says(404), sized(7)}));
    finish(world);
    CHECK(status(world, 0) == (asks_closed ? 200 : 404));
    CHECK(counted(world, PoolName::Green, AssetOutcome::Found) == (asks_closed ? 1 : 0));
    CHECK(counted(world, PoolName::Green, AssetOutcome::Unavailable) == (asks_closed ? 0 : 1));
    if (!asks_closed) CHECK(field(world, 0, "Sluice-Pool") == "green");  // its own 404
  }
}

TEST_CASE("sim assets: it adopts first, and finds what a switch has closed meanwhile",
          "[sim][assets]") {
  SimWorld world(with_assets());
  world.split(10'000);
  AnswerPlan late = says(404);
  late.delay = seconds(1);
  ask(world, of("GET", {late, sized(7)}));
  world.run_for(milliseconds(500));
  world.switch_to(PoolName::Green);  // blue, which would be asked, is closed now
  finish(world);
  CHECK(status(world, 0) == 404);
  CHECK(attempts(world, 0) == 1);
  CHECK(counted(world, PoolName::Green, AssetOutcome::Unavailable) == 1);
}

TEST_CASE("sim assets: the lease goes along, so a drain of the first pool does not wait",
          "[sim][assets]") {
  WorldOptions options = with_assets();
  options.service.repeats.asks_closed_for_assets = true;
  SimWorld world(options);
  AnswerPlan late = sized(7);
  late.delay = seconds(1);
  ask(world, of("GET", {says(404), late}));
  REQUIRE(world.run_until([&] { return attempts(world, 0) == 2; }));
  CHECK(world.control().pool_cell(PoolName::Blue).leases[0].count.load() == 0);
  CHECK(world.control().pool_cell(PoolName::Green).leases[0].count.load() == 1);
  CHECK(world.control().pool_cell(PoolName::Green).asset_asks.load() == 1);
  finish(world);
  CHECK(status(world, 0) == 200);
}

TEST_CASE("sim assets: a pool without a usable endpoint is not asked", "[sim][assets]") {
  SimWorld world(with_assets());
  world.disable(PoolName::Green, 1);
  ask(world, of("GET", {says(404), sized(7)}));
  finish(world);
  CHECK(status(world, 0) == 404);
  CHECK(field(world, 0, "Sluice-Pool") == "blue");  // nothing of its answer is lost
  CHECK(counted(world, PoolName::Blue, AssetOutcome::Unavailable) == 1);

  WorldOptions options = with_assets();
  options.service.endpoints = {1, 0};
  SimWorld alone(options);
  ask(alone, of("GET", {says(404), sized(7)}));
  finish(alone);
  CHECK(status(alone, 0) == 404);
  CHECK(counted(alone, PoolName::Blue, AssetOutcome::Unavailable) == 1);
}

TEST_CASE("sim assets: who has changed its pool does not go back", "[sim][assets]") {
  WorldOptions options = with_assets();
  options.service.repeats.retry.retries_max = 0;
  SimWorld rescued(options);
  rescued.split(10'000);
  ask(rescued, of("GET", {says(503), says(404), sized(7)}));
  finish(rescued);
  CHECK(status(rescued, 0) == 404);
  CHECK(field(rescued, 0, "Cache-Control") == "no-store");
  CHECK(line(rescued, 0).reason == "rescue");
  CHECK(counted(rescued) == 0);

  SimWorld fell_back(options);
  fell_back.split(10'000);
  meet(fell_back.origin(1), kRefuse);
  ask(fell_back, of("GET", {says(404), sized(7)}));
  finish(fell_back);
  CHECK(status(fell_back, 0) == 404);
  CHECK(line(fell_back, 0).reason == "fallback");
  CHECK(counted(fell_back) == 0);
}

TEST_CASE("sim assets: an idle connection that has ended is no answer", "[sim][assets]") {
  SimWorld world(with_assets());
  ask(world, of("GET", {sized(1)}));
  world.settle();
  world.split(10'000);
  ask(world, of("GET", {sized(1)}));
  world.settle();
  world.split(0);
  // Both pools have an idle connection now.
  ask(world, of("GET", {says(404), {.deed = AnswerPlan::Deed::Leave}, sized(7)}));
  finish(world);
  CHECK(status(world, 2) == 200);
  CHECK(line(world, 2).reason == "asset");
  CHECK(line(world, 2).retries == 1);
}

TEST_CASE("sim assets: a small 404 that is not wanted leaves its connection", "[sim][assets]") {
  SimWorld world(with_assets());
  for (unsigned i = 0; i < 5; ++i) {
    ask(world, of("GET", {says(404), sized(7)}));
    world.settle();
  }
  CHECK(world.origin(0).connects == 1);
  CHECK(world.origin(1).connects == 1);
  finish(world);
}

TEST_CASE("sim assets: no more at once than the bound, and all of it comes back", "[sim][assets]") {
  SimWorld world(with_assets());
  AnswerPlan slow = sized(7);
  slow.delay = seconds(1);
  constexpr unsigned kMore = 5;
  constexpr unsigned kAll = core::limits::kAssetAsksMax + kMore;
  for (unsigned i = 0; i < kAll; ++i) ask(world, of("GET", {says(404), slow}));
  world.run_for(milliseconds(500));
  CHECK(world.control().pool_cell(PoolName::Green).asset_asks.load() ==
        core::limits::kAssetAsksMax);
  world.run_for(seconds(2));
  CHECK(counted(world, PoolName::Blue, AssetOutcome::Found) == core::limits::kAssetAsksMax);
  CHECK(counted(world, PoolName::Blue, AssetOutcome::OverLimit) == kMore);
  std::size_t own = 0;
  for (unsigned i = 0; i < kAll; ++i) {
    if (status(world, i) != 404) continue;
    ++own;
    CHECK(field(world, i, "Sluice-Pool") == "blue");  // with its own body
  }
  CHECK(own == kMore);
  ask(world, of("GET", {says(404), sized(7)}));  // there is room again
  finish(world);
  CHECK(status(world, kAll) == 200);
}

TEST_CASE("sim assets: whoever leaves, is cut or stopped while the other pool is asked ends once",
          "[sim][assets]") {
  const auto start = [](SimWorld& world) -> SimClient& {
    SimClient& client = ask(world, of("GET", {says(404), {.deed = AnswerPlan::Deed::Silence}}));
    REQUIRE(world.run_until([&] { return attempts(world, 0) == 2; }));
    return client;
  };
  for (const auto fault : {ClientPlan::Fault::Close, ClientPlan::Fault::Reset}) {
    SimWorld world(with_assets());
    start(world).do_fault(fault);
    finish(world);
    CHECK(line(world, 0).status == 499);
    CHECK(counted(world, PoolName::Blue, AssetOutcome::Failed) == 1);
  }
  SimWorld world(with_assets());
  start(world);
  world.rollback(core::Nanos(0));
  finish(world);
  CHECK(status(world, 0) == 404);
  CHECK(counted(world, PoolName::Blue, AssetOutcome::Failed) == 1);
}

TEST_CASE("sim assets: a breaker that is open is not asked; a 404 opens none, a failure does",
          "[sim][assets][breaker]") {
  WorldOptions options = with_assets();
  options.service.repeats.retry.retries_max = 0;
  options.service.breakers.rule = {};
  options.service.breakers.rule.policy.min_requests = 4;
  SimWorld world(options);
  const auto state = [&world](PoolName pool) {
    return policy::Breaker::from_word(world.control().pool_cell(pool).breaker.word.load()).state;
  };
  for (unsigned i = 0; i < 4; ++i) {
    ask(world, of("GET", {says(404), says(503)}));
    world.settle();
    CHECK(status(world, i) == 404);
  }
  CHECK(state(PoolName::Blue) == policy::Breaker::State::Closed);
  CHECK(state(PoolName::Green) == policy::Breaker::State::Open);
  CHECK(counted(world, PoolName::Blue, AssetOutcome::Failed) == 4);
  ask(world, of("GET", {says(404), sized(7)}));
  finish(world);
  CHECK(status(world, 4) == 404);
  CHECK(attempts(world, 4) == 1);
  CHECK(field(world, 4, "Sluice-Pool") == "blue");
  CHECK(counted(world, PoolName::Blue, AssetOutcome::Unavailable) == 1);
}

TEST_CASE("sim assets: to breakers each answer is one, whatever is made of it",
          "[sim][assets][breaker]") {
  for (const PoolName pool : {PoolName::Blue, PoolName::Green}) {
    WorldOptions options = with_assets();
    options.service.repeats.retry.retries_max = 0;
    options.service.breakers.rule = {};
    options.service.breakers.rule.policy.min_requests = 3;
    SimWorld world(options);
    for (unsigned i = 0; i < 4; ++i) {
      ask(world, of("GET", {says(404), says(401)}));
      world.settle();
    }
    // Three failures of seven; of three they would open it.
    for (unsigned i = 0; i < 3; ++i) {
      RequestPlan failing = of("GET", {says(500)});
      failing.fields = "X-Pin: " + std::string(core::text(pool)) + "\r\n";
      ask(world, failing);
      world.settle();
    }
    finish(world);
    const auto word = world.control().pool_cell(pool).breaker.word.load();
    CHECK(policy::Breaker::from_word(word).state == policy::Breaker::State::Closed);
  }
}

TEST_CASE("sim assets: a pool without room does not send them back", "[sim][assets][breaker]") {
  for (const bool is_full : {true, false}) {
    for (const bool is_of_endpoint : {true, false}) {
      WorldOptions options = with_assets();
      model::CircuitBreaker& breakers = options.service.breakers;
      (is_of_endpoint ? breakers.endpoint.requests : breakers.pool.requests) = is_full ? 1 : 2;
      SimWorld world(options);
      RequestPlan long_one = of("GET", {sized(7)});
      long_one.fields = "X-Pin: green\r\n";
      long_one.answers[0].delay = seconds(1);
      ask(world, long_one);
      REQUIRE(world.run_until([&] { return attempts(world, 0) == 1; }));
      ask(world, of("GET", {says(404), sized(7)}));
      finish(world);  // all places are free again
      CHECK(status(world, 0) == 200);
      CHECK(status(world, 1) == (is_full ? 404 : 200));
      CHECK(attempts(world, 1) == (is_full ? 1 : 2));
      CHECK(counted(world, PoolName::Blue, AssetOutcome::Unavailable) == (is_full ? 1 : 0));
      CHECK(counted(world, PoolName::Blue, AssetOutcome::Failed) == 0);
      CHECK(world.worker().metrics().services[0].fallbacks.read() == 0);
    }
  }
}

TEST_CASE("sim assets: a pinned user and one without an identity are treated alike",
          "[sim][assets]") {
  SimWorld world(with_assets());
  RequestPlan pinned = of("GET", {says(404), sized(7)});
  pinned.fields = "X-Pin: green\r\n";
  ask(world, pinned);
  RequestPlan nobody = of("GET", {says(404), sized(7)});
  nobody.user.clear();
  ask(world, nobody);
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(line(world, 0).rescued_from == "green");
  CHECK(status(world, 1) == 200);
  CHECK(line(world, 1).rescued_from == "blue");
}

TEST_CASE("sim assets: users who may not meet the other version get their own 404",
          "[sim][assets]") {
  WorldOptions options = with_assets();
  options.service.on_pool_down = model::OnPoolDown::Fail;
  SimWorld world(options);
  ask(world, of("GET", {says(404), sized(7)}));
  finish(world);
  CHECK(status(world, 0) == 404);
  CHECK(field(world, 0, "Cache-Control") == "no-store");
  CHECK(attempts(world, 0) == 1);
}

}  // namespace sluice::sim
