#include <string>

#include "sluice/core/rng.hpp"
#include "sluice/http/head_scanner.hpp"
#include "support/catch.hpp"
#include "unit/http/heads.hpp"

using namespace sluice::http;
using namespace std::string_literals;
using heads::get_with;
using heads::post_with;
using heads::request;
using heads::shown;

namespace {

struct Refused {
  std::string text;
  unsigned status;
  const char* reason;
};

void check_refused(const std::vector<Refused>& rows) {
  for (const Refused& row : rows) {
    INFO(shown(row.text));
    const auto read = request(row.text);
    CHECK(read.status() == row.status);
    CHECK(read.reason() == row.reason);
  }
}

}  // namespace

TEST_CASE("request head: a usual one is read whole", "[http][request]") {
  const auto read = request(
      "GET /shop/cart?id=7&x HTTP/1.1\r\nHost: Shop.Example:8080\r\nUser-Agent:  curl/7.88.1\t "
      "\r\nAccept:*/*\r\nX-Empty:\r\n\r\n");
  REQUIRE(read.reason() == "accepted");
  const RequestHead& head = *read.head;
  CHECK(head.method == Method::Get);
  CHECK(head.method_text == "GET");
  CHECK(head.version == Version::Http11);
  CHECK(head.form == TargetForm::Origin);
  CHECK(head.target == "/shop/cart?id=7&x");
  CHECK(head.path == "/shop/cart");
  CHECK(head.query == "id=7&x");
  CHECK(head.host == "Shop.Example");
  CHECK(head.authority == "Shop.Example:8080");
  CHECK(head.keep_alive);
  CHECK(head.framing.kind == BodyKind::None);
  CHECK(head.expect == Expectation::None);
  CHECK(head.upgrade.empty());
  REQUIRE(head.fields.size() == 4);
  CHECK(head.fields[1].name == "User-Agent");
  CHECK(head.fields[1].value == "curl/7.88.1");
  CHECK(head.fields[2].value == "*/*");
  CHECK(head.fields[3].name == "X-Empty");
  CHECK(head.fields[3].value.empty());
}

TEST_CASE("request head: every method is known or passes as other", "[http][request]") {
  struct Row {
    const char* text;
    Method method;
  };
  const Row rows[] = {{"GET", Method::Get},
                      {"HEAD", Method::Head},
                      {"POST", Method::Post},
                      {"PUT", Method::Put},
                      {"DELETE", Method::Delete},
                      {"OPTIONS", Method::Options},
                      {"TRACE", Method::Trace},
                      {"PATCH", Method::Patch},
                      {"PROPFIND", Method::Other},
                      {"QUERY", Method::Other},
                      {"get", Method::Other},
                      {"M-SEARCH", Method::Other},
                      {"X!#$%&'*+-.^_`|~9", Method::Other},
                      {"PRI", Method::Other},
                      {"SOURCE", Method::Other}};
  for (const Row& row : rows) {
    INFO(row.text);
    const auto read = request(std::string(row.text) + " /a HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(read.reason() == "accepted");
    CHECK(read.head->method == row.method);
    CHECK(read.head->method_text == row.text);
  }
}

TEST_CASE("request line: malformed ones are refused by name", "[http][request]") {
  const std::string rest = "\r\nHost: a\r\n\r\n";
  check_refused({
      {" GET / HTTP/1.1" + rest, 400, "whitespace before the request line"},
      {"\tGET / HTTP/1.1" + rest, 400, "whitespace before the request line"},
      {"GET\t/ HTTP/1.1" + rest, 400, "malformed method"},
      {"G@T / HTTP/1.1" + rest, 400, "malformed method"},
      {"G\x80T / HTTP/1.1" + rest, 400, "malformed method"},
      {"G\0T / HTTP/1.1"s + rest, 400, "NUL"},
      {"G\x01T / HTTP/1.1" + rest, 400, "control byte"},
      {"G\rT / HTTP/1.1" + rest, 400, "bare CR"},
      {"GET" + rest, 400, "request line without a target"},
      {"GET  / HTTP/1.1" + rest, 400, "empty request target"},
      {"GET /  HTTP/1.1" + rest, 400, "malformed HTTP version"},
      {"GET / a HTTP/1.1" + rest, 400, "malformed HTTP version"},
      {"GET /a#b HTTP/1.1" + rest, 400, "fragment in the request target"},
      {"GET /# HTTP/1.1" + rest, 400, "fragment in the request target"},
      {"GET /a\tb HTTP/1.1" + rest, 400, "octet not allowed in the request target"},
      {"GET /\xC3\xA9 HTTP/1.1" + rest, 400, "octet not allowed in the request target"},
      {"GET /\x80 HTTP/1.1" + rest, 400, "octet not allowed in the request target"},
      {"GET /\xFF HTTP/1.1" + rest, 400, "octet not allowed in the request target"},
      {"GET /\x7F HTTP/1.1" + rest, 400, "control byte"},
      {"GET /\x01 HTTP/1.1" + rest, 400, "control byte"},
      {"GET /\0 HTTP/1.1"s + rest, 400, "NUL"},
      {"GET /\r HTTP/1.1" + rest, 400, "bare CR"},
      {"GET /\n HTTP/1.1" + rest, 400, "bare LF"},
      {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400, "bare LF"},
      {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400, "bare CR"},
      {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, "malformed HTTP version"},
      {"GET / HTTP/1.1\t\r\nHost: a\r\n\r\n", 400, "malformed HTTP version"},
      {"GET a HTTP/1.1" + rest, 400, "malformed request target"},
      {"GET a:80 HTTP/1.1" + rest, 400, "malformed request target"},
      {"GET ftp://a/ HTTP/1.1" + rest, 400, "malformed request target"},
      {"GET http:/a HTTP/1.1" + rest, 400, "malformed request target"},
      {"GET ?a HTTP/1.1" + rest, 400, "malformed request target"},
      {"GET * HTTP/1.1" + rest, 400, "asterisk target without OPTIONS"},
      {"OPTIONS ** HTTP/1.1" + rest, 400, "malformed request target"},
  });
}

TEST_CASE("request line: 505 for other versions, 400 for what is none", "[http][request]") {
  const std::string rest = "\r\nHost: a\r\n\r\n";
  check_refused({
      {"GET / HTTP/2.0" + rest, 505, "HTTP version not supported"},
      {"GET / HTTP/1.2" + rest, 505, "HTTP version not supported"},
      {"GET / HTTP/1.9" + rest, 505, "HTTP version not supported"},
      {"GET / HTTP/3.0" + rest, 505, "HTTP version not supported"},
      {"GET / HTTP/9.9" + rest, 505, "HTTP version not supported"},
      {"PRI * HTTP/2.0\r\n\r\n", 505, "HTTP version not supported"},
      {"GET / HTTP/0.9" + rest, 400, "HTTP/0.x request"},
      {"GET /\r\n\r\n", 400, "HTTP/0.9 request"},
      {"GET / \r\n\r\n", 400, "malformed HTTP version"},
      {"GET / HTTP/1" + rest, 400, "malformed HTTP version"},
      {"GET / HTTP/1." + rest, 400, "malformed HTTP version"},
      {"GET / HTTP/1.10" + rest, 400, "malformed HTTP version"},
      {"GET / HTTP/11.1" + rest, 400, "malformed HTTP version"},
      {"GET / HTTP/01.1" + rest, 400, "malformed HTTP version"},
      {"GET / http/1.1" + rest, 400, "malformed HTTP version"},
      {"GET / HTTP /1.1" + rest, 400, "malformed HTTP version"},
      {"GET / HTTP/1,1" + rest, 400, "malformed HTTP version"},
      {"GET / HTTP/+1.1" + rest, 400, "malformed HTTP version"},
      {"GET / HTP/1.1" + rest, 400, "malformed HTTP version"},
      {"GET / 1.1" + rest, 400, "malformed HTTP version"},
  });
}

TEST_CASE("request line: two leading empty lines are tolerated, a third is not",
          "[http][request]") {
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  CHECK(request("\r\n" + text).reason() == "accepted");
  CHECK(request("\r\n\r\n" + text).reason() == "accepted");
  CHECK(request("\r\n\r\n\r\n" + text).reason() == "empty request line");
  CHECK(request("\n" + text).reason() == "bare LF");
  CHECK(request("\r" + text).reason() == "bare CR");
}

TEST_CASE("request head: CONNECT is 405 with its fields read", "[http][request]") {
  const auto read = request(
      "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nAccept: text/plain\r\n\r\n");
  CHECK(read.status() == 405);
  CHECK(read.head->fields.find(FieldId::Accept) == "text/plain");
  CHECK(request("CONNECT a.example:443 HTTP/1.1\r\nHost : a\r\n\r\n").status() == 400);
}

TEST_CASE("request target: the absolute form gives host, path and query", "[http][request]") {
  struct Row {
    const char* target;
    const char* host_field;
    const char* host;
    const char* path;
    const char* query;
  };
  const Row rows[] = {{"http://a.example/x?y", "a.example", "a.example", "/x", "y"},
                      {"HTTP://A.Example/x", "a.example", "a.example", "/x", ""},
                      {"https://a.example:8443/", "a.example:8443", "a.example", "/", ""},
                      {"http://a.example", "a.example", "a.example", "/", ""},
                      {"http://a.example?q=/", "a.example", "a.example", "/", "q=/"},
                      {"http://[::1]:80/", "[::1]:80", "[::1]", "/", ""}};
  for (const Row& row : rows) {
    INFO(row.target);
    const auto read = request("GET " + std::string(row.target) +
                              " HTTP/1.1\r\nHost: " + row.host_field + "\r\n\r\n");
    REQUIRE(read.reason() == "accepted");
    CHECK(read.head->form == TargetForm::Absolute);
    CHECK(read.head->host == row.host);
    CHECK(read.head->path == row.path);
    CHECK(read.head->query == row.query);
    CHECK(read.head->authority == row.host_field);
  }
}

TEST_CASE("request target: an absolute form that Host contradicts is refused", "[http][request]") {
  const auto get = [](const std::string& target, const std::string& host) {
    return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
  };
  check_refused({
      {get("http://a.example/", "b.example"), 400, "Host differs from the request target"},
      {get("http://a.example/", "a.example:80"), 400, "Host differs from the request target"},
      {get("http://a.example:80/", "a.example"), 400, "Host differs from the request target"},
      {get("http://a.example/", ""), 400, "Host differs from the request target"},
      {get("http://user@a.example/", "a.example"), 400, "Host differs from the request target"},
      {get("http://user@a.example/", "user@a.example"), 400, "invalid Host"},
      {get("http:///x", ""), 400, "invalid Host"},
      {get("http://?x", ""), 400, "invalid Host"},
      {"GET http://a:0/ HTTP/1.0\r\n\r\n", 400, "invalid Host"},
      {"GET http:///x HTTP/1.0\r\n\r\n", 400, "invalid Host"},
  });
}

TEST_CASE("request target: OPTIONS may ask for the whole server", "[http][request]") {
  const auto read = request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(read.ok());
  CHECK(read.head->form == TargetForm::Asterisk);
  CHECK(read.head->path == "*");
}

TEST_CASE("request target: an HTTP/1.0 absolute form is its own host", "[http][request]") {
  const auto read = request("GET http://A.example:81/x HTTP/1.0\r\n\r\n");
  REQUIRE(read.reason() == "accepted");
  CHECK(read.head->host == "A.example");
  CHECK(read.head->authority == "A.example:81");
}

TEST_CASE("host: valid ones lose port and one trailing dot", "[http][request][host]") {
  struct Row {
    const char* field;
    const char* host;
  };
  const Row rows[] = {{"a", "a"},
                      {"a.example", "a.example"},
                      {"a.example.", "a.example"},
                      {"a.example.:80", "a.example"},
                      {"A_b-c~1", "A_b-c~1"},
                      {"a:1", "a"},
                      {"a:65535", "a"},
                      {"a:00080", "a"},
                      {"192.0.2.7:80", "192.0.2.7"},
                      {"[::1]", "[::1]"},
                      {"[2001:db8::1]:8080", "[2001:db8::1]"},
                      {"a..", "a."}};
  for (const Row& row : rows) {
    INFO(row.field);
    const auto read = request("GET / HTTP/1.1\r\nHost: " + std::string(row.field) + "\r\n\r\n");
    REQUIRE(read.reason() == "accepted");
    CHECK(read.head->host == row.host);
    CHECK(read.head->authority == row.field);
  }
}

TEST_CASE("host: invalid ones are refused", "[http][request][host]") {
  for (const char* host :
       {"",        ".",        ":80",         "a:",          "a:0",   "a:65536",
        "a:99999", "a:100000", "a:000080",    "a:+80",       "a:-1",  "a:8o",
        "a:80:80", "a b",      "a/b",         "/",           "a@b",   "u:p@a",
        "a?b",     "a#b",      "a,b",         "a;b",         "a%2eb", "a\\b",
        "a\"",     "<a>",      "a\xC3\xA9",   "[::1",        "::1",   "[::1]80",
        "[::1]:",  "[::1]:x",  "[::1]:65536", "[127.0.0.1]", "[]",    "[fe80::1%25eth0]",
        "[v1.a]",  "[::1]]",   "a[",          "http://a"}) {
    INFO("'" << shown(host) << "'");
    const auto read = request("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
    CHECK(read.status() == 400);
    CHECK(read.reason() == "invalid Host");
    CHECK(read.head->authority.empty());
  }
}

TEST_CASE("host: missing or repeated is refused, missing is fine in HTTP/1.0",
          "[http][request][host]") {
  check_refused({
      {"GET / HTTP/1.1\r\n\r\n", 400, "missing Host"},
      {"GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", 400, "missing Host"},
      {"GET http://a/ HTTP/1.1\r\n\r\n", 400, "missing Host"},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "repeated Host"},
      {"GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", 400, "repeated Host"},
      {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, "repeated Host"},
      {"GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 400, "invalid Host"},
  });
  const auto read = request("GET / HTTP/1.0\r\n\r\n");
  CHECK(read.reason() == "accepted");
  CHECK(read.head->host.empty());
  CHECK_FALSE(read.head->keep_alive);
}

TEST_CASE("field lines: malformed ones are refused by name", "[http][request][fields]") {
  check_refused({
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "whitespace before the first field"},
      {"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", 400, "whitespace before the first field"},
      {"GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n", 400, "whitespace before the first field"},
      {get_with("X: a\r\n b\r\n"), 400, "folded field line"},
      {get_with("X: a\r\n\tb\r\n"), 400, "folded field line"},
      {get_with("X: a\r\n \r\n"), 400, "folded field line"},
      {get_with(": a\r\n"), 400, "empty field name"},
      {get_with("X : a\r\n"), 400, "whitespace in or behind a field name"},
      {get_with("X\t: a\r\n"), 400, "whitespace in or behind a field name"},
      {get_with("X Y: a\r\n"), 400, "whitespace in or behind a field name"},
      {get_with("X\r\n"), 400, "field line without a colon"},
      {get_with("X(Y): a\r\n"), 400, "field name is not a token"},
      {get_with("(X): a\r\n"), 400, "field name is not a token"},
      {get_with("X\xE9: a\r\n"), 400, "field name is not a token"},
      {get_with("\xE9X: a\r\n"), 400, "field name is not a token"},
      {get_with("X\0Y: a\r\n"s), 400, "NUL"},
      {get_with("\0X: a\r\n"s), 400, "NUL"},
      {get_with("X\x0BY: a\r\n"), 400, "control byte"},
      {get_with("X\x7F: a\r\n"), 400, "control byte"},
      {get_with("X: a\0b\r\n"s), 400, "NUL"},
      {get_with("X: a\x01 b\r\n"), 400, "control byte"},
      {get_with("X: a\x0B b\r\n"), 400, "control byte"},
      {get_with("X: a\x1F\r\n"), 400, "control byte"},
      {get_with("X: a\x7F\r\n"), 400, "control byte"},
      {get_with("X: a\rb\r\n"), 400, "bare CR"},
      {get_with("X: a\r\r\n"), 400, "bare CR"},
      {get_with("X:\rTransfer-Encoding: chunked\r\n"), 400, "bare CR"},  // CVE-2023-30589
      {get_with("X: a\nY: b\r\n"), 400, "bare LF"},
      {get_with("X: a\n"), 400, "bare LF"},
      {get_with("X:\n"), 400, "bare LF"},
      {get_with("\nX: a\r\n"), 400, "bare LF"},
      {get_with("X\nY: a\r\n"), 400, "bare LF"},
      {get_with("X: a\r\n\n"), 400, "bare LF"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", 400, "bare LF"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET\r\n", 400, "bytes behind the head"},
      {"GET / HTTP/1.1\r\nHost: a\r\n", 400, "incomplete head"},
      {"GET / HTTP/1.1\r\nHost: a", 400, "incomplete head"},
      {"GET / HTTP/1.1\r\nHost", 400, "incomplete head"},
      {"GET / HTTP/1.1\r\n\r", 400, "incomplete head"},
      {"GET / HTTP/1.1", 400, "incomplete head"},
      {"GET /", 400, "incomplete head"},
      {"GET", 400, "incomplete head"},
      {"", 400, "incomplete head"},
  });
}

TEST_CASE("field lines: each octet is judged in each place", "[http][request][fields]") {
  for (unsigned c = 0; c < 256; ++c) {
    const char octet = static_cast<char>(c);
    const bool is_value = c == '\t' || (c >= 0x20 && c != 0x7F);
    const bool is_token =
        std::isalnum(static_cast<int>(c)) != 0
            ? c < 0x80
            : c != 0 && std::strchr("!#$%&'*+-.^_`|~", static_cast<int>(c)) != nullptr;
    // Positions around the eight octets that are looked at together.
    for (std::size_t at = 0; at < 18; ++at) {
      std::string value(18, 'v');
      value[at] = octet;
      std::string name(18, 'n');
      name[at] = octet;
      std::string target = "/" + std::string(18, 't');
      target[1 + at] = octet;
      INFO("octet " << c << " at " << at);
      CHECK(request(get_with("X: " + value + "\r\n")).ok() == is_value);
      const bool ends_name = octet == ':' && at > 0;
      CHECK(request(get_with(name + ": v\r\n")).ok() == (is_token || ends_name));
      CHECK(request("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n").ok() ==
            (c > 0x20 && c < 0x7F && c != '#'));
    }
  }
}

TEST_CASE("field lines: values keep their bytes", "[http][request][fields]") {
  const std::string value = "a\tb \"c\" \x80\xFF\xC3\xA9 : d";
  const auto read = request(get_with("X: " + value + " \t \r\n"));
  REQUIRE(read.reason() == "accepted");
  CHECK(read.head->fields[1].value == value);
}

TEST_CASE("content length: only digits up to 2^63-1, once", "[http][request][framing]") {
  const auto post = [](const std::string& value) {
    return post_with("Content-Length: " + value + "\r\n");
  };
  for (const auto& [value, length] : std::vector<std::pair<std::string, std::uint64_t>>{
           {"0", 0},
           {"1", 1},
           {"007", 7},
           {"4096", 4096},
           {"9223372036854775807", 9'223'372'036'854'775'807U}}) {
    INFO(value);
    const auto read = request(post(value));
    REQUIRE(read.reason() == "accepted");
    CHECK(read.head->framing.kind == BodyKind::Length);
    CHECK(read.head->framing.length == length);
  }
  for (const std::string value : {"",
                                  "+5",
                                  "-5",
                                  "-0",
                                  "0x5",
                                  "5a",
                                  "a5",
                                  "5 5",
                                  "5,5",
                                  "5, 5",
                                  "5;",
                                  "5.0",
                                  "1e3",
                                  "\"5\"",
                                  "9223372036854775808",
                                  "18446744073709551615",
                                  "18446744073709551616",
                                  "18446744073709551621",
                                  "99999999999999999999999",
                                  "٥"}) {
    INFO(shown(value));
    const auto read = request(post(value));
    CHECK(read.status() == 400);
    CHECK(read.reason() == "malformed Content-Length");
  }
  check_refused({
      {post_with("Content-Length: 5\r\nContent-Length: 5\r\n"), 400, "repeated Content-Length"},
      {post_with("Content-Length: 5\r\nContent-Length: 6\r\n"), 400, "repeated Content-Length"},
      {post_with("Content-Length: 5\r\nX: y\r\ncontent-length: 5\r\n"), 400,
       "repeated Content-Length"},
      {post_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400,
       "Content-Length with Transfer-Encoding"},
      {post_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400,
       "Content-Length with Transfer-Encoding"},
      {post_with("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n"), 400,
       "Content-Length with Transfer-Encoding"},
      {post_with("Content-Length: 0\r\nTransfer-Encoding:\r\n"), 400,
       "Content-Length with Transfer-Encoding"},
  });
}

TEST_CASE("transfer coding: chunked once, in any case", "[http][request][framing]") {
  for (const char* line : {"Transfer-Encoding: chunked", "transfer-encoding:chunked",
                           "TRANSFER-ENCODING: CHUNKED ", "Transfer-Encoding:   cHuNkEd"}) {
    INFO(line);
    const auto read = request(post_with(std::string(line) + "\r\n"));
    REQUIRE(read.reason() == "accepted");
    CHECK(read.head->framing.kind == BodyKind::Chunked);
  }
}

TEST_CASE("transfer coding: 501 for honest others, 400 for what could be misread",
          "[http][request][framing]") {
  struct Row {
    std::string value;
    unsigned status;
  };
  const Row rows[] = {{"gzip", 501},
                      {"identity", 501},
                      {"gzip, chunked", 501},
                      {"gzip,chunked", 501},
                      {"identity, chunked", 501},
                      {"foo", 501},
                      {"", 400},
                      {"xchunked", 400},
                      {"chunkedx", 400},
                      {"chunked, identity", 400},
                      {"chunked, gzip", 400},
                      {"chunked, chunked", 400},
                      {"chunked,", 400},
                      {",chunked", 400},
                      {"gzip,,chunked", 400},
                      {"\"chunked\"", 400},
                      {"'chunked'", 400},
                      {"chunked;q=1", 400},
                      {"gzip;q=1", 400},
                      {"chun ked", 400},
                      {"\tchunked", 400},
                      {"chunked\t", 400},
                      {" \t chunked", 400},
                      {"chunked \t", 400},
                      {"\tgzip", 400},
                      {"gzip chunked", 400},
                      {"chunked\xA0", 400}};
  for (const Row& row : rows) {
    INFO(shown(row.value));
    const auto read = request(post_with("Transfer-Encoding: " + row.value + "\r\n"));
    CHECK(read.status() == row.status);
    CHECK(read.reason() == (row.status == 501 ? "transfer coding other than chunked"
                                              : "malformed Transfer-Encoding"));
  }
  check_refused({
      {post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400,
       "repeated Transfer-Encoding"},
      {post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400,
       "repeated Transfer-Encoding"},
      {post_with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), 400,
       "repeated Transfer-Encoding"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
       "Transfer-Encoding in HTTP/1.0"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "Transfer-Encoding in HTTP/1.0"},
  });
}

TEST_CASE("request body: none without a length, whatever the method", "[http][request][framing]") {
  for (const char* method : {"GET", "POST", "PUT", "DELETE"}) {
    const auto read = request(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(read.ok());
    CHECK(read.head->framing.kind == BodyKind::None);
  }
}

TEST_CASE("request body: TRACE has none", "[http][request][framing]") {
  const auto trace = [](const std::string& lines) {
    return "TRACE / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
  };
  check_refused({
      {trace("Content-Length: 1\r\n"), 400, "TRACE with a body"},
      {trace("Transfer-Encoding: chunked\r\n"), 400, "TRACE with a body"},
      {trace("Content-Length: 1\r\nExpect: 100-continue\r\n"), 400, "TRACE with a body"},
  });
  CHECK(request(trace("")).reason() == "accepted");
  CHECK(request(trace("Content-Length: 0\r\n")).reason() == "accepted");
}

TEST_CASE("expect: 100-continue in HTTP/1.1 with a body, else nothing or 417", "[http][request]") {
  const std::string length = "Content-Length: 5\r\n";
  CHECK(request(post_with(length + "Expect: 100-continue\r\n")).head->expect ==
        Expectation::Continue);
  CHECK(request(post_with(length + "expect: 100-CONTINUE\r\n")).head->expect ==
        Expectation::Continue);
  CHECK(request(post_with("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n")).head->expect ==
        Expectation::Continue);
  CHECK(request(post_with("Expect: 100-continue\r\n")).head->expect == Expectation::None);
  CHECK(request(post_with("Content-Length: 0\r\nExpect: 100-continue\r\n")).head->expect ==
        Expectation::None);
  for (const char* value :
       {"", "200-ok", "100-continue, foo", "100-continue, 100-continue", "100-continue;q=1", "100",
        "100-continuex", "x100-continue", "y 100-continue", "100-continue,", "\"100-continue\""}) {
    INFO(value);
    CHECK(request(post_with(length + "Expect: " + value + "\r\n")).status() == 417);
  }
  CHECK(request(post_with(length + "Expect: 100-continue\r\nExpect: x\r\n")).status() == 417);
  CHECK(request(post_with(length + "Expect: 100-continue\r\nExpect: 100-continue\r\n"))
            .head->expect == Expectation::Continue);
  // Folded, as it has led astray a front end for OPTIONS (CVE-2025-32094).
  CHECK(request("OPTIONS / HTTP/1.1\r\nHost: a\r\nExpect:\r\n 100-continue\r\n" + length + "\r\n")
            .reason() == "folded field line");
  const auto old = request("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 200-ok\r\n\r\n");
  CHECK(old.reason() == "accepted");
  CHECK(old.head->expect == Expectation::None);
  CHECK(request("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            .head->expect == Expectation::None);
}

TEST_CASE("connection: the version decides, options change it, close wins", "[http][request]") {
  struct Row {
    const char* version;
    const char* lines;
    bool keep_alive;
  };
  const Row rows[] = {{"1.1", "", true},
                      {"1.1", "Connection: close\r\n", false},
                      {"1.1", "Connection: CLOSE\r\n", false},
                      {"1.1", "Connection: keep-alive\r\n", true},
                      {"1.1", "Connection: keep-alive, close\r\n", false},
                      {"1.1", "Connection: close\r\nConnection: keep-alive\r\n", false},
                      {"1.1", "Connection: x\r\nConnection: ,, \tclose ,y\r\n", false},
                      {"1.1", "Connection: closed\r\n", true},
                      {"1.1", "Connection: \"close\"\r\n", true},
                      {"1.0", "", false},
                      {"1.0", "Connection: keep-alive\r\n", true},
                      {"1.0", "Connection: Keep-Alive, x\r\n", true},
                      {"1.0", "Connection: keep-alive, close\r\n", false}};
  for (const Row& row : rows) {
    INFO(row.version << " " << row.lines);
    const auto read =
        request("GET / HTTP/" + std::string(row.version) + "\r\nHost: a\r\n" + row.lines + "\r\n");
    REQUIRE(read.reason() == "accepted");
    CHECK(read.head->keep_alive == row.keep_alive);
  }
}

TEST_CASE("connection: as many options as the limit, and one more", "[http][request]") {
  const auto with_options = [](unsigned count) {
    std::string list = "close, keep-alive, upgrade";
    for (unsigned i = 0; i < count; ++i) list += ", x" + std::to_string(i);
    return request(get_with("Connection: " + list + "\r\n"));
  };
  CHECK(with_options(sluice::core::limits::kConnectionOptionsMax).reason() == "accepted");
  CHECK(with_options(sluice::core::limits::kConnectionOptionsMax + 1).reason() ==
        "too many Connection options");
}

TEST_CASE("upgrade: the first protocol that may pass", "[http][request]") {
  struct Row {
    const char* lines;
    const char* upgrade;
  };
  const Row rows[] = {
      {"Connection: upgrade\r\nUpgrade: websocket\r\n", "websocket"},
      {"Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n", "WebSocket"},
      {"Upgrade: websocket\r\n", ""},
      {"Connection: upgrade\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: h2c\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: H2C\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: h2c/1\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: HTTP/2.0\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: http/3\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: TLS/1.2\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: h2c, websocket\r\n", "websocket"},
      {"Connection: upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\nUpgrade: foo/2, bar\r\n", "foo/2"},
      {"Connection: upgrade\r\nUpgrade: a b, c/, /d, , e\r\n", "e"},
      {"Connection: upgrade\r\nUpgrade: \"websocket\"\r\n", ""}};
  for (const Row& row : rows) {
    INFO(row.lines);
    const auto read = request(get_with(row.lines));
    REQUIRE(read.reason() == "accepted");
    CHECK(read.head->upgrade == row.upgrade);
  }
  CHECK(request("GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
            .head->upgrade.empty());
}

TEST_CASE("limits: head size, field count and target size, each at its limit and one past it",
          "[http][request][limits]") {
  const HeadLimits limits{.head_bytes = 200, .field_count = 3, .target_bytes = 50};
  const auto padded = [](std::size_t size) {
    const std::string rest = get_with("X: \r\n");
    return get_with("X: " + std::string(size - rest.size(), 'v') + "\r\n");
  };
  REQUIRE(padded(200).size() == 200);
  CHECK(request(padded(200), limits).ok());
  CHECK(request(padded(201), limits).status() == 431);
  CHECK(request(get_with("A: 1\r\nB: 2\r\n"), limits).ok());
  const auto many = request(get_with("A: 1\r\nB: 2\r\nC: 3\r\n"), limits);
  CHECK(many.status() == 431);
  CHECK(many.head->fields.size() == 3);
  const auto target = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 't') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  CHECK(request(target(50), limits).ok());
  CHECK(request(target(51), limits).status() == 414);
}

TEST_CASE("limits: nothing can be configured beyond the fixed bounds", "[http][request][limits]") {
  using namespace sluice::core::limits;
  const HeadLimits loose{.head_bytes = 1 << 20, .field_count = 10'000, .target_bytes = 1 << 20};
  const auto padded = [](std::size_t size) {
    const std::string rest = get_with("X: \r\n");
    return get_with("X: " + std::string(size - rest.size(), 'v') + "\r\n");
  };
  CHECK(request(padded(kRequestHeadMax), loose).reason() == "accepted");
  CHECK(request(padded(kRequestHeadMax + 1), loose).status() == 431);
  CHECK(request(padded(200'000), loose).status() == 431);
  const auto counted = [](std::size_t count) {
    std::string lines;
    for (std::size_t i = 1; i < count; ++i) lines += "X: 1\r\n";
    return get_with(lines);
  };
  CHECK(request(counted(kFieldCountMax), loose).reason() == "accepted");
  CHECK(request(counted(kFieldCountMax + 1), loose).status() == 431);
  CHECK(request(counted(100)).reason() == "accepted");
  CHECK(request(counted(101)).status() == 431);
}

TEST_CASE("limits: an oversized head is 414 until its request line ended, then 431",
          "[http][request][limits]") {
  CHECK(oversized_request_head("GET /aaaa").status == 414);
  CHECK(oversized_request_head("\r\n\r\nGET /aaaa").status == 414);
  CHECK(oversized_request_head("GET / HTTP/1.1\r\nX: ").status == 431);
  CHECK(oversized_request_head("GET / HTTP/1.1\n").status == 431);
}

TEST_CASE("request head: after a refusal the understood part is there and nothing older",
          "[http][request]") {
  RequestHead head;
  const std::string good =
      get_with("Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n");
  REQUIRE_FALSE(scan_request_head(good, {}, head));
  const std::string bad = "BAD";
  CHECK(scan_request_head(bad, {}, head));
  CHECK(head.method_text.empty());
  CHECK(head.target.empty());
  CHECK(head.upgrade.empty());
  CHECK(head.host.empty());
  CHECK(head.framing.kind == BodyKind::None);
  CHECK(head.fields.size() == 0);
  CHECK_FALSE(head.fields.has(FieldId::Host));
}

TEST_CASE("request head: random damage never makes the two readings differ silently",
          "[http][request][property]") {
  const std::uint64_t seed = GENERATE(31U, 32U, 33U);
  INFO("seed " << seed);
  sluice::core::Rng rng(seed);
  const std::string base =
      "POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: keep-alive, x\r\nX: "
      "y\r\n\r\n";
  const std::string alphabet =
      "\r\n\t :,;\0\x7F\x80"
      "0123456789aAzZ/.-_chunked"s;
  for (int round = 0; round < 3'000; ++round) {
    std::string text = base;
    for (std::uint32_t edits = 1 + rng.below(3); edits > 0; --edits) {
      const std::size_t at = rng.below(static_cast<std::uint32_t>(text.size()));
      const char octet = alphabet[rng.below(static_cast<std::uint32_t>(alphabet.size()))];
      if (rng.below(2) == 0) {
        text[at] = octet;
      } else {
        text.insert(at, 1, octet);
      }
    }
    const auto read = request(text);
    INFO(shown(text));
    if (!read.ok()) {
      REQUIRE(read.refusal->status >= 400);
      continue;
    }
    for (std::size_t i = 0; i < read.head->fields.size(); ++i) {
      const Field field = read.head->fields[i];
      REQUIRE_FALSE(field.name.empty());
      REQUIRE(field.value.find_first_of("\r\n\0"s) == std::string_view::npos);
    }
    REQUIRE(read.head->framing.kind != BodyKind::UntilClose);
  }
}
