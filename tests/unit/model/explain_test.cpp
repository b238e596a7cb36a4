#include "sluice/model/explain.hpp"

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "sluice/core/hash.hpp"
#include "sluice/model/decision.hpp"
#include "support/catch.hpp"

using namespace sluice;
using core::PoolName;
using model::Explanation;
using policy::IdentityKind;
using policy::Reason;

namespace {

std::string get(std::string_view lines, std::string_view target = "/",
                std::string_view host = "a.example") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n" +
         std::string(lines) + "\r\n";
}

/// Two services: `shop` for shop.example under /app on listener 1 and everywhere under /, and
/// `blog` for *.blog.example. One endpoint in each pool.
struct Scene {
  Scene() {
    for (const char* name : {"shop", "blog"}) {
      auto settings = std::make_shared<model::ServiceSettings>();
      settings->id = core::ServiceId{static_cast<std::uint32_t>(all.size())};
      settings->name = name;
      settings->identity = {{IdentityKind::Cookie, "uid", {}},
                            {IdentityKind::Header, "X-User", {}}};
      for (const PoolName pool : {PoolName::Blue, PoolName::Green}) {
        model::Pool& made = settings->pools[core::index(pool)];
        made.name = pool;
        made.cell = &cells.emplace_back(1);
        made.endpoints.resize(1);
        made.endpoints[0].cell = std::make_shared<model::EndpointCell>();
      }
      all.push_back(settings);
      model::Service service;
      service.settings = settings;
      service.split = core::BasisPoints::make(2000, "").value();
      service.salt = "shop-2026";
      snapshot.services.push_back(service);
    }
    snapshot.table = std::make_shared<const model::ServiceTable>(
        std::vector<model::ServiceMatch>{{core::ServiceId{0}, {"shop.example"}, "/app", {1}},
                                         {core::ServiceId{0}, {}, "/", {}},
                                         {core::ServiceId{1}, {"*.blog.example"}, "/", {}}});
  }
  model::Service& shop() { return snapshot.services[0]; }
  model::ServiceSettings& settings() { return *all[0]; }
  model::Endpoint& endpoint(PoolName pool) { return all[0]->pools[core::index(pool)].endpoints[0]; }

  Explanation explain(std::string_view bytes) {
    input.bytes = bytes;
    core::Rng rng(7);
    // The scene keeps its snapshot: an edition for the call owns nothing.
    return model::explain({.snapshot = {std::shared_ptr<void>{}, &snapshot}}, input, rng);
  }
  Explanation user(std::string_view id) {
    input.user = id;
    return explain(get(""));
  }

  std::deque<model::PoolCell> cells;
  std::vector<std::shared_ptr<model::ServiceSettings>> all;
  model::Snapshot snapshot;
  model::ExplainInput input{.bytes = "", .peer = core::IpAddress::v4({127, 0, 0, 1})};
};

model::ValuePin header_pin(policy::PinTarget target) {
  return {.field = model::ValuePin::Field::Header,
          .name = "X-Pin",
          .values = {{"on", target}},
          .from = {.networks = {*core::Network::parse("127.0.0.0/8", "")}, .has_unix = false}};
}

model::SegmentPin path_pin(std::string prefix) {
  model::SegmentPin pin;
  pin.path_prefix = std::move(prefix);
  return pin;
}

}  // namespace

TEST_CASE("explain: a bucket below the split gets the candidate, others do not",
          "[model][explain]") {
  Scene scene;
  const Explanation in = scene.explain(get("Cookie: uid=user-2\r\n"));
  REQUIRE(in.choice);
  CHECK(in.choice->pool == PoolName::Green);
  CHECK(in.choice->bucket == 1364);
  CHECK(in.identity == "user-2");
  CHECK(in.source == &scene.settings().identity[0]);
  CHECK(model::sentence_of(in) ==
        "user-2 is in bucket 1364 of 10000, below the split of 20 %, so green");
  const Explanation out = scene.explain(get("X-User: user-1\r\n"));
  CHECK(out.source == &scene.settings().identity[1]);
  CHECK(model::sentence_of(out) ==
        "user-1 is in bucket 8756 of 10000, not below the split of 20 %, so blue, the live pool");
  scene.shop().split = core::BasisPoints::make(1364, "").value();
  CHECK(scene.user("user-2").choice->reason == Reason::Live);
  scene.shop().split = core::BasisPoints::make(1365, "").value();
  CHECK(scene.user("user-2").choice->reason == Reason::Split);
}

TEST_CASE("explain: a given user counts by the rules of identities", "[model][explain]") {
  Scene scene;
  const Explanation given = scene.user("user-2");
  CHECK(given.is_identity_given);
  CHECK(given.source == nullptr);
  CHECK(given.choice->bucket == 1364);
  CHECK(scene.user(std::string(1024, 'u')).choice->bucket);
  const Explanation too_long = scene.user(std::string(1025, 'u'));
  CHECK(too_long.was_too_long);
  CHECK(too_long.choice->reason == Reason::NoIdentity);
  CHECK(model::sentence_of(too_long) ==
        "the identity is longer than 1024 bytes and counts as absent, so blue, the live pool");
  CHECK(scene.user("").choice->reason == Reason::NoIdentity);
}

TEST_CASE("explain: without identity it says where one was looked for", "[model][explain]") {
  Scene scene;
  CHECK(model::sentence_of(scene.explain(get(""))) ==
        "the request has no identity (cookie uid, header X-User), so blue, the live pool");
}

TEST_CASE("explain: a long identity is shortened in the sentence only", "[model][explain]") {
  Scene scene;
  const Explanation e = scene.user(std::string(65, 'u'));
  CHECK(e.identity.size() == 65);
  CHECK(model::sentence_of(e).starts_with(std::string(64, 'u') + "... is in bucket "));
}

TEST_CASE("explain: a user that would be minted has no bucket yet", "[model][explain]") {
  Scene scene;
  scene.settings().identity.push_back({IdentityKind::MintCookie, "sid", {}});
  const Explanation e = scene.explain(get(""));
  CHECK(e.would_mint);
  CHECK(e.identity.empty());
  CHECK_FALSE(e.choice);
  CHECK_FALSE(e.answer);
  CHECK(model::sentence_of(e) ==
        "the request has no identity yet, so a cookie sid is minted; 20 % of such new users get "
        "green");
  CHECK(scene.explain(get("Cookie: sid=0123\r\n")).identity == "0123");
  scene.settings().pins = {path_pin("/")};
  CHECK(scene.explain(get("")).choice->reason == Reason::PinSegment);
}

TEST_CASE("explain: without overload nobody is refused for it", "[model][explain]") {
  Scene scene;
  const Explanation e = scene.user("user-2");
  REQUIRE(e.overload);
  CHECK(e.overload->word.is_normal());
  CHECK_FALSE(e.overload->refuses);
  CHECK(e.overload->of_thousand == 0);
  CHECK_FALSE(e.answer);
  CHECK_FALSE(scene.explain("GET / HTTP/1.1\r\n\r\n").overload);
}

TEST_CASE("explain: a known user is refused or not as the data path draws it", "[model][explain]") {
  Scene scene;
  scene.input.now = core::Instant{std::chrono::hours(1)};
  scene.input.overload = policy::OverloadWord::of(
      {.strain = policy::kStrainNew + 300, .cause = policy::OverloadCause::Loop});
  unsigned refused = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string id = "user-" + std::to_string(i);
    const Explanation e = scene.user(id);
    REQUIRE(e.overload);
    CHECK(e.overload->standing == policy::Standing::Known);
    CHECK(e.overload->of_thousand == 300);
    const auto draw = policy::shed_draw(core::murmur3_x86_32(id), scene.input.now);
    const bool is_shed =
        policy::is_shed(scene.input.overload.strain(), policy::Standing::Known, draw);
    CHECK(e.overload->refuses == is_shed);
    CHECK(e.answer.has_value() == is_shed);
    refused += is_shed ? 1U : 0U;
    if (!is_shed) continue;
    CHECK(e.answer->status == 503);
    CHECK(e.answer->reason == policy::refusal_of(policy::OverloadCause::Loop));
    CHECK(e.choice);
    CHECK(
        sentence_of(e).ends_with("; but 30 % of the known users are refused for want of time, "
                                 "and this is one of them, so Sluice answers 503 itself"));
  }
  CHECK(refused > 30);
  CHECK(refused < 90);
}

TEST_CASE("explain: a new user is refused for certain only when all of them are",
          "[model][explain]") {
  Scene scene;
  for (const auto& [strain, refuses] : {std::pair{999U, false}, std::pair{1000U, true}}) {
    scene.input.overload = policy::OverloadWord::of({.strain = strain});
    const Explanation e = scene.explain(get(""));
    REQUIRE(e.overload);
    CHECK(e.overload->standing == policy::Standing::New);
    CHECK(e.overload->of_thousand == strain);
    CHECK(e.overload->refuses == refuses);
    CHECK(e.answer.has_value() == refuses);
  }
  scene.settings().identity = {{IdentityKind::MintCookie, "sid", {}}};
  const Explanation minted = scene.explain(get(""));
  CHECK(minted.overload->standing == policy::Standing::New);
  CHECK(sentence_of(minted) ==
        "Sluice answers 503 itself: the proxy is short of memory: try again later");
}

TEST_CASE("explain: the pin that matched is named by its number", "[model][explain]") {
  Scene scene;
  scene.settings().pins = {path_pin("/elsewhere"), header_pin(policy::PinTarget::Candidate),
                           path_pin("/")};
  const Explanation e = scene.explain(get("X-Pin: on\r\nX-User: user-1\r\n"));
  REQUIRE(e.pin);
  CHECK(e.pin->number == 2);
  CHECK(e.pin->name == "header X-Pin");
  CHECK_FALSE(e.pin->is_ignored);
  CHECK(e.choice->bucket == 8756);
  CHECK(model::sentence_of(e) == "pin 2 (header X-Pin) decides before the split, so green");
  CHECK(scene.explain(get("X-User: user-1\r\n")).pin->number == 3);
  scene.shop().is_candidate_open = false;
  const Explanation closed = scene.explain(get("X-Pin: on\r\nX-User: user-1\r\n"));
  CHECK(closed.pin->is_ignored);
  CHECK(closed.choice->reason == Reason::PinClosed);
  CHECK(model::sentence_of(closed) ==
        "pin 2 (header X-Pin) asks for green, which is closed until `sluice split` opens it, so "
        "blue, the live pool");
}

TEST_CASE("explain: a pin is for its clients only", "[model][explain]") {
  Scene scene;
  scene.settings().pins = {header_pin(policy::PinTarget::Green)};
  scene.input.peer = core::IpAddress::v4({192, 0, 2, 1});
  CHECK_FALSE(scene.explain(get("X-Pin: on\r\n")).pin);
  scene.snapshot.trusted_proxies = {*core::Network::parse("192.0.2.1/32", "")};
  const Explanation behind = scene.explain(get("X-Pin: on\r\nX-Forwarded-For: 127.0.0.9\r\n"));
  CHECK(behind.client == core::IpAddress::v4({127, 0, 0, 9}));
  CHECK(behind.pin);
}

TEST_CASE("explain: host, prefix and listener lead to a service", "[model][explain]") {
  Scene scene;
  const Explanation any = scene.explain(get("", "/app/x", "shop.example"));
  CHECK(any.service == &scene.snapshot.services[0]);
  CHECK(any.routing->host.empty());
  scene.input.listener = 1;
  const Explanation app = scene.explain(get("", "/%61pp/x", "SHOP.example:80"));
  CHECK(app.routing->host == "shop.example");
  CHECK(app.routing->path_prefix == "/app");
  CHECK(app.routing->names_listeners);
  const Explanation blog = scene.explain(get("", "/", "x.blog.example"));
  CHECK(blog.service == &scene.snapshot.services[1]);
  CHECK(blog.routing->host == "*.blog.example");
}

TEST_CASE("explain: a named service is taken, and where the request would go is told",
          "[model][explain]") {
  Scene scene;
  scene.input.named = &scene.snapshot.services[1];
  const Explanation e = scene.explain(get(""));
  CHECK(e.service == &scene.snapshot.services[1]);
  CHECK(e.routing->service == core::ServiceId{0});
  scene.snapshot.table =
      std::make_shared<const model::ServiceTable>(std::vector<model::ServiceMatch>{});
  const Explanation nowhere = scene.explain(get(""));
  CHECK(nowhere.choice);
  CHECK_FALSE(nowhere.routing);
}

TEST_CASE("explain: what a client would be refused with", "[model][explain]") {
  Scene scene;
  scene.settings().head_limits.target_bytes = 10;
  scene.settings().body_bytes_max = 3;
  struct Case {
    std::string bytes;
    unsigned status;
  };
  for (const Case& each : std::vector<Case>{
           {"", 408},
           {"GET / HTTP/1.1\r\nHost: a\r\n", 408},
           {"GET / HTTP/1.1\nHost: a\n\n", 400},
           {std::string(16 * 1024, 'G'), 414},
           {get("A: " + std::string(16 * 1024, 'x') + "\r\n"), 431},
           {"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405},
           {get("", "/.."), 400},
           {get("", "/%zz"), 400},
           {get("", "/0123456789"), 414},
           {get("Content-Length: 4\r\n"), 413},
           {"TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", 405},
           {"OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", 200},
       }) {
    INFO(each.bytes.substr(0, 60));
    const Explanation e = scene.explain(each.bytes);
    REQUIRE(e.answer);
    CHECK(e.answer->status == each.status);
    CHECK_FALSE(e.choice);
  }
  CHECK(scene.explain(get("", "/012345678")).choice);
  CHECK(scene.explain(get("Content-Length: 3\r\n") + "abc").choice);
}

TEST_CASE("explain: a malformed path is refused also for a named service", "[model][explain]") {
  Scene scene;
  scene.settings().pins = {path_pin("/x")};
  scene.input.named = &scene.snapshot.services[0];
  CHECK(scene.explain(get("", "/%zz")).answer->status == 400);
  CHECK(scene.explain(get("", "/../x")).answer->status == 400);
}

TEST_CASE("explain: no service is a 404 in words", "[model][explain]") {
  Scene scene;
  scene.snapshot.table =
      std::make_shared<const model::ServiceTable>(std::vector<model::ServiceMatch>{});
  const Explanation e = scene.explain(get(""));
  CHECK(e.service == nullptr);
  CHECK(model::sentence_of(e) ==
        "Sluice answers 404 itself: no service answers for this host and path");
}

TEST_CASE("explain: a candidate without a free endpoint falls back to live", "[model][explain]") {
  Scene scene;
  scene.input.now = core::Instant(core::Millis(5000));
  scene.endpoint(PoolName::Green).cell->penalty =
      policy::Penalty().after_failure(scene.input.now).word();
  const Explanation e = scene.user("user-2");
  REQUIRE(e.before_fallback);
  CHECK(e.before_fallback->reason == Reason::Split);
  CHECK(e.choice->pool == PoolName::Blue);
  CHECK(e.choice->reason == Reason::Fallback);
  CHECK(model::sentence_of(e) ==
        "user-2 is in bucket 1364 of 10000, below the split of 20 %, so green; but no endpoint of "
        "green can take it now, so blue, the live pool");
  scene.input.now += core::Millis(1000);
  CHECK_FALSE(scene.user("user-2").before_fallback);
  scene.endpoint(PoolName::Green).is_disabled = true;
  CHECK(scene.user("user-2").choice->reason == Reason::Fallback);
}

TEST_CASE("explain: in the live pool a penalty only ranks, and none in use is a 503",
          "[model][explain]") {
  Scene scene;
  scene.input.now = core::Instant(core::Millis(5000));
  scene.endpoint(PoolName::Blue).cell->penalty =
      policy::Penalty().after_failure(scene.input.now).word();
  CHECK_FALSE(scene.user("user-1").answer);
  scene.endpoint(PoolName::Blue).is_disabled = true;
  const Explanation e = scene.user("user-1");
  REQUIRE(e.answer);
  CHECK(e.answer->status == 503);
  CHECK(e.choice->reason == Reason::Live);
  CHECK(model::sentence_of(e).ends_with(
      "; but no endpoint of blue is in use, so Sluice answers 503 itself"));
}

TEST_CASE("explain: a candidate that its health has taken out falls back, or is a 503",
          "[model][explain]") {
  Scene scene;
  scene.input.now = core::Instant(core::Millis(5000));
  scene.endpoint(PoolName::Green).cell->health = policy::HealthWord::out().word();
  const Explanation fallback = scene.user("user-2");
  CHECK(fallback.choice->reason == Reason::Fallback);
  CHECK_FALSE(fallback.answer);
  scene.settings().on_pool_down = model::OnPoolDown::Fail;
  const Explanation fail = scene.user("user-2");
  CHECK(fail.choice->pool == PoolName::Green);
  REQUIRE(fail.answer);
  CHECK(fail.answer->status == 503);
  CHECK(model::sentence_of(fail).ends_with(
      "; but no endpoint of green is in use, so Sluice answers 503 itself"));
  // Nobody else takes these users, so a penalty only ranks.
  scene.endpoint(PoolName::Green).cell->health = 0;
  scene.endpoint(PoolName::Green).cell->penalty =
      policy::Penalty().after_failure(scene.input.now).word();
  CHECK_FALSE(scene.user("user-2").answer);
}

TEST_CASE("explain: limits with what is left, and nothing is charged", "[model][explain]") {
  using namespace std::chrono_literals;
  using Standing = Explanation::AskedLimit::Standing;
  Scene scene;
  scene.input.now = core::Instant{100s};
  model::LimitRule user;
  user.name = "user";
  user.key = {{model::LimitKeyPart::Kind::Identity, "", 1}};
  user.keys = 64;
  user.live.rate.emplace(policy::Rate{1, 1min}, 2);
  user.live.in_flight_max = 3;
  user.candidate = model::Allowance{policy::RatePolicy({1, 1min}, 1), 0};
  model::LimitRule shadow = user;
  shadow.name = "shadow";
  shadow.candidate.reset();
  shadow.live = {policy::RatePolicy({1, 1min}, 1), 0};
  shadow.mode = model::LimitMode::Shadow;
  model::LimitRule elsewhere = user;
  elsewhere.name = "elsewhere";
  elsewhere.path_prefix = "/login";
  model::LimitRule address = shadow;
  address.name = "address";
  address.key = {{model::LimitKeyPart::Kind::ClientAddress, "", 1}};
  address.exempt.networks.push_back(core::Network::parse("127.0.0.0/8", "").value());
  std::vector<model::RateLimit> list;
  for (const model::LimitRule& rule : {user, shadow, elsewhere, address}) {
    list.push_back(
        model::make_limit(rule, std::make_shared<model::LimitCell>(rule, core::HashKey{1, 2}, 1)));
  }
  const auto limits = std::make_shared<const model::RateLimits>(std::move(list));
  scene.settings().rate_limits = limits;

  for (int i = 0; i < 3; ++i) {
    const Explanation fresh = scene.user("user-1");
    REQUIRE(fresh.limits.size() == 3);
    CHECK(fresh.limits[0].limit->rule.name == "user");
    CHECK(fresh.limits[0].standing == Standing::Admits);
    CHECK(fresh.limits[0].key == "identity user-1");
    CHECK(fresh.limits[0].rate->left == 2);
    CHECK(fresh.limits[0].in_flight == 0);
    CHECK(fresh.limits[1].rate->left == 1);
    CHECK(fresh.limits[2].standing == Standing::Exempt);
    CHECK_FALSE(fresh.answer);
  }

  const auto charge = [&](std::size_t position, bool is_candidate, int count) {
    const Explanation told = scene.user(is_candidate ? "user-2" : "user-1");
    const model::RateLimit& limit = limits->list[position];
    const policy::RatePolicy& policy = *limit.rule.allowance(is_candidate).rate;
    const std::uint64_t now = policy.tick_at(scene.input.now);
    const std::uint64_t hash =
        core::siphash_1_3(is_candidate ? "user-2" : "user-1", limit.cell->hash_key);
    policy::RateTable& table = *limit.cell->tables(is_candidate).rate;
    for (int i = 0; i < count; ++i) {
      auto look = table.look(policy, hash, now);
      REQUIRE(table.charge(policy, hash, now, look));
    }
  };
  charge(1, false, 1);
  const Explanation shadowed = scene.user("user-1");
  CHECK(shadowed.limits[1].standing == Standing::Refuses);
  CHECK_FALSE(shadowed.answer);
  charge(0, false, 2);
  const Explanation refused = scene.user("user-1");
  REQUIRE(refused.answer);
  CHECK(refused.answer->status == 429);
  CHECK(refused.limits[0].standing == Standing::Refuses);
  CHECK(refused.limits[0].rate->left == 0);
  CHECK(refused.limits[0].rate->until_more > 59s);
  CHECK(
      model::sentence_of(refused) ==
      "user-1 is in bucket 8756 of 10000, not below the split of 20 %, so blue, the live pool; but "
      "limit user is used up, so Sluice answers 429 itself");
  // The candidate's budget is another one.
  const Explanation candidate = scene.user("user-2");
  CHECK(candidate.limits[0].is_candidate);
  CHECK(candidate.limits[0].rate->left == 1);
  charge(0, true, 1);
  CHECK(scene.user("user-2").answer->status == 429);
  CHECK(scene.user("").limits[0].standing == Standing::Keyless);
}

TEST_CASE("explain: of several limits that refuse it names the one that the answer names",
          "[model][explain]") {
  using namespace std::chrono_literals;
  Scene scene;
  scene.input.now = core::Instant{100s};
  std::vector<model::RateLimit> list;
  const auto add = [&list](std::string name, std::optional<policy::RatePolicy> rate,
                           std::uint32_t in_flight_max) {
    model::LimitRule rule;
    rule.name = std::move(name);
    rule.key = {{model::LimitKeyPart::Kind::Identity, "", 1}};
    rule.keys = 64;
    rule.live = {rate, in_flight_max};
    list.push_back(
        model::make_limit(rule, std::make_shared<model::LimitCell>(rule, core::HashKey{1, 2}, 1)));
  };
  add("busy", std::nullopt, 1);
  add("hour", policy::RatePolicy({1, 1h}, 1), 0);
  add("day", policy::RatePolicy({1, 24h}, 1), 0);
  const auto limits = std::make_shared<const model::RateLimits>(std::move(list));
  scene.settings().rate_limits = limits;
  const std::uint64_t hash = core::siphash_1_3("user-1", {1, 2});
  const auto use_up = [&](std::size_t position) {
    const policy::RatePolicy& policy = *limits->list[position].rule.live.rate;
    policy::RateTable& table = *limits->list[position].cell->live.rate;
    const std::uint64_t now = policy.tick_at(scene.input.now);
    auto look = table.look(policy, hash, now);
    REQUIRE(table.charge(policy, hash, now, look));
  };
  const auto why = [&scene] {
    const std::string sentence = model::sentence_of(scene.user("user-1"));
    return sentence.substr(sentence.find("; but ") + 6);
  };
  policy::InFlightTable::Ticket ticket;
  REQUIRE(limits->list[0].cell->live.in_flight->take(hash, 1, ticket) ==
          policy::InFlightTable::Outcome::Taken);
  CHECK(why() == "limit busy allows no more requests in progress, so Sluice answers 429 itself");
  CHECK(scene.user("user-1").answer->reason == "too many requests at a time");
  use_up(1);
  CHECK(why() == "limit hour is used up, so Sluice answers 429 itself");
  CHECK(scene.user("user-1").answer->reason == "too many requests: the rate limit is used up");
  use_up(2);
  CHECK(why() == "limit day is used up, so Sluice answers 429 itself");
  policy::InFlightTable::give_back(ticket);
  CHECK(why() == "limit day is used up, so Sluice answers 429 itself");
}

TEST_CASE("explain: an open breaker sends the candidate's users to the live pool",
          "[model][explain][breaker]") {
  Scene scene;
  scene.input.now = core::Instant{std::chrono::seconds(1000)};
  const std::string user = "user-2";  // in the split
  REQUIRE(scene.user(user).choice->pool == PoolName::Green);
  CHECK(scene.user(user).breakers.front().admits);
  const auto open = [&](policy::BreakerCell& cell) {
    policy::BreakerPolicy policy;
    for (int i = 0; i < 20; ++i) {
      const auto entry = policy::enter(cell, scene.input.now, policy);
      policy::leave(cell, entry.admission.ticket, policy::Outcome::Failure, scene.input.now,
                    policy);
    }
  };
  open(scene.settings().pool(PoolName::Green).cell->breaker);
  const Explanation fallen = scene.user(user);
  CHECK(fallen.choice->pool == PoolName::Blue);
  CHECK(fallen.choice->reason == Reason::Fallback);
  REQUIRE(fallen.before_fallback);
  CHECK(fallen.before_fallback->pool == PoolName::Green);
  REQUIRE(fallen.breakers.size() == 2);
  CHECK(fallen.breakers[0].state == policy::Breaker::State::Open);
  CHECK_FALSE(fallen.breakers[0].admits);
  CHECK(fallen.breakers[1].admits);
  CHECK(sentence_of(fallen).ends_with(
      "; but the circuit breaker of green is open, so blue, the live pool"));

  SECTION("and it answers itself when the live one is open too") {
    open(scene.settings().pool(PoolName::Blue).cell->breaker);
    const Explanation none = scene.user(user);
    REQUIRE(none.answer);
    CHECK(none.answer->status == 503);
    CHECK(sentence_of(none).ends_with(
        "; but the circuit breaker of blue is open, so Sluice answers 503 itself"));
  }
  SECTION("and with `fallback: fail`") {
    scene.settings().breakers.fallback = model::BreakerFallback::Fail;
    const Explanation none = scene.user(user);
    REQUIRE(none.answer);
    CHECK(none.choice->pool == PoolName::Green);
  }
  SECTION("ceilings are asked before it") {
    scene.settings().breakers.pool.requests = 2;
    scene.settings().pool(PoolName::Green).cell->requests = 2;
    const model::Explanation full = scene.user(user);
    REQUIRE(full.reached.size() == 1);
    CHECK(full.choice->pool == PoolName::Blue);
    CHECK(
        sentence_of(full).ends_with("; but green has as many requests in flight as max_requests "
                                    "allows, so blue, the live pool"));
    scene.settings().breakers.pool.requests = 0;
    scene.settings().adaptive.is_on = true;
    scene.settings().pool(PoolName::Blue).cell->adaptive.limit = 1;
    scene.settings().pool(PoolName::Blue).cell->adaptive.in_flight = 1;
    const model::Explanation refused = scene.user(user);
    REQUIRE(refused.answer);
    CHECK(refused.answer->status == 503);
    CHECK(sentence_of(refused).ends_with(
        "; but blue has as many requests in flight as "
        "adaptive_concurrency allows, so Sluice answers 503 itself"));
  }
  SECTION("a path of its own has its own breaker") {
    auto cell = std::make_shared<model::RouteCell>();
    scene.settings().breakers.routes.push_back(
        {.path_prefix = "/reports", .rule = {}, .cell = cell});
    scene.input.user = user;
    CHECK(scene.explain(get("", "/%72eports/1")).choice->pool == PoolName::Green);
    open(cell->breakers[core::index(PoolName::Green)]);
    const Explanation route = scene.explain(get("", "/%72eports/1"));
    CHECK(route.choice->pool == PoolName::Blue);
    CHECK(route.breakers[0].route == "/reports");
    CHECK(sentence_of(route).find("the circuit breaker of green for /reports is open") !=
          std::string::npos);
  }
}
