#include <string>
#include <vector>

#include "fuzz/forward_check.hpp"
#include "sluice/core/rng.hpp"
#include "sluice/http/forward.hpp"
#include "support/catch.hpp"
#include "unit/http/heads.hpp"

using namespace sluice::http;
using heads::get_with;
using heads::post_with;
using heads::request;
using sluice::core::IpAddress;

namespace {

enum class Trust { No, Yes };

RequestForwarding forwarding(Trust trust = Trust::No) {
  RequestForwarding with;
  with.peer = IpAddress::parse("192.0.2.7");
  with.client = {with.peer, trust == Trust::Yes};
  with.request_id = "rid-1";
  with.pool = "green";
  with.span_id = 0xABCDEF;
  with.trace_high = 1;
  with.trace_low = 2;
  return with;
}

/// The head as it is sent, checked by both readings.
std::string written(const std::string& text, const RequestForwarding& given = forwarding()) {
  const auto read = request(text);
  INFO(heads::shown(text));
  REQUIRE(read.reason() == "accepted");
  RequestForwarding with = given;
  with.upgrade = read.head->upgrade;
  std::array<char, 24 * 1024> memory;
  HeadWriter out(memory);
  write_request_head(out, *read.head, with);
  REQUIRE_FALSE(out.overflowed());
  INFO(heads::shown(out.written()));
  CHECK(forward_check::request_problem(out.written(), *read.head, with) == "");
  return std::string(out.written());
}

bool has(const std::string& head, const std::string& line) {
  return head.find("\r\n" + line + "\r\n") != std::string::npos;
}
bool has_name(const std::string& head, const std::string& name) {
  return forward_check::lower(head).find("\r\n" + forward_check::lower(name) + ":") !=
         std::string::npos;
}

}  // namespace

TEST_CASE("forwarded request: the whole head of a usual one", "[http][forward]") {
  const std::string text =
      "GET /a?b=%41 HTTP/1.1\r\nUser-Agent: curl\r\nHost: Shop.Example:80\r\nAccept: "
      "*/*\r\nX-Odd:x \r\nX-Empty:\r\nConnection: keep-alive\r\nCookie: a=1\r\n\r\n";
  CHECK(written(text) ==
        "GET /a?b=%41 HTTP/1.1\r\n"
        "Host: Shop.Example:80\r\n"
        "User-Agent: curl\r\n"
        "Accept: */*\r\n"
        "X-Odd: x\r\n"
        "X-Empty: \r\n"
        "Cookie: a=1\r\n"
        "X-Forwarded-For: 192.0.2.7\r\n"
        "X-Forwarded-Proto: http\r\n"
        "X-Forwarded-Host: Shop.Example:80\r\n"
        "Forwarded: for=192.0.2.7;host=\"Shop.Example:80\";proto=http\r\n"
        "X-Request-Id: rid-1\r\n"
        "traceparent: 00-00000000000000010000000000000002-0000000000abcdef-01\r\n"
        "Via: 1.1 sluice\r\n"
        "Sluice-Pool: green\r\n"
        "\r\n");
}

TEST_CASE("forwarded request: the endpoint gets the origin form", "[http][forward]") {
  struct Row {
    const char* line;
    const char* sent;
  };
  const Row rows[] = {{"GET http://a/x?y HTTP/1.1", "GET /x?y HTTP/1.1"},
                      {"GET http://a HTTP/1.1", "GET / HTTP/1.1"},
                      {"GET http://a/ HTTP/1.1", "GET / HTTP/1.1"},
                      {"GET http://a?q HTTP/1.1", "GET /?q HTTP/1.1"},
                      {"GET http://a? HTTP/1.1", "GET /? HTTP/1.1"},
                      {"GET http://a/x? HTTP/1.1", "GET /x? HTTP/1.1"},
                      {"GET HTTPS://A//x HTTP/1.1", "GET //x HTTP/1.1"},
                      {"GET http://a/http://b/ HTTP/1.1", "GET /http://b/ HTTP/1.1"},
                      {"OPTIONS http://a HTTP/1.1", "OPTIONS * HTTP/1.1"},
                      {"OPTIONS http://a/ HTTP/1.1", "OPTIONS / HTTP/1.1"},
                      {"OPTIONS http://a? HTTP/1.1", "OPTIONS /? HTTP/1.1"},
                      {"OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1"},
                      {"GET /../%2e/{}|^?? HTTP/1.1", "GET /../%2e/{}|^?? HTTP/1.1"},
                      {"QUERY /x HTTP/1.1", "QUERY /x HTTP/1.1"}};
  for (const Row& row : rows) {
    const std::string head = written(std::string(row.line) + "\r\nHost: a\r\n\r\n");
    CHECK(head.substr(0, head.find("\r\n")) == row.sent);
  }
}

TEST_CASE("forwarded request: fields of this hop and Connection-listed ones end here",
          "[http][forward]") {
  const std::string head =
      written(get_with("Connection: X-Mine, close\r\nConnection: y-mine\r\nX-Mine: 1\r\nY-MINE: "
                       "2\r\nKeep-Alive: timeout=5\r\n"
                       "Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nProxy: http://evil/\r\nTE: "
                       "gzip\r\nZ: 3\r\n"));
  for (const char* name : {"Connection", "X-Mine", "Y-Mine", "Keep-Alive", "Proxy-Connection",
                           "Upgrade", "Proxy", "TE"}) {
    INFO(name);
    CHECK_FALSE(has_name(head, name));
  }
  CHECK(has(head, "Z: 3"));
}

TEST_CASE("forwarded request: Connection can't take away what is meant for everyone",
          "[http][forward]") {
  const std::string head =
      written(post_with("Connection: host, cookie, content-length, authorization, content-type, "
                        "cache-control, x-forwarded-for, via, traceparent, "
                        "sluice-pool, x-request-id, forwarded, expect\r\nCookie: "
                        "a=1\r\nContent-Length: 5\r\nAuthorization: b\r\n"
                        "Content-Type: c\r\nCache-Control: d\r\nExpect: 100-continue\r\n"));
  for (const char* line :
       {"Host: a.example", "Cookie: a=1", "Content-Length: 5", "Authorization: b",
        "Content-Type: c", "Cache-Control: d", "X-Forwarded-For: 192.0.2.7", "Via: 1.1 sluice",
        "Sluice-Pool: green", "X-Request-Id: rid-1", "Expect: 100-continue"}) {
    INFO(line);
    CHECK(has(head, line));
  }
  CHECK(has_name(head, "traceparent"));
  CHECK(has_name(head, "Forwarded"));
}

TEST_CASE("forwarded request: an untrusted peer's forwarding fields and their twins are replaced",
          "[http][forward]") {
  const std::string lines =
      "X-Forwarded-For: 10.0.0.1\r\nx-forwarded-proto: https\r\nX-Forwarded-Host: "
      "evil\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /p\r\nForwarded: for=10.0.0.1\r\n"
      "X_Forwarded_For: 10.0.0.2\r\nX-Forwarded_Host: evil\r\nX_Request_Id: evil\r\nX-Request-Id: "
      "evil\r\nSluice-Pool: evil\r\nSluice_Pool: evil\r\nSluice-X: evil\r\n"
      "X.Forwarded.For: 10.0.0.3\r\nX~Forwarded-Host: evil\r\nX|Request|Id: evil\r\n"
      "Sluice.Pool: evil\r\n";
  const std::string head = written(get_with(lines));
  CHECK(head.find("10.0.0.") == std::string::npos);
  CHECK(head.find("evil") == std::string::npos);
  CHECK(head.find("https") == std::string::npos);
  CHECK_FALSE(has_name(head, "X-Forwarded-Port"));
  CHECK_FALSE(has_name(head, "X-Forwarded-Prefix"));
  CHECK(has(head, "X-Forwarded-For: 192.0.2.7"));
  CHECK(has(head, "X-Forwarded-Host: a.example"));
  CHECK(has(head, "X-Forwarded-Proto: http"));
  CHECK(has(head, "Forwarded: for=192.0.2.7;host=a.example;proto=http"));
  CHECK(has(head, "Sluice-Pool: green"));
}

TEST_CASE("forwarded request: a trusted peer's forwarding fields are kept and extended",
          "[http][forward]") {
  const std::string lines =
      "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: "
      "front\r\nX-Forwarded-Port: 443\r\nForwarded: for=10.0.0.1\r\n"
      "X-Forwarded-For: 10.0.0.2\r\nForwarded: for=10.0.0.2;proto=https\r\nX_Forwarded_For: "
      "evil\r\nX.Forwarded.Proto: evil\r\nSluice-Pool: evil\r\nX-Forwarded-For:\r\n";
  const std::string head = written(get_with(lines), forwarding(Trust::Yes));
  CHECK(has(head, "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 192.0.2.7"));
  CHECK(has(head, "X-Forwarded-Proto: https"));
  CHECK(has(head, "X-Forwarded-Host: front"));
  CHECK(has(head, "X-Forwarded-Port: 443"));
  CHECK(has(head,
            "Forwarded: for=10.0.0.1, for=10.0.0.2;proto=https, "
            "for=192.0.2.7;host=a.example;proto=http"));
  CHECK(head.find("evil") == std::string::npos);
  const std::string bare = written(get_with(""), forwarding(Trust::Yes));
  CHECK(has(bare, "X-Forwarded-For: 192.0.2.7"));
  CHECK(has(bare, "X-Forwarded-Proto: http"));
  CHECK(has(bare, "X-Forwarded-Host: a.example"));
}

TEST_CASE("forwarded request: IPv6 is bare in X-Forwarded-For and quoted in Forwarded",
          "[http][forward]") {
  RequestForwarding with = forwarding();
  with.peer = IpAddress::parse("2001:DB8::1");
  with.scheme = "https";
  const std::string head = written("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", with);
  CHECK(has(head, "X-Forwarded-For: 2001:db8::1"));
  CHECK(has(head, "X-Forwarded-Proto: https"));
  CHECK(has(head, "Forwarded: for=\"[2001:db8::1]\";host=\"[::1]:8080\";proto=https"));
}

TEST_CASE("forwarded request: a Unix-socket peer adds no address", "[http][forward]") {
  RequestForwarding with = forwarding(Trust::Yes);
  with.peer = {};
  const std::string kept = written(get_with("X-Forwarded-For: 10.0.0.1\r\n"), with);
  CHECK(has(kept, "X-Forwarded-For: 10.0.0.1"));
  CHECK(has(kept, "Forwarded: for=unknown;host=a.example;proto=http"));
  CHECK_FALSE(has_name(written(get_with(""), with), "X-Forwarded-For"));
  with.client.peer_is_trusted = false;
  CHECK_FALSE(
      has_name(written(get_with("X-Forwarded-For: 10.0.0.1\r\n"), with), "X-Forwarded-For"));
}

TEST_CASE("forwarded request: one framing field, as decided", "[http][forward]") {
  CHECK(has(written(post_with("Content-Length: 007\r\n")), "Content-Length: 7"));
  CHECK(has(written(post_with("content-length: 0\r\n")), "Content-Length: 0"));
  CHECK(has(written(post_with("transfer-encoding: CHUNKED\r\n")), "Transfer-Encoding: chunked"));
  const std::string none = written(post_with(""));
  CHECK_FALSE(has_name(none, "Content-Length"));
  CHECK_FALSE(has_name(none, "Transfer-Encoding"));
}

TEST_CASE("forwarded request: a body keeps its framing whatever the method", "[http][forward]") {
  for (const char* method : {"GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "QUERY"}) {
    const std::string start = std::string(method) + " / HTTP/1.1\r\nHost: a\r\n";
    INFO(method);
    CHECK(has(written(start + "Content-Length: 5\r\n\r\n"), "Content-Length: 5"));
    CHECK(has(written(start + "Transfer-Encoding: chunked\r\n\r\n"), "Transfer-Encoding: chunked"));
    const std::string none = written(start + "\r\n");
    CHECK_FALSE(has_name(none, "Content-Length"));
    CHECK_FALSE(has_name(none, "Transfer-Encoding"));
  }
}

TEST_CASE("forwarded request: what is meant for the origin passes unchanged", "[http][forward]") {
  const std::vector<std::string> lines{"Authorization: Basic  dTpw==",
                                       "Proxy-Authorization: Basic eDp5",
                                       "Proxy-Authentication-Info: x",
                                       "Range: bytes=0-1, 2-3",
                                       "If-Match: \"a\", W/\"b\"",
                                       "If-None-Match: *",
                                       "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT",
                                       "If-Range: \"a\"",
                                       "Cache-Control: no-transform , x",
                                       "Accept-Encoding: gzip;q=0, ,br",
                                       "Content-Encoding: gzip",
                                       "Content-Type: text/plain; charset=\"x\"",
                                       "Date: yesterday",
                                       "From: a@b",
                                       "Referer: /x#y",
                                       "User-Agent: a (b; c)"};
  std::string all;
  for (const std::string& line : lines) all += line + "\r\n";
  const std::string head = written(get_with(all));
  for (const std::string& line : lines) {
    INFO(line);
    CHECK(has(head, line));
  }
}

TEST_CASE("forwarded request: HTTP/1.0 becomes 1.1 with a host, and Via says what it was",
          "[http][forward]") {
  const std::string head = written(
      "POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\nTE: trailers\r\nConnection: "
      "upgrade\r\nUpgrade: websocket\r\n\r\n");
  CHECK(head.starts_with("POST / HTTP/1.1\r\nHost: localhost\r\n"));
  CHECK(has(head, "Via: 1.0 sluice"));
  for (const char* name : {"Expect", "TE", "Upgrade", "Connection", "X-Forwarded-Host"}) {
    INFO(name);
    CHECK_FALSE(has_name(head, name));
  }
  CHECK(written("GET http://A:81/x HTTP/1.0\r\n\r\n")
            .starts_with("GET /x HTTP/1.1\r\nHost: A:81\r\n"));
}

TEST_CASE("forwarded request: Via is added to what is there, or not at all", "[http][forward]") {
  const std::string text = get_with("Via: 1.0 fred, 1.1 p.example\r\nX: y\r\n");
  const std::string head = written(text);
  CHECK(head.find("\r\nVia: 1.0 fred, 1.1 p.example\r\n") < head.find("\r\nVia: 1.1 sluice\r\n"));
  CHECK(has(head, "Via: 1.1 sluice"));
  RequestForwarding with = forwarding();
  with.adds_via = false;
  CHECK_FALSE(has(written(text, with), "Via: 1.1 sluice"));
  CHECK(has(written(text, with), "Via: 1.0 fred, 1.1 p.example"));
}

TEST_CASE("forwarded request: only the exact TE: trailers passes, with its Connection option",
          "[http][forward]") {
  CHECK(has(written(get_with("TE: trailers\r\n")), "TE: trailers"));
  CHECK(has(written(get_with("TE: Trailers\r\nConnection: te\r\n")), "Connection: TE"));
  for (const char* lines :
       {"TE: trailers, gzip\r\n", "TE: gzip\r\n", "TE:\r\n", "TE: trailers;q=1\r\n",
        "TE: trailers\r\nTE: trailers\r\n", "TE: gzip\r\nTE: trailers\r\n"}) {
    INFO(lines);
    const std::string head = written(get_with(lines));
    CHECK_FALSE(has_name(head, "TE"));
    CHECK_FALSE(has_name(head, "Connection"));
  }
}

TEST_CASE("forwarded request: Trailer passes with a chunked body only", "[http][forward]") {
  CHECK(has(written(post_with("Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n")),
            "Trailer: X-Sum"));
  CHECK_FALSE(has_name(written(post_with("Content-Length: 5\r\nTrailer: X-Sum\r\n")), "Trailer"));
  CHECK_FALSE(has_name(written(get_with("Trailer: X-Sum\r\n")), "Trailer"));
}

TEST_CASE("forwarded request: an upgrade is asked for with the chosen protocol only",
          "[http][forward]") {
  const std::string head =
      written(get_with("Connection: keep-alive, Upgrade, TE\r\nUpgrade: h2c, websocket\r\nTE: "
                       "trailers\r\nSec-WebSocket-Key: k\r\n"));
  CHECK(has(head, "Connection: upgrade, TE"));
  CHECK(has(head, "Upgrade: websocket"));
  CHECK(has(head, "TE: trailers"));
  CHECK(has(head, "Sec-WebSocket-Key: k"));
  CHECK(has(written(get_with("Connection: upgrade\r\nUpgrade: websocket\r\n")),
            "Connection: upgrade"));
}

TEST_CASE("forwarded request: Max-Forwards counts down for OPTIONS and TRACE and passes for others",
          "[http][forward]") {
  const auto with_hops = [](const char* method, const char* value) {
    return std::string(method) + " / HTTP/1.1\r\nHost: a\r\nMax-Forwards: " + value + "\r\n\r\n";
  };
  CHECK(has(written(with_hops("OPTIONS", "5")), "Max-Forwards: 4"));
  CHECK(has(written(with_hops("TRACE", "1")), "Max-Forwards: 0"));
  // RFC 9110 §7.6.2: the lesser of one less and the most that is supported, however long.
  CHECK(has(written(with_hops("TRACE", "1000000")), "Max-Forwards: 999999"));
  CHECK(has(written(with_hops("TRACE", "1000001")), "Max-Forwards: 999999"));
  CHECK(has(written(with_hops("OPTIONS", "99999999999999999999")), "Max-Forwards: 999999"));
  CHECK(has(written(with_hops("GET", "5")), "Max-Forwards: 5"));
  CHECK(has(written(with_hops("TRACE", "x")), "Max-Forwards: x"));
  CHECK(max_forwards(*request(with_hops("TRACE", "0")).head) == 0U);
  CHECK(max_forwards(*request(with_hops("OPTIONS", "7")).head) == 7U);
  CHECK_FALSE(max_forwards(*request(with_hops("GET", "0")).head));
  for (const char* value : {"", "-1", "+1", "1 2", "1000000000x", "0x1"}) {
    INFO(value);
    CHECK_FALSE(max_forwards(*request(with_hops("TRACE", value)).head));
  }
  CHECK_FALSE(max_forwards(*request("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").head));
}

TEST_CASE("forwarded request: one that comes back grows until it is refused: no endless loop",
          "[http][forward]") {
  std::string head = get_with("");
  unsigned passes = 0;
  for (; request(head).ok() && passes < 200; ++passes) {
    const auto read = request(head);
    std::vector<char> memory(64 * 1024);
    HeadWriter out(memory);
    write_request_head(out, *read.head, forwarding());
    head = out.written();
  }
  CHECK(passes > 10);
  CHECK(request(head).status() == 431);
}

TEST_CASE("forwarded request: a valid traceparent goes on with our span as parent",
          "[http][forward][trace]") {
  const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string ours = "0000000000abcdef";
  const auto trace_of = [](const std::string& lines) {
    const std::string head = written(get_with(lines));
    const std::size_t at = head.find("\r\ntraceparent: ") + 15;
    return head.substr(at, head.find("\r\n", at) - at);
  };
  CHECK(trace_of("traceparent: 00-" + id + "-00f067aa0ba902b7-01\r\n") ==
        "00-" + id + "-" + ours + "-01");
  CHECK(trace_of("Traceparent: 00-" + id + "-00f067aa0ba902b7-00\r\n") ==
        "00-" + id + "-" + ours + "-00");
  CHECK(trace_of("traceparent: 00-" + id + "-00f067aa0ba902b7-ff\r\n") ==
        "00-" + id + "-" + ours + "-03");
  CHECK(trace_of("traceparent: cc-" + id + "-00f067aa0ba902b7-ff\r\n") ==
        "00-" + id + "-" + ours + "-01");
  CHECK(trace_of("traceparent: cc-" + id + "-00f067aa0ba902b7-01-what-else\r\n") ==
        "00-" + id + "-" + ours + "-01");
}

TEST_CASE("forwarded request: an invalid traceparent starts a new trace without its state",
          "[http][forward][trace]") {
  const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string span = "00f067aa0ba902b7";
  const std::string good = "traceparent: 00-" + id + "-" + span + "-01\r\n";
  const std::string fresh = "traceparent: 00-00000000000000010000000000000002-0000000000abcdef-01";
  for (const std::string& value :
       {"00-" + id + "-" + span + "-01-x", "00-" + id + "-" + span + "-01x",
        "cc-" + id + "-" + span + "-01x", "ff-" + id + "-" + span + "-01",
        "0-" + id + "-" + span + "-01", "00-" + std::string(32, '0') + "-" + span + "-01",
        "00-" + id + "-" + std::string(16, '0') + "-01",
        "00-4BF92f3577b34da6a3ce929d0e0e4736-" + span + "-01", "00-" + id + "-" + span + "-0g",
        "00-" + id + "-" + span + "-0", "00-" + id + "-" + span, "0g-" + id + "-" + span + "-01",
        "00_" + id + "-" + span + "-01", "00-" + id + "_" + span + "-01",
        "00-" + id + "-" + span + "_01", "00-" + id.substr(1) + "g-" + span + "-01", std::string(),
        std::string(55, '0'), std::string(55, '-')}) {
    INFO(value);
    const std::string head = written(get_with("traceparent: " + value + "\r\ntracestate: a=1\r\n"));
    CHECK(has(head, fresh));
    CHECK_FALSE(has_name(head, "tracestate"));
  }
  const std::string twice = written(get_with(good + good + "tracestate: a=1\r\n"));
  CHECK(has(twice, fresh));
  CHECK_FALSE(has_name(twice, "tracestate"));
  CHECK_FALSE(has_name(written(get_with("tracestate: a=1\r\n")), "tracestate"));
  CHECK(has(written(get_with(good + "tracestate: a=1,b=2\r\n")), "tracestate: a=1,b=2"));
}

TEST_CASE("forwarded request: tracestate with 32 members passes, with 33 it does not",
          "[http][forward][trace]") {
  const std::string good =
      "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
  const auto state = [&good](int members) {
    std::string lines = good + "tracestate: a0=1\r\ntracestate: a1=1";
    for (int i = 2; i < members; ++i) lines += ",a" + std::to_string(i) + "=1";
    return get_with(lines + "\r\n");
  };
  CHECK(has_name(written(state(32)), "tracestate"));
  CHECK_FALSE(has_name(written(state(33)), "tracestate"));
}

TEST_CASE("forwarded request: what does not fit is said, not cut", "[http][forward]") {
  const auto read = request(get_with("X: " + std::string(500, 'v') + "\r\n"));
  std::array<char, 512> memory;
  HeadWriter out(memory);
  write_request_head(out, *read.head, forwarding());
  CHECK(out.overflowed());
}

TEST_CASE("forwarded request: additions stay within their bound", "[http][forward][limits]") {
  const auto read =
      request("GET / HTTP/1.1\r\nHost: " + std::string(1000, 'h') +
              "\r\nConnection: upgrade\r\nUpgrade: websocket\r\nTE: trailers\r\n\r\n");
  REQUIRE(read.ok());
  std::array<char, sluice::core::limits::kHeadAdditionsMax> memory;
  HeadWriter out(memory);
  RequestForwarding with = forwarding();
  const std::string id(128, 'i');
  with.request_id = id;
  with.upgrade = read.head->upgrade;
  write_request_head(out, *read.head, with);
  CHECK_FALSE(out.overflowed());
}

TEST_CASE("forwarded request: random heads are sent as exactly what was decided",
          "[http][forward][property]") {
  const std::uint64_t seed = GENERATE(61U, 62U, 63U);
  INFO("seed " << seed);
  sluice::core::Rng rng(seed);
  const std::vector<std::string> lines = {
      "Content-Length: 12\r\n",
      "Transfer-Encoding: chunked\r\n",
      "Connection: close, x\r\n",
      "Connection: upgrade, content-length\r\n",
      "Upgrade: websocket\r\n",
      "Upgrade: h2c\r\n",
      "Expect: 100-continue\r\n",
      "TE: trailers\r\n",
      "X: a\r\n",
      "X:b\r\n",
      "X:\r\n",
      "X:  c \r\n",
      "Cookie: a=b\r\n",
      "Via: 1.1 x\r\n",
      "Trailer: X\r\n",
      "X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n",
      "X_Forwarded_For: 1\r\n",
      "X-Forwarded-Port: 1\r\n",
      "Forwarded: for=x\r\n",
      "Sluice-A: 1\r\n",
      "Proxy: x\r\n",
      "Keep-Alive: 5\r\n",
      "Max-Forwards: 3\r\n",
      "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n",
      "tracestate: a=1\r\n",
      "X-Request-Id: 7\r\n"};
  const std::vector<std::string> starts = {"GET / HTTP/1.1\r\nHost: a\r\n",
                                           "POST /p?q HTTP/1.1\r\nHost: a.b:80\r\n",
                                           "OPTIONS http://a HTTP/1.1\r\nHost: A\r\n",
                                           "POST /x HTTP/1.0\r\n",
                                           "QUERY http://[::1]:8/?q HTTP/1.1\r\nHost: [::1]:8\r\n",
                                           "TRACE / HTTP/1.0\r\nHost: h\r\n"};
  for (int round = 0; round < 2'000; ++round) {
    std::string text = starts[rng.below(static_cast<std::uint32_t>(starts.size()))];
    for (std::uint32_t i = rng.below(10); i > 0; --i)
      text += lines[rng.below(static_cast<std::uint32_t>(lines.size()))];
    text += "\r\n";
    if (!request(text).ok()) continue;
    RequestForwarding with = forwarding(rng.below(2) == 0 ? Trust::Yes : Trust::No);
    if (rng.below(4) == 0) with.peer = {};
    with.adds_via = rng.below(2) == 0;
    written(text, with);
  }
}
