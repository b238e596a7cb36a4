#include "sim/scenario.hpp"

// How slow and how long: rates, whole bodies, and what a connection may be used for.
namespace sluice::sim {

namespace {

/// 100 bytes at a time, each pause a second.
ClientPlan trickle() {
  return {.most_written = 100, .write_pause = seconds(1)};
}

RequestPlan upload(std::size_t size, AnswerPlan answer = sized(5)) {
  return {.method = "POST", .form = BodyForm::Length, .body = size, .answers = {std::move(answer)}};
}

}  // namespace

TEST_CASE("sim pace: a body that trickles in is a 408 when its credit is used up", "[sim][pace]") {
  SimWorld world(calm());
  const core::Instant start = world.now();
  ask(world, upload(20'000), trickle());  // 200 s
  REQUIRE(world.run_until([&] { return status(world, 0) != 0; }));
  CHECK(status(world, 0) == 408);
  // 30 s and what 100 B/s at 256 B/s buy: 30 / (1 - 100/256) = 49.2; the head comes before it.
  CHECK(world.now() - start > seconds(45));
  CHECK(world.now() - start < seconds(60));
  finish(world);
  CHECK(line(world, 0).error == "the request body did not arrive in time");
}

TEST_CASE("sim pace: a body at the rate is taken, however long it lasts", "[sim][pace]") {
  SimWorld world(calm());
  const core::Instant start = world.now();
  ask(world, upload(40'000), {.most_written = 257, .write_pause = seconds(1)});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(world.now() - start > seconds(150));
}

TEST_CASE("sim pace: without a rate a trickle may last", "[sim][pace]") {
  WorldOptions options = calm();
  options.service.min_rates.request = 0;
  SimWorld world(options);
  ask(world, upload(10'000), trickle());
  finish(world);
  CHECK(status(world, 0) == 200);
}

TEST_CASE("sim pace: once the endpoint answers, the two go at a pace of their own", "[sim][pace]") {
  SimWorld world(calm());
  AnswerPlan answer = sized(20'000, BodyForm::Chunked);
  answer.is_early = true;
  answer.most_each = 2000;
  answer.pause_each = seconds(15);  // it goes on while the client sends
  ask(world, upload(10'000, answer), trickle());
  REQUIRE(world.run_until([&] { return entry(world, 0).outcome.answer.has_value(); }));
  CHECK(status(world, 0) == 200);
  finish(world);
}

TEST_CASE("sim pace: what an endpoint does not read is not its client's delay", "[sim][pace]") {
  WorldOptions options = calm();
  options.service.timeouts.response_header = core::Millis(0);  // the endpoint may think
  SimWorld world(options);
  world.origin(0).stays_silent = true;
  ask(world, upload(1'000'000), {.kernel_in = 10'000});
  world.run_for(std::chrono::minutes(10));
  CHECK(entry(world, 0).lines.empty());
  world.give_up_all();
  finish(world);
}

TEST_CASE("sim pace: a whole body has its time, whoever holds it up", "[sim][pace]") {
  WorldOptions options = calm();
  options.service.timeouts.request_body = seconds(60);
  const auto run = [&](ClientPlan client, bool is_silent) {
    SimWorld world(options);
    world.origin(0).stays_silent = is_silent;
    const core::Instant start = world.now();
    ask(world, upload(1'000'000), std::move(client));
    REQUIRE(world.run_until([&] { return status(world, 0) != 0; }));
    const unsigned found = status(world, 0);
    if (!is_silent) {
      CHECK(world.now() - start >= seconds(60));
      CHECK(world.now() - start <= seconds(61));
    }
    finish(world);
    return found;
  };
  // Fast enough, and too long.
  CHECK(run({.most_written = 1000, .write_pause = seconds(1)}, false) == 408);
  options.service.timeouts.response_header = core::Millis(0);
  CHECK(run({.kernel_in = 10'000}, true) == 504);
}

TEST_CASE("sim pace: a reader that takes a trickle is cut when its credit is used up",
          "[sim][pace]") {
  SimWorld world(calm());
  const core::Instant start = world.now();
  ask(world, get(sized(1'000'000)), {.most_read = 50, .read_pause = seconds(1)});
  REQUIRE(world.run_until([&] { return world.worker().load().requests == 1; }));
  REQUIRE(world.run_until([&] { return world.worker().load().requests == 0; }));
  CHECK(world.now() - start >= seconds(30));
  CHECK(world.now() - start < seconds(60));
  finish(world);
  CHECK(status(world, 0) == 0);
  CHECK(line(world, 0).error == "the client stopped reading");
}

TEST_CASE("sim pace: a reader above the rate gets everything, though its queue hardly moves",
          "[sim][pace]") {
  // 30 s of it are 15,000 bytes: less than its kernel holds, so that our own queue stands still
  // for minutes.
  SimWorld world(calm());
  const core::Instant start = world.now();
  ask(world, get(sized(300'000)), {.most_read = 500, .read_pause = seconds(1)});
  finish(world);
  CHECK(line(world, 0).error == "");
  CHECK(status(world, 0) == 200);
  CHECK(world.now() - start > seconds(500));
}

TEST_CASE("sim pace: the end of a complete answer has to be taken at the rate as well",
          "[sim][pace]") {
  const auto run = [](std::size_t bytes_each, std::string fields) {
    SimWorld world(calm());
    RequestPlan request = get(sized(60'000));
    request.fields = std::move(fields);
    SimClient& client = ask(
        world, request, {.most_read = bytes_each, .read_pause = seconds(1), .kernel_out = 20'000});
    finish(world);
    CHECK(line(world, 0).status == 200);
    return client.was_broken();
  };
  for (const char* fields : {"", "Connection: close\r\n"}) {
    CHECK(run(50, fields));
    CHECK_FALSE(run(500, fields));
  }
}

TEST_CASE("sim pace: a whole answer has its time", "[sim][pace]") {
  WorldOptions options = calm();
  options.service.timeouts.response_body = seconds(60);
  AnswerPlan slow = sized(20'000, BodyForm::Chunked);
  slow.most_each = 100;
  slow.pause_each = seconds(1);
  SimWorld world(options);
  ask(world, get(slow));
  // And one that its client does not take fast enough.
  ask(world, get(sized(1'000'000)), {.most_read = 1000, .read_pause = seconds(1)});
  ask(world, get(sized(1000)));
  world.run_for(seconds(59));
  CHECK(world.worker().load().requests == 2);
  world.run_for(seconds(2));
  CHECK(world.worker().load().requests == 0);
  finish(world);
  for (const unsigned number : {0U, 1U}) {
    CHECK(status(world, number) == 0);
    CHECK(line(world, number).error == "the answer took longer than it may");
  }
  CHECK(status(world, 2) == 200);
}

TEST_CASE(
    "sim pace: an idle client that never took its answer is broken off, not left to the "
    "kernel",
    "[sim][pace]") {
  SimWorld world(calm());
  SimClient& client = ask(world, get(sized(3000)), {.at_end = ClientPlan::AtEnd::Stay});
  client.stop_reading();
  world.run_for(seconds(89));  // 60 as an idle one, and 30 to take something
  CHECK(world.worker().load().sessions == 1);
  world.run_for(seconds(2));
  CHECK(world.worker().load().sessions == 0);
  finish(world);
  CHECK(line(world, 0).status == 200);
  CHECK(client.was_broken());
  CHECK(world.worker().metrics().answers_not_taken.read() == 1);
}

TEST_CASE("sim pace: a connection ends with the last request that it may have", "[sim][pace]") {
  WorldOptions options = calm();
  options.service.requests_per_connection = 2;
  SimWorld world(options);
  ask_all(world, {get(sized(5)), get(sized(6)), get(sized(7))});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(field(world, 0, "Connection") == "");
  CHECK(status(world, 1) == 200);
  CHECK(field(world, 1, "Connection") == "close");
  CHECK(entry(world, 2).lines.empty());
}

TEST_CASE("sim pace: what is pipelined behind the last request of a connection is not read",
          "[sim][pace]") {
  WorldOptions options = calm();
  options.service.requests_per_connection = 1;
  SimWorld world(options);
  ask_all(world, {get(sized(5)), get(sized(6))}, {.pipelined = 2});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(field(world, 0, "Connection") == "close");
  CHECK(entry(world, 1).lines.empty());
}

}  // namespace sluice::sim
