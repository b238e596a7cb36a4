#include <string>

#include "sluice/http/head_scanner.hpp"
#include "support/catch.hpp"
#include "unit/http/heads.hpp"

using namespace sluice::http;

namespace {

std::optional<Refusal> scan(const heads::Bytes& bytes, HeaderBlock& out) {
  return scan_trailers(bytes.view(), out);
}

}  // namespace

TEST_CASE("trailers: harmless ones pass in order", "[http][trailers]") {
  const heads::Bytes bytes("Grpc-Status: 0\r\nX-Sum:abc \r\nServer-Timing: a\r\n\r\n");
  HeaderBlock out;
  REQUIRE_FALSE(scan(bytes, out));
  REQUIRE(out.size() == 3);
  CHECK(out[0].name == "Grpc-Status");
  CHECK(out[1].value == "abc");
}

TEST_CASE("trailers: those that frame, route, authenticate or control are left out",
          "[http][trailers]") {
  for (const char* name : {"Content-Length",
                           "transfer-encoding",
                           "Host",
                           "Connection",
                           "Keep-Alive",
                           "Proxy-Connection",
                           "Upgrade",
                           "TE",
                           "Trailer",
                           "Expect",
                           "Max-Forwards",
                           "Forwarded",
                           "X-Forwarded-For",
                           "X-Forwarded-Host",
                           "X-Forwarded-Proto",
                           "X-Forwarded-Port",
                           "X_Forwarded_For",
                           "Via",
                           "Authorization",
                           "Proxy-Authorization",
                           "WWW-Authenticate",
                           "Proxy-Authenticate",
                           "Cookie",
                           "Set-Cookie",
                           "Content-Type",
                           "Content-Encoding",
                           "Content-Range",
                           "Cache-Control",
                           "Date",
                           "Expires",
                           "Age",
                           "Location",
                           "Retry-After",
                           "Vary",
                           "Range",
                           "If-Match",
                           "if-none-match",
                           "Sluice-Pool",
                           "sluice-x",
                           "Sluice_Pool",
                           "X-Request-Id",
                           "traceparent",
                           "Proxy",
                           "Authentication-Info",
                           "Proxy-Authentication-Info",
                           "Content-Location",
                           "Content-Disposition",
                           "Content-Language",
                           "Warning",
                           "Pragma",
                           "Accept-Ranges",
                           "If-Modified-Since",
                           "If-Unmodified-Since",
                           "If-Range",
                           "Last-Modified",
                           "Allow",
                           "Alt-Svc",
                           "Strict-Transport-Security",
                           "Content-Security-Policy",
                           "Origin",
                           "Referer",
                           "Accept-Encoding",
                           "Set-Cookie2",
                           "Cookie2",
                           "HTTP2-Settings",
                           "X-Real-IP"}) {
    INFO(name);
    const heads::Bytes bytes("A: 1\r\n" + std::string(name) + ": x\r\nB: 2\r\n\r\n");
    HeaderBlock out;
    REQUIRE_FALSE(scan(bytes, out));
    CHECK(out.size() == 2);
  }
}

TEST_CASE("trailers: malformed ones are refused whole", "[http][trailers]") {
  for (const char* text : {"A : 1\r\n\r\n", " A: 1\r\n\r\n", "A: 1\r\n b\r\n\r\n", "A: 1\n\r\n",
                           "A: 1\r\n\n", "A: \x01\r\n\r\n", "A\r\n\r\n", ": 1\r\n\r\n", "A: 1\r\n",
                           "A: 1\r\n\r\nB", "A: 1\rB: 2\r\n\r\n", ""}) {
    INFO(heads::shown(text));
    const heads::Bytes bytes(text);
    HeaderBlock out;
    CHECK(scan(bytes, out));
    CHECK(out.size() == 0);
  }
}

TEST_CASE("trailers: an empty section is fine", "[http][trailers]") {
  const heads::Bytes bytes("\r\n");
  HeaderBlock out;
  CHECK_FALSE(scan(bytes, out));
  CHECK(out.size() == 0);
}

TEST_CASE("trailers: size and count, each at its limit and one past it",
          "[http][trailers][limits]") {
  using namespace sluice::core::limits;
  const auto sized = [](std::size_t size) {
    return "X: " + std::string(size - 7, 'v') + "\r\n\r\n";
  };
  HeaderBlock out;
  const heads::Bytes largest(sized(kTrailersMax));
  CHECK_FALSE(scan(largest, out));
  const heads::Bytes larger(sized(kTrailersMax + 1));
  CHECK(scan(larger, out)->status == 431);
  const auto counted = [](std::size_t count) {
    std::string lines;
    for (std::size_t i = 0; i < count; ++i) lines += "X: 1\r\n";
    return lines + "\r\n";
  };
  const heads::Bytes most(counted(kFieldCountMax));
  CHECK_FALSE(scan(most, out));
  CHECK(out.size() == kFieldCountMax);
  const heads::Bytes more(counted(kFieldCountMax + 1));
  CHECK(scan(more, out)->status == 431);
}
