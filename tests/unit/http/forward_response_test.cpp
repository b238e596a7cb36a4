#include <string>
#include <vector>

#include "fuzz/forward_check.hpp"
#include "sluice/core/rng.hpp"
#include "sluice/http/forward.hpp"
#include "support/catch.hpp"
#include "unit/http/heads.hpp"

using namespace sluice::http;
using heads::ok_with;
using heads::response;

namespace {

std::string written(const std::string& text, const ResponseForwarding& with,
                    Method method = Method::Get) {
  const auto read = response(text, method);
  INFO(heads::shown(text));
  REQUIRE(read.reason() == "accepted");
  std::array<char, 16 * 1024> memory;
  HeadWriter out(memory);
  write_response_head(out, *read.head, with);
  REQUIRE_FALSE(out.overflowed());
  return std::string(out.written());
}

bool has(const std::string& head, const std::string& line) {
  return head.find("\r\n" + line + "\r\n") != std::string::npos;
}
bool has_name(const std::string& head, const std::string& name) {
  return forward_check::lower(head).find("\r\n" + forward_check::lower(name) + ":") !=
         std::string::npos;
}

ResponseForwarding with_length(std::uint64_t length) {
  ResponseForwarding with;
  with.coding = BodyCoding::Length;
  with.length = length;
  return with;
}

}  // namespace

TEST_CASE("forwarded response: the whole head of a usual one", "[http][forward]") {
  ResponseForwarding with = with_length(5);
  with.date = "Sun, 06 Nov 1994 08:49:37 GMT";
  with.request_id = "rid-1";
  CHECK(written("HTTP/1.1 200 Fine\r\nServer: app\r\nContent-Length: 5\r\nKeep-Alive: "
                "timeout=5\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nX-Request-Id: "
                "theirs\r\nSet-Cookie: a=1\r\n\r\n",
                with) ==
        "HTTP/1.1 200 Fine\r\n"
        "Server: app\r\n"
        "Set-Cookie: a=1\r\n"
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        "Via: 1.1 sluice\r\n"
        "X-Request-Id: rid-1\r\n"
        "Content-Length: 5\r\n"
        "\r\n");
}

TEST_CASE("forwarded response: the endpoint's own Date and, without one of ours, X-Request-Id pass",
          "[http][forward]") {
  ResponseForwarding with = with_length(0);
  with.date = "ours";
  const std::string head =
      written(ok_with("Content-Length: 0\r\nDate: theirs\r\nX-Request-Id: theirs\r\n"), with);
  CHECK(has(head, "Date: theirs"));
  CHECK_FALSE(has(head, "Date: ours"));
  CHECK(has(head, "X-Request-Id: theirs"));
}

TEST_CASE("forwarded response: what is meant for the client passes unchanged", "[http][forward]") {
  const std::vector<std::string> lines{"WWW-Authenticate: Basic realm=\"a, b\"",
                                       "WWW-Authenticate: Negotiate",
                                       "Proxy-Authenticate: Basic",
                                       "Authentication-Info: x",
                                       "Allow: GET,, HEAD",
                                       "Accept-Ranges: bytes",
                                       "Content-Range: bytes 0-4/10",
                                       "Content-Encoding: gzip",
                                       "ETag: W/\"x\"",
                                       "Last-Modified: Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Location: http://127.0.0.1:9001/internal#x",
                                       "Retry-After: 120",
                                       "Server: app/1 (x)",
                                       "Vary: *",
                                       "Set-Cookie: a=1",
                                       "Set-Cookie: b=2",
                                       "Age: 7"};
  std::string all = "Content-Length: 5\r\n";
  for (const std::string& line : lines) all += line + "\r\n";
  const std::string head = written(ok_with(all), with_length(5));
  for (const std::string& line : lines) {
    INFO(line);
    CHECK(has(head, line));
  }
}

TEST_CASE("forwarded response: each body coding has its one field", "[http][forward]") {
  const std::string text = ok_with("Content-Length: 9\r\nTrailer: X-Sum\r\n");
  ResponseForwarding with;
  with.coding = BodyCoding::Chunked;
  CHECK(has(written(text, with), "Transfer-Encoding: chunked"));
  CHECK_FALSE(has_name(written(text, with), "Content-Length"));
  CHECK(has(written(text, with), "Trailer: X-Sum"));
  with.coding = BodyCoding::UntilClose;
  with.closes = true;
  CHECK_FALSE(has_name(written(text, with), "Content-Length"));
  CHECK_FALSE(has_name(written(text, with), "Transfer-Encoding"));
  CHECK_FALSE(has_name(written(text, with), "Trailer"));
  CHECK(has(written(text, with), "Connection: close"));
  CHECK(has(written(text, with_length(9)), "Content-Length: 9"));
  CHECK_FALSE(has_name(written(text, ResponseForwarding{}), "Content-Length"));
}

TEST_CASE("forwarded response: answers to HEAD and 304 may keep their length", "[http][forward]") {
  const std::string text = "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: x\r\n\r\n";
  const auto read = response(text);
  REQUIRE(read.ok());
  CHECK(content_length(*read.head) == 9U);
  ResponseForwarding with;
  with.keep_content_length = true;
  with.head_length = content_length(*read.head);
  CHECK(has(written(text, with), "Content-Length: 9"));
  with.head_length = {};
  CHECK_FALSE(has_name(written(text, with), "Content-Length"));
  CHECK_FALSE(content_length(*response(ok_with("")).head).has_value());
}

TEST_CASE("forwarded response: Connection can't take away what is meant for everyone",
          "[http][forward]") {
  const std::string head =
      written(ok_with("Connection: set-cookie, content-length, date, cache-control, location, "
                      "x\r\nSet-Cookie: a=1\r\nContent-Length: 5\r\nDate: d\r\n"
                      "Cache-Control: no-store\r\nLocation: /\r\nX: 1\r\n"),
              with_length(5));
  for (const char* line : {"Set-Cookie: a=1", "Content-Length: 5", "Date: d",
                           "Cache-Control: no-store", "Location: /"}) {
    INFO(line);
    CHECK(has(head, line));
  }
  CHECK_FALSE(has_name(head, "X"));
  CHECK_FALSE(has_name(head, "Connection"));
}

TEST_CASE("forwarded response: what concerns this hop ends here", "[http][forward]") {
  const std::string head =
      written(ok_with("Content-Length: 0\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nKeep-Alive: "
                      "timeout=9\r\nSluice-Pool: evil\r\nSluice_X: evil\r\nTE: x\r\nProxy: x\r\n"),
              with_length(0));
  for (const char* name :
       {"Upgrade", "Proxy-Connection", "Keep-Alive", "Sluice-Pool", "Sluice_X", "TE", "Proxy"}) {
    INFO(name);
    CHECK_FALSE(has_name(head, name));
  }
}

TEST_CASE("forwarded response: connection words for the client", "[http][forward]") {
  ResponseForwarding with = with_length(0);
  const std::string text = ok_with("Content-Length: 0\r\nConnection: close\r\n");
  CHECK_FALSE(has_name(written(text, with), "Connection"));
  with.says_keep_alive = true;
  CHECK(has(written(text, with), "Connection: keep-alive"));
  with.closes = true;
  CHECK(has(written(text, with), "Connection: close"));
  CHECK_FALSE(has(written(text, with), "Connection: keep-alive"));
}

TEST_CASE("forwarded response: exposed fields are written when they have a value",
          "[http][forward]") {
  ResponseForwarding with = with_length(0);
  ResponseForwarding::Exposed exposed{.pool = "green",
                                      .generation = "42",
                                      .reason = "split",
                                      .bucket = "7",
                                      .endpoint = "127.0.0.1:1",
                                      .rescued = "green"};
  with.exposed = &exposed;
  const std::string head = written(ok_with("Content-Length: 0\r\nSluice-Pool: evil\r\n"), with);
  for (const char* line : {"Sluice-Pool: green", "Sluice-Generation: 42", "Sluice-Reason: split",
                           "Sluice-Bucket: 7", "Sluice-Endpoint: 127.0.0.1:1"}) {
    INFO(line);
    CHECK(has(head, line));
  }
  CHECK(head.find("evil") == std::string::npos);
  exposed = {};
  exposed.pool = "blue";
  CHECK_FALSE(has_name(written(ok_with("Content-Length: 0\r\n"), with), "Sluice-Bucket"));
}

TEST_CASE("forwarded response: a minted cookie keeps shared caches away", "[http][forward]") {
  ResponseForwarding with = with_length(0);
  with.set_cookie = "sluice=abc; Path=/";
  struct Row {
    const char* lines;
    bool adds_private;
  };
  const Row rows[] = {{"", true},
                      {"Cache-Control: public, max-age=60\r\n", true},
                      {"Cache-Control: private\r\n", false},
                      {"Cache-Control: max-age=1, PRIVATE\r\n", false},
                      {"Cache-Control: max-age=1\r\nCache-Control: no-store\r\n", false},
                      {"Cache-Control: private=\"Set-Cookie\"\r\n", true},
                      {"Cache-Control: no-cache=\"a, private\"\r\n", true},
                      {"Cache-Control: x=\"a,private,b\"\r\n", true},
                      {"Cache-Control: x=\"a\\\",private,b\"\r\n", true},
                      {"Cache-Control: x=\"a,b\", private\r\n", false},
                      {"Cache-Control: no-storage\r\n", true}};
  for (const Row& row : rows) {
    INFO(row.lines);
    const std::string head =
        written(ok_with("Content-Length: 0\r\n" + std::string(row.lines)), with);
    CHECK(has(head, "Set-Cookie: sluice=abc; Path=/"));
    const bool added = head.find("Set-Cookie: sluice=abc; Path=/\r\nCache-Control: private\r\n") !=
                       std::string::npos;
    CHECK(added == row.adds_private);
  }
  with.set_cookie = {};
  CHECK_FALSE(has_name(written(ok_with("Content-Length: 0\r\n"), with), "Cache-Control"));
}

TEST_CASE("forwarded response: what must not be stored says nothing else to caches",
          "[http][forward]") {
  const std::string lines =
      "cache-control: public, max-age=600\r\nExpires: never\r\nCDN-Cache-Control: max-age=9\r\n"
      "Cloudflare-CDN-Cache-Control: max-age=9\r\nSurrogate-Control: max-age=9\r\n"
      "Edge-Control: max-age=9\r\nX-Accel-Expires: 9\r\nCache-Control: immutable\r\n"
      "ETag: \"a\"\r\nX-Cache-Control-Policy: mine\r\nContent-Type: text/html\r\n";
  ResponseForwarding with = with_length(0);
  with.forbids_storing = true;
  const std::string head = written(ok_with("Content-Length: 0\r\n" + lines), with);
  CHECK(has(head, "Cache-Control: no-store"));
  CHECK(head.find("max-age") == std::string::npos);
  CHECK(head.find("immutable") == std::string::npos);
  CHECK_FALSE(has_name(head, "Expires"));
  CHECK_FALSE(has_name(head, "X-Accel-Expires"));
  for (const char* line :
       {"ETag: \"a\"", "X-Cache-Control-Policy: mine", "Content-Type: text/html"})
    CHECK(has(head, line));
  // A minted cookie needs no second field.
  with.set_cookie = "sluice=abc; Path=/";
  const std::string minted = written(ok_with("Content-Length: 0\r\n"), with);
  CHECK(has(minted, "Cache-Control: no-store"));
  CHECK(minted.find("private") == std::string::npos);
  // Everything passes otherwise.
  with.forbids_storing = false;
  with.set_cookie = {};
  const std::string as_it_is = written(ok_with("Content-Length: 0\r\n" + lines), with);
  CHECK(has(as_it_is, "cache-control: public, max-age=600"));
  CHECK(has(as_it_is, "CDN-Cache-Control: max-age=9"));
  CHECK_FALSE(has(as_it_is, "Cache-Control: no-store"));
}

TEST_CASE("forwarded response: what is left under limits", "[http][forward]") {
  ResponseForwarding with = with_length(0);
  with.rate_limits.policies = R"("a";q=5;w=60, "b";q=9;w=1)";
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  CHECK(written(head, with) ==
        "HTTP/1.1 200 OK\r\nVia: 1.1 sluice\r\nRateLimit-Policy: \"a\";q=5;w=60, \"b\";q=9;w=1\r\n"
        "Content-Length: 0\r\n\r\n");
  with.rate_limits.tightest = R"("a")";
  with.rate_limits.left = 4;
  with.rate_limits.until_more_s = 12;
  CHECK(written(head, with) ==
        "HTTP/1.1 200 OK\r\nVia: 1.1 sluice\r\nRateLimit: \"a\";r=4;t=12\r\n"
        "RateLimit-Policy: \"a\";q=5;w=60, \"b\";q=9;w=1\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("forwarded response: a 1xx passes with its fields and nothing of ours",
          "[http][forward]") {
  ResponseForwarding with;
  with.date = "d";
  with.request_id = "r";
  with.closes = true;
  with.set_cookie = "c";
  const ResponseForwarding::Exposed exposed{
      .pool = "green", .generation = {}, .reason = {}, .bucket = {}, .endpoint = {}, .rescued = {}};
  with.exposed = &exposed;
  CHECK(
      written("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close\r\nSluice-X: 1\r\n\r\n",
              with) == "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  CHECK(written("HTTP/1.1 100\r\n\r\n", with) == "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_CASE("forwarded response: a 101 names the protocol", "[http][forward]") {
  ResponseForwarding with;
  with.upgrade = "websocket";
  const std::string head = written(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
      "websocket\r\nSec-WebSocket-Accept: k\r\n\r\n",
      with);
  CHECK(has(head, "Connection: upgrade"));
  CHECK(has(head, "Upgrade: websocket"));
  CHECK(has(head, "Sec-WebSocket-Accept: k"));
  CHECK_FALSE(has_name(head, "Content-Length"));
}

TEST_CASE("forwarded response: Via says which version the endpoint spoke", "[http][forward]") {
  ResponseForwarding with = with_length(0);
  CHECK(has(written("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nVia: 1.1 x\r\n\r\n", with),
            "Via: 1.0 sluice"));
  CHECK(has(written("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nVia: 1.1 x\r\n\r\n", with),
            "Via: 1.1 x"));
  with.adds_via = false;
  CHECK_FALSE(has_name(written(ok_with("Content-Length: 0\r\n"), with), "Via"));
}

TEST_CASE("forwarded response: an unknown reason stays, an empty one is filled in",
          "[http][forward]") {
  CHECK(written("HTTP/1.1 404 \xE9t\xE9\r\nContent-Length: 0\r\n\r\n", with_length(0))
            .starts_with("HTTP/1.1 404 \xE9t\xE9\r\n"));
  CHECK(written("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", with_length(0))
            .starts_with("HTTP/1.1 404 Not Found\r\n"));
  CHECK(written("HTTP/1.1 799\r\nContent-Length: 0\r\n\r\n", with_length(0))
            .starts_with("HTTP/1.1 799 \r\n"));
}

TEST_CASE("forwarded trailers: lines without the empty line", "[http][forward]") {
  const heads::Bytes bytes("A: 1\r\nHost: x\r\nB:2\r\n\r\n");
  HeaderBlock trailers;
  REQUIRE_FALSE(scan_trailers(bytes.view(), trailers));
  std::array<char, 64> memory;
  HeadWriter out(memory);
  write_trailers(out, trailers);
  CHECK(out.written() == "A: 1\r\nB: 2\r\n");
}

TEST_CASE("forwarded response: random heads are sent as exactly what was decided",
          "[http][forward][property]") {
  const std::uint64_t seed = GENERATE(71U, 72U);
  INFO("seed " << seed);
  sluice::core::Rng rng(seed);
  const std::vector<std::string> lines = {"Content-Length: 12\r\n",
                                          "Transfer-Encoding: chunked\r\n",
                                          "Connection: close, x\r\n",
                                          "Connection: content-length\r\n",
                                          "Upgrade: websocket\r\n",
                                          "X: a\r\n",
                                          "X:b\r\n",
                                          "X:\r\n",
                                          "Set-Cookie: a=b\r\n",
                                          "Via: 1.1 x\r\n",
                                          "Trailer: X\r\n",
                                          "Keep-Alive: timeout=5\r\n",
                                          "Cache-Control: private\r\n"};
  for (int round = 0; round < 2'000; ++round) {
    std::string text = rng.below(4) == 0 ? "HTTP/1.0 200 OK\r\n" : "HTTP/1.1 404 No\r\n";
    for (std::uint32_t i = rng.below(8); i > 0; --i)
      text += lines[rng.below(static_cast<std::uint32_t>(lines.size()))];
    text += "\r\n";
    const auto read = response(text);
    if (!read.ok()) continue;
    ResponseForwarding with;
    with.coding =
        std::array{BodyCoding::Length, BodyCoding::Chunked, BodyCoding::UntilClose}[rng.below(3)];
    with.length = rng.next() >> 1U;
    with.closes = rng.below(2) == 0;
    with.set_cookie = rng.below(2) == 0 ? "c=1" : "";
    with.date = "d";
    INFO(heads::shown(text));
    const std::string head = written(text, with);
    INFO(heads::shown(head));
    REQUIRE(forward_check::response_problem(head, *read.head, with) == "");
  }
}
