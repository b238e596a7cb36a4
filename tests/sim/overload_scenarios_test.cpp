#include "sim/scenario.hpp"
#include "sim/wire_rig.hpp"
#include "support/catch.hpp"

// What a worker does with the word that control gives it: who is refused, and that it is over with
// the word (behaviour.md §2 "Overload").
namespace sluice::sim {

namespace {

using metrics::Refusal;
using policy::OverloadCause;
using namespace std::chrono_literals;

const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kKnown = "X-User: a\r\n";
const std::string kNew;

ServiceOptions usual() {
  ServiceOptions options;
  options.timeouts.keep_alive_idle = 24h;
  options.timeouts.endpoint_idle = 24h;
  return options;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Scene {
  explicit Scene(const ServiceOptions& options = usual()) : rig(options) {}

  /// The head of the answer to a client of its own.
  std::string ask(const std::string& fields) {
    Wire& client = rig.connect_client();
    client.give("GET /p HTTP/1.1\r\nHost: shop.test\r\n" + fields + "\r\n");
    rig.settle();
    if (client.sent().empty()) {
      rig.endpoints().back()->give(kAnswer);
      rig.settle();
    }
    return client.sent().substr(0, client.sent().find("\r\n\r\n") + 2);
  }
  bool is_refused(const std::string& fields) { return has(ask(fields), "HTTP/1.1 503 "); }
  std::uint64_t refusals(Refusal why) {
    const auto& counted = rig.worker().metrics().services[0].refusals;
    return counted[static_cast<std::size_t>(why)].read();
  }

  WireRig rig;
};

}  // namespace

TEST_CASE("sim overload: who is new is refused first, then everybody, then nobody",
          "[sim][overload]") {
  Scene scene;
  CHECK_FALSE(scene.is_refused(kNew));
  CHECK_FALSE(scene.is_refused(kKnown));
  scene.rig.overload({.strain = policy::kStrainNew});
  CHECK(scene.is_refused(kNew));
  CHECK_FALSE(scene.is_refused(kKnown));
  scene.rig.overload({.strain = policy::kStrainAll});
  CHECK(scene.is_refused(kNew));
  CHECK(scene.is_refused(kKnown));
  scene.rig.overload({});
  CHECK_FALSE(scene.is_refused(kNew));
  CHECK_FALSE(scene.is_refused(kKnown));
  CHECK(scene.refusals(Refusal::OverloadMemory) == 3);
}

TEST_CASE("sim overload: a refusal says why and when, and keeps the connection",
          "[sim][overload]") {
  Scene scene;
  scene.rig.overload({.strain = policy::kStrainAll, .cause = OverloadCause::Loop});
  unsigned least = 9;
  unsigned most = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string head = scene.ask(kKnown);
    REQUIRE(has(head, "\r\nProxy-Status: sluice; error=proxy_internal_response\r\n"));
    CHECK_FALSE(has(head, "Connection: close"));
    const std::size_t at = head.find("\r\nRetry-After: ");
    REQUIRE(at != std::string::npos);
    const auto wait = static_cast<unsigned>(std::stoul(head.substr(at + 15)));
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  CHECK(least == 1);
  CHECK(most == 5);
  CHECK(scene.refusals(Refusal::OverloadLoop) == 100);
  const auto lines = scene.rig.take_log();
  REQUIRE(lines.size() == 100);
  CHECK(has(lines[0], R"("pool":null)"));
  CHECK(has(lines[0], R"("shed":"loop")"));
  CHECK(has(lines[0], R"("status":503)"));
}

TEST_CASE("sim overload: a share of the known users is refused everything for a minute",
          "[sim][overload]") {
  Scene scene;
  scene.rig.overload({.strain = policy::kStrainNew + policy::kStrainNew / 2});
  const auto refused = [&scene] {
    std::string who;
    for (char user = 'a'; user <= 'z'; ++user)
      if (scene.is_refused("X-User: " + std::string(1, user) + "\r\n")) who += user;
    return who;
  };
  const std::string first = refused();
  CHECK(first.size() > 4);
  CHECK(first.size() < 22);
  CHECK(refused() == first);
  scene.rig.advance(61s);
  CHECK(refused() != first);
}

TEST_CASE("sim overload: when memory is high answers end their connections, and idle ones go",
          "[sim][overload]") {
  Scene scene;
  CHECK_FALSE(has(scene.ask(kKnown), "Connection: close"));
  Wire& fresh = scene.rig.connect_client();
  scene.rig.settle();
  scene.rig.overload({.ends_connections = true});
  scene.rig.worker().let_idle_go();
  scene.rig.settle();
  CHECK(scene.rig.worker().load().sessions == 2);  // neither has been idle for a second
  scene.rig.advance(1100ms);
  scene.rig.worker().let_idle_go();
  scene.rig.settle();
  CHECK(scene.rig.worker().load().sessions == 0);
  CHECK(fresh.has_fin());
  const std::string head = scene.ask(kNew);
  CHECK(has(head, "HTTP/1.1 200"));
  CHECK(has(head, "\r\nConnection: close\r\n"));
  scene.rig.overload({});
  CHECK_FALSE(has(scene.ask(kNew), "Connection: close"));
}

TEST_CASE("sim overload: what is refused charges no limit", "[sim][overload]") {
  ServiceOptions options = usual();
  model::LimitRule rule;
  rule.name = "per-user";
  rule.key = {{.kind = model::LimitKeyPart::Kind::Identity, .name = ""}};
  rule.keys = 64;
  rule.live.rate.emplace(policy::Rate{1, 1h}, 1U);
  options.rate_limits = {rule};
  Scene scene(options);
  scene.rig.overload({.strain = policy::kStrainAll});
  for (int i = 0; i < 5; ++i) CHECK(scene.is_refused(kKnown));
  scene.rig.overload({});
  CHECK(has(scene.ask(kKnown), "HTTP/1.1 200"));
  CHECK(has(scene.ask(kKnown), "HTTP/1.1 429"));
}

namespace {

WorldOptions adaptive(std::uint32_t least, std::uint32_t most) {
  WorldOptions options = with_endpoints(1, 1);
  options.service.adaptive = {.is_on = true, .least = least, .most = most};
  return options;
}

/// How many were refused with these words at the end of their error; `shed` as logged, empty: null.
std::size_t refused(SimWorld& world, std::string_view words, const std::string& shed) {
  std::size_t count = 0;
  for (const Entry& each : world.ledger().entries()) {
    for (const LogLine& logged : each.lines) {
      if (logged.status != 503 || !logged.error.ends_with(words)) continue;
      CHECK(has(logged.text, shed.empty() ? R"("shed":null)" : "\"shed\":\"" + shed + "\""));
      ++count;
    }
  }
  return count;
}

}  // namespace

TEST_CASE("sim overload: no more are in flight than the limit that was found when they came",
          "[sim][overload]") {
  SimWorld world(adaptive(1, 10));
  const auto& limit = world.control().pool_cell(PoolName::Blue).adaptive.limit;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 12; ++i) ask(world, get({.size = 3, .delay = milliseconds(100 + round)}));
    world.run_for(milliseconds(300));
  }
  const SimWorld::GuardPeaks& peaks = world.peaks(PoolName::Blue);
  CHECK(peaks.requests > peaks.adaptive_least);  // the limit has moved meanwhile
  CHECK(limit.load() > 0);
  CHECK(world.worker()
            .metrics()
            .services[0]
            .refusals[static_cast<std::size_t>(Refusal::AdaptiveLimit)]
            .read() >= 40 * 2);
  finish(world);
}

TEST_CASE("sim overload: who leaves, and a tunnel that is open, make room under a found limit",
          "[sim][overload]") {
  SimWorld world(adaptive(2, 2));
  const auto& used = world.control().pool_cell(PoolName::Blue).adaptive.in_flight;
  SimClient& leaver = ask(world, get({.size = 3, .delay = seconds(60)}));
  ask(world, {.upgrades = true, .tunnel_up = 10, .tunnel_down = 10, .answers = {{.status = 101}}});
  world.run_for(milliseconds(100));
  CHECK(used.load() == 1);  // the tunnel is none any more
  ask(world, get({.size = 3, .delay = seconds(2)}));
  world.run_for(milliseconds(100));
  ask(world, get(sized(3)));
  world.run_for(milliseconds(100));
  CHECK(status(world, 3) == 503);
  world.file_log();
  CHECK(line(world, 3).error == "as many requests are in flight as the pool can do");
  leaver.leave();
  world.run_for(milliseconds(100));
  CHECK(used.load() == 1);
  ask(world, get(sized(3)));
  finish(world);
  CHECK(status(world, 4) == 200);
}

TEST_CASE("sim overload: errors say nothing of how long answers take", "[sim][overload]") {
  SimWorld world(adaptive(2, 10));
  const auto& samples = world.control().pool_cell(PoolName::Blue).adaptive.samples;
  for (const unsigned status : {499U, 500U, 200U, 503U}) {
    const std::uint32_t before = policy::LatencySum(samples.load()).count();
    ask(world, get({.status = status, .size = 3}));
    world.settle();
    INFO(status);
    CHECK(policy::LatencySum(samples.load()).count() - before == (status < 500 ? 1U : 0U));
  }
  finish(world);
}

TEST_CASE("sim overload: the last places of those who wait are for users who are known",
          "[sim][overload]") {
  WorldOptions options = calm();
  options.service.breakers.pool.pending = 5;
  SimWorld world(options);
  world.origin(0).fate = [] { return ConnectFate{.delay = milliseconds(300)}; };
  const auto come = [&world](const std::string& user, int count) {
    for (int i = 0; i < count; ++i) ask(world, {.user = user, .answers = {sized(4)}});
    world.run_for(milliseconds(50));
    world.file_log();
  };
  come("", 6);
  CHECK(refused(world, "new users wait for a connection to this pool as may", "pending") == 2);
  come("ann", 2);
  CHECK(refused(world, "requests wait for a connection to this pool as may", "") == 1);
  come("", 1);
  CHECK(refused(world, "new users wait for a connection to this pool as may", "pending") == 3);
  finish(world);
  const auto& refusals = world.worker().metrics().services[0].refusals;
  CHECK(refusals[static_cast<std::size_t>(Refusal::PendingNew)].read() == 3);
  CHECK(refusals[static_cast<std::size_t>(Refusal::PendingLimit)].read() == 1);
}

TEST_CASE("sim overload: a queue of fewer than five places keeps none", "[sim][overload]") {
  WorldOptions options = calm();
  options.service.breakers.pool.pending = 4;
  SimWorld world(options);
  world.origin(0).fate = [] { return ConnectFate{.delay = milliseconds(300)}; };
  for (int i = 0; i < 5; ++i) ask(world, {.answers = {sized(4)}});
  finish(world);
  CHECK(refused(world, "requests wait for a connection to this pool as may", "") == 1);
}

TEST_CASE("sim overload: a cookie that is minted makes nobody known", "[sim][overload]") {
  WorldOptions options = calm();
  options.service.has_minted_cookie = true;
  options.service.breakers.pool.pending = 5;
  SimWorld world(options);
  world.origin(0).fate = [] { return ConnectFate{.delay = milliseconds(300)}; };
  for (int i = 0; i < 5; ++i) ask(world, {.answers = {sized(4)}});
  world.run_to_end();
  CHECK(refused(world, "new users wait for a connection to this pool as may", "pending") == 1);
}

}  // namespace sluice::sim
