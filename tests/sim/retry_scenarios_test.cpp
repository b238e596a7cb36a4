#include "sim/scenario.hpp"

// A request whose attempt failed: again in its pool, or by the live pool instead of the candidate
// (behaviour.md §4, promises G10 and G11).
namespace sluice::sim {

namespace {

using policy::Failure;

/// An endpoint that says `status`, and one attempt later 200.
std::vector<AnswerPlan> first(AnswerPlan failed) {
  return {std::move(failed), sized(7)};
}
AnswerPlan says(unsigned status) {
  return {.status = status, .size = 3};
}

RequestPlan of(const std::string& method, std::vector<AnswerPlan> answers) {
  return {.method = method,
          .form = method == "GET" ? BodyForm::None : BodyForm::Length,
          .body = method == "GET" ? 0U : 100U,
          .user = "user-1",
          .answers = std::move(answers)};
}

/// Everyone is sent to the candidate, which is green.
WorldOptions all_to_candidate() {
  return with_endpoints(1, 1);
}

std::uint64_t failures(SimWorld& world, PoolName pool, Failure failure) {
  return world.worker()
      .metrics()
      .services[0]
      .attempt_failures[core::index(pool)][static_cast<std::size_t>(failure)]
      .read();
}

}  // namespace

TEST_CASE("sim retry: an answer that says the endpoint can't is not passed on when another can",
          "[sim][retry]") {
  for (const unsigned code : {502U, 503U, 504U}) {
    SimWorld world(with_endpoints(2, 1));
    ask(world, of("GET", first(says(code))));
    finish(world);
    CHECK(status(world, 0) == 200);
    CHECK(attempts(world, 0) == 2);
    CHECK(entry(world, 0).attempts[0].endpoint.raw != entry(world, 0).attempts[1].endpoint.raw);
    CHECK(line(world, 0).retries == 1);
    CHECK(line(world, 0).error == "the endpoint answered with a server error");
    CHECK(world.worker().metrics().services[0].retries.read() == 1);
  }
}

TEST_CASE("sim retry: what is not repeated gets the endpoint's own answer", "[sim][retry]") {
  const auto run = [](const RequestPlan& request, unsigned expected) {
    SimWorld world(with_endpoints(2, 1));
    ask(world, request);
    finish(world);
    CHECK(status(world, 0) == expected);
    CHECK(entry(world, 0).outcome.answer->body.size() == 3);  // of the endpoint
    CHECK(attempts(world, 0) == 1);
    CHECK(line(world, 0).error.empty());
  };
  run(of("POST", first(says(503))), 503);
  run(of("PUT", first(says(503))), 503);  // it may have begun
  run(of("GET", first(says(500))), 500);
  run(of("GET", first(says(501))), 501);
  run(of("GET", first(says(404))), 404);
  // The client has an informational answer already.
  RequestPlan hinted = of("GET", first(says(503)));
  hinted.answers[0].informational = 1;
  run(hinted, 503);
}

TEST_CASE("sim retry: as often as the service says, and after what it names", "[sim][retry]") {
  const auto run = [](std::uint32_t most, policy::FailureSet when, unsigned failing) {
    WorldOptions options = with_endpoints(2, 1);
    options.service.repeats.retry.retries_max = most;
    options.service.repeats.retry.when = when;
    SimWorld world(options);
    std::vector<AnswerPlan> answers(failing, says(503));
    answers.push_back(sized(7));
    ask(world, of("GET", std::move(answers)));
    world.run_to_end();  // the judge knows of one retry
    CHECK(line(world, 0).retries + 1 == attempts(world, 0));
    return std::pair(status(world, 0), attempts(world, 0));
  };
  const policy::FailureSet usual = policy::kUsualFailures;
  CHECK(run(0, usual, 1) == std::pair(503U, std::size_t{1}));
  CHECK(run(1, usual, 1) == std::pair(200U, std::size_t{2}));
  CHECK(run(1, usual, 2) == std::pair(503U, std::size_t{2}));
  CHECK(run(3, usual, 3) == std::pair(200U, std::size_t{4}));
  CHECK(run(3, usual, 4) == std::pair(503U, std::size_t{4}));
  CHECK(run(3, {Failure::Lost, Failure::Status502}, 1) == std::pair(503U, std::size_t{1}));
}

TEST_CASE("sim retry: a connect that fails is tried elsewhere only if the service says so",
          "[sim][retry]") {
  for (const bool is_named : {true, false}) {
    WorldOptions options = with_endpoints(2, 1);
    if (!is_named) options.service.repeats.retry.when = {Failure::Lost};
    SimWorld world(options);
    for (const std::size_t i : {0U, 1U}) {
      world.origin(i).fate = [&world] {
        const bool is_first = world.origin(0).connects + world.origin(1).connects == 1;
        return ConnectFate{.kind =
                               is_first ? ConnectFate::Kind::Refuse : ConnectFate::Kind::Accept};
      };
    }
    ask(world, of("POST", {sized(7)}));
    finish(world);
    CHECK(status(world, 0) == (is_named ? 200 : 503));
    CHECK(failures(world, PoolName::Blue, Failure::Connect) == 1);
  }
}

TEST_CASE("sim retry: a try that takes too long is made again elsewhere, if it is safe",
          "[sim][retry]") {
  const auto run = [](const std::string& method) {
    WorldOptions options = with_endpoints(2, 1);
    options.service.repeats.retry.per_try_timeout = seconds(2);
    SimWorld world(options);
    const core::Instant start = world.now();
    ask(world, of(method, first({.deed = AnswerPlan::Deed::Silence})));
    REQUIRE(world.run_until([&] { return status(world, 0) != 0; }));
    const core::Nanos took = world.now() - start;
    finish(world);
    return std::pair(status(world, 0), took);
  };
  const auto [got, took] = run("GET");
  CHECK(got == 200);
  CHECK(took >= seconds(2));
  CHECK(took < seconds(3));
  const auto [put, all] = run("PUT");
  CHECK(put == 504);
  CHECK(all >= seconds(30));  // it can't be repeated, so one try has all of the time
}

TEST_CASE("sim retry: the last try has the time of the answer", "[sim][retry]") {
  WorldOptions options = with_endpoints(2, 1);
  options.service.repeats.retry.per_try_timeout = seconds(2);
  SimWorld world(options);
  AnswerPlan late = sized(7);
  late.delay = seconds(10);
  ask(world, of("GET", {late, late}));
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(line(world, 0).retries == 1);
}

TEST_CASE("sim retry: the same endpoint is asked again after a pause, another one at once",
          "[sim][retry]") {
  const auto run = [](std::size_t endpoints, AnswerPlan failed, core::Millis back_off) {
    WorldOptions options = with_endpoints(endpoints, 1);
    options.service.repeats.retry.back_off = back_off;
    options.seed = 7;
    SimWorld world(options);
    ask(world, get(sized(1)));
    world.settle();
    const core::Instant start = world.now();
    ask(world, of("GET", first(std::move(failed))));
    REQUIRE(world.run_until([&] { return status(world, 1) != 0; }));
    CHECK(status(world, 1) == 200);
    const core::Nanos took = world.now() - start;
    finish(world);
    return took;
  };
  CHECK(run(2, says(503), seconds(8)) == core::Nanos(0));
  CHECK(run(1, says(503), seconds(8)) > core::Nanos(0));
  CHECK(run(1, says(503), seconds(8)) <= seconds(9));
  CHECK(run(1, says(503), core::Millis(0)) == core::Nanos(0));
  // The one connection had been idle: nothing is known against its endpoint.
  CHECK(run(1, {.deed = AnswerPlan::Deed::Leave}, seconds(8)) == core::Nanos(0));
}

TEST_CASE("sim retry: who leaves during the pause leaves nothing behind", "[sim][retry]") {
  WorldOptions options = with_endpoints(1, 1);
  options.service.repeats.retry.back_off = seconds(100);
  for (const auto fault : {ClientPlan::Fault::Close, ClientPlan::Fault::Reset}) {
    SimWorld world(options);
    SimClient& client = ask(world, of("GET", first(says(503))));
    world.run_for(milliseconds(50));
    REQUIRE(attempts(world, 0) == 1);
    client.do_fault(fault);
    finish(world);
    CHECK(line(world, 0).status == 499);
    CHECK(attempts(world, 0) == 1);
  }
}

TEST_CASE("sim retry: a drain cuts what pauses, a stop ends it", "[sim][retry]") {
  WorldOptions options = with_endpoints(1, 1);
  options.service.repeats.retry.back_off = seconds(100);
  SimWorld world(options);
  ask(world, of("GET", first(says(503))));
  world.run_for(milliseconds(50));
  world.switch_to(PoolName::Green, seconds(1));
  REQUIRE(world.run_until([&] { return status(world, 0) != 0; }, seconds(3)));
  CHECK(status(world, 0) == 503);
  finish(world);
  CHECK(line(world, 0).error == "cut at the drain deadline");
}

TEST_CASE("sim retry: no more than the budget at once, and all of it comes back", "[sim][retry]") {
  WorldOptions options = with_endpoints(2, 1);
  options.service.repeats.retry_budget = {core::BasisPoints::of(2000)};
  SimWorld world(options);
  AnswerPlan slow = sized(7);
  slow.delay = seconds(1);
  for (int i = 0; i < 30; ++i) ask(world, of("GET", {says(503), slow}));
  world.run_for(milliseconds(500));
  CHECK(world.control().pool_cell(PoolName::Blue).repeating.load() <= 6);
  world.run_for(seconds(2));
  std::size_t good = 0;
  for (unsigned i = 0; i < 30; ++i) good += status(world, i) == 200 ? 1U : 0U;
  CHECK(good >= 3);
  CHECK(good <= 6);
  const auto& counted = world.worker().metrics().services[0];
  CHECK(counted.retries.read() == good);
  CHECK(counted.retries_over_budget[core::index(PoolName::Blue)].read() == 30 - good);
  ask(world, of("GET", first(says(503))));  // it is there again
  finish(world);
  CHECK(status(world, 30) == 200);
}

TEST_CASE("sim retry: a key makes any method safe to repeat where the service says so",
          "[sim][retry]") {
  for (const bool is_trusted : {true, false}) {
    WorldOptions options = with_endpoints(2, 1);
    options.service.repeats.trusts_idempotency_key = is_trusted;
    SimWorld world(options);
    RequestPlan keyed = of("POST", first(says(503)));
    keyed.fields = "Idempotency-Key: \"a-1\"\r\n";
    ask(world, keyed);
    ask(world, of("POST", first(says(503))));
    world.run_to_end();  // to the judge a POST is a POST
    CHECK(status(world, 0) == (is_trusted ? 200 : 503));
    CHECK(status(world, 1) == 503);
  }
}

TEST_CASE("sim retry: a body is repeated while it is held whole", "[sim][retry]") {
  for (const std::size_t over : {0U, 1U}) {
    WorldOptions options = with_endpoints(2, 1);
    options.service.repeats.trusts_idempotency_key = true;
    SimWorld world(options);
    RequestPlan keyed = of("POST", first({.deed = AnswerPlan::Deed::Break}));
    keyed.fields = "Idempotency-Key: \"a-1\"\r\n";
    keyed.body = core::limits::kReplayBodyMax + over;
    ask(world, keyed);
    world.run_to_end();
    CHECK(status(world, 0) == (over == 0 ? 200 : 502));
  }
}

TEST_CASE("sim rescue: what the candidate fails to answer, the live pool does", "[sim][rescue]") {
  const AnswerPlan failed[] = {says(502),
                               says(503),
                               says(504),
                               {.deed = AnswerPlan::Deed::Leave},
                               {.deed = AnswerPlan::Deed::Break},
                               {.deed = AnswerPlan::Deed::Silence},
                               {.deed = AnswerPlan::Deed::Raw, .raw = "SSH-2.0-x\r\n\r\n"}};
  for (const AnswerPlan& plan : failed) {
    WorldOptions options = all_to_candidate();
    options.service.repeats.retry.retries_max = 0;
    SimWorld world(options);
    world.split(10'000);
    ask(world, of("GET", first(plan)));
    finish(world);
    INFO(describe(plan));
    CHECK(status(world, 0) == 200);
    CHECK(field(world, 0, "Sluice-Pool") == "blue");
    CHECK(field(world, 0, "Sluice-Reason") == "rescue");
    CHECK(field(world, 0, "Sluice-Rescued") == "green");
    CHECK(line(world, 0).rescued_from == "green");
    CHECK_FALSE(line(world, 0).error.empty());
    CHECK(world.worker().metrics().services[0].rescues.read() == 1);
    std::uint64_t counted = 0;
    for (const Failure failure : policy::kAllFailures)
      counted += failures(world, PoolName::Green, failure);
    CHECK(counted == 1);
  }
}

TEST_CASE("sim rescue: after the candidate's own retries", "[sim][rescue]") {
  WorldOptions options = with_endpoints(1, 2);
  SimWorld world(options);
  world.split(10'000);
  ask(world, of("GET", {says(503), says(503), sized(7)}));
  finish(world);
  CHECK(status(world, 0) == 200);
  REQUIRE(attempts(world, 0) == 3);
  CHECK(entry(world, 0).attempts[1].pool == PoolName::Green);
  CHECK(entry(world, 0).attempts[2].pool == PoolName::Blue);
  CHECK(line(world, 0).retries == 1);
}

TEST_CASE("sim rescue: not what may have had an effect, and not what the client has begun to read",
          "[sim][rescue]") {
  WorldOptions options = all_to_candidate();
  const auto run = [&](const RequestPlan& request) {
    SimWorld world(options);
    world.split(10'000);
    ask(world, request);
    finish(world);
    CHECK(line(world, 0).rescued_from.empty());
    CHECK(world.worker().metrics().services[0].rescues.read() == 0);
    CHECK(attempts(world, 0) == 1);
    return status(world, 0);
  };
  CHECK(run(of("POST", first(says(503)))) == 503);
  CHECK(run(of("PUT", first(says(503)))) == 503);
  CHECK(run(of("DELETE", first({.deed = AnswerPlan::Deed::Break}))) == 502);
  CHECK(run(of("GET", first(says(500)))) == 500);
  AnswerPlan cut = sized(50'000);
  cut.cut_at = 20'000;
  CHECK(run(of("GET", first(cut))) == 0);  // a broken transfer
}

TEST_CASE("sim rescue: 500 when it is asked for, nothing when it is off", "[sim][rescue]") {
  const auto run = [](policy::FailureSet when, unsigned code) {
    WorldOptions options = all_to_candidate();
    options.service.repeats.rescue = when;
    options.service.repeats.retry.retries_max = 0;
    SimWorld world(options);
    world.split(10'000);
    ask(world, of("GET", first(says(code))));
    finish(world);
    return status(world, 0);
  };
  CHECK(run({Failure::Status500}, 500) == 200);
  CHECK(run({Failure::Status500}, 503) == 503);
  CHECK(run({}, 503) == 503);
}

TEST_CASE("sim rescue: the live pool is never rescued, and its failure is told", "[sim][rescue]") {
  SimWorld world(all_to_candidate());
  ask(world, of("GET", {says(503), says(503)}));
  finish(world);
  CHECK(status(world, 0) == 503);
  CHECK(attempts(world, 0) == 2);  // its own retry
  CHECK(world.origin(1).connects == 0);

  SimWorld both(all_to_candidate());
  both.split(10'000);
  ask(both, of("GET", {says(503), says(503), says(502), says(504)}));
  finish(both);
  CHECK(status(both, 0) == 504);
  CHECK(attempts(both, 0) == 4);
}

TEST_CASE("sim rescue: it adopts first, and stays when a switch has made the pool live",
          "[sim][rescue]") {
  WorldOptions options = all_to_candidate();
  options.service.repeats.retry.retries_max = 0;
  SimWorld world(options);
  world.split(10'000);
  AnswerPlan late = says(503);
  late.delay = seconds(1);
  ask(world, of("GET", {late, sized(7)}));
  world.run_for(milliseconds(500));
  world.switch_to(PoolName::Green);
  finish(world);
  CHECK(status(world, 0) == 503);  // the live pool's own answer now
  CHECK(attempts(world, 0) == 1);
  CHECK(line(world, 0).rescued_from.empty());
}

TEST_CASE("sim rescue: no more than its budget at once, and all of it comes back",
          "[sim][rescue]") {
  WorldOptions options = all_to_candidate();
  options.service.repeats.retry.retries_max = 0;
  options.service.repeats.rescue_budget = {core::BasisPoints::of(2000)};
  SimWorld world(options);
  world.split(10'000);
  AnswerPlan slow = sized(7);
  slow.delay = seconds(1);
  for (int i = 0; i < 30; ++i) ask(world, of("GET", {says(503), slow}));
  world.run_for(milliseconds(500));
  CHECK(world.control().pool_cell(PoolName::Blue).rescuing.load() <= 6);
  world.run_for(seconds(2));
  const auto& counted = world.worker().metrics().services[0];
  CHECK(counted.rescues.read() >= 3);
  CHECK(counted.rescues.read() <= 6);
  CHECK(counted.rescues.read() + counted.rescues_over_budget[core::index(PoolName::Green)].read() ==
        30);
  finish(world);
}

TEST_CASE("sim rescue: a whole candidate that dies under load is noticed by nobody",
          "[sim][rescue]") {
  WorldOptions options = with_endpoints(2, 2);
  SimWorld world(options);
  world.split(5000);
  std::vector<RequestPlan> many;
  for (int client = 0; client < 8; ++client) {
    many.clear();
    for (int i = 0; i < 20; ++i) {
      RequestPlan request = get(sized(100));
      request.answers[0].delay = milliseconds(10);
      request.user = "user-" + std::to_string(client * 20 + i);
      many.push_back(request);
    }
    ask_all(world, many);
  }
  world.run_for(milliseconds(50));
  for (const std::size_t endpoint : {2U, 3U}) {
    meet(world.origin(endpoint), kRefuse);
    for (const auto& connection : world.origin(endpoint).connections) connection->break_off();
  }
  finish(world);
  for (unsigned i = 0; i < 160; ++i) CHECK(status(world, i) == 200);
}

TEST_CASE("sim retry: an answer that breaks off is no failed attempt of those that are counted",
          "[sim][retry]") {
  SimWorld world(with_endpoints(2, 1));
  AnswerPlan cut = sized(50'000);
  cut.cut_at = 20'000;
  ask(world, of("GET", {cut}));
  finish(world);
  CHECK(status(world, 0) == 0);
  CHECK(attempts(world, 0) == 1);
  for (const Failure failure : policy::kAllFailures)
    CHECK(failures(world, PoolName::Blue, failure) == 0);
  CHECK(world.worker().metrics().services[0].broken_answers.read() == 1);
}

// ---- what a review has found

TEST_CASE("sim rescue: the minted cookie outlives the settings that it was minted under",
          "[sim][rescue]") {
  for (const bool is_fallback : {false, true}) {
    WorldOptions options = with_endpoints(2, 2);
    options.service.has_minted_cookie = true;
    options.service.repeats.retry.retries_max = 0;
    SimWorld world(options);
    world.split(10'000);
    world.disable(PoolName::Blue, 1);  // from now on each snapshot has settings of its own
    AnswerPlan late = says(503);
    late.delay = seconds(5);
    for (const std::size_t endpoint : {2U, 3U}) {
      if (is_fallback) {
        world.origin(endpoint).fate = [] {
          return ConnectFate{.kind = ConnectFate::Kind::Refuse, .delay = milliseconds(500)};
        };
      }
    }
    RequestPlan request = get();
    request.fields = "X-Pin: green\r\n";  // who has no identity is sent to the candidate by a pin
    request.answers =
        is_fallback ? std::vector<AnswerPlan>{sized(7)} : std::vector<AnswerPlan>{late, sized(7)};
    ask(world, request);
    world.run_for(milliseconds(100));
    world.disable(PoolName::Blue, 2);  // the settings of the request are in no snapshot any more
    world.disable(PoolName::Blue, 1);
    finish(world);
    CHECK(status(world, 0) == 200);
    CHECK(field(world, 0, "Sluice-Pool") == "blue");
    CHECK(field(world, 0, "Set-Cookie").starts_with("sid="));
  }
}

TEST_CASE("sim retry: the time of a try ends nothing that nothing can follow", "[sim][retry]") {
  WorldOptions options = with_endpoints(2, 1);
  options.service.repeats.retry.per_try_timeout = seconds(1);
  options.service.repeats.retry_budget = {core::BasisPoints::of(0)};
  SimWorld world(options);
  AnswerPlan late = sized(7);
  late.delay = milliseconds(2500);
  AnswerPlan hinted = late;
  hinted.informational = 1;  // and then it can't be repeated
  for (int i = 0; i < 20; ++i) ask(world, of("GET", {late}));
  ask(world, of("GET", {hinted}));
  finish(world);
  for (unsigned i = 0; i < 21; ++i) CHECK(status(world, i) == 200);
}

TEST_CASE("sim rescue: what was sent to the candidate does not fall back to the live pool",
          "[sim][rescue]") {
  for (const std::string method : {"PUT", "DELETE", "GET"}) {
    WorldOptions options = all_to_candidate();
    options.service.repeats.rescue = {};
    SimWorld world(options);
    world.split(10'000);
    ask_all(world, {of("GET", {sized(3)}), of(method, first({.deed = AnswerPlan::Deed::Leave}))},
            {.think = seconds(1)});
    world.run_for(milliseconds(500));
    world.origin(1).fate = [&world] {
      return ConnectFate{.kind =
                             world.origin(1).connects > 1 ? kRefuse : ConnectFate::Kind::Accept};
    };
    finish(world);
    INFO(method);
    CHECK(status(world, 1) == 502);
    CHECK(attempts(world, 1) == 1);
    CHECK(world.origin(0).connects == 0);
    CHECK(world.worker().metrics().services[0].fallbacks.read() == 0);
  }
}

TEST_CASE("sim rescue: a retry that finds no endpoint is a rescue where those are allowed",
          "[sim][rescue]") {
  SimWorld world(all_to_candidate());
  world.split(10'000);
  world.origin(1).fate = [&world] {
    return ConnectFate{.kind = world.origin(1).connects > 1 ? kRefuse : ConnectFate::Kind::Accept};
  };
  ask(world, of("GET", first(says(503))));
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(line(world, 0).rescued_from == "green");
  CHECK(line(world, 0).reason == "rescue");
}

TEST_CASE("sim rescue: all that the candidate fails at once, also after retries", "[sim][rescue]") {
  WorldOptions options = with_endpoints(2, 2);
  options.service.repeats.retry_budget = {core::BasisPoints::of(core::BasisPoints::kAll)};
  SimWorld world(options);
  world.split(10'000);
  constexpr unsigned kMany = 12;
  AnswerPlan slow = sized(7);
  slow.delay = seconds(1);
  for (unsigned i = 0; i < kMany; ++i) ask(world, of("GET", {slow, slow, slow}));
  world.run_for(milliseconds(500));
  for (const std::size_t endpoint : {2U, 3U}) {
    meet(world.origin(endpoint), kRefuse);
    for (const auto& connection : world.origin(endpoint).connections) connection->break_off();
  }
  finish(world);
  for (unsigned i = 0; i < kMany; ++i) CHECK(status(world, i) == 200);
  CHECK(world.worker().metrics().services[0].rescues.read() == kMany);
  CHECK(world.control().pool_cell(PoolName::Blue).rescuing.load() == 0);
}

TEST_CASE("sim retry: many kept connections that end at once need no budget", "[sim][retry]") {
  WorldOptions options = with_endpoints(2, 1);
  options.service.repeats.retry_budget = {core::BasisPoints::of(0)};
  SimWorld world(options);
  for (int i = 0; i < 30; ++i) {
    RequestPlan again = of("GET", first({.deed = AnswerPlan::Deed::Leave}));
    AnswerPlan slow = sized(3);
    slow.delay = milliseconds(10);
    ask_all(world, {get(slow), again}, {.think = seconds(1)});
  }
  finish(world);
  for (unsigned i = 0; i < 60; ++i) CHECK(status(world, i) == 200);
}

TEST_CASE("sim retry: the connection of an answer that is not passed on is kept when it came whole",
          "[sim][retry]") {
  WorldOptions options = all_to_candidate();
  options.service.repeats.retry.retries_max = 0;
  SimWorld world(options);
  world.split(10'000);
  for (int i = 0; i < 10; ++i) {
    ask(world, of("GET", first(says(503))));
    world.settle();
  }
  AnswerPlan large = says(503);
  large.size = 200'000;
  ask(world, of("GET", first(large)));
  world.settle();
  const std::size_t before = world.origin(1).connects;
  CHECK(before <= 3);  // chance cuts some reads in two
  ask(world, of("GET", first(says(503))));
  finish(world);
  CHECK(world.origin(1).connects == before + 1);  // the large one was cut
  for (unsigned i = 0; i < 12; ++i) CHECK(status(world, i) == 200);
}

TEST_CASE("sim fault: the candidate's users that would wait too long get the live pool",
          "[sim][fault]") {
  WorldOptions options = all_to_candidate();
  options.service.breakers.pool.pending = 2;
  SimWorld world(options);
  world.split(10'000);
  meet(world.origin(1), ConnectFate::Kind::NoAnswer);
  for (int i = 0; i < 10; ++i) ask(world, of("POST", {sized(4)}));
  world.run_for(milliseconds(100));
  std::size_t served = 0;
  for (unsigned i = 0; i < 10; ++i) served += status(world, i) == 200 ? 1U : 0U;
  CHECK(served == 8);
  finish(world);
  for (unsigned i = 0; i < 10; ++i) CHECK(status(world, i) == 200);
}

TEST_CASE("sim pace: who uploads a byte now and then must take its answer all the same",
          "[sim][pace]") {
  SimWorld world(calm());
  AnswerPlan early = sized(1'000'000);
  early.is_early = true;
  RequestPlan post{.method = "POST", .form = BodyForm::Length, .body = 10'000, .answers = {early}};
  SimClient& client = ask(
      world, post, {.most_written = 200, .write_pause = seconds(10), .sends_on_after_final = true});
  client.stop_reading();
  REQUIRE(world.run_until([&] { return world.worker().load().requests == 1; }));
  CHECK(world.run_until([&] { return world.worker().load().requests == 0; }, seconds(100)));
  finish(world);
  CHECK(line(world, 0).error == "the client stopped reading");
}

TEST_CASE("sim tunnel: a request whose upgrade is not granted has no place from its answer on",
          "[sim][tunnel]") {
  WorldOptions options = calm();
  options.tunnels_max = 1;
  SimWorld world(options);
  SimClient& slow = ask(world, {.upgrades = true, .answers = {sized(500'000)}});
  slow.stop_reading();
  world.run_for(seconds(1));
  ask(world, {.upgrades = true, .tunnel_up = 5, .tunnel_down = 5, .answers = {{.status = 101}}});
  world.run_for(seconds(1));
  CHECK(status(world, 1) == 101);
  slow.go_on_reading();
  finish(world);
}

TEST_CASE("sim retry: a key without a value is none", "[sim][retry]") {
  WorldOptions options = with_endpoints(2, 1);
  options.service.repeats.trusts_idempotency_key = true;
  SimWorld world(options);
  RequestPlan empty = of("POST", first(says(503)));
  empty.fields = "Idempotency-Key: \r\n";
  ask(world, empty);
  finish(world);
  CHECK(status(world, 0) == 503);
}

}  // namespace sluice::sim
