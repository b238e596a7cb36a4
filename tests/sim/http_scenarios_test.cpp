#include "sim/scenario.hpp"

// HTTP between two well-behaved or ill-behaved peers (behaviour.md §4), in a network that does
// nothing wrong.
namespace sluice::sim {

TEST_CASE("sim http: a request is answered by the live pool", "[sim][http]") {
  SimWorld world(calm());
  ask(world, {.user = "user-1", .answers = {sized(1000)}});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(entry(world, 0).outcome.answer->body.size() == 1000);
  CHECK(field(world, 0, "Sluice-Pool") == "blue");
  CHECK(field(world, 0, "Sluice-Generation") == "1");
  CHECK(attempts(world, 0) == 1);
  CHECK(line(world, 0).status == 200);
  CHECK(line(world, 0).reason == "live");
}

TEST_CASE("sim http: kept connections are reused on both sides", "[sim][http]") {
  SimWorld world(calm());
  ask_all(world, {get(sized(10)), get(sized(20, BodyForm::Chunked)), get(sized(30))});
  finish(world);
  for (const unsigned number : {0U, 1U, 2U}) CHECK(status(world, number) == 200);
  CHECK(world.origin(0).accepted == 1);
  CHECK(world.worker().metrics().connections_accepted.read() == 1);
}

TEST_CASE("sim http: pipelined requests are answered in order, one at a time", "[sim][http]") {
  SimWorld world(calm());
  AnswerPlan slow = sized(5000, BodyForm::Chunked);
  slow.delay = milliseconds(20);
  ask_all(world, {get(slow), get(sized(10)), get(sized(70'000)), get(sized(1))}, {.pipelined = 4});
  finish(world);
  for (const unsigned number : {0U, 1U, 2U, 3U}) CHECK(status(world, number) == 200);
  CHECK(world.origin(0).accepted == 1);
}

TEST_CASE("sim http: many pipelined requests wait in the kernel, not in the proxy", "[sim][http]") {
  SimWorld world(calm());
  std::vector<RequestPlan> requests(
      64,
      RequestPlan{.fields = "X-Long: " + std::string(2000, 'l') + "\r\n", .answers = {sized(100)}});
  ask_all(world, std::move(requests), {.pipelined = 64});
  world.run_until([&] { return attempts(world, 0) == 1; });
  CHECK(world.worker().load().chunks == 1);
  finish(world);
  for (unsigned number = 0; number < 64; ++number) CHECK(status(world, number) == 200);
}

TEST_CASE("sim http: bodies and trailers pass both ways", "[sim][http]") {
  SimWorld world(calm());
  AnswerPlan answer = sized(200'000, BodyForm::Chunked);
  answer.has_trailers = true;
  ask(world, {.method = "POST",
              .form = BodyForm::Chunked,
              .body = 300'000,
              .has_trailers = true,
              .answers = {answer}});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(entry(world, 0).outcome.answer->trailers.size() == 1);
  CHECK(entry(world, 0).attempts[0].is_request_complete);
}

TEST_CASE("sim http: a chunked body that waited is not read byte by byte afterwards",
          "[sim][http]") {
  SimWorld world(calm());
  world.origin(0).fate = [] { return ConnectFate{.delay = milliseconds(50)}; };
  ask(world, {.method = "POST", .form = BodyForm::Chunked, .body = 200'000, .answers = {sized(1)}},
      {.kernel_in = 200'000});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(world.scheduler().steps() < 2000);
}

TEST_CASE("sim http: answers without a body leave the connection usable", "[sim][http]") {
  SimWorld world(calm());
  AnswerPlan no_content{.status = 204, .form = BodyForm::None};
  AnswerPlan not_modified{.status = 304, .form = BodyForm::None};
  ask_all(world, {{.method = "HEAD", .answers = {sized(5000)}},
                  get(no_content),
                  get(not_modified),
                  get(sized(3))});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(field(world, 0, "Content-Length") == "5000");
  CHECK(status(world, 1) == 204);
  CHECK(status(world, 2) == 304);
  CHECK(status(world, 3) == 200);
  CHECK(world.origin(0).accepted == 1);
}

TEST_CASE("sim http: HTTP/1.0 clients get no chunks, and the end by FIN", "[sim][http]") {
  SimWorld world(calm());
  SimClient& client = ask(world, {.is_1_0 = true,
                                  .fields = "Connection: keep-alive\r\n",
                                  .answers = {sized(9000, BodyForm::Chunked)}});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(entry(world, 0).outcome.answer->form == BodyForm::UntilClose);
  CHECK(client.has_seen_end());
  CHECK_FALSE(client.was_broken());
}

TEST_CASE("sim http: HTTP/1.0 clients keep the connection when they ask and the length is known",
          "[sim][http]") {
  SimWorld world(calm());
  const RequestPlan request{
      .is_1_0 = true, .fields = "Connection: keep-alive\r\n", .answers = {sized(50)}};
  ask_all(world, {request, request});
  finish(world);
  CHECK(field(world, 0, "Connection") == "keep-alive");
  CHECK(status(world, 1) == 200);
}

TEST_CASE("sim http: an answer that ends with its connection is complete by FIN, broken by RST",
          "[sim][http]") {
  SimWorld world(calm());
  AnswerPlan broken = sized(4000, BodyForm::UntilClose);
  broken.cut_at = 3000;
  broken.cuts_with_reset = true;
  ask(world, get(sized(4000, BodyForm::UntilClose)));
  ask(world, get(broken));
  SimClient& old = ask(world, {.is_1_0 = true, .answers = {broken}});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(entry(world, 0).outcome.answer->form == BodyForm::Chunked);
  CHECK(status(world, 1) == 0);
  CHECK(status(world, 2) == 0);
  CHECK(old.was_broken());
}

TEST_CASE("sim http: truncated answers are broken transfers", "[sim][http]") {
  SimWorld world(calm());
  for (const BodyForm form : {BodyForm::Length, BodyForm::Chunked}) {
    for (const bool resets : {false, true}) {
      AnswerPlan answer = sized(4000, form);
      answer.cut_at = 2000;
      answer.cuts_with_reset = resets;
      ask(world, get(answer));
    }
  }
  finish(world);
  for (unsigned number = 0; number < 4; ++number) {
    CHECK(status(world, number) == 0);
    CHECK(world.clients()[number]->was_broken());
    CHECK(attempts(world, number) == 1);
    CHECK_FALSE(line(world, number).error.empty());
  }
}

TEST_CASE("sim http: a chunked answer that lacks only its last CRLF is broken", "[sim][http]") {
  SimWorld world(calm());
  AnswerPlan answer = sized(400, BodyForm::Chunked);
  answer.cut_at = compose_answer(RequestPlan{}, answer, PoolName::Blue).size() - 1;
  ask(world, get(answer));
  finish(world);
  CHECK(status(world, 0) == 0);
  CHECK(world.clients()[0]->was_broken());
}

TEST_CASE("sim http: Expect: 100-continue waits for the endpoint's 100", "[sim][http]") {
  SimWorld world(calm());
  AnswerPlan answer = sized(10);
  ask(world, {.method = "POST",
              .form = BodyForm::Length,
              .body = 50'000,
              .expects = true,
              .answers = {answer}});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(entry(world, 0).outcome.informational == 1);
  CHECK(entry(world, 0).attempts[0].is_request_complete);
}

TEST_CASE("sim http: without a 100 the body is sent after a second", "[sim][http]") {
  SimWorld world(calm());
  AnswerPlan answer = sized(10);
  answer.sends_continue = false;
  // A client that does not wait: the proxy does.
  ask(world, {.method = "POST",
              .form = BodyForm::Length,
              .body = 500,
              .fields = "Expect: 100-continue\r\n",
              .answers = {answer}});
  world.run_for(milliseconds(950));
  REQUIRE(attempts(world, 0) == 1);
  CHECK_FALSE(entry(world, 0).attempts[0].is_request_complete);
  world.run_for(milliseconds(150));
  CHECK(entry(world, 0).attempts[0].is_request_complete);
  finish(world);
  CHECK(status(world, 0) == 200);
}

TEST_CASE("sim http: a final answer instead of a 100 ends the connection", "[sim][http]") {
  SimWorld world(calm());
  AnswerPlan answer{.status = 413, .size = 20, .is_early = true};
  SimClient& client = ask(world, {.method = "POST",
                                  .form = BodyForm::Length,
                                  .body = 500,
                                  .expects = true,
                                  .answers = {answer}});
  finish(world);
  CHECK(status(world, 0) == 413);
  CHECK(field(world, 0, "Connection") == "close");
  CHECK_FALSE(client.was_broken());
  CHECK_FALSE(entry(world, 0).attempts[0].is_request_complete);
}

TEST_CASE("sim http: an early 413 reaches a client that is still sending", "[sim][http]") {
  SimWorld world(calm());
  AnswerPlan answer{
      .status = 413, .size = 2000, .is_early = true, .stops_reading = true, .closes = true};
  SimClient& client =
      ask(world, {.method = "POST", .form = BodyForm::Length, .body = 200'000, .answers = {answer}},
          {.most_written = 4000, .sends_on_after_final = true});
  finish(world);
  CHECK(status(world, 0) == 413);
  CHECK(entry(world, 0).outcome.answer->body.size() == 2000);
  CHECK(field(world, 0, "Connection") == "close");
  CHECK_FALSE(client.was_broken());
}

TEST_CASE("sim http: a body over the limit is a 413, whether declared or found", "[sim][http]") {
  WorldOptions options = calm();
  options.service.body_bytes_max = 1000;
  SimWorld world(options);
  ask(world, {.method = "POST", .form = BodyForm::Length, .body = 1001});
  ask(world, {.method = "POST", .form = BodyForm::Chunked, .body = 5000});
  ask(world, {.method = "POST", .form = BodyForm::Length, .body = 1000, .answers = {sized(1)}});
  finish(world);
  CHECK(status(world, 0) == 413);
  CHECK(attempts(world, 0) == 0);
  CHECK(status(world, 1) == 413);
  for (const Attempt& attempt : entry(world, 1).attempts) CHECK_FALSE(attempt.is_request_complete);
  CHECK(status(world, 2) == 200);
}

TEST_CASE("sim http: informational answers pass, a flood of them is a 502", "[sim][http]") {
  SimWorld world(calm());
  AnswerPlan three = sized(1);
  three.informational = 3;
  AnswerPlan eight = sized(1);
  eight.informational = 8;
  AnswerPlan nine = sized(1);
  nine.informational = 9;
  ask(world, get(three));
  ask(world, get(eight));
  ask(world, get(nine));
  ask(world, {.is_1_0 = true, .answers = {three}});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(entry(world, 0).outcome.informational == 3);
  CHECK(status(world, 1) == 200);
  CHECK(status(world, 2) == 502);
  CHECK(status(world, 3) == 200);
  CHECK(entry(world, 3).outcome.informational == 0);
}

TEST_CASE("sim http: malformed requests are refused and reach nobody", "[sim][http]") {
  const std::vector<std::pair<std::string, unsigned>> kHeads{
      {"GET / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nTransfer-Encoding: "
       "chunked\r\n\r\n",
       400},
      {"GET / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\nHost: shop.test\n\n", 400},
      {"GET / HTTP/2.0\r\nHost: shop.test\r\n\r\n", 505},
      {"CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test\r\n\r\n", 405},
      {"POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n", 404},
      {"GET /../.. HTTP/1.1\r\nHost: shop.test\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: shop.test\r\nX-Big: " + std::string(20'000, 'x') + "\r\n\r\n", 431},
      {"GET /" + std::string(9000, 'y') + " HTTP/1.1\r\nHost: shop.test\r\n\r\n", 414},
  };
  SimWorld world(calm());
  for (const auto& head : kHeads) ask(world, {.raw = head.first});
  finish(world);
  for (unsigned number = 0; number < kHeads.size(); ++number) {
    INFO(kHeads[number].first.substr(0, 80));
    CHECK(status(world, number) == kHeads[number].second);
    CHECK_FALSE(world.clients()[number]->was_broken());
  }
  CHECK(world.origin(0).accepted == 0);
}

TEST_CASE("sim http: bytes behind a refused request are not read as another one", "[sim][http]") {
  SimWorld world(calm());
  ask(world, {.raw = "GET / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nTransfer-Encoding: "
                     "chunked\r\n\r\n"
                     "GET /r/0 HTTP/1.1\r\nHost: shop.test\r\n\r\n"});
  finish(world);
  CHECK(status(world, 0) == 400);
  CHECK(field(world, 0, "Connection") == "close");
  CHECK(world.ledger().lines == 1);
  CHECK(world.origin(0).accepted == 0);
}

TEST_CASE("sim http: malformed answers are a 502, once", "[sim][http]") {
  const std::vector<std::string> kAnswers{
      "HTTP/1.1 20 OK\r\n\r\n",
      "HELLO\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: "
      "chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
      "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nabcde",
      "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: a" + std::string(1, '\0') + "b\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX-Big: " + std::string(70'000, 'x') + "\r\n\r\n",
  };
  SimWorld world(calm());
  for (const std::string& raw : kAnswers)
    ask(world, get({.deed = AnswerPlan::Deed::Raw, .raw = raw}));
  finish(world);
  for (unsigned number = 0; number < kAnswers.size(); ++number) {
    INFO(kAnswers[number].substr(0, 80));
    CHECK(status(world, number) == 502);
    CHECK(attempts(world, number) == 1);
  }
}

TEST_CASE("sim http: a connection with bytes behind the answer is never reused", "[sim][http]") {
  SimWorld world(calm());
  AnswerPlan surplus = sized(5);
  surplus.surplus = "HTTP/1.1 200 Evil\r\nContent-Length: 0\r\n\r\n";
  ask_all(world, {get(surplus), get(sized(7))}, {.think = milliseconds(5)});
  finish(world);
  CHECK(status(world, 0) == 200);
  CHECK(status(world, 1) == 200);
  CHECK(world.origin(0).accepted == 2);
}

TEST_CASE("sim http: a broken chunked upload never reaches the endpoint as a complete one",
          "[sim][http]") {
  SimWorld world(calm());
  ask(world, {.method = "POST",
              .form = BodyForm::Chunked,
              .body = 4000,
              .breaks_body = true,
              .answers = {sized(1)}});
  finish(world);
  CHECK(status(world, 0) == 400);
  CHECK(field(world, 0, "Connection") == "close");
  for (const Attempt& attempt : entry(world, 0).attempts) CHECK_FALSE(attempt.is_request_complete);
}

}  // namespace sluice::sim
