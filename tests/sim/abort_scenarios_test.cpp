#include "sim/scenario.hpp"

// A client that leaves, by FIN, half-close or RST, in each phase of its request (behaviour.md §4):
// the endpoint's side is cancelled at once, nothing is left of it, and one line says 499.
namespace sluice::sim {

namespace {

using Deed = AnswerPlan::Deed;
using Fault = ClientPlan::Fault;

struct Phase {
  WorldOptions options = calm();
  std::size_t attempts = 1;    // how often endpoints have seen the head by then
  bool is_connecting = false;  // no endpoint works on the request then
};
/// Starts a client; its last request is the one that is broken off 100 ms later.
using Begin = std::function<SimClient&(SimWorld&)>;

std::size_t connects_anywhere(SimWorld& world) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < world.origins(); ++i) sum += world.origin(i).connects;
  return sum;
}
std::size_t accepted_anywhere(SimWorld& world) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < world.origins(); ++i) sum += world.origin(i).accepted;
  return sum;
}

/// What the first `on_time` connects meet. Those behind them are accepted so late that it would
/// be after the client has left, if nobody cancelled them.
void meet_then_late(SimWorld& world, ConnectFate::Kind kind, std::size_t on_time = 1) {
  for (std::size_t i = 0; i < world.origins(); ++i) {
    world.origin(i).fate = [&world, kind, on_time] {
      return connects_anywhere(world) <= on_time ? ConnectFate{.kind = kind}
                                                 : ConnectFate{.delay = milliseconds(500)};
    };
  }
}

void check_nothing_is_left(SimWorld& world) {
  const proxy::Worker::Load load = world.worker().load();
  CHECK(load.sessions == 0);
  CHECK(load.requests == 0);
  CHECK(load.leases == 0);
  CHECK(load.holds == 0);
  CHECK(load.endpoint_connections == 0);
  CHECK(load.chunks == 0);
  for (std::uint32_t i = 0; i < world.origins(); ++i)
    CHECK(world.control().cell(core::EndpointId{i}).in_flight.load() == 0);
}

void check_each_way_to_leave(const Phase& phase, const Begin& begin) {
  for (const Fault fault : {Fault::Close, Fault::HalfClose, Fault::Reset}) {
    INFO("fault " << static_cast<int>(fault));
    SimWorld world(phase.options);
    SimClient& client = begin(world);
    world.run_for(milliseconds(100));
    const unsigned number = client.plan().requests.back();
    REQUIRE(world.worker().load().leases == 1);
    REQUIRE(attempts(world, number) == phase.attempts);
    const std::size_t accepted = accepted_anywhere(world);
    const core::Instant left = world.now();
    client.do_fault(fault);
    world.settle();
    CHECK(world.now() == left);
    check_nothing_is_left(world);
    finish(world);
    CHECK(line(world, number).status == 499);
    CHECK(attempts(world, number) == phase.attempts);
    CHECK(accepted_anywhere(world) == accepted);
    if (!phase.is_connecting) CHECK(entry(world, number).attempts.back().was_cut_off);
    CHECK_FALSE(entry(world, number).outcome.answer);
  }
}

}  // namespace

TEST_CASE("sim abort: during the connect", "[sim][abort]") {
  const Phase phase{.attempts = 0, .is_connecting = true};
  check_each_way_to_leave(phase, [](SimWorld& world) -> SimClient& {
    meet_then_late(world, ConnectFate::Kind::Accept, 0);
    return ask(world, get());
  });
}

TEST_CASE("sim abort: during the connect to the next endpoint, and to the live pool's",
          "[sim][abort]") {
  const Phase next{.options = with_endpoints(2, 1), .attempts = 0, .is_connecting = true};
  check_each_way_to_leave(next, [](SimWorld& world) -> SimClient& {
    meet_then_late(world, ConnectFate::Kind::Refuse);
    return ask(world, {.method = "POST"});
  });
  const Phase fallback{.options = with_endpoints(1, 1), .attempts = 0, .is_connecting = true};
  check_each_way_to_leave(fallback, [](SimWorld& world) -> SimClient& {
    world.split(10'000);
    meet_then_late(world, ConnectFate::Kind::Refuse);
    return ask(world, {.user = "user-1"});
  });
}

TEST_CASE("sim abort: while the body waits for the endpoint's 100", "[sim][abort]") {
  check_each_way_to_leave({}, [](SimWorld& world) -> SimClient& {
    return ask(world, {.method = "POST",
                       .form = BodyForm::Length,
                       .body = 500,
                       .expects = true,
                       .answers = {{.deed = Deed::Silence, .sends_continue = false}}});
  });
}

TEST_CASE("sim abort: in mid-upload", "[sim][abort]") {
  for (const BodyForm form : {BodyForm::Length, BodyForm::Chunked}) {
    check_each_way_to_leave({}, [form](SimWorld& world) -> SimClient& {
      return ask(world, {.method = "POST", .form = form, .body = 100'000},
                 {.most_written = 100, .write_pause = milliseconds(1)});
    });
  }
}

TEST_CASE("sim abort: while the endpoint thinks", "[sim][abort]") {
  check_each_way_to_leave(
      {}, [](SimWorld& world) -> SimClient& { return ask(world, get({.deed = Deed::Silence})); });
}

TEST_CASE("sim abort: in mid-answer", "[sim][abort]") {
  for (const BodyForm form : {BodyForm::Length, BodyForm::Chunked, BodyForm::UntilClose}) {
    check_each_way_to_leave({}, [form](SimWorld& world) -> SimClient& {
      AnswerPlan slow = sized(100'000, form);
      slow.most_each = 100;
      slow.pause_each = milliseconds(1);
      return ask(world, get(slow));
    });
  }
}

TEST_CASE("sim abort: while the answer is paused for a client that does not read", "[sim][abort]") {
  check_each_way_to_leave({}, [](SimWorld& world) -> SimClient& {
    SimClient& client = ask(world, get(sized(1'000'000)));
    client.stop_reading();
    return client;
  });
}

TEST_CASE("sim abort: during a retry's connect", "[sim][abort]") {
  // To the same endpoint, and to another one.
  for (const std::size_t endpoints : {1U, 2U}) {
    const Phase phase{.options = with_endpoints(endpoints, 1), .is_connecting = true};
    check_each_way_to_leave(phase, [](SimWorld& world) -> SimClient& {
      meet_then_late(world, ConnectFate::Kind::Accept);
      return ask(world, get({.deed = Deed::Leave}));
    });
  }
  // Behind a reused connection, with a body that is held for the second attempt.
  check_each_way_to_leave({.is_connecting = true}, [](SimWorld& world) -> SimClient& {
    meet_then_late(world, ConnectFate::Kind::Accept);
    return ask_all(world, {get(sized(5)),
                           {.method = "PUT",
                            .form = BodyForm::Chunked,
                            .body = 4000,
                            .answers = {{.deed = Deed::Break}}}});
  });
}

TEST_CASE("sim abort: after a retry's head was sent", "[sim][abort]") {
  for (const std::size_t endpoints : {1U, 2U}) {
    const Phase phase{.options = with_endpoints(endpoints, 1), .attempts = 2};
    check_each_way_to_leave(phase, [](SimWorld& world) -> SimClient& {
      return ask(world, {.answers = {{.deed = Deed::Leave}, {.deed = Deed::Silence}}});
    });
  }
  // With a part of its body on the way.
  check_each_way_to_leave({.attempts = 2}, [](SimWorld& world) -> SimClient& {
    return ask_all(
        world,
        {get(sized(5)),
         {.method = "PUT",
          .form = BodyForm::Length,
          .body = 15'000,
          .answers = {{.deed = Deed::Break, .is_early = true}, {.deed = Deed::Silence}}}},
        {.most_written = 100, .write_pause = milliseconds(1)});
  });
}

TEST_CASE("sim abort: what waited behind the request is never begun", "[sim][abort]") {
  for (const Fault fault : {Fault::Close, Fault::HalfClose, Fault::Reset}) {
    SimWorld world(calm());
    SimClient& client =
        ask_all(world, {get({.deed = Deed::Silence}), get(sized(5))}, {.pipelined = 2});
    world.run_for(milliseconds(100));
    REQUIRE(attempts(world, 0) == 1);
    client.do_fault(fault);
    world.settle();
    check_nothing_is_left(world);
    finish(world);
    CHECK(line(world, 0).status == 499);
    CHECK(attempts(world, 1) == 0);
    CHECK(world.ledger().lines == 1);
  }
}

}  // namespace sluice::sim
