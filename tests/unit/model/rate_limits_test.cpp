#include "sluice/model/rate_limits.hpp"

#include <set>
#include <string>

#include "sluice/http/h1_parser.hpp"
#include "sluice/http/head_scanner.hpp"
#include "support/catch.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using Kind = model::LimitKeyPart::Kind;
using model::LimitedRequest;
using model::LimitRule;

namespace {

constexpr core::HashKey kHashKey{7, 8};

/// A request whose bytes live as long as it does.
struct Request {
  explicit Request(std::string line, std::string fields = "",
                   std::optional<std::string_view> who = std::nullopt,
                   const char* address = "192.0.2.7")
      : bytes(std::move(line) + " HTTP/1.1\r\nHost: a\r\n" + std::move(fields) + "\r\n"),
        identity(who) {
    const auto refusal = http::parse_request_head(bytes, {}, head);
    REQUIRE_FALSE(refusal);
    if (*address != '\0') client = core::IpAddress::parse(address);
  }
  template <typename Ask>
  auto with(Ask ask) const {
    const LimitedRequest::Parts parts{
        .head = head, .client = client, .identity = identity, .service = "shop", .pool = pool};
    LimitedRequest request(parts);
    return ask(request);
  }
  std::optional<std::uint64_t> hash(const LimitRule& rule) const {
    return with([&](LimitedRequest& request) { return request.key_hash(rule, kHashKey); });
  }
  std::string text(const LimitRule& rule) const {
    return with([&](LimitedRequest& request) { return request.key_text(rule); });
  }
  bool matches(const LimitRule& rule) const {
    return with([&](LimitedRequest& request) { return request.is_matched(rule); });
  }
  bool is_exempt(const LimitRule& rule) const {
    return with([&](LimitedRequest& request) { return request.is_exempt(rule); });
  }

  std::string bytes;
  http::RequestHead head;
  std::optional<core::IpAddress> client;
  std::optional<std::string_view> identity;
  core::PoolName pool = core::PoolName::Blue;
};

LimitRule by(std::vector<model::LimitKeyPart> key) {
  LimitRule rule;
  rule.name = "a";
  rule.key = std::move(key);
  rule.live.rate.emplace(policy::Rate{5, 1min}, 5);
  return rule;
}

core::Network network(const char* text) {
  return core::Network::parse(text, "").value();
}

}  // namespace

TEST_CASE("limit key: each part tells requests apart by what it names", "[model][limits]") {
  const Request a("GET /a/b?x=1", "X-Key: one\r\nCookie: sid=s1\r\n", "user-1");
  const LimitRule identity = by({{Kind::Identity, "", 1}});
  CHECK(a.hash(identity) == Request("POST /", "", "user-1", "192.0.2.9").hash(identity));
  CHECK(a.hash(identity) != Request("GET /a/b", "", "user-2").hash(identity));
  CHECK(a.text(identity) == "identity user-1");

  const LimitRule header = by({{Kind::Header, "X-Key", 1}});
  CHECK(a.hash(header) == Request("GET /", "x-key:  one \r\n").hash(header));
  CHECK(a.hash(header) != Request("GET /", "X-Key: two\r\n").hash(header));
  CHECK(a.text(header) == "header X-Key one");

  const LimitRule cookie = by({{Kind::Cookie, "sid", 1}});
  CHECK(a.hash(cookie) == Request("GET /", "Cookie: b=1; sid=s1\r\n").hash(cookie));
  CHECK(a.hash(cookie) != Request("GET /", "Cookie: sid=s2\r\n").hash(cookie));

  const LimitRule method = by({{Kind::Method, "", 1}});
  CHECK(a.hash(method) == Request("GET /other").hash(method));
  CHECK(a.hash(method) != Request("PUT /a/b").hash(method));

  const LimitRule service = by({{Kind::Service, "", 1}});
  CHECK(a.hash(service) == Request("PUT /", "", "x", "").hash(service));

  const LimitRule pool = by({{Kind::Pool, "", 1}});
  Request green("GET /a/b");
  green.pool = core::PoolName::Green;
  CHECK(a.hash(pool) != green.hash(pool));
  CHECK(green.text(pool) == "pool green");
}

TEST_CASE("limit key: leading segments of the normal path", "[model][limits]") {
  const LimitRule one = by({{Kind::PathPrefix, "", 1}});
  const LimitRule two = by({{Kind::PathPrefix, "", 2}});
  CHECK(Request("GET /a/b/c").text(one) == "path_prefix /a");
  CHECK(Request("GET /a/b/c").text(two) == "path_prefix /a/b");
  CHECK(Request("GET /a/b/").text(two) == "path_prefix /a/b");
  CHECK(Request("GET /a").text(two) == "path_prefix /a");
  CHECK(Request("GET /a/").text(two) == "path_prefix /a");
  CHECK(Request("GET /").text(two) == "path_prefix /");
  CHECK(Request("OPTIONS *").text(two) == "path_prefix /");
  // However it is written: else each way of writing would have a budget.
  CHECK(Request("GET /x/../%61/b?q").hash(two) == Request("GET /a/./b").hash(two));
  CHECK(Request("GET //a///b//c").text(two) == "path_prefix /a/b");
  CHECK(Request("GET /a//").text(two) == "path_prefix /a");
  CHECK(Request("GET ///").text(two) == "path_prefix /");
  CHECK(Request("GET //%61/.//b/").text(two) == "path_prefix /a/b");
}

TEST_CASE("limit key: an IPv6 client is its network, an IPv4 client its address",
          "[model][limits]") {
  LimitRule rule = by({{Kind::ClientAddress, "", 1}});
  const auto of = [&](const char* address) { return Request("GET /", "", {}, address); };
  CHECK(of("192.0.2.7").hash(rule) != of("192.0.2.8").hash(rule));
  CHECK(of("192.0.2.7").hash(rule) == of("::ffff:192.0.2.7").hash(rule));
  CHECK(of("2001:db8::1").hash(rule) == of("2001:db8::ffff:0:0:2").hash(rule));
  CHECK(of("2001:db8::1").hash(rule) != of("2001:db8:0:1::1").hash(rule));
  CHECK(of("2001:db8::1").text(rule) == "client_address 2001:db8::/64");
  CHECK(of("192.0.2.7").text(rule) == "client_address 192.0.2.7");
  for (const std::uint32_t prefix : {1U, 7U, 8U, 9U, 63U, 127U}) {
    rule.ipv6_prefix = prefix;
    std::array<std::uint8_t, 16> octets{};
    const core::IpAddress base = core::IpAddress::v6(octets);
    octets[(prefix - 1) / 8] = static_cast<std::uint8_t>(0x80U >> ((prefix - 1) % 8));
    const std::string inside = core::IpAddress::v6(octets).text();
    octets = {};
    octets[prefix / 8] = static_cast<std::uint8_t>(0x80U >> (prefix % 8));
    const std::string outside = core::IpAddress::v6(octets).text();
    INFO(prefix);
    CHECK(of(base.text().c_str()).hash(rule) != of(inside.c_str()).hash(rule));
    CHECK(of(base.text().c_str()).hash(rule) == of(outside.c_str()).hash(rule));
  }
  rule.ipv6_prefix = 128;
  CHECK(of("2001:db8::1").hash(rule) != of("2001:db8::2").hash(rule));
}

TEST_CASE("limit key: a request that lacks a part has none", "[model][limits]") {
  const Request bare("GET /", "X-Empty:\r\n", {}, "");
  for (const auto& part : std::vector<model::LimitKeyPart>{{Kind::Identity, "", 1},
                                                           {Kind::ClientAddress, "", 1},
                                                           {Kind::Header, "X-Key", 1},
                                                           {Kind::Header, "X-Empty", 1},
                                                           {Kind::Cookie, "sid", 1}}) {
    INFO(model::text(part.kind));
    CHECK_FALSE(bare.hash(by({part})));
    CHECK(bare.text(by({part})).empty());
    CHECK_FALSE(bare.hash(by({{Kind::Method, "", 1}, part})));
  }
}

TEST_CASE("limit key: nobody can move the border between two parts", "[model][limits]") {
  const LimitRule rule = by({{Kind::Header, "A", 1}, {Kind::Header, "B", 1}});
  const auto of = [&](const std::string& a, const std::string& b) {
    return Request("GET /", "A: " + a + "\r\nB: " + b + "\r\n").hash(rule);
  };
  std::set<std::optional<std::uint64_t>> seen;
  for (const auto& [a, b] : {std::pair("ab", "c"), {"a", "bc"}, {"c", "ab"}, {"bc", "a"}})
    CHECK(seen.insert(of(a, b)).second);
  CHECK(Request("GET /", "A: x\r\nB: y\r\n").text(rule) == "header A x, header B y");
}

TEST_CASE("limit: what it is about", "[model][limits]") {
  LimitRule rule = by({{Kind::Method, "", 1}});
  CHECK(Request("GET /any").matches(rule));
  rule.methods = {"POST", "PUT"};
  CHECK(Request("POST /any").matches(rule));
  CHECK_FALSE(Request("GET /any").matches(rule));
  CHECK_FALSE(Request("post /any").matches(rule));
  rule.path_prefix = "/login";
  CHECK(Request("POST /login").matches(rule));
  CHECK(Request("POST /login/x?y").matches(rule));
  CHECK(Request("POST /a/../%6Cogin").matches(rule));
  // Most origins serve these as /login.
  CHECK(Request("POST //login").matches(rule));
  CHECK(Request("POST /x/..//login//x").matches(rule));
  CHECK_FALSE(Request("POST /loginx").matches(rule));
  CHECK_FALSE(Request("POST /x//login").matches(rule));
  rule.exempt.networks.push_back(network("192.0.2.0/24"));
  CHECK(Request("POST /login").is_exempt(rule));
  CHECK_FALSE(Request("POST /login", "", {}, "198.51.100.1").is_exempt(rule));
}

TEST_CASE("limit: how it is announced", "[model][limits]") {
  const auto items = [](const LimitRule& rule) {
    const auto cell = std::make_shared<model::LimitCell>(rule, kHashKey, 1);
    return model::make_limit(rule, cell).policy_items;
  };
  LimitRule rule = by({{Kind::Method, "", 1}});
  rule.keys = 64;
  CHECK(items(rule)[0] == R"("a";q=5;w=60)");
  CHECK(items(rule)[1] == items(rule)[0]);
  const auto quota = [&](std::uint32_t count, core::Nanos period, std::uint32_t burst) {
    rule.live.rate.emplace(policy::Rate{count, period}, burst);
    return items(rule)[0].substr(4);
  };
  CHECK(quota(100, 1s, 200) == "q=200;w=2");
  CHECK(quota(100, 1s, 150) == "q=200;w=2");  // whole seconds
  CHECK(quota(100, 1s, 1) == "q=100;w=1");
  CHECK(quota(5, 1h, 5) == "q=5;w=3600");
  CHECK(quota(1, 24h, 1'000'000) == "q=1000000;w=86400000000");
  CHECK(quota(7, 1min, 1) == "q=1;w=9");
  rule.live.in_flight_max = 3;
  CHECK(items(rule)[0] == R"("a";q=1;w=9, "a#in-flight";q=3;qu="concurrent-requests")");
  rule.live.rate.reset();
  CHECK(items(rule)[0] == R"("a";q=3;qu="concurrent-requests")");
  rule.candidate = model::Allowance{policy::RatePolicy({1, 1s}, 2), 0};
  CHECK(items(rule)[1] == R"("a#candidate";q=2;w=2)");
  const auto cell = std::make_shared<model::LimitCell>(rule, kHashKey, 1);
  const model::RateLimit limit = model::make_limit(rule, cell);
  CHECK(limit.names[0] == R"("a")");
  CHECK(limit.names[1] == R"("a#candidate")");
  CHECK(limit.log_name == "a");
  rule.mode = model::LimitMode::Shadow;
  CHECK(model::make_limit(rule, cell).log_name == "shadow:a");
}
