#include "sim/scenario.hpp"

// Peers and a network that do something wrong: slow, refused, gone, dead (behaviour.md §2, §4).
namespace sluice::sim {

using Deed = AnswerPlan::Deed;
using Fault = ClientPlan::Fault;

TEST_CASE("sim fault: a slow reader gets everything, and little waits for it", "[sim][fault]") {
  SimWorld world(calm());
  ask(world, get(sized(1'000'000)),
      {.most_read = 4000, .read_pause = milliseconds(1), .kernel_out = 16'000});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(world.node().queued_most <= core::limits::kHighWatermark + core::limits::kReadBufferSize);
}

TEST_CASE("sim fault: a slow endpoint takes everything, and little waits for it", "[sim][fault]") {
  SimWorld world(calm());
  world.origin(0).kernel_out = 5000;
  ask(world,
      {.method = "POST", .form = BodyForm::Chunked, .body = 1'000'000, .answers = {sized(1)}},
      {.kernel_in = 200'000});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(world.node().queued_most <=
        core::limits::kHighWatermark + 2 * core::limits::kReadBufferSize);
}

TEST_CASE("sim fault: one byte at a time works both ways", "[sim][fault]") {
  SimWorld world(calm());
  AnswerPlan answer = sized(300, BodyForm::Chunked);
  answer.most_each = 1;
  answer.pause_each = std::chrono::microseconds(100);
  ask(world, {.method = "POST", .form = BodyForm::Chunked, .body = 300, .answers = {answer}},
      {.most_written = 1, .most_read = 1, .write_pause = std::chrono::microseconds(100)});
  finish(world);
  CHECK(status(world, 0) == 200);
}

TEST_CASE("sim fault: the next pipelined request begins when the answer before it has left us",
          "[sim][fault]") {
  // An abort of the second answer would take along what was still queued of the first one.
  SimWorld world(calm());
  SimClient& client =
      ask_all(world, {get(sized(30'000)), get(sized(5))}, {.pipelined = 2, .kernel_out = 4000});
  client.stop_reading();
  world.run_for(milliseconds(100));
  REQUIRE(attempts(world, 0) == 1);
  CHECK(world.worker().load().leases == 0);
  CHECK(world.worker().load().holds == 0);  // a slow reader keeps no snapshot
  CHECK(attempts(world, 1) == 0);
  client.go_on_reading();
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(status(world, 1) == 200);
}

TEST_CASE("sim fault: two reads in the turn that completes an answer fit the chunk",
          "[sim][fault]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {  // several events in a turn, and which ones
    SimWorld world(WorldOptions{.seed = seed});
    ask_all(world,
            {get(sized(5)),
             {.method = "POST", .form = BodyForm::Length, .body = 40'000, .answers = {sized(5)}}},
            {.pipelined = 2, .kernel_in = 200'000});
    finish(world);
    CHECK(status(world, 1) == 200);
  }
}

TEST_CASE(
    "sim fault: a client that ends its direction while a complete answer leaves gets all of it",
    "[sim][fault]") {
  // What it has pipelined is unread: a close would reset the connection and take the rest of the
  // answer along.
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {  // whether the input or the output goes first
    WorldOptions options = calm();
    options.seed = seed;
    SimWorld world(options);
    const RequestPlan post{.method = "POST", .form = BodyForm::Length, .body = 150'000};
    SimClient& client = ask_all(world, {get(sized(30'000)), post},
                                {.pipelined = 2, .kernel_in = 200'000, .kernel_out = 20'000});
    client.stop_reading();
    world.run_for(milliseconds(100));
    REQUIRE(world.worker().load().leases == 0);
    client.half_close();
    client.go_on_reading();
    finish(world);
    CHECK(status(world, 0) == 200);
  }
}

TEST_CASE(
    "sim fault: a client that never reads the end of a complete answer is cut after the body "
    "timeout",
    "[sim][fault]") {
  SimWorld world(calm());
  const core::Instant start = world.now();
  SimClient& client = ask(world, get(sized(30'000)), {.kernel_out = 4000});
  client.stop_reading();
  finish(world);
  CHECK(line(world, 0).status == 200);
  CHECK(client.was_broken());
  CHECK(world.now() - start >= seconds(30));
  CHECK(world.now() - start < seconds(70));
}

TEST_CASE("sim fault: without a body timeout an answer may take longer than its head",
          "[sim][fault]") {
  WorldOptions options = calm();
  options.service.timeouts.response_body_idle = core::Millis(0);
  SimWorld world(options);
  AnswerPlan answer = sized(2000, BodyForm::Chunked);
  answer.most_each = 400;
  answer.pause_each = seconds(10);  // 50 s in all; the head has 30 s
  ask(world, get(answer));
  finish(world);
  CHECK(status(world, 0) == 200);
}

TEST_CASE("sim fault: a client that never reads is cut after the body timeout", "[sim][fault]") {
  SimWorld world(calm());
  const core::Instant start = world.now();
  SimClient& client = ask(world, get(sized(1'000'000)));
  client.stop_reading();
  finish(world);
  CHECK(status(world, 0) == 0);
  CHECK(line(world, 0).error == "the client stopped reading");
  CHECK(world.now() - start >= seconds(30));
  CHECK(world.now() - start < seconds(70));
}

TEST_CASE("sim fault: an endpoint that never reads is a 504 once it should answer",
          "[sim][fault]") {
  SimWorld world(calm());
  world.origin(0).stays_silent = true;
  const core::Instant start = world.now();
  ask(world, {.method = "POST", .form = BodyForm::Length, .body = 1'000'000},
      {.kernel_in = 10'000});
  REQUIRE(world.run_until([&] { return status(world, 0) != 0; }));
  CHECK(status(world, 0) == 504);
  CHECK(world.now() - start >= seconds(30));
  CHECK(world.now() - start < seconds(31));
  finish(world);
}

TEST_CASE("sim fault: a refused connect is repeated on another endpoint at once, any method",
          "[sim][fault]") {
  SimWorld world(with_endpoints(2, 1));
  const core::Instant start = world.now();
  for (SimOrigin* origin : {&world.origin(0), &world.origin(1)}) {
    origin->fate = [&world] {
      const bool is_first = world.origin(0).connects + world.origin(1).connects == 1;
      return ConnectFate{.kind = is_first ? ConnectFate::Kind::Refuse : ConnectFate::Kind::Accept};
    };
  }
  ask(world, {.method = "POST", .form = BodyForm::Length, .body = 100, .answers = {sized(5)}});
  REQUIRE(world.run_until([&] { return status(world, 0) != 0; }));
  CHECK(status(world, 0) == 200);
  CHECK(world.now() == start);
  CHECK(attempts(world, 0) == 1);
  CHECK(world.origin(0).connects + world.origin(1).connects == 2);
  finish(world);
  CHECK(line(world, 0).retries == 0);
}

TEST_CASE("sim fault: when all endpoints of the live pool refuse it is a 503 with Retry-After",
          "[sim][fault]") {
  SimWorld world(with_endpoints(3, 1));
  for (std::size_t i = 0; i < 3; ++i) meet(world.origin(i), ConnectFate::Kind::Refuse);
  ask(world, get());
  finish(world);
  CHECK(status(world, 0) == 503);
  CHECK(field(world, 0, "Retry-After") == "1");
  for (std::size_t i = 0; i < 3; ++i) CHECK(world.origin(i).connects == 1);
}

TEST_CASE("sim fault: a connect that is not answered ends after its timeout", "[sim][fault]") {
  SimWorld world(calm());
  meet(world.origin(0), ConnectFate::Kind::NoAnswer);
  const core::Instant start = world.now();
  ask(world, get());
  REQUIRE(world.run_until([&] { return status(world, 0) != 0; }));
  CHECK(status(world, 0) == 503);
  CHECK(world.now() - start >= seconds(1));
  CHECK(world.now() - start <= milliseconds(1100));
  finish(world);
}

TEST_CASE("sim fault: local resources are ours: 503, and the endpoint is not charged",
          "[sim][fault]") {
  SimWorld world(with_endpoints(2, 1));
  meet(world.origin(0), ConnectFate::Kind::LocalResources);
  meet(world.origin(1), ConnectFate::Kind::LocalResources);
  ask(world, get());
  finish(world);
  CHECK(status(world, 0) == 503);
  CHECK(world.origin(0).connects + world.origin(1).connects == 1);
  CHECK(world.control().cell({0}).penalty.load() == 0);
  CHECK(world.control().cell({1}).penalty.load() == 0);
}

TEST_CASE("sim fault: for want of local resources an idle endpoint connection makes room, once",
          "[sim][fault]") {
  SimWorld world(with_endpoints(2, 1));
  const auto shortages = GENERATE(std::size_t{1}, std::size_t{2});
  ask(world, get());
  world.settle();
  const std::size_t idle = world.origin(0).connects == 1 ? 0 : 1;
  SimOrigin& wanted = world.origin(1 - idle);
  wanted.fate = [&] {
    return ConnectFate{.kind = wanted.connects <= shortages ? ConnectFate::Kind::LocalResources
                                                            : ConnectFate::Kind::Accept};
  };
  unsigned asked = 1;
  for (; asked < 40 && wanted.connects == 0; ++asked) {
    ask(world, get());
    world.settle();
  }
  finish(world);
  for (unsigned i = 0; i + 1 < asked; ++i) CHECK(status(world, i) == 200);
  // After one shortage the request has closed the idle connection and found the endpoint, or came
  // by the same choice to the other one, which it then had to open anew.
  CHECK(status(world, asked - 1) ==
        (shortages == 1 || world.origin(idle).connects == 2 ? 200 : 503));
  CHECK(wanted.connects + world.origin(idle).connects == 3);
  CHECK(world.control().cell({0}).penalty.load() == 0);
  CHECK(world.control().cell({1}).penalty.load() == 0);
}

TEST_CASE("sim fault: a penalty ranks an endpoint last, ends, doubles, and one success clears it",
          "[sim][fault]") {
  SimWorld world(with_endpoints(2, 1));
  meet(world.origin(0), ConnectFate::Kind::Refuse);
  const auto until = [&] {
    return policy::Penalty(world.control().cell({0}).penalty.load()).until();
  };
  for (int i = 0; i < 20 && world.origin(0).connects == 0; ++i) {
    ask(world, {.fields = "Connection: close\r\n", .answers = {{.closes = true}}});
    world.settle();
  }
  REQUIRE(world.origin(0).connects == 1);
  CHECK(until() >= world.now() + seconds(1));
  CHECK(until() <= world.now() + milliseconds(1001));
  for (int i = 0; i < 20; ++i) {
    ask(world, get({.closes = true}));
    world.settle();
  }
  CHECK(world.origin(0).connects == 1);  // in penalty: the other one is taken
  world.run_for(milliseconds(1100));
  for (int i = 0; i < 40 && world.origin(0).connects == 1; ++i) {
    ask(world, get({.closes = true}));
    world.settle();
  }
  REQUIRE(world.origin(0).connects == 2);
  CHECK(until() >= world.now() + seconds(2));
  world.run_for(milliseconds(2100));
  meet(world.origin(0), ConnectFate::Kind::Accept);
  for (int i = 0; i < 40 && world.origin(0).connects == 2; ++i) {
    ask(world, get({.closes = true}));
    world.settle();
  }
  CHECK(world.control().cell({0}).penalty.load() == 0);
  finish(world);
}

TEST_CASE("sim fault: a candidate that can't be reached falls back to the live pool",
          "[sim][fault]") {
  SimWorld world(with_endpoints(1, 2));
  world.split(10'000);
  meet(world.origin(1), ConnectFate::Kind::Refuse);
  meet(world.origin(2), ConnectFate::Kind::Refuse);
  ask(world, {.user = "user-1", .answers = {sized(8)}});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(field(world, 0, "Sluice-Pool") == "blue");
  CHECK(field(world, 0, "Sluice-Reason") == "fallback");
  // Both are in penalty now: the candidate counts as unusable, no connect is tried.
  CHECK(world.origin(1).connects + world.origin(2).connects == 2);
}

TEST_CASE("sim fault: a fallback adopts first: it goes to the pool that is live then",
          "[sim][fault]") {
  SimWorld world(with_endpoints(1, 1));
  world.split(10'000);
  meet(world.origin(1), ConnectFate::Kind::NoAnswer);
  ask(world, {.user = "user-1", .answers = {sized(8)}});
  world.run_for(milliseconds(500));
  world.control().prepare(model::apply_rollback(world.control().current().traffic));
  world.flip(seconds(30));
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(field(world, 0, "Sluice-Pool") == "blue");
  CHECK(field(world, 0, "Sluice-Generation") == "3");
}

TEST_CASE("sim fault: a reused connection that dies is retried for GET and PUT, not for POST",
          "[sim][fault]") {
  const auto run = [](const std::string& method, unsigned expected, std::size_t expected_attempts) {
    SimWorld world(calm());
    RequestPlan second{.method = method,
                       .form = BodyForm::Length,
                       .body = 100,
                       .answers = {{.deed = Deed::Leave}, sized(7)}};
    ask_all(world, {get(sized(5)), second});
    finish(world);
    INFO(method);
    CHECK(status(world, 1) == expected);
    CHECK(attempts(world, 1) == expected_attempts);
    CHECK(entry(world, 1).attempts[0].was_reused);
    CHECK(line(world, 1).retries == expected_attempts - 1);
  };
  run("GET", 200, 2);
  run("PUT", 200, 2);
  run("DELETE", 200, 2);
  run("POST", 502, 1);
  run("PATCH", 502, 1);
}

TEST_CASE(
    "sim fault: a POST is not repeated, with or without a body, on a fresh or a reused connection",
    "[sim][fault]") {
  for (const BodyForm form : {BodyForm::None, BodyForm::Length}) {
    for (const Deed deed : {Deed::Leave, Deed::Break}) {
      SimWorld world(calm());
      const RequestPlan post{.method = "POST", .form = form, .answers = {{.deed = deed}, sized(7)}};
      ask_all(world, {get(sized(5)), post});
      ask(world, post, {.starts_after = seconds(10)});
      finish(world);
      for (const unsigned number : {1U, 2U}) {
        CHECK(status(world, number) == 502);
        CHECK(attempts(world, number) == 1);
      }
      CHECK(entry(world, 1).attempts[0].was_reused);
      CHECK_FALSE(entry(world, 2).attempts[0].was_reused);
    }
  }
}

TEST_CASE("sim fault: a request with trailers is not repeated: they are not held", "[sim][fault]") {
  SimWorld world(calm());
  const RequestPlan put{.method = "PUT",
                        .form = BodyForm::Chunked,
                        .body = 100,
                        .has_trailers = true,
                        .answers = {{.deed = Deed::Leave}, sized(7)}};
  ask_all(world, {get(sized(5)), put});
  finish(world);
  CHECK(entry(world, 1).attempts[0].was_reused);
  CHECK(status(world, 1) == 502);
  CHECK(attempts(world, 1) == 1);
}

TEST_CASE("sim fault: a connection whose request was not sent whole is not used again",
          "[sim][fault]") {
  const auto run = [](const RequestPlan& unfinished, const ClientPlan& client) {
    SimWorld world(calm());
    world.origin(0).kernel_out = 5000;
    ask(world, unfinished, client);
    REQUIRE(world.run_until([&] { return status(world, 0) == 200; }));
    ask(world, get(sized(7)));
    world.run_for(milliseconds(10));
    CHECK(status(world, 1) == 200);
    CHECK(world.origin(0).accepted == 2);
    finish(world);
  };
  AnswerPlan early = sized(5);
  early.is_early = true;
  // The client still owes the end of the body.
  run({.method = "PUT", .form = BodyForm::Chunked, .body = 4000, .answers = {early}},
      {.fault = Fault::StopSending, .fault_after_sent = 3000});
  // The end of the body waits in our queue, because the endpoint reads no further.
  early.stops_reading = true;
  run({.method = "PUT", .form = BodyForm::Length, .body = 30'000, .answers = {early}}, {});
}

TEST_CASE("sim fault: a fresh connection that dies is retried for GET, not for PUT",
          "[sim][fault]") {
  const auto run = [](const std::string& method, unsigned expected, std::size_t expected_attempts) {
    SimWorld world(calm());
    ask(world, {.method = method, .answers = {{.deed = Deed::Break}, sized(7)}});
    finish(world);
    INFO(method);
    CHECK(status(world, 0) == expected);
    CHECK(attempts(world, 0) == expected_attempts);
  };
  run("GET", 200, 2);
  run("HEAD", 200, 2);
  run("PUT", 502, 1);
  run("DELETE", 502, 1);
  run("POST", 502, 1);
}

TEST_CASE("sim fault: a retry prefers another endpoint", "[sim][fault]") {
  SimWorld world(with_endpoints(2, 1));
  ask(world, {.answers = {{.deed = Deed::Leave}, sized(7)}});
  finish(world);
  CHECK(status(world, 0) == 200);
  REQUIRE(attempts(world, 0) == 2);
  CHECK(entry(world, 0).attempts[0].endpoint != entry(world, 0).attempts[1].endpoint);
}

TEST_CASE("sim fault: there is one retry", "[sim][fault]") {
  SimWorld world(with_endpoints(3, 1));
  ask(world, {.answers = {{.deed = Deed::Leave}}});
  finish(world);
  CHECK(status(world, 0) == 502);
  CHECK(attempts(world, 0) == 2);
}

TEST_CASE("sim fault: no retry once a byte of the answer has arrived", "[sim][fault]") {
  SimWorld world(calm());
  AnswerPlan cut = sized(5);
  cut.cut_at = 1;
  ask(world, {.answers = {cut, sized(7)}});
  finish(world);
  CHECK(status(world, 0) == 502);
  CHECK(attempts(world, 0) == 1);
}

TEST_CASE("sim fault: a body beyond what is held can't be repeated", "[sim][fault]") {
  SimWorld world(calm());
  const auto put = [](std::size_t size) {
    return RequestPlan{.method = "PUT",
                       .form = BodyForm::Chunked,
                       .body = size,
                       .answers = {{.deed = Deed::Leave}, sized(7)}};
  };
  ask_all(world, {get(sized(1)), put(core::limits::kReplayBodyMax)});
  finish(world);
  SimWorld other(calm());
  ask_all(other, {get(sized(1)), put(core::limits::kReplayBodyMax + 1)});
  finish(other);
  CHECK(status(world, 1) == 200);
  CHECK(status(other, 1) == 502);
}

TEST_CASE("sim fault: a client that leaves during the connect cancels it", "[sim][fault]") {
  SimWorld world(calm());
  world.origin(0).fate = [] { return ConnectFate{.delay = milliseconds(500)}; };
  SimClient& client = ask(world, get());
  world.run_for(milliseconds(100));
  CHECK(world.worker().load().leases == 1);
  client.leave();
  world.settle();
  CHECK(world.worker().load().leases == 0);
  CHECK(world.worker().load().sessions == 0);
  finish(world);
  CHECK(line(world, 0).status == 499);
  CHECK(world.origin(0).accepted == 0);
}

TEST_CASE("sim fault: a client that leaves while its upload is paused is noticed at once",
          "[sim][fault]") {
  for (const Fault fault : {Fault::Close, Fault::Reset, Fault::HalfClose}) {
    SimWorld world(calm());
    world.origin(0).stays_silent = true;
    SimClient& client = ask(world, {.method = "POST", .form = BodyForm::Length, .body = 1'000'000},
                            {.kernel_in = 10'000});
    world.run_for(milliseconds(100));
    REQUIRE(world.worker().load().leases == 1);
    client.do_fault(fault);
    world.settle();
    CHECK(world.worker().load().leases == 0);
    CHECK(world.worker().load().endpoint_connections == 0);
    finish(world);
    CHECK(line(world, 0).status == 499);
    CHECK_FALSE(entry(world, 0).outcome.answer);
  }
}

TEST_CASE("sim fault: a client that leaves while the endpoint thinks cancels the request",
          "[sim][fault]") {
  SimWorld world(calm());
  AnswerPlan silent{.deed = Deed::Silence};
  SimClient& client = ask(world, get(silent));
  world.run_for(milliseconds(100));
  client.leave();
  world.settle();
  CHECK(world.worker().load().endpoint_connections == 0);
  finish(world);
  CHECK(line(world, 0).status == 499);
  CHECK(entry(world, 0).attempts[0].was_cut_off);
}

TEST_CASE("sim fault: a client that resets in the middle of an answer is a 499", "[sim][fault]") {
  SimWorld world(calm());
  ask(world, get(sized(1'000'000)), {.fault = Fault::Reset, .fault_after_received = 100'000});
  finish(world);
  CHECK(line(world, 0).status == 499);
  CHECK(world.worker().load().endpoint_connections == 0);
}

TEST_CASE("sim fault: a client that stops in its head gets a 408, in its body a 408",
          "[sim][fault]") {
  SimWorld world(calm());
  ask(world, get(), {.fault = Fault::StopSending, .fault_after_sent = 20});
  ask(world, {.method = "POST", .form = BodyForm::Length, .body = 1000},
      {.fault = Fault::StopSending, .fault_after_sent = 500});
  const core::Instant start = world.now();
  REQUIRE(world.run_until([&] { return status(world, 0) != 0; }));
  CHECK(world.now() - start >= seconds(10));
  CHECK(world.now() - start <= milliseconds(10'100));
  REQUIRE(world.run_until([&] { return status(world, 1) != 0; }));
  CHECK(world.now() - start >= seconds(30));
  CHECK(world.now() - start <= milliseconds(30'100));
  finish(world);
  CHECK(status(world, 0) == 408);
  CHECK(attempts(world, 0) == 0);
  CHECK(status(world, 1) == 408);
  CHECK_FALSE(entry(world, 1).attempts[0].is_request_complete);
}

TEST_CASE("sim fault: an endpoint that does not answer is a 504 after its time", "[sim][fault]") {
  SimWorld world(calm());
  const core::Instant start = world.now();
  ask(world, get({.deed = Deed::Silence}));
  REQUIRE(world.run_until([&] { return status(world, 0) != 0; }));
  CHECK(status(world, 0) == 504);
  CHECK(world.now() - start >= seconds(30));
  CHECK(world.now() - start <= milliseconds(30'100));
  finish(world);
  CHECK(attempts(world, 0) == 1);  // it may have acted on it
}

TEST_CASE("sim fault: an endpoint that stops in its answer breaks it", "[sim][fault]") {
  SimWorld world(calm());
  AnswerPlan answer = sized(2000);
  answer.most_each = 1000;
  answer.pause_each = seconds(3600);
  const core::Instant start = world.now();
  SimClient& client = ask(world, get(answer));
  REQUIRE(world.run_until([&] { return client.is_finished(); }));
  CHECK(world.now() - start <= milliseconds(30'100));
  CHECK(client.was_broken());
  finish(world);
  CHECK(line(world, 0).error == "the endpoint stopped sending");
}

TEST_CASE("sim fault: an idle client connection is closed after its time, a fresh one sooner",
          "[sim][fault]") {
  SimWorld world(calm());
  const core::Instant start = world.now();
  SimClient& mute = world.client({});
  mute.stop_reading();
  SimClient& kept = ask(world, get(sized(1)), {.at_end = ClientPlan::AtEnd::Stay});
  world.client({.at_end = ClientPlan::AtEnd::Stay});
  REQUIRE(world.run_until([&] { return world.clients()[2]->is_finished(); }));
  CHECK(world.now() - start >= seconds(10));
  CHECK(world.now() - start <= milliseconds(10'100));
  REQUIRE(world.run_until([&] { return kept.is_finished(); }));
  CHECK(world.now() - start >= seconds(60));
  CHECK(world.now() - start <= milliseconds(60'100));
  CHECK_FALSE(kept.was_broken());
  finish(world);
}

TEST_CASE("sim fault: idle endpoint connections live as long as promised, less a second",
          "[sim][fault]") {
  SimWorld world(calm());
  AnswerPlan promise = sized(1);
  promise.fields = "Keep-Alive: timeout=2\r\n";
  ask(world, get(promise));
  world.run_for(milliseconds(900));
  CHECK(world.worker().load().endpoint_connections == 1);
  world.run_for(milliseconds(200));
  CHECK(world.worker().load().endpoint_connections == 0);
  ask(world, get(sized(1)));
  world.run_for(milliseconds(3900));
  CHECK(world.worker().load().endpoint_connections == 1);
  world.run_for(milliseconds(200));
  CHECK(world.worker().load().endpoint_connections == 0);
  finish(world);
}

TEST_CASE("sim fault: at the connection limit accepting pauses, and idle connections make room",
          "[sim][fault]") {
  WorldOptions options = calm();
  options.connections_max = 2;
  SimWorld world(options);
  ask(world, get(sized(1)), {.at_end = ClientPlan::AtEnd::Stay});
  world.run_for(seconds(2));
  ask(world, get({.size = 5, .delay = seconds(3)}));
  world.run_for(seconds(1));
  CHECK(world.clients()[0]->is_finished());  // it was idle for longer than a second
  ask(world, get({.size = 5, .delay = seconds(3)}));
  world.run_for(milliseconds(100));
  CHECK(world.acceptor().is_paused());
  ask(world, get(sized(4)));
  world.run_for(milliseconds(100));
  CHECK(status(world, 3) == 0);
  finish(world);
  CHECK(status(world, 3) == 200);
  CHECK_FALSE(world.acceptor().is_paused());
}

TEST_CASE("sim fault: an idle connection that makes room does not take its last answer along",
          "[sim][fault]") {
  WorldOptions options = calm();
  options.connections_max = 1;
  SimWorld world(options);
  // The answer is with the kernels when the next request comes, right behind the FIN.
  SimClient& slow = ask_all(world, {get(sized(60'000)), get(sized(5))}, {.think = seconds(1)});
  slow.stop_reading();
  world.run_for(seconds(2));
  ask(world, get(sized(4)));
  world.run_for(milliseconds(10));
  slow.say("GET /r/1 HTTP/1.1\r\nHost: a\r\n\r\n");
  world.run_for(milliseconds(10));
  slow.go_on_reading();
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(status(world, 2) == 200);
}

TEST_CASE("sim fault: at the connection limit heads that do not end make room, oldest first",
          "[sim][fault]") {
  WorldOptions options = calm();
  options.connections_max = 2;
  SimWorld world(options);
  // Two that send a byte every 100 ms, the second half a second later.
  for (const milliseconds start : {milliseconds(0), milliseconds(500)}) {
    ask(world, get(), {.most_written = 1, .write_pause = milliseconds(100), .starts_after = start});
  }
  world.run_for(milliseconds(900));
  CHECK(world.acceptor().is_paused());
  ask(world, get(sized(4)));
  world.run_for(milliseconds(50));
  CHECK(status(world, 2) == 0);  // none of them is old enough
  REQUIRE(world.run_until([&] { return status(world, 2) != 0; }, seconds(3)));
  CHECK(status(world, 2) == 200);
  CHECK(status(world, 1) == 0);
  finish(world);
  CHECK(status(world, 1) == 200);  // there was room for this one again
  CHECK(status(world, 0) != 200);
  REQUIRE(world.ledger().other_lines.size() == 1);
  CHECK(world.ledger().other_lines[0].status == 408);
}

TEST_CASE("sim fault: as many heads as there are places do not keep others out", "[sim][fault]") {
  WorldOptions options = calm();
  options.connections_max = 20;
  SimWorld world(options);
  for (int i = 0; i < 60; ++i)
    ask(world, get(), {.most_written = 1, .write_pause = milliseconds(500)});
  world.run_for(seconds(2));
  for (int i = 0; i < 5; ++i) ask(world, get(sized(4)));
  const auto are_served = [&] {
    for (unsigned number = 60; number < 65; ++number) {
      if (status(world, number) != 200) return false;
    }
    return true;
  };
  CHECK(world.run_until(are_served, seconds(5)));  // a head may take 10 s
  finish(world);
}

TEST_CASE("sim fault: the log says what ended a request, not what its first attempt died of",
          "[sim][fault]") {
  WorldOptions options = calm();
  options.service.timeouts.response_header = seconds(2);
  SimWorld world(options);
  ask(world, {.answers = {{.deed = Deed::Leave}, {.deed = Deed::Silence}}});
  finish(world);
  CHECK(status(world, 0) == 504);
  CHECK(line(world, 0).retries == 1);
  CHECK(line(world, 0).error == "the endpoint did not answer in time");
}

TEST_CASE("sim fault: who would wait for a connection beyond the limit gets a 503 at once",
          "[sim][fault]") {
  WorldOptions options = calm();
  options.service.breakers.pool.pending = 2;
  SimWorld world(options);
  world.origin(0).fate = [] { return ConnectFate{.delay = milliseconds(300)}; };
  for (int i = 0; i < 3; ++i) ask(world, get(sized(4)));
  world.run_for(milliseconds(100));
  CHECK(status(world, 2) == 503);
  CHECK(field(world, 2, "Retry-After") == "1");
  ask(world, get(sized(4)), {.starts_after = seconds(1)});  // on a kept connection: never waits
  finish(world);
  for (const unsigned number : {0U, 1U, 3U}) CHECK(status(world, number) == 200);
  CHECK(world.control().cell({0}).penalty.load() == 0);
}

TEST_CASE("sim fault: who leaves while a connection is made waits no longer", "[sim][fault]") {
  WorldOptions options = calm();
  options.service.breakers.pool.pending = 1;
  SimWorld world(options);
  meet(world.origin(0), ConnectFate::Kind::NoAnswer);
  SimClient& client = ask(world, get());
  world.run_for(milliseconds(100));
  client.break_off();
  world.run_for(milliseconds(100));
  CHECK(world.control().pool_cell(PoolName::Blue).pending.load() == 0);
  meet(world.origin(0), ConnectFate::Kind::Accept);
  ask(world, get(sized(4)));
  finish(world);
  CHECK(status(world, 1) == 200);
}

TEST_CASE("sim fault: an idle connection is not closed before its last answer has left",
          "[sim][fault]") {
  WorldOptions options = calm();
  options.connections_max = 2;
  SimWorld world(options);
  // Complete at the endpoint at once, and slow to leave.
  ask(world, get(sized(60'000)),
      {.most_read = 1000,
       .read_pause = milliseconds(100),
       .kernel_out = 2000,
       .at_end = ClientPlan::AtEnd::Stay});
  world.run_for(seconds(2));
  ask(world, get(sized(1)));
  world.run_for(milliseconds(100));
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(entry(world, 0).outcome.answer->body.size() == 60'000);
}

}  // namespace sluice::sim
