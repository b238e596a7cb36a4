#include <functional>

#include "sim/wire_rig.hpp"
#include "support/catch.hpp"

// Rate limits on the data path: who is charged, what answers say, and that what a request holds is
// given back once, however it ends (behaviour.md §2).
namespace sluice::sim {

namespace {

using core::PoolName;
using model::LimitRule;
using Kind = model::LimitKeyPart::Kind;
using namespace std::chrono_literals;

/// `burst` at once, then one an hour.
LimitRule hourly(std::string name, Kind key, std::uint32_t burst) {
  LimitRule rule;
  rule.name = std::move(name);
  rule.key = {{.kind = key, .name = ""}};
  rule.keys = 64;
  rule.live.rate.emplace(policy::Rate{1, 1h}, burst);
  return rule;
}

LimitRule at_a_time(std::uint32_t most) {
  LimitRule rule = hourly("busy", Kind::Identity, 1);
  rule.live.rate.reset();
  rule.live.in_flight_max = most;
  return rule;
}

ServiceOptions with(std::vector<LimitRule> limits) {
  ServiceOptions options;
  options.rate_limits = std::move(limits);
  options.timeouts.keep_alive_idle = 24h;
  return options;
}

std::string asks(std::string method, const std::string& fields = "X-User: a\r\n") {
  return std::move(method) + " /p HTTP/1.1\r\nHost: shop.test\r\n" + fields + "\r\n";
}

const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// One client that asks and is answered, one request after the other.
struct Talk {
  explicit Talk(const ServiceOptions& options) : rig(options) {}

  /// The head of the answer.
  std::string ask(const std::string& request) {
    const std::size_t before = client.sent().size();
    client.give(request);
    rig.settle();
    if (client.sent().size() == before) {
      rig.endpoints().back()->give(kAnswer);
      rig.settle();
    }
    const std::string answer = client.sent().substr(before);
    return answer.substr(0, answer.find("\r\n\r\n"));
  }
  unsigned status(const std::string& request) {
    return static_cast<unsigned>(std::stoul(ask(request).substr(9, 3)));
  }
  void change(const model::Transition& transition) {
    REQUIRE(rig.control().prepare(transition));
    rig.control().flip();
  }
  void split(std::uint16_t basis_points) {
    change(model::apply_split(rig.control().current().traffic,
                              core::BasisPoints::make(basis_points, "").value(), std::nullopt));
  }
  void switch_to(PoolName pool) {
    change(model::apply_switch(rig.control().current().traffic, pool));
  }
  const model::LimitCounters& counters(std::size_t limit) {
    return rig.control().limit_cell(limit).counters[0];
  }
  std::size_t held() { return rig.control().limit_cell(0).live.in_flight->count(); }

  WireRig rig;
  Wire& client = rig.connect_client();
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("sim limits: what is over the limit gets 429, and says when to come again",
          "[sim][limits]") {
  Talk talk(with({hourly("per-user", Kind::Identity, 2)}));
  const std::string first = talk.ask(asks("GET"));
  CHECK(has(first, "HTTP/1.1 200"));
  CHECK(has(first, "\r\nRateLimit: \"per-user\";r=1;t=3600\r\n"));
  CHECK(has(first, "\r\nRateLimit-Policy: \"per-user\";q=2;w=7200"));
  CHECK(talk.status(asks("GET")) == 200);
  talk.rig.advance(900s);
  const std::string refused = talk.ask(asks("GET"));
  CHECK(has(refused, "HTTP/1.1 429 Too Many Requests\r\n"));
  CHECK(has(refused, "\r\nRetry-After: 2700\r\n"));
  CHECK(has(refused, "\r\nRateLimit: \"per-user\";r=0;t=2700\r\n"));
  CHECK(has(refused, "\r\nRateLimit-Policy: \"per-user\";q=2;w=7200\r\n"));
  CHECK(has(refused, "\r\nProxy-Status: sluice; error=http_request_denied\r\n"));
  CHECK_FALSE(has(refused, "Connection: close"));
  CHECK(talk.status(asks("GET", "X-User: b\r\n")) == 200);  // another key
  talk.rig.advance(2699s);
  CHECK(talk.status(asks("GET")) == 429);
  talk.rig.advance(1s);
  CHECK(talk.status(asks("GET")) == 200);
  CHECK(talk.counters(0).admitted.read() == 4);
  CHECK(talk.counters(0).refused.read() == 2);
  const auto lines = talk.rig.take_log();
  REQUIRE(lines.size() == 6);
  CHECK(has(lines[0], R"("limited_by":null)"));
  CHECK(has(lines[2], R"("status":429)"));
  CHECK(has(lines[2], R"("pool":null)"));
  CHECK(has(lines[2], R"("limited_by":"per-user")"));
  CHECK(has(lines[2], R"("error":"too many requests: the rate limit is used up")"));
  const auto& refusals = talk.rig.worker().metrics().services[0].refusals;
  CHECK(refusals[static_cast<std::size_t>(metrics::Refusal::RateLimited)].read() == 2);
}

TEST_CASE("sim limits: a refusal charges no other limit, and the tightest one is told",
          "[sim][limits]") {
  LimitRule method = hourly("method", Kind::Method, 1);
  Talk talk(with({hourly("user", Kind::Identity, 3), method}));
  CHECK(has(talk.ask(asks("GET")), "RateLimit: \"method\";r=0;t=3600"));
  for (int i = 0; i < 5; ++i) CHECK(has(talk.ask(asks("GET")), "RateLimit: \"method\";r=0;t=3600"));
  CHECK(talk.counters(0).refused.read() == 0);
  CHECK(talk.counters(1).refused.read() == 5);
  CHECK(talk.status(asks("POST")) == 200);
  CHECK(talk.status(asks("PUT")) == 200);
  CHECK(has(talk.ask(asks("PATCH")), "RateLimit: \"user\";r=0;t=3600"));
  // Both refuse: the one that is longer in coming.
  talk.rig.advance(1800s);
  CHECK(talk.status(asks("DELETE")) == 429);
  const std::string both = talk.ask(asks("PUT"));
  CHECK(has(both, "RateLimit: \"user\";r=0;t=1800"));
  CHECK(has(both, "RateLimit-Policy: \"user\";q=3;w=10800, \"method\";q=1;w=3600"));
}

TEST_CASE("sim limits: who is not bounded", "[sim][limits]") {
  LimitRule exempt = hourly("exempt", Kind::Identity, 1);
  exempt.exempt.networks.push_back(core::Network::parse("192.0.2.0/24", "").value());
  LimitRule elsewhere = hourly("elsewhere", Kind::Identity, 1);
  elsewhere.path_prefix = "/q";
  LimitRule quiet = hourly("quiet", Kind::Identity, 9);
  quiet.is_announced = false;
  Talk talk(with({exempt, elsewhere, quiet}));
  for (int i = 0; i < 3; ++i) {
    const std::string answer = talk.ask(asks("GET"));
    CHECK(has(answer, "HTTP/1.1 200"));
    CHECK_FALSE(has(answer, "RateLimit"));
  }
  CHECK(talk.status(asks("GET", "")) == 200);  // nobody
  CHECK(talk.counters(0).exempt.read() == 4);
  CHECK(talk.counters(1).admitted.read() == 0);
  CHECK(talk.counters(2).admitted.read() == 3);
  CHECK(talk.counters(2).keyless.read() == 1);
  while (talk.status(asks("GET")) == 200) {
  }
  const std::string refused = talk.ask(asks("GET"));
  CHECK(has(refused, "Retry-After: 3600"));
  CHECK_FALSE(has(refused, "RateLimit"));
}

TEST_CASE("sim limits: a user who is minted for the request is nobody yet", "[sim][limits]") {
  ServiceOptions options = with({hourly("user", Kind::Identity, 1)});
  options.has_minted_cookie = true;
  Talk talk(options);
  for (int i = 0; i < 3; ++i) CHECK(talk.status(asks("GET", "")) == 200);
  CHECK(talk.counters(0).keyless.read() == 3);
  CHECK(talk.status(asks("GET", "Cookie: sid=one\r\n")) == 200);
  CHECK(talk.status(asks("GET", "Cookie: sid=one\r\n")) == 429);
}

TEST_CASE("sim limits: shadow mode marks and admits", "[sim][limits]") {
  LimitRule shadow = hourly("new", Kind::Identity, 1);
  shadow.mode = model::LimitMode::Shadow;
  Talk talk(with({shadow, hourly("real", Kind::Identity, 3)}));
  CHECK(talk.status(asks("GET")) == 200);
  const std::string over = talk.ask(asks("GET"));
  CHECK(has(over, "HTTP/1.1 200"));
  CHECK(has(over, "RateLimit: \"real\";r=1"));
  CHECK_FALSE(has(over, "new"));
  CHECK(talk.status(asks("GET")) == 200);
  CHECK(talk.status(asks("GET")) == 429);
  CHECK(talk.counters(0).admitted.read() == 1);
  CHECK(talk.counters(0).shadowed.read() == 2);
  CHECK(talk.counters(0).refused.read() == 0);
  const auto lines = talk.rig.take_log();
  CHECK(has(lines[0], R"("limited_by":null)"));
  CHECK(has(lines[1], R"("limited_by":"shadow:new")"));
  CHECK(has(lines[3], R"("limited_by":"real")"));
}

TEST_CASE("sim limits: redirects are not slowed down", "[sim][limits]") {
  Talk talk(with({hourly("user", Kind::Identity, 1)}));
  talk.client.give(asks("GET"));
  talk.rig.settle();
  talk.rig.endpoints().back()->give(
      "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
  talk.rig.settle();
  CHECK(has(talk.client.sent(), "302 Found"));
  CHECK_FALSE(has(talk.client.sent(), "RateLimit"));
}

TEST_CASE("sim limits: the candidate's own budget, which a switch takes nothing from",
          "[sim][limits]") {
  LimitRule rule = hourly("user", Kind::Identity, 3);
  rule.candidate = model::Allowance{policy::RatePolicy({1, 1h}, 1), 0};
  Talk talk(with({rule}));
  CHECK(has(talk.ask(asks("GET")), "RateLimit: \"user\";r=2"));
  talk.split(10'000);
  const std::string candidate = talk.ask(asks("GET"));
  CHECK(has(candidate, "Sluice-Pool: green"));
  CHECK(has(candidate, "RateLimit: \"user#candidate\";r=0;t=3600"));
  CHECK(has(candidate, "RateLimit-Policy: \"user#candidate\";q=1;w=3600"));
  const std::string refused = talk.ask(asks("GET"));
  CHECK(has(refused, "HTTP/1.1 429"));
  CHECK(has(refused, "RateLimit: \"user#candidate\";r=0"));
  // Green is the live pool now: the budget of the live pool, as it was.
  talk.switch_to(PoolName::Green);
  const std::string live = talk.ask(asks("GET"));
  CHECK(has(live, "Sluice-Pool: green"));
  CHECK(has(live, "RateLimit: \"user\";r=1"));
  talk.rig.control().republish();
  CHECK(has(talk.ask(asks("GET")), "RateLimit: \"user\";r=0"));
  CHECK(talk.status(asks("GET")) == 429);
}

TEST_CASE("sim limits: who falls back to the live pool was judged once", "[sim][limits]") {
  LimitRule rule = hourly("user", Kind::Identity, 2);
  rule.candidate = model::Allowance{policy::RatePolicy({1, 1h}, 2), 1};
  Talk talk(with({rule}));
  talk.split(10'000);
  REQUIRE(talk.rig.control().prepare_disabled(PoolName::Green, 1));
  talk.rig.control().flip();
  const std::string fallen = talk.ask(asks("GET"));
  CHECK(has(fallen, "Sluice-Reason: fallback"));
  CHECK(has(fallen, "RateLimit: \"user#candidate\";r=1"));
  CHECK(talk.status(asks("GET")) == 200);
  CHECK(talk.status(asks("GET")) == 429);
  CHECK(talk.rig.control().limit_cell(0).candidate->in_flight->count() == 0);
}

TEST_CASE("sim limits: who is sent again and rescued was judged once", "[sim][limits]") {
  LimitRule rule = hourly("user", Kind::Identity, 5);
  rule.candidate = model::Allowance{policy::RatePolicy({1, 1h}, 5), 2};
  Talk talk(with({rule}));
  talk.split(10'000);
  talk.client.give(asks("GET"));
  talk.rig.settle();
  for (int attempt = 0; attempt < 2; ++attempt) {
    talk.rig.endpoints().back()->give("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    talk.rig.settle();
    talk.rig.advance(100ms);  // the pause before a retry
    talk.rig.settle();
  }
  CHECK(talk.rig.control().limit_cell(0).candidate->in_flight->count() == 1);
  talk.rig.endpoints().back()->give(kAnswer);
  talk.rig.settle();
  CHECK(has(talk.client.sent(), "Sluice-Reason: rescue"));
  CHECK(has(talk.client.sent(), "RateLimit: \"user#candidate\";r=4;"));
  CHECK(talk.counters(0).admitted.read() == 1);
  CHECK(talk.rig.control().limit_cell(0).candidate->in_flight->count() == 0);
}

TEST_CASE("sim limits: what was judged by limits that are gone lasts as long as the request",
          "[sim][limits]") {
  LimitRule rule = hourly("user", Kind::Identity, 2);
  rule.live.in_flight_max = 1;
  Talk talk(with({rule}));
  talk.split(10'000);
  talk.rig.refuse_connects(true);
  talk.client.give(asks("GET"));
  REQUIRE(talk.rig.step());  // the request; now it waits for a connection to green
  CHECK(talk.held() == 1);
  const std::weak_ptr<const model::RateLimits> judged = talk.rig.control().settings().rate_limits;
  REQUIRE(talk.rig.control().prepare_disabled(PoolName::Green, 1));  // other settings
  talk.rig.control().flip();
  CHECK(talk.rig.control().settings().rate_limits != judged.lock());
  REQUIRE(talk.rig.step());  // no connection: on to blue, under the new snapshot
  talk.rig.refuse_connects(false);
  talk.rig.settle();
  CHECK_FALSE(judged.expired());
  talk.rig.endpoints().back()->give(kAnswer);
  talk.rig.settle();
  CHECK(has(talk.client.sent(), "Sluice-Reason: fallback"));
  CHECK(has(talk.client.sent(), "RateLimit: \"user\";r=1"));
  CHECK(talk.held() == 0);
  CHECK(judged.expired());
}

TEST_CASE("sim limits: a request that has been answered holds nothing, though its client is slow",
          "[sim][limits]") {
  Talk talk(with({at_a_time(1)}));
  talk.client.stop_taking();
  talk.client.give(asks("GET"));
  talk.rig.settle();
  CHECK(talk.held() == 1);
  talk.rig.endpoints().back()->give(kAnswer);
  talk.rig.settle();
  CHECK(talk.client.sent().empty());
  CHECK(talk.held() == 0);
}

TEST_CASE("sim limits: requests at a time", "[sim][limits]") {
  Talk talk(with({at_a_time(1)}));
  Wire& other = talk.rig.connect_client();
  other.give(asks("GET"));
  talk.rig.settle();
  CHECK(talk.held() == 1);
  talk.client.give(asks("GET"));
  talk.rig.settle();
  CHECK(has(talk.client.sent(), "HTTP/1.1 429"));
  CHECK(has(talk.client.sent(), "\r\nRetry-After: 1\r\n"));
  CHECK(has(talk.client.sent(), "\r\nRateLimit: \"busy\";r=0\r\n"));
  CHECK(
      has(talk.client.sent(), "\r\nRateLimit-Policy: \"busy\";q=1;qu=\"concurrent-requests\"\r\n"));
  CHECK(talk.held() == 1);  // the refusal has given back nothing of the other's
  talk.rig.endpoints().back()->give(kAnswer);
  talk.rig.settle();
  CHECK(talk.held() == 0);
  CHECK(talk.status(asks("GET")) == 200);
}

TEST_CASE("sim limits: a request that is refused for its rate holds no place", "[sim][limits]") {
  LimitRule both = at_a_time(5);
  both.live.rate.emplace(policy::Rate{1, 1h}, 1);
  Talk talk(with({both}));
  CHECK(talk.status(asks("GET")) == 200);
  const std::string refused = talk.ask(asks("GET"));
  CHECK(has(refused, "RateLimit: \"busy\";r=0;t=3600"));
  CHECK(has(refused, "\"busy#in-flight\";q=5;qu=\"concurrent-requests\""));
  CHECK(talk.held() == 0);
}

TEST_CASE("sim limits: of two bounds at a time, the one that refuses leaves the other as it was",
          "[sim][limits]") {
  LimitRule wide = at_a_time(3);
  LimitRule tight = at_a_time(1);
  tight.name = "tight";
  tight.key = {{.kind = Kind::Method, .name = ""}};
  Talk talk(with({wide, tight}));
  Wire& other = talk.rig.connect_client();
  other.give(asks("GET"));
  talk.rig.settle();
  for (int i = 0; i < 5; ++i) CHECK(talk.status(asks("GET")) == 429);
  CHECK(talk.rig.control().limit_cell(0).live.in_flight->count() == 1);
  talk.rig.endpoints().front()->give(kAnswer);
  talk.rig.settle();
  CHECK(talk.held() == 0);
}

TEST_CASE("sim limits: what a request holds is given back once, however it ends", "[sim][limits]") {
  struct End {
    const char* name;
    std::function<void(Talk&, Wire&)> happen;
  };
  const std::vector<End> ends{
      {"the client leaves", [](Talk&, Wire& client) { client.break_off(); }},
      {"the endpoint breaks off",
       [](Talk& talk, Wire&) {
         talk.rig.endpoints().back()->break_off();
         talk.rig.settle();
         talk.rig.advance(100ms);  // the pause before a retry
         talk.rig.settle();
         talk.rig.endpoints().back()->break_off();
       }},
      {"the answer is no HTTP",
       [](Talk& talk, Wire&) { talk.rig.endpoints().back()->give("what?\r\n\r\n"); }},
      {"the endpoint is silent", [](Talk& talk, Wire&) { talk.rig.advance(31s); }},
      {"the answer is cut off",
       [](Talk& talk, Wire&) {
         talk.rig.endpoints().back()->give("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
         talk.rig.settle();
         talk.rig.endpoints().back()->break_off();
       }},
      {"the proxy stops", [](Talk& talk, Wire&) { talk.rig.give_up(); }},
  };
  for (const End& end : ends) {
    INFO(end.name);
    Talk talk(with({at_a_time(1)}));
    Wire& client = talk.rig.connect_client();
    client.give(asks("GET"));
    talk.rig.settle();
    REQUIRE(talk.held() == 1);
    end.happen(talk, client);
    talk.rig.settle();
    CHECK(talk.held() == 0);
    CHECK(talk.rig.control().limit_cell(0).live.in_flight->in_flight(0) == 0);
  }
  Talk unreachable(with({at_a_time(1)}));
  unreachable.rig.refuse_connects(true);
  CHECK(has(unreachable.ask(asks("GET")), "HTTP/1.1 503"));
  CHECK(unreachable.held() == 0);
}

TEST_CASE("sim limits: a tunnel counts until it ends, also under another snapshot",
          "[sim][limits]") {
  Talk talk(with({at_a_time(1)}));
  Wire& client = talk.rig.connect_client();
  client.give(asks("GET", "X-User: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"));
  talk.rig.settle();
  Wire& endpoint = *talk.rig.endpoints().back();
  endpoint.give(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  talk.rig.settle();
  REQUIRE(has(client.sent(), "101 Switching"));
  CHECK(talk.held() == 1);
  CHECK(talk.status(asks("GET")) == 429);
  talk.switch_to(PoolName::Green);
  CHECK(talk.status(asks("GET")) == 429);
  client.end();
  endpoint.end();
  talk.rig.settle();
  CHECK(talk.held() == 0);
  CHECK(talk.status(asks("GET")) == 200);
}

}  // namespace sluice::sim
