#include <string>

#include "support/catch.hpp"
#include "unit/http/heads.hpp"

using namespace sluice::http;
using namespace std::string_literals;
using heads::ok_with;
using heads::response;
using heads::shown;

namespace {

std::string status_with(unsigned status, const std::string& lines) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + lines + "\r\n";
}

/// By the scanner itself, not only because llhttp reads the head otherwise.
bool is_refused(const std::string& text, Method method = Method::Get) {
  const auto read = response(text, method);
  return !read.ok() && read.reason() != "two readings of the head differ";
}

const std::string kLength5 = "Content-Length: 5\r\n";
const std::string kChunked = "Transfer-Encoding: chunked\r\n";

}  // namespace

TEST_CASE("response head: a usual one is read whole", "[http][response]") {
  const auto read = response(
      "HTTP/1.1 200 All is well\r\nContent-Length: 5\r\nKeep-Alive: timeout=5, max=100\r\nServer: "
      "x\r\n\r\n");
  REQUIRE(read.reason() == "accepted");
  CHECK(read.head->status == 200);
  CHECK(read.head->version == Version::Http11);
  CHECK(read.head->reason == "All is well");
  CHECK(read.head->framing.kind == BodyKind::Length);
  CHECK(read.head->framing.length == 5);
  CHECK(read.head->keep_alive);
  CHECK(read.head->keep_alive_timeout_s == 5U);
  CHECK(read.head->fields.size() == 3);
  CHECK(read.head->upgrade.empty());
}

TEST_CASE("status line: the forms that pass", "[http][response]") {
  struct Row {
    const char* line;
    unsigned status;
    const char* reason;
  };
  const Row rows[] = {{"HTTP/1.1 200 OK", 200, "OK"},
                      {"HTTP/1.0 200 OK", 200, "OK"},
                      {"HTTP/1.1 200 ", 200, ""},
                      {"HTTP/1.1 200", 200, ""},
                      {"HTTP/1.1 100 Continue", 100, "Continue"},
                      {"HTTP/1.1 999 x", 999, "x"},
                      {"HTTP/1.1 404 Not\tFound \xE9", 404, "Not\tFound \xE9"},
                      {"HTTP/1.1 200  two", 200, " two"}};
  for (const Row& row : rows) {
    INFO(row.line);
    const auto read = response(std::string(row.line) + "\r\nContent-Length: 0\r\n\r\n");
    REQUIRE(read.reason() == "accepted");
    CHECK(read.head->status == row.status);
    CHECK(read.head->reason == row.reason);
  }
}

TEST_CASE("status line: everything else is refused, and none is taken for HTTP/0.9",
          "[http][response]") {
  for (const std::string line : {"",
                                 "200 OK",
                                 "<html>",
                                 "HTTP/1.1",
                                 "HTTP/1.1 ",
                                 "HTTP/1.1 20",
                                 "HTTP/1.1 99 x",
                                 "HTTP/1.1 099 x",
                                 "HTTP/1.1 000 x",
                                 "HTTP/1.1 1000 x",
                                 "HTTP/1.1 2000",
                                 "HTTP/1.1 20x OK",
                                 "HTTP/1.1 +20 OK",
                                 "HTTP/1.1 -20 OK",
                                 "HTTP/1.1  200 OK",
                                 "HTTP/1.1\t200 OK",
                                 "HTTP/1.1 200OK",
                                 "HTTP/1.1 200\tOK",
                                 "HTTP/1.2 200 OK",
                                 "HTTP/2 200 OK",
                                 "HTTP/2.0 200 OK",
                                 "HTTP/0.9 200 OK",
                                 "http/1.1 200 OK",
                                 " HTTP/1.1 200 OK",
                                 "ICY 200 OK",
                                 "\r\nHTTP/1.1 200 OK",
                                 "HTTP/1.1 200 O\rK",
                                 "HTTP/1.1 200 O\nK",
                                 "HTTP/1.1 200 O\x01K",
                                 "HTTP/1.1 200 O\x7FK",
                                 "HTTP/1.1 200 OK\r",
                                 "HTTP/1.1 200\r"}) {
    INFO(shown(line));
    CHECK(is_refused(line + "\r\nContent-Length: 0\r\n\r\n"));
  }
  CHECK(is_refused("HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n"s));
  CHECK(is_refused("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"));
}

TEST_CASE("response fields: the strictness of requests holds", "[http][response]") {
  for (const std::string& line :
       {" X: a\r\n"s, "X : a\r\n"s, "X: a\r\n b\r\n"s, ": a\r\n"s, "X\r\n"s, "X: a\rb\r\n"s,
        "X: a\nY: b\r\n"s, "X: a\0\r\n"s, "X: \x01\r\n"s, "X Y: a\r\n"s, "X\xE9: a\r\n"s}) {
    INFO(shown(line));
    CHECK(is_refused(ok_with(line + kLength5)));
    CHECK(is_refused(ok_with(kLength5 + line)));
  }
}

TEST_CASE("response framing: what is ambiguous is refused", "[http][response][framing]") {
  for (const std::string& lines :
       {kLength5 + kLength5, kLength5 + "Content-Length: 6\r\n", kLength5 + kChunked,
        kChunked + kLength5, kChunked + kChunked, "Content-Length: +5\r\n"s,
        "Content-Length: 0x5\r\n"s, "Content-Length: 5, 5\r\n"s, "Content-Length:\r\n"s,
        "Content-Length: 9223372036854775808\r\n"s, "Transfer-Encoding: gzip\r\n"s,
        "Transfer-Encoding: gzip, chunked\r\n"s, "Transfer-Encoding: identity\r\n"s,
        "Transfer-Encoding: xchunked\r\n"s, "Transfer-Encoding: chunked, chunked\r\n"s,
        "Transfer-Encoding:\tchunked\r\n"s, "Transfer-Encoding:\r\n"s}) {
    INFO(lines);
    CHECK(is_refused(ok_with(lines)));
    // Also where no body follows: the answer shows that the endpoint can't be trusted with the next
    // one.
    CHECK(is_refused(ok_with(lines), Method::Head));
    CHECK(is_refused(status_with(304, lines)));
  }
  CHECK(is_refused("HTTP/1.0 200 OK\r\n" + kChunked + "\r\n"));
}

TEST_CASE("response framing: method and status decide whether a body follows",
          "[http][response][framing]") {
  const auto kind = [](const std::string& text, Method method = Method::Get) {
    const auto read = response(text, method);
    REQUIRE(read.reason() == "accepted");
    return read.head->framing.kind;
  };
  CHECK(kind(ok_with(kLength5)) == BodyKind::Length);
  CHECK(kind(ok_with(kChunked)) == BodyKind::Chunked);
  CHECK(kind(ok_with("")) == BodyKind::UntilClose);
  CHECK(kind("HTTP/1.0 200 OK\r\n\r\n") == BodyKind::UntilClose);
  CHECK(kind(ok_with(kLength5), Method::Head) == BodyKind::None);
  CHECK(kind(ok_with(kChunked), Method::Head) == BodyKind::None);
  CHECK(kind(ok_with(""), Method::Head) == BodyKind::None);
  CHECK(kind(status_with(304, kLength5)) == BodyKind::None);
  CHECK(kind(status_with(304, "")) == BodyKind::None);
  CHECK(kind(status_with(204, "")) == BodyKind::None);
  CHECK(kind(status_with(204, "Content-Length: 0\r\n")) == BodyKind::None);
  CHECK(kind(status_with(100, "")) == BodyKind::None);
  CHECK(kind(status_with(103, "Link: x\r\n")) == BodyKind::None);
  CHECK(kind(status_with(199, "")) == BodyKind::None);
  CHECK(kind(status_with(205, "")) == BodyKind::UntilClose);
  CHECK(kind(status_with(205, kLength5)) == BodyKind::Length);
  CHECK(kind(status_with(205, kChunked)) == BodyKind::Chunked);
}

TEST_CASE("response framing: a body on 1xx or 204 is refused", "[http][response][framing]") {
  for (const unsigned status : {100U, 101U, 103U, 199U, 204U}) {
    INFO(status);
    CHECK(response(status_with(status, kLength5)).reason() == "body on a 1xx or 204");
    CHECK(response(status_with(status, kChunked)).reason() == "Transfer-Encoding on a 1xx or 204");
    CHECK(response(status_with(status, kLength5), Method::Head).status() == 400);
  }
}

TEST_CASE("response: may the connection be kept", "[http][response]") {
  const auto keeps = [](const std::string& text, Method method = Method::Get) {
    return response(text, method).head->keep_alive;
  };
  CHECK(keeps(ok_with(kLength5)));
  CHECK(keeps(ok_with(kChunked)));
  CHECK_FALSE(keeps(ok_with("")));
  CHECK(keeps(ok_with(""), Method::Head));
  CHECK(keeps(status_with(304, "")));
  CHECK_FALSE(keeps(ok_with(kLength5 + "Connection: close\r\n")));
  CHECK_FALSE(keeps(ok_with(kLength5 + "Connection: keep-alive\r\nConnection: x, Close\r\n")));
  CHECK_FALSE(keeps("HTTP/1.0 200 OK\r\n" + kLength5 + "\r\n"));
  CHECK(keeps("HTTP/1.0 200 OK\r\n" + kLength5 + "Connection: keep-alive\r\n\r\n"));
  CHECK_FALSE(keeps("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n"));
}

TEST_CASE("response: as many Connection options as the limit, and one more",
          "[http][response][limits]") {
  const auto with_options = [](unsigned count) {
    std::string list = "close, keep-alive, upgrade";
    for (unsigned i = 0; i < count; ++i) list += ", x" + std::to_string(i);
    return response(ok_with(kLength5 + "Connection: " + list + "\r\n"));
  };
  CHECK(with_options(sluice::core::limits::kConnectionOptionsMax).reason() == "accepted");
  CHECK(with_options(sluice::core::limits::kConnectionOptionsMax + 1).reason() ==
        "too many Connection options");
}

TEST_CASE("response: timeout of Keep-Alive", "[http][response]") {
  const auto timeout = [](const std::string& value) {
    return response(ok_with(kLength5 + "Keep-Alive: " + value + "\r\n")).head->keep_alive_timeout_s;
  };
  CHECK(timeout("timeout=5") == 5U);
  CHECK(timeout("max=100, Timeout=15") == 15U);
  CHECK(timeout("timeout=0") == 0U);
  CHECK(timeout("timeout=999999999") == 999'999'999U);
  CHECK(timeout("timeout=1, timeout=2") == 1U);
  for (const char* value : {"", "timeout=", "timeout=-1", "timeout=1s", "timeout=9999999999",
                            "timeout", "xtimeout=5", "max=5"}) {
    INFO(value);
    CHECK_FALSE(timeout(value).has_value());
  }
}

TEST_CASE("response: Upgrade counts on a 101 only", "[http][response]") {
  const std::string lines = "Connection: upgrade\r\nUpgrade: websocket\r\n";
  CHECK(response(status_with(101, lines)).head->upgrade == "websocket");
  CHECK(response(status_with(426, lines + kLength5)).head->upgrade.empty());
  CHECK(response(status_with(101, "")).head->upgrade.empty());
}

TEST_CASE("response limits: size and field count, each at its limit and one past it",
          "[http][response][limits]") {
  using namespace sluice::core::limits;
  const auto padded = [](std::size_t size) {
    const std::string rest = ok_with(kLength5 + "X: \r\n");
    return ok_with(kLength5 + "X: " + std::string(size - rest.size(), 'v') + "\r\n");
  };
  const auto largest = response(padded(kResponseHeadMax));
  CHECK(largest.reason() == "accepted");
  CHECK(largest.head->fields[1].value.size() > 65'000);
  CHECK(response(padded(kResponseHeadMax + 1)).status() == 431);
  const auto counted = [](std::size_t count) {
    std::string lines = kLength5;
    for (std::size_t i = 1; i < count; ++i) lines += "X: 1\r\n";
    return ok_with(lines);
  };
  CHECK(response(counted(kFieldCountMax)).reason() == "accepted");
  CHECK(response(counted(kFieldCountMax + 1)).status() == 431);
}

TEST_CASE("response: a field at the far end of the largest head is read right",
          "[http][response][limits]") {
  using namespace sluice::core::limits;
  const std::string tail = "Last: z\r\n\r\n";
  std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: ";
  text += std::string(kResponseHeadMax - text.size() - tail.size() - 2, 'v') + "\r\n" + tail;
  const auto read = response(text);
  REQUIRE(read.reason() == "accepted");
  CHECK(read.head->fields[2].name == "Last");
  CHECK(read.head->fields[2].value == "z");
}
