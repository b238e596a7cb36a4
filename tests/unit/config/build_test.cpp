#include "sluice/config/build.hpp"

#include <set>
#include <string>

#include "sluice/config/parse.hpp"
#include "support/catch.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using config::CellRegistry;
using config::Config;
using core::PoolName;

namespace {

constexpr core::WallTime kNow{std::chrono::hours(24 * 365 * 50)};

Config parse_good(const std::string& text) {
  config::Loaded loaded =
      config::parse(text, "t.yaml", [](std::string_view) { return std::nullopt; });
  REQUIRE(loaded.config);
  return std::move(*loaded.config);
}

Config two_services() {
  return parse_good(R"(
listeners: [{name: a, bind: 127.0.0.1:1}, {name: b, bind: 127.0.0.1:2}]
trusted_proxies: [10.0.0.0/8, "unix:"]
services:
  - name: shop
    hosts: [shop.example]
    listeners: [b]
    salt: summer
    identity: [{cookie: uid}]
    pools: {blue: {endpoints: [127.0.0.1:9001, 127.0.0.1:9002]}, green: {endpoints: [127.0.0.1:9001]}}
    initial: {live: green, split: 10%}
    drain: {deadline: 7s, websockets: keep}
    pins: [{header: X-P, values: {g: green}, from: [10.0.0.0/8]}]
    via: off
    expose: [bucket]
    timeouts: {request_header: 20s, keep_alive_idle: 5s, connect: 3s}
    limits: {header_bytes: 4KiB, header_count: 120, target_bytes: 1KiB, body_bytes: 1MiB}
  - name: blog
    pools: {blue: {endpoints: [127.0.0.1:9001]}}
    timeouts: {request_header: 5s, keep_alive_idle: 90s}
    limits: {header_bytes: 8KiB, header_count: 50, target_bytes: 2KiB}
)");
}

Config named(const std::vector<std::string>& names) {
  std::string text = "listeners: [{bind: 127.0.0.1:1}]\nservices:\n";
  for (const std::string& name : names) {
    text += "  - {name: " + name + ", hosts: [" + name +
            "], pools: {blue: {endpoints: [127.0.0.1:9]}}}\n";
  }
  return parse_good(text);
}

}  // namespace

TEST_CASE("cells: the same service, pool and address have the same cell and id while it is used",
          "[config][build]") {
  CellRegistry cells(3);
  const auto first = cells.endpoint("shop", PoolName::Blue, "127.0.0.1:1");
  std::set<core::EndpointId> ids{first.id};
  for (int i = 0; i < 1000; ++i)
    ids.insert(cells.endpoint("shop", PoolName::Blue, "127.0.0.2:" + std::to_string(i)).id);
  CHECK(ids.size() == 1001);
  CHECK(cells.endpoint("shop", PoolName::Blue, "127.0.0.1:1").id == first.id);
  CHECK(cells.endpoint("shop", PoolName::Blue, "127.0.0.1:1").cell == first.cell);
  CHECK(cells.endpoint("shop", PoolName::Green, "127.0.0.1:1").cell != first.cell);
  CHECK(cells.endpoint("blog", PoolName::Blue, "127.0.0.1:1").cell != first.cell);
}

TEST_CASE("cells: an endpoint that nobody uses is forgotten, and its id is never given again",
          "[config][build]") {
  CellRegistry cells(1);
  auto used = cells.endpoint("shop", PoolName::Blue, "127.0.0.1:1");
  const core::EndpointId id = used.id;
  const auto tunnel = used.cell;  // holds the cell alone
  used.cell.reset();
  cells.forget_unused();
  CHECK(cells.endpoints() == 1);
  CHECK(cells.endpoint("shop", PoolName::Blue, "127.0.0.1:1").id == id);

  std::set<core::EndpointId> ids{id};
  for (int i = 0; i < 100; ++i) {
    const bool is_new = ids.insert(cells.endpoint("shop", PoolName::Blue, "127.0.0.2:1").id).second;
    REQUIRE(is_new);
    cells.forget_unused();
    REQUIRE(cells.endpoints() == 1);
  }
}

TEST_CASE("cells: a pool has one lease count per worker and an id that is never 0",
          "[config][build]") {
  CellRegistry cells(3);
  const auto& blue = cells.pool("shop", PoolName::Blue);
  CHECK(blue.cell->leases.size() == 3);
  CHECK(blue.id.raw > 0);
  CHECK(cells.endpoint("shop", PoolName::Blue, "127.0.0.1:1").id.raw > 0);
  CHECK(cells.pool("shop", PoolName::Green).id != blue.id);
  CHECK(cells.pool("shop", PoolName::Blue).cell.get() == blue.cell.get());
}

TEST_CASE("cells: a limit keeps its tables while its rates are the same", "[config][build]") {
  const auto rule_of = [](const std::string& text) {
    return parse_good(
               "listeners: [{bind: 127.0.0.1:1}]\nservices:\n  - {name: shop, pools: {blue: "
               "{endpoints: [127.0.0.1:9]}}, rate_limits: [{name: a, key: identity, " +
               text + "}]}\n")
        .services[0]
        .rate_limits[0];
  };
  CellRegistry cells(3);
  const auto first = cells.limit("shop", rule_of("rate: 5/s"));
  CHECK(first->counters.size() == 3);
  CHECK(first->live.rate->places() == 131'072);
  CHECK(cells.limit("shop", rule_of("rate: 5/s")) == first);
  // Another burst counts in the same ticks, and what the rule is about is not in the tables.
  CHECK(cells.limit("shop", rule_of("rate: 5/s, burst: 9, mode: shadow")) == first);
  CHECK(cells.limit("blog", rule_of("rate: 5/s")) != first);
  for (const char* other : {"rate: 300/min", "rate: 5/s, keys: 64", "rate: 5/s, max_in_flight: 1",
                            "max_in_flight: 1", "rate: 5/s, candidate: {rate: 1/s}"}) {
    INFO(other);
    CellRegistry fresh(1);
    const auto before = fresh.limit("shop", rule_of("rate: 5/s"));
    const auto after = fresh.limit("shop", rule_of(other));
    CHECK(after != before);
    CHECK(fresh.limit("shop", rule_of(other)) == after);
  }
}

TEST_CASE("cells: a limit that nobody uses is forgotten", "[config][build]") {
  const Config c = parse_good(
      "listeners: [{bind: 127.0.0.1:1}]\nservices:\n  - {name: shop, pools: {blue: {endpoints: "
      "[127.0.0.1:9]}}, rate_limits: [{name: a, key: identity, rate: 5/s}]}\n");
  CellRegistry cells(1);
  auto parts = config::build_static(c, cells);
  const std::weak_ptr<model::LimitCell> cell = parts.services[0]->rate_limits->list.front().cell;
  const auto again = config::build_static(c, cells);
  CHECK(again.services[0]->rate_limits->list.front().cell == cell.lock());
  parts = {};
  CHECK_FALSE(cell.expired());
}

TEST_CASE("build: settings carry the configuration", "[config][build]") {
  const Config c = two_services();
  CellRegistry cells(2);
  const config::StaticParts parts = config::build_static(c, cells);
  REQUIRE(parts.services.size() == 2);
  const model::ServiceSettings& shop = *parts.services[0];
  CHECK(shop.id.raw == 0);
  CHECK(parts.services[1]->id.raw == 1);
  CHECK(shop.name == "shop");
  CHECK(shop.identity[0].name == "uid");
  CHECK(shop.pins.size() == 1);
  CHECK(shop.timeouts.connect == 3s);
  CHECK(shop.head_limits.head_bytes == 4096);
  CHECK(shop.body_bytes_max == 1024U * 1024U);
  CHECK(shop.expose.bucket);
  CHECK_FALSE(shop.adds_via);
  CHECK(shop.drain_deadline == 7s);
  CHECK(shop.tunnels == model::TunnelPolicy::Keep);
  const model::Pool& blue = shop.pool(PoolName::Blue);
  CHECK(blue.name == PoolName::Blue);
  CHECK(shop.pool(PoolName::Green).name == PoolName::Green);
  REQUIRE(blue.endpoints.size() == 2);
  CHECK(blue.endpoints[1].text == "127.0.0.1:9002");
  CHECK(blue.endpoints[1].address.port == 9002);
  CHECK(blue.cell == cells.pool("shop", PoolName::Blue).cell.get());
  CHECK(blue.id == cells.pool("shop", PoolName::Blue).id);
  CHECK(blue.endpoints[0].cell == cells.endpoint("shop", PoolName::Blue, "127.0.0.1:9001").cell);
  CHECK(blue.endpoints[0].id == cells.endpoint("shop", PoolName::Blue, "127.0.0.1:9001").id);
  CHECK(shop.pool(PoolName::Green).endpoints[0].cell != blue.endpoints[0].cell);
  CHECK_FALSE(blue.endpoints[0].is_disabled);
}

TEST_CASE("build: the table knows hosts and listeners", "[config][build]") {
  CellRegistry cells(1);
  const auto parts = config::build_static(two_services(), cells);
  const auto found = [&](std::size_t listener, std::string_view host) {
    return parts.table->find(listener, host, "/x")->raw;
  };
  CHECK(found(1, "shop.example") == 0);
  CHECK(found(0, "shop.example") == 1);
  CHECK(found(1, "other.example") == 1);
}

TEST_CASE("build: a rebuilt configuration keeps the cells of endpoints that stay",
          "[config][build]") {
  CellRegistry cells(1);
  const auto before = config::build_static(named({"a", "b"}), cells);
  const auto after = config::build_static(named({"b", "c"}), cells);
  CHECK(after.services[0]->name == "b");
  CHECK(after.services[0]->pools[0].cell == before.services[1]->pools[0].cell);
  CHECK(after.services[0]->pools[0].endpoints[0].id ==
        before.services[1]->pools[0].endpoints[0].id);
  CHECK(after.services[1]->pools[0].cell != before.services[0]->pools[0].cell);
}

TEST_CASE("build: a snapshot joins settings and traffic state", "[config][build]") {
  const Config c = two_services();
  CellRegistry cells(1);
  const auto parts = config::build_static(c, cells);
  model::TrafficState traffic = config::initial_traffic(c);
  traffic.generation = core::Generation{42};
  std::swap(traffic.services[0], traffic.services[1]);  // found by name, wherever it stands
  model::ServiceTraffic* blog = traffic.find("blog");
  blog->generation = core::Generation{41};
  blog->is_candidate_open = false;
  const auto snapshot = config::build_snapshot(c, parts, traffic, core::Epoch{7});
  CHECK(snapshot->epoch.raw == 7);
  CHECK(snapshot->generation.raw == 42);
  REQUIRE(snapshot->services.size() == 2);
  const model::Service& shop = snapshot->service(core::ServiceId{0});
  CHECK(shop.settings == parts.services[0]);
  CHECK(shop.live == PoolName::Green);
  CHECK(shop.split.count() == 1000);
  CHECK(shop.salt == "summer");
  CHECK(shop.is_candidate_open);
  CHECK(shop.generation.raw == 1);
  CHECK(snapshot->services[1].generation.raw == 41);
  CHECK_FALSE(snapshot->services[1].is_candidate_open);
  CHECK(snapshot->table == parts.table);
  CHECK(snapshot->trusts_unix);
  REQUIRE(snapshot->trusted_proxies.size() == 1);
  CHECK(snapshot->trusted_proxies[0].text() == "10.0.0.0/8");
}

TEST_CASE("build: before a service is known the widest bounds of all hold", "[config][build]") {
  const Config c = two_services();
  CellRegistry cells(1);
  const auto snapshot = config::build_snapshot(c, config::build_static(c, cells),
                                               config::initial_traffic(c), core::Epoch{1});
  CHECK(snapshot->head_limits.head_bytes == 8192);
  CHECK(snapshot->head_limits.field_count == 120);
  CHECK(snapshot->head_limits.target_bytes == 2048);
  CHECK(snapshot->request_header_timeout == 20s);
  CHECK(snapshot->keep_alive_idle == 90s);
}

TEST_CASE("traffic: the very first start is generation 1, as `initial` says, and open",
          "[config][build]") {
  const model::TrafficState traffic = config::initial_traffic(two_services());
  CHECK(traffic.generation.raw == 1);
  REQUIRE(traffic.services.size() == 2);
  const model::ServiceTraffic& shop = traffic.services[0];
  CHECK(shop.name == "shop");
  CHECK(shop.generation.raw == 1);
  CHECK(shop.live == PoolName::Green);
  CHECK(shop.split.count() == 1000);
  CHECK(shop.salt == "summer");
  CHECK(shop.is_candidate_open);
  CHECK_FALSE(shop.can_undo_switch);
  CHECK_FALSE(shop.gone_since);
  CHECK(traffic.services[1].live == PoolName::Blue);
  CHECK(traffic.services[1].split.count() == 0);
  CHECK(traffic.services[1].salt == "blog");
}

TEST_CASE("traffic: the saved state rules over the file", "[config][build]") {
  model::TrafficState saved = config::initial_traffic(two_services());
  saved.generation = core::Generation{9};
  saved.services[0].live = PoolName::Blue;
  saved.services[0].salt = "winter";
  saved.services[0].can_undo_switch = true;
  CHECK(config::merge_traffic(two_services(), saved, kNow) == saved);
}

TEST_CASE("traffic: a new service starts as `initial` says, at the saved generation",
          "[config][build]") {
  model::TrafficState saved = config::initial_traffic(named({"a"}));
  saved.generation = core::Generation{9};
  const auto merged = config::merge_traffic(named({"b", "a"}), saved, kNow);
  CHECK(merged.generation.raw == 9);
  REQUIRE(merged.find("b") != nullptr);
  CHECK(merged.find("b")->generation.raw == 9);
  CHECK(merged.find("b")->is_candidate_open);
  CHECK(merged.find("a")->generation.raw == 1);
}

TEST_CASE("traffic: a service that left is kept for 30 days, to the instant", "[config][build]") {
  const model::TrafficState saved = config::initial_traffic(named({"a", "b"}));
  const auto left = config::merge_traffic(named({"a"}), saved, kNow);
  REQUIRE(left.find("b") != nullptr);
  CHECK(left.find("b")->gone_since == kNow);
  CHECK_FALSE(left.find("a")->gone_since);

  const core::WallTime last = kNow + 30 * 24h - 1ns;
  const auto kept = config::merge_traffic(named({"a"}), left, last);
  REQUIRE(kept.find("b") != nullptr);
  CHECK(kept.find("b")->gone_since == kNow);  // it left then, not now

  CHECK(config::merge_traffic(named({"a"}), left, kNow + 30 * 24h).find("b") == nullptr);
}

TEST_CASE("traffic: a service that comes back has its state", "[config][build]") {
  model::TrafficState saved = config::initial_traffic(named({"a", "b"}));
  saved.find("b")->live = PoolName::Green;
  saved.find("b")->salt = "kept";
  const auto left = config::merge_traffic(named({"a"}), saved, kNow);
  const auto back = config::merge_traffic(named({"a", "b"}), left, kNow + 24h);
  CHECK(back == saved);
  // Also after its 30 days, when nobody has looked in between: it is in the file now.
  CHECK(config::merge_traffic(named({"a", "b"}), left, kNow + 1000 * 24h) == saved);
}

TEST_CASE("build: an endpoint that an operator has taken out is out in that snapshot only",
          "[config][build]") {
  const Config c = two_services();
  CellRegistry cells(1);
  const auto parts = config::build_static(c, cells);
  model::TrafficState traffic = config::initial_traffic(c);
  const auto before = config::build_snapshot(c, parts, traffic, core::Epoch{1});
  model::ServiceTraffic& shop = *traffic.find("shop");
  shop =
      model::apply_endpoint(shop, PoolName::Blue, "127.0.0.1:9002", model::EndpointMode::Draining)
          .after;
  const auto after = config::build_snapshot(c, parts, traffic, core::Epoch{2});
  const auto& blue = after->services[0].settings->pool(PoolName::Blue);
  CHECK_FALSE(blue.endpoints[0].is_disabled);
  CHECK(blue.endpoints[1].is_disabled);
  CHECK(blue.endpoints[1].cell ==
        before->services[0].settings->pool(PoolName::Blue).endpoints[1].cell);
  CHECK_FALSE(before->services[0].settings->pool(PoolName::Blue).endpoints[1].is_disabled);
  CHECK(after->services[1].settings == before->services[1].settings);
}

TEST_CASE("build: a decision about an endpoint outlives its absence for 30 days",
          "[config][build]") {
  using namespace std::chrono_literals;
  const Config c = two_services();
  const core::WallTime now{1'000'000s};
  model::TrafficState saved = config::initial_traffic(c);
  model::ServiceTraffic& shop = *saved.find("shop");
  for (const char* address : {"127.0.0.1:9001", "10.9.9.9:1"}) {
    shop =
        model::apply_endpoint(shop, PoolName::Blue, address, model::EndpointMode::Disabled).after;
  }
  model::TrafficState merged = config::merge_traffic(c, saved, now);
  const auto& decisions = merged.find("shop")->endpoints;
  REQUIRE(decisions.size() == 2);
  CHECK(decisions[0].gone_since == now);  // 10.9.9.9:1
  CHECK_FALSE(decisions[1].gone_since);
  merged = config::merge_traffic(c, merged, now + 30 * 24h - 1s);
  CHECK(merged.find("shop")->endpoints.size() == 2);
  merged = config::merge_traffic(c, merged, now + 30 * 24h);
  REQUIRE(merged.find("shop")->endpoints.size() == 1);
  CHECK(merged.find("shop")->endpoints[0].address == "127.0.0.1:9001");
}

// ---- host names ----

namespace {

/// `app:9001` twice, 127.0.0.1:9001 and `b:1` in one service, and a service without names.
Config with_names() {
  return parse_good(
      "listeners: [{bind: 127.0.0.1:8080}]\n"
      "services:\n"
      "  - {name: shop, hosts: [a], pools: {blue: {endpoints: [app:9001, 127.0.0.1:9001]}, green: "
      "{endpoints: [app:9001, b:1]}}}\n"
      "  - {name: blog, hosts: [b], pools: {blue: {endpoints: [127.0.0.1:9002]}}}\n");
}

config::ResolvedNames app_is(const std::vector<std::string>& texts) {
  config::ResolvedNames names;
  for (const std::string& text : texts)
    names["app"].addresses.push_back(*core::IpAddress::parse(text));
  return names;
}

model::TrafficState with_decision(const Config& c, const std::string& about) {
  model::TrafficState state = config::initial_traffic(c);
  model::ServiceTraffic& shop = *state.find("shop");
  shop = model::apply_endpoint(shop, PoolName::Blue, about, model::EndpointMode::Draining).after;
  return state;
}

}  // namespace

TEST_CASE("build: other addresses of a name change the services that have it only",
          "[config][build][names]") {
  const Config c = with_names();
  CellRegistry cells(1);
  auto parts = config::build_static(c, cells);
  const auto before = parts;
  const auto& blue = parts.services[0]->pool(PoolName::Blue);
  REQUIRE(blue.endpoints.size() == 2);
  CHECK(blue.endpoints[0].text == "app:9001");
  CHECK_FALSE(blue.endpoints[0].is_usable());
  CHECK(blue.endpoints[0].cell != nullptr);
  CHECK(blue.endpoints[1].is_usable());

  config::rebuild_named(c, cells, app_is({"10.0.0.1", "10.0.0.2"}), parts);
  CHECK(parts.services[0] != before.services[0]);
  CHECK(parts.services[1] == before.services[1]);
  CHECK(parts.table == before.table);
  const auto& found = parts.services[0]->pool(PoolName::Blue);
  REQUIRE(found.endpoints.size() == 3);
  CHECK(found.endpoints[0].text == "10.0.0.1:9001");
  CHECK(found.endpoints[0].address.text() == "10.0.0.1:9001");
  CHECK(found.endpoints[0].names == std::vector<std::string>{"app:9001"});
  CHECK(found.endpoints[0].is_usable());
  CHECK(found.id == before.services[0]->pool(PoolName::Blue).id);
  CHECK(found.cell == before.services[0]->pool(PoolName::Blue).cell);
  // What stays has its live state.
  CHECK(found.endpoints[2].cell == before.services[0]->pool(PoolName::Blue).endpoints[1].cell);
  const auto two = found.endpoints[1].cell;
  config::rebuild_named(c, cells, app_is({"10.0.0.2", "10.0.0.3"}), parts);
  CHECK(parts.services[0]->pool(PoolName::Blue).endpoints[0].cell == two);
}

TEST_CASE("build: what finds no place in a pool is told", "[config][build][names]") {
  const Config c = with_names();
  CellRegistry cells(1);
  config::ResolvedNames names;
  for (unsigned i = 0; i < 256; ++i)
    names["app"].addresses.push_back(core::IpAddress::v4({10, 0, 0, static_cast<std::uint8_t>(i)}));
  auto parts = config::build_static(c, cells, names);
  CHECK(parts.left_out ==
        std::vector<config::LeftOut>{{"shop", PoolName::Blue, 1}, {"shop", PoolName::Green, 1}});
  config::rebuild_named(c, cells, app_is({"10.0.0.1"}), parts);
  CHECK(parts.left_out.empty());
}

TEST_CASE("build: addresses that rotate for months leave nothing behind",
          "[config][build][names]") {
  const Config c = with_names();
  CellRegistry cells(2);
  auto parts = config::build_static(c, cells);
  const auto held = parts.services[0];  // a request that runs as long
  std::size_t most = 0;
  core::EndpointId newest;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    config::ResolvedNames names;
    names["app"].addresses = {
        core::IpAddress::v4({10, static_cast<std::uint8_t>(i >> 16U),
                             static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)})};
    config::rebuild_named(c, cells, names, parts);
    most = std::max(most, cells.endpoints());
    const auto id = parts.services[0]->pool(PoolName::Blue).endpoints[0].id;
    REQUIRE(newest < id);  // never one of before
    newest = id;
  }
  // app, 127.0.0.1 and b of `held`, the same with an address now, and one of the other service.
  CHECK(most <= 10);
}

TEST_CASE(
    "build: a decision about a name takes out all its addresses, one about an address it "
    "alone",
    "[config][build][names]") {
  const Config c = with_names();
  CellRegistry cells(1);
  const auto parts = config::build_static(c, cells, app_is({"10.0.0.1", "10.0.0.2"}));
  const auto out = [&](const std::string& about) {
    const auto snapshot = config::build_snapshot(c, parts, with_decision(c, about), core::Epoch{1});
    std::string text;
    for (const auto& endpoint : snapshot->services[0].settings->pool(PoolName::Blue).endpoints)
      text += endpoint.is_disabled ? 'x' : '.';
    return text;
  };
  CHECK(out("app:9001") == "xx.");
  CHECK(out("10.0.0.2:9001") == ".x.");
  CHECK(out("127.0.0.1:9001") == "..x");
}

TEST_CASE("traffic: a decision about a name is known as long as the name is in the file",
          "[config][build][names]") {
  const Config c = with_names();
  const auto merged = config::merge_traffic(c, with_decision(c, "app:9001"), kNow, {});
  CHECK_FALSE(merged.find("shop")->endpoints[0].gone_since);
  const auto other = config::merge_traffic(c, with_decision(c, "app:9002"), kNow, {});
  CHECK(other.find("shop")->endpoints[0].gone_since == kNow);
}

TEST_CASE("traffic: an address is known while its name has it, or nobody knows",
          "[config][build][names]") {
  const Config c = with_names();
  const auto gone = [&](const std::string& about, const config::ResolvedNames& names) {
    const auto merged = config::merge_traffic(c, with_decision(c, about), kNow, names);
    return merged.find("shop")->endpoints[0].gone_since == kNow;
  };
  const auto names = app_is({"10.0.0.1"});
  CHECK_FALSE(gone("10.0.0.1:9001", names));
  CHECK(gone("10.0.0.2:9001", names));
  CHECK(gone("10.0.0.1:9002", names));
  CHECK(gone("unix:/a", {}));
  // The name has no address now: it may have this one when it is found again.
  CHECK_FALSE(gone("10.0.0.2:9001", {}));
  CHECK(gone("10.0.0.2:9002", {}));

  auto state = with_decision(c, "10.0.0.2:9001");
  state = config::merge_traffic(c, state, kNow, names);
  CHECK(config::merge_traffic(c, state, kNow + 30 * 24h - 1ns, names)
            .find("shop")
            ->endpoints.size() == 1);
  CHECK(config::merge_traffic(c, state, kNow + 30 * 24h, names).find("shop")->endpoints.empty());
  // A resolver that is down when the process starts makes nothing forgotten.
  const auto kept = config::merge_traffic(c, state, kNow + 300 * 24h, {});
  REQUIRE(kept.find("shop")->endpoints.size() == 1);
  CHECK_FALSE(kept.find("shop")->endpoints[0].gone_since);
}
