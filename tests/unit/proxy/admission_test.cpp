#include "proxy/admission.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "sluice/http/h1_parser.hpp"
#include "support/catch.hpp"
#include "support/manual_clock.hpp"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;
using Kind = model::LimitKeyPart::Kind;

model::LimitRule daily(std::string name, Kind key, std::uint32_t burst) {
  model::LimitRule rule;
  rule.name = std::move(name);
  rule.key = {{.kind = key, .name = ""}};
  rule.keys = 64;
  rule.live.rate.emplace(policy::Rate{1, 24h}, burst);
  return rule;
}

model::LimitRule at_a_time(std::string name, std::uint32_t most) {
  model::LimitRule rule = daily(std::move(name), Kind::Identity, 1);
  rule.live.rate.reset();
  rule.live.in_flight_max = most;
  return rule;
}

model::RateLimits limits_of(const std::vector<model::LimitRule>& rules, std::size_t workers = 1) {
  std::vector<model::RateLimit> out;
  for (const model::LimitRule& rule : rules) {
    out.push_back(model::make_limit(
        rule, std::make_shared<model::LimitCell>(rule, core::HashKey{1, 2}, workers)));
  }
  return model::RateLimits(std::move(out));
}

struct Asker {
  explicit Asker(std::string_view method = "GET")
      : bytes(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n\r\n") {
    REQUIRE_FALSE(http::parse_request_head(bytes, {}, head));
  }
  model::LimitedRequest::Parts parts() const {
    return {.head = head,
            .client = client,
            .identity = identity,
            .service = "shop",
            .pool = core::PoolName::Blue,
            .is_candidate = false};
  }
  bool ask(Admission& admission, const model::RateLimits& limits, std::size_t worker = 0) const {
    const auto parts_of = parts();
    model::LimitedRequest request(parts_of);
    return admission.ask(limits, request, worker, clock);
  }

  std::string bytes;
  http::RequestHead head;
  std::optional<core::IpAddress> client = core::IpAddress::parse("192.0.2.1");
  std::string_view identity = "user-1";
  test::ManualClock clock;
};

std::uint32_t left(const model::RateLimit& limit, const Asker& asker) {
  const auto parts = asker.parts();
  model::LimitedRequest request(parts);
  const policy::RatePolicy& policy = *limit.rule.live.rate;
  const auto look = limit.cell->live.rate->look(
      policy, request.key_hash(limit.rule, limit.cell->hash_key).value(),
      policy.tick_at(asker.clock.now()));
  return policy.standing(look.step).left;
}

TEST_CASE("admission: four workers charge all limits or none", "[proxy][limits]") {
  constexpr std::uint32_t kTight = 20'000;
  constexpr std::uint32_t kWide = 30'000;
  model::LimitRule busy = daily("busy", Kind::Identity, kWide);
  busy.live.in_flight_max = 2;
  // In an order in which what is charged first is taken back.
  const model::RateLimits limits = limits_of(
      {daily("wide", Kind::Service, kWide), busy, daily("tight", Kind::Method, kTight)}, 4);
  std::atomic<std::uint32_t> admitted{0};
  const auto work = [&](std::size_t worker) {
    const Asker asker;
    for (int i = 0; i < 20'000; ++i) {
      Admission admission;
      if (asker.ask(admission, limits, worker)) admitted.fetch_add(1);
      admission.end();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t worker = 0; worker < 4; ++worker) threads.emplace_back(work, worker);
  for (std::thread& thread : threads) thread.join();
  // Some are refused for the two at a time; there is enough for all that the tight one admits.
  CHECK(admitted.load() <= kTight);
  CHECK(admitted.load() > kTight / 2);
  const Asker asker;
  CHECK(left(limits.list[0], asker) == kWide - admitted.load());
  CHECK(left(limits.list[1], asker) == kWide - admitted.load());
  CHECK(left(limits.list[2], asker) == kTight - admitted.load());
  CHECK(limits.list[1].cell->live.in_flight->count() == 0);
  std::uint64_t counted = 0;
  std::uint64_t refused = 0;
  for (std::size_t worker = 0; worker < 4; ++worker) {
    counted += limits.list[0].cell->counters[worker].admitted.read();
    for (const model::RateLimit& limit : limits.list)
      refused += limit.cell->counters[worker].refused.read();
  }
  CHECK(counted == admitted.load());
  CHECK(refused == 80'000 - admitted.load());
}

TEST_CASE("admission: a refusal gives a shadow limit nothing that it has not taken",
          "[proxy][limits]") {
  model::LimitRule shadow = daily("shadow", Kind::Identity, 1);
  shadow.mode = model::LimitMode::Shadow;
  model::LimitRule busy = at_a_time("busy", 1);
  const model::RateLimits limits = limits_of({shadow, busy});
  const Asker asker;
  Admission runs;
  REQUIRE(asker.ask(runs, limits));
  for (int i = 0; i < 3; ++i) {
    Admission refused;
    CHECK_FALSE(asker.ask(refused, limits));
    CHECK(refused.limited_by() == "busy");
    refused.end();
  }
  CHECK(left(limits.list[0], asker) == 0);
  CHECK(limits.list[0].cell->counters[0].shadowed.read() == 0);  // none of them was admitted
  runs.end();
}

TEST_CASE("admission: of several that refuse the one that takes longest is named",
          "[proxy][limits]") {
  const auto hourly = [](std::string name) {
    model::LimitRule rule = daily(std::move(name), Kind::Identity, 1);
    rule.live.rate.emplace(policy::Rate{1, 1h}, 1);
    return rule;
  };
  const model::LimitRule day = daily("day", Kind::Identity, 1);
  const Asker asker;
  for (const auto& rules :
       {std::vector{day, hourly("a"), hourly("b")}, std::vector{hourly("a"), day, hourly("b")},
        std::vector{hourly("a"), hourly("b"), day}}) {
    const model::RateLimits limits = limits_of(rules);
    Admission first;
    REQUIRE(asker.ask(first, limits));
    Admission second;
    REQUIRE_FALSE(asker.ask(second, limits));
    CHECK(second.limited_by() == "day");
    LocalReply reply;
    second.tell(reply);
    CHECK(reply.retry_after_s == 86'400);
    CHECK(reply.rate_limit == "\"day\";r=0;t=86400");
    CHECK(reply.violated == "\"day\"");
  }
}

TEST_CASE("admission: a place is given back when another request took the last of the rate",
          "[proxy][limits]") {
  // Two limits over the same tables: the second finds the budget used up by the first, between its
  // look and its charge, as by the request of another worker.
  model::LimitRule rule = daily("both", Kind::Identity, 1);
  rule.live.in_flight_max = 5;
  const model::RateLimit limit = limits_of({rule}).list[0];
  const model::RateLimits limits({limit, limit});
  const Asker asker;
  Admission admission;
  CHECK_FALSE(asker.ask(admission, limits));
  CHECK(admission.limited_by() == "both");
  CHECK(limit.cell->live.in_flight->count() == 0);
  CHECK(left(limit, asker) == 1);
  CHECK(limit.cell->counters[0].refused.read() == 1);
  CHECK(limit.cell->counters[0].admitted.read() == 0);
}

TEST_CASE("admission: over a shadow bound at a time a request is admitted and marked",
          "[proxy][limits]") {
  model::LimitRule shadow = at_a_time("busy", 1);
  shadow.mode = model::LimitMode::Shadow;
  const model::RateLimits limits = limits_of({shadow});
  const Asker asker;
  Admission first;
  REQUIRE(asker.ask(first, limits));
  CHECK(first.limited_by().empty());
  Admission second;
  CHECK(asker.ask(second, limits));
  CHECK(second.limited_by() == "shadow:busy");
  const model::LimitCounters& counters = limits.list[0].cell->counters[0];
  CHECK(counters.admitted.read() == 1);
  CHECK(counters.shadowed.read() == 1);
  CHECK(counters.refused.read() == 0);
  second.end();
  CHECK(limits.list[0].cell->live.in_flight->count() == 1);  // that of the first
  first.end();
  CHECK(limits.list[0].cell->live.in_flight->count() == 0);
}

TEST_CASE("admission: what answers announce is no shadow limit, though it has least left",
          "[proxy][limits]") {
  model::LimitRule shadow = daily("shadow", Kind::Identity, 2);
  shadow.mode = model::LimitMode::Shadow;
  const model::RateLimits limits =
      limits_of({shadow, daily("wide", Kind::Identity, 9), daily("near", Kind::Identity, 5)});
  const Asker asker;
  Admission admission;
  REQUIRE(asker.ask(admission, limits));
  http::ResponseForwarding with;
  admission.announce(with, 200);
  CHECK(with.rate_limits.tightest == "\"near\"");
  CHECK(with.rate_limits.left == 4);
  CHECK(with.rate_limits.policies == "\"wide\";q=9;w=777600, \"near\";q=5;w=432000");
}

TEST_CASE("admission: keys that a full table has forgotten are counted", "[proxy][limits]") {
  const model::RateLimits limits = limits_of({daily("a", Kind::Identity, 2)});
  const model::RateLimit& limit = limits.list[0];
  const std::size_t places = limit.cell->live.rate->places();
  Asker asker;
  for (std::size_t i = 0; i < 2 * places; ++i) {
    const std::string user = "user-" + std::to_string(i);
    asker.identity = user;
    Admission admission;
    REQUIRE(asker.ask(admission, limits));
  }
  CHECK(limit.cell->counters[0].evicted.read() >= places);
}

TEST_CASE("admission: time is read afresh for each request", "[proxy][limits]") {
  model::LimitRule rule = daily("a", Kind::Identity, 1);
  rule.live.rate.emplace(policy::Rate{1, 1s}, 1);
  const model::RateLimits limits = limits_of({rule});
  Asker asker;
  Admission first;
  CHECK(asker.ask(first, limits));
  Admission second;
  CHECK_FALSE(asker.ask(second, limits));
  asker.clock.advance(1s);
  Admission third;
  CHECK(asker.ask(third, limits));
}

TEST_CASE("admission: the fields of the most limits with the longest names fit",
          "[proxy][limits]") {
  std::vector<model::LimitRule> rules;
  for (std::size_t i = 0; i < core::limits::kRateLimitsPerServiceMax; ++i) {
    std::string name = std::to_string(i);
    name.resize(core::limits::kNameMax, 'x');
    model::LimitRule rule = daily(name, Kind::Identity, core::limits::kRateMax);
    if (i < core::limits::kInFlightLimitsMax) rule.live.in_flight_max = core::limits::kRateMax;
    rules.push_back(std::move(rule));
  }
  const model::RateLimits limits = limits_of(rules);
  const Asker asker;
  Admission admission;
  REQUIRE(asker.ask(admission, limits));
  http::ResponseForwarding with;
  admission.announce(with, 200);
  const http::ResponseForwarding::RateLimits& told = with.rate_limits;
  CHECK(told.policies.find(limits.list.back().policy_items[0]) != std::string_view::npos);
  CHECK(told.left == 999'999);
  CHECK(told.until_more_s == 86'400);
  CHECK(told.policies.size() + told.tightest.size() < 4000);
  http::ResponseForwarding none;
  admission.announce(none, 304);
  CHECK(none.rate_limits.tightest.empty());
  CHECK(none.rate_limits.policies.empty());
  admission.end();
}

TEST_CASE("admission: a full table of requests at a time admits, and counts that",
          "[proxy][limits]") {
  model::LimitRule rule = daily("a", Kind::Identity, 1);
  rule.live.rate.reset();
  rule.live.in_flight_max = 1;
  const model::RateLimits limits = limits_of({rule});
  policy::InFlightTable& table = *limits.list[0].cell->live.in_flight;
  std::vector<policy::InFlightTable::Ticket> others(3000);
  for (std::uint64_t i = 0; i < others.size(); ++i)
    static_cast<void>(table.take((i + 1) * 0x9E3779B97F4A7C15U, 1, others[i]));
  REQUIRE(table.count() == table.places());
  const Asker asker;
  Admission admission;
  CHECK(asker.ask(admission, limits));
  CHECK(limits.list[0].cell->counters[0].uncounted.read() == 1);
  admission.end();
  CHECK(table.count() == table.places());
}

}  // namespace
}  // namespace sluice::proxy
