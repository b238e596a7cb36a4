#include "admin/request_reader.hpp"

#include "sluice/core/limits.hpp"
#include "support/catch.hpp"

namespace {

using namespace sluice;
using admin::Request;
using admin::RequestReader;
using State = RequestReader::State;

const std::string kHost = "Host: localhost\r\n";

std::string post(const std::string& body) {
  return "POST /v1/changes HTTP/1.1\r\n" + kHost +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("reader: a request in any pieces is the same request", "[admin][reader]") {
  const std::string bytes = post("{\"a\":1}");
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    RequestReader reader;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      REQUIRE(reader.state() != State::Complete);
      reader.feed(std::string_view(bytes).substr(at, size));
    }
    INFO("pieces of " << size);
    REQUIRE(reader.state() == State::Complete);
    const Request request = reader.take();
    REQUIRE(request.method == http::Method::Post);
    REQUIRE(request.path == "/v1/changes");
    REQUIRE(request.host == "localhost");
    REQUIRE(request.body == "{\"a\":1}");
    REQUIRE(request.keep_alive);
    REQUIRE(reader.state() == State::Idle);
  }
}

TEST_CASE("reader: chunked bodies are joined", "[admin][reader]") {
  RequestReader reader;
  reader.feed("POST /v1/changes HTTP/1.1\r\n" + kHost +
              "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  CHECK(reader.state() == State::Partial);
  reader.feed("2\r\nde\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n" + kHost + "\r\n");
  REQUIRE(reader.state() == State::Complete);
  CHECK(reader.take().body == "abcde");
  REQUIRE(reader.state() == State::Complete);
  CHECK(reader.take().path == "/healthz");
}

TEST_CASE("reader: requests behind each other keep their order and bodies", "[admin][reader]") {
  RequestReader reader;
  reader.feed(post("one") + post("") + "GET /a?b=c HTTP/1.1\r\n" + kHost + "\r\n" + post("three"));
  CHECK(reader.take().body == "one");
  CHECK(reader.take().body.empty());
  const Request get = reader.take();
  CHECK(get.path == "/a");
  CHECK(get.query == "b=c");
  CHECK(reader.take().body == "three");
  CHECK(reader.state() == State::Idle);
}

TEST_CASE("reader: bodies up to the limit, and one byte more", "[admin][reader]") {
  const std::size_t most = core::limits::kAdminBodyMax;
  RequestReader reader;
  reader.feed(post(std::string(most, 'x')));
  REQUIRE(reader.state() == State::Complete);
  CHECK(reader.take().body.size() == most);

  RequestReader over;
  over.feed("POST / HTTP/1.1\r\n" + kHost + "Content-Length: " + std::to_string(most + 1) +
            "\r\n\r\n");
  REQUIRE(over.state() == State::Bad);
  CHECK(over.problem().status == 413);

  RequestReader chunked;
  chunked.feed("POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n");
  for (std::size_t sent = 0; chunked.state() == State::Partial && sent <= most; sent += 0x1000) {
    chunked.feed("1000\r\n" + std::string(0x1000, 'x') + "\r\n");
  }
  REQUIRE(chunked.state() == State::Bad);
  CHECK(chunked.problem().status == 413);
}

TEST_CASE("reader: heads that never end are refused at the limit", "[admin][reader]") {
  RequestReader reader;
  reader.feed("GET / HTTP/1.1\r\n" + kHost);
  std::size_t fed = 0;
  while (reader.state() == State::Partial && fed < 100'000) {
    reader.feed("X: " + std::string(97, 'x') + "\r\n");
    fed += 102;
  }
  REQUIRE(reader.state() == State::Bad);
  CHECK(reader.problem().status == 431);
  CHECK(fed <= core::limits::kRequestHeadMax + 102);

  RequestReader line;
  line.feed("GET /" + std::string(core::limits::kRequestHeadMax, 'x'));
  REQUIRE(line.state() == State::Bad);
  CHECK(line.problem().status == 414);

  // As if only the first bytes up to the limit had come: the answer does not depend on the pieces.
  RequestReader whole;
  whole.feed("GET /" + std::string(core::limits::kRequestHeadMax, 'x') + " HTTP/1.1\r\n" + kHost +
             "\r\n");
  REQUIRE(whole.state() == State::Bad);
  CHECK(whole.problem().status == 414);
}

TEST_CASE("reader: what is ambiguous is refused", "[admin][reader]") {
  for (const std::string& head :
       {"POST / HTTP/1.1\r\n" + kHost + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "POST / HTTP/1.1\r\n" + kHost + "Content-Length: +1\r\n\r\n",
        std::string("GET / HTTP/1.1\r\n\r\n"), "GET / HTTP/1.1\n" + kHost + "\n",
        "GET  / HTTP/1.1\r\n" + kHost + "\r\n", std::string("\x16\x03\x01\r\n\r\n"),
        "GET / HTTP/1.1\r\n" + kHost + kHost + "\r\n", "CONNECT a:1 HTTP/1.1\r\n" + kHost + "\r\n",
        "GET / HTTP/2.0\r\n" + kHost + "\r\n"}) {
    RequestReader reader;
    reader.feed(head);
    INFO(head);
    REQUIRE(reader.state() == State::Bad);
    CHECK(reader.problem().status >= 400);
    reader.feed("more");
    CHECK(reader.state() == State::Bad);
  }
}

TEST_CASE("reader: a caller that expects a 100 is told once", "[admin][reader]") {
  RequestReader reader;
  reader.feed("POST / HTTP/1.1\r\n" + kHost + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(reader.wants_continue());
  CHECK_FALSE(reader.wants_continue());
  reader.feed("{}");
  CHECK(reader.state() == State::Complete);

  RequestReader whole;
  whole.feed("POST / HTTP/1.1\r\n" + kHost + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}");
  CHECK_FALSE(whole.wants_continue());
}

TEST_CASE("reader: HTTP/1.0 and Connection: close end the connection", "[admin][reader]") {
  RequestReader old;
  old.feed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  REQUIRE(old.state() == State::Complete);
  CHECK_FALSE(old.take().keep_alive);
  RequestReader closing;
  closing.feed("GET / HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n");
  CHECK_FALSE(closing.take().keep_alive);
}
