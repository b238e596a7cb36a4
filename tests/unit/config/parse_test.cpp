#include "sluice/config/parse.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "sluice/core/limits.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using config::Config;
using core::PoolName;
using policy::IdentityKind;
using test::TempDir;

namespace {

constexpr const char* kMinimal =
    "listeners:\n"
    "  - bind: 127.0.0.1:8080\n"
    "services:\n"
    "  - name: shop\n"
    "    pools:\n"
    "      blue: {endpoints: [127.0.0.1:9001]}\n";

std::optional<std::string> no_environment(std::string_view) {
  return std::nullopt;
}

std::string messages(const config::Loaded& loaded) {
  std::string out;
  for (const config::Problem& problem : loaded.problems) out += problem.text() + "\n";
  return out;
}

Config parse_good(const std::string& text,
                  const config::Environment& environment = no_environment) {
  config::Loaded loaded = config::parse(text, "sluice.yaml", environment);
  INFO(text << messages(loaded));
  REQUIRE(loaded.config);
  CHECK(loaded.problems.empty());
  return std::move(*loaded.config);
}

Config with(const std::string& added, const config::Environment& environment = no_environment) {
  return parse_good(kMinimal + added, environment);
}

std::string problems_of(const std::string& text) {
  return messages(config::parse(text, "sluice.yaml", no_environment));
}

std::string example(const std::string& name) {
  return std::string(SLUICE_SOURCE_DIR) + "/config/examples/" + name;
}

}  // namespace

TEST_CASE("config: absent keys have the documented defaults", "[config][parse]") {
  const Config c = parse_good(kMinimal);
  CHECK(c.file == "sluice.yaml");
  CHECK_FALSE(c.workers);
  CHECK_FALSE(c.connections);
  CHECK_FALSE(c.connections_per_address);
  CHECK(c.memory == config::MemoryLimit{});
  CHECK(c.admin_socket.path == "/run/sluice/admin.sock");
  CHECK(c.admin_socket.mode == 0660);
  CHECK_FALSE(c.admin_http);
  CHECK(c.state_dir == "/var/lib/sluice");
  CHECK_FALSE(c.access_log);
  CHECK(c.trusted_proxies.empty());
  CHECK_FALSE(c.trusts_unix);
  REQUIRE(c.listeners.size() == 1);
  CHECK(c.listeners[0].name == "listener-1");
  CHECK(c.listeners[0].bind.text() == "127.0.0.1:8080");
  CHECK(c.listeners[0].at.text() == "sluice.yaml:2:11");
  REQUIRE(c.services.size() == 1);
  const config::Service& s = c.services[0];
  CHECK(s.name == "shop");
  CHECK(s.hosts.empty());
  CHECK(s.path_prefix == "/");
  CHECK(s.listeners.empty());
  CHECK(s.salt == "shop");
  REQUIRE(s.identity.size() == 1);
  CHECK(s.identity[0].kind == IdentityKind::ClientAddress);
  REQUIRE(s.pools[0].endpoints.size() == 1);
  CHECK(s.pools[0].endpoints[0].text == "127.0.0.1:9001");
  CHECK(s.pools[0].endpoints[0].address.port == 9001);
  CHECK(s.pools[1].endpoints.empty());
  CHECK(s.initial_live == PoolName::Blue);
  CHECK(s.initial_split.count() == 0);
  CHECK(s.drain_deadline == 30s);
  CHECK(s.tunnels == model::TunnelPolicy::Drain);
  CHECK(s.pins.empty());
  CHECK_FALSE(s.expose.any());
  CHECK(s.adds_via);
  CHECK(s.timeouts.connect == 1s);
  CHECK(s.timeouts.request_header == 10s);
  CHECK(s.timeouts.request_body_idle == 30s);
  CHECK(s.timeouts.response_header == 30s);
  CHECK(s.timeouts.response_body_idle == 30s);
  CHECK(s.timeouts.keep_alive_idle == 60s);
  CHECK(s.timeouts.endpoint_idle == 4s);
  CHECK(s.timeouts.tunnel_idle == 1h);
  CHECK(s.head_limits.head_bytes == 16 * 1024);
  CHECK(s.head_limits.field_count == 100);
  CHECK(s.head_limits.target_bytes == 8 * 1024);
  CHECK_FALSE(s.body_bytes_max);
}

TEST_CASE("config: the product's example, reduced to this version's keys, says what it says",
          "[config][parse]") {
  const Config c = parse_good(R"(
workers: auto                      # one event loop per core
listeners:
  - bind: 0.0.0.0:8080
  - name: secure                   # optional; a service may list the listeners that it answers on
    bind: 0.0.0.0:8443
admin:
  socket: {path: /run/sluice/admin.sock, mode: "0660"}
  http: {bind: 127.0.0.1:9901}
state_dir: /var/lib/sluice
access_log: {path: /var/log/sluice/access.log, format: json}
trusted_proxies: [10.0.0.0/8]      # whose X-Forwarded-* are believed
limits: {connections: auto, connections_per_address: off}   # whole process
services:
  - name: shop
    hosts: [shop.example.com]      # none: any host
    path_prefix: /
    listeners: [secure]            # none: all listeners
    salt: shop-2026                # default: the service's name
    identity:                      # first that is present wins; default: client_address
      - cookie: uid
      - header: X-User-Id
      - mint_cookie: {name: sluice_id, max_age: 30d}
    pools:
      blue:  {endpoints: [127.0.0.1:9001, 127.0.0.1:9002]}
      green: {endpoints: [127.0.0.1:9003]}
    initial: {live: blue, split: 0%}
    drain: {deadline: 30s, websockets: drain}      # drain | keep | close
    pins:
      - {header: X-Sluice-Pool, values: {blue: blue, green: green}, from: [10.0.0.0/8]}
    via: on
    expose: []
    timeouts: {connect: 1s, request_header: 10s, request_body_idle: 30s, response_header: 30s,
               response_body_idle: 30s, keep_alive_idle: 60s, endpoint_idle: 4s, tunnel_idle: 1h}
    limits: {header_bytes: 16KiB, header_count: 100, target_bytes: 8KiB, body_bytes: unlimited}
)");
  REQUIRE(c.listeners.size() == 2);
  CHECK(c.listeners[0].name == "listener-1");
  CHECK(c.listeners[1].name == "secure");
  REQUIRE(c.admin_http);
  CHECK(c.admin_http->text() == "127.0.0.1:9901");
  CHECK(c.access_log == "/var/log/sluice/access.log");
  REQUIRE(c.trusted_proxies.size() == 1);
  CHECK(c.trusted_proxies[0].text() == "10.0.0.0/8");
  REQUIRE(c.services.size() == 1);
  const config::Service& s = c.services[0];
  CHECK(s.hosts == std::vector<std::string>{"shop.example.com"});
  CHECK(s.listeners == std::vector<std::string>{"secure"});
  CHECK(s.salt == "shop-2026");
  REQUIRE(s.identity.size() == 3);
  CHECK(s.identity[0].kind == IdentityKind::Cookie);
  CHECK(s.identity[0].name == "uid");
  CHECK(s.identity[1].kind == IdentityKind::Header);
  CHECK(s.identity[1].name == "X-User-Id");
  CHECK(s.identity[2].kind == IdentityKind::MintCookie);
  CHECK(s.identity[2].name == "sluice_id");
  CHECK(s.identity[2].max_age == 30 * 24h);
  CHECK(s.pools[0].endpoints.size() == 2);
  CHECK(s.pools[1].endpoints.size() == 1);
  REQUIRE(s.pins.size() == 1);
  const auto& pin = std::get<model::ValuePin>(s.pins[0]);
  CHECK(pin.name == "X-Sluice-Pool");
  REQUIRE(pin.values.size() == 2);
  CHECK(pin.values[1].first == "green");
  CHECK(pin.values[1].second == policy::PinTarget::Green);
  REQUIRE(pin.from.networks.size() == 1);
  CHECK(pin.from.networks[0].text() == "10.0.0.0/8");
  CHECK_FALSE(pin.from.has_unix);
}

TEST_CASE("config: the shipped examples load", "[config][parse]") {
  for (const char* name : {"every-key.yaml", "minimal.yaml", "laptop.yaml", "two-services.yaml",
                           "behind-load-balancer.yaml"}) {
    const config::Loaded loaded = config::load(example(name), no_environment);
    INFO(name << "\n" << messages(loaded));
    CHECK(loaded.config);
  }
}

TEST_CASE("config: values other than the defaults arrive where they belong", "[config][parse]") {
  const Config c = parse_good(R"(
workers: 64
limits: {connections: 5000, connections_per_address: 20, requests_per_connection: 7, tunnels: 9, memory: 512MiB}
listeners: [{bind: "[::]:0"}]
admin: {socket: {path: ./a.sock, mode: 600}, http: off}
state_dir: state
access_log: {path: "-"}
trusted_proxies: [unix:, 192.0.2.7, "fd00::/8"]
services:
  - name: a
    hosts: [A.Example., "*.B.example", "[::1]", 192.0.2.1]
    path_prefix: /App/
    identity: [{query: user}, client_address, mint_cookie]
    pools: {green: {endpoints: ["[::1]:9001"]}}
    initial: {live: green, split: 12.5%}
    drain: {deadline: 1m30s, websockets: keep}
    pins: [{header: X-P, values: {x: green}, from: ["unix:"]}]
    via: off
    expose: [pool, generation, reason, bucket, endpoint]
    timeouts: {connect: 1ms, request_header: 24h, request_body_idle: off, response_header: off,
               response_body_idle: off, keep_alive_idle: 1s, endpoint_idle: 2s, tunnel_idle: off}
    limits: {header_bytes: 1KiB, header_count: 128, target_bytes: 64B, body_bytes: 1B}
)");
  CHECK(c.workers == 64U);
  CHECK(c.connections == 5000U);
  CHECK(c.connections_per_address == 20U);
  CHECK(c.requests_per_connection == 7U);
  CHECK(c.memory == config::MemoryLimit{config::MemoryLimit::Kind::Bytes, 512ULL << 20U});
  CHECK(c.tunnels == 9U);
  CHECK(c.listeners[0].bind.port == 0);
  CHECK(c.admin_socket.path == "./a.sock");
  CHECK(c.admin_socket.mode == 0600);
  CHECK_FALSE(c.admin_http);
  CHECK(c.access_log == "-");
  CHECK(c.trusts_unix);
  CHECK(c.trusted_proxies.size() == 2);
  const config::Service& s = c.services[0];
  CHECK(s.hosts == std::vector<std::string>{"a.example", "*.b.example", "[::1]", "192.0.2.1"});
  CHECK(s.path_prefix == "/App");
  CHECK(s.identity[0].kind == IdentityKind::Query);
  CHECK(s.identity[2].kind == IdentityKind::MintCookie);
  CHECK(s.identity[2].name == "sluice_id");
  CHECK(s.identity[2].max_age == 30 * 24h);
  CHECK(s.initial_live == PoolName::Green);
  CHECK(s.initial_split.count() == 1250);
  CHECK(s.drain_deadline == 90s);
  CHECK(s.tunnels == model::TunnelPolicy::Keep);
  CHECK(std::get<model::ValuePin>(s.pins[0]).from.has_unix);
  CHECK_FALSE(s.adds_via);
  CHECK((s.expose.pool && s.expose.generation && s.expose.reason && s.expose.bucket &&
         s.expose.endpoint));
  CHECK(s.timeouts.connect == 1ms);
  CHECK(s.timeouts.request_header == 24h);
  CHECK(s.timeouts.request_body_idle == 0ms);
  CHECK(s.timeouts.response_header == 0ms);
  CHECK(s.timeouts.response_body_idle == 0ms);
  CHECK(s.min_rates.request == 0);  // no silence is too long, so no rate is too low
  CHECK(s.min_rates.response == 0);
  CHECK(s.timeouts.keep_alive_idle == 1s);
  CHECK(s.timeouts.endpoint_idle == 2s);
  CHECK(s.timeouts.tunnel_idle == 0ms);
  CHECK(s.head_limits.head_bytes == 1024);
  CHECK(s.head_limits.field_count == 128);
  CHECK(s.head_limits.target_bytes == 64);
  CHECK(s.body_bytes_max == 1U);
}

TEST_CASE("config: rates and times of whole bodies arrive where they belong", "[config][parse]") {
  const Config c = with(
      "    timeouts: {request_body: 1m, response_body: 2m, response_body_idle: off}\n"
      "    limits: {min_request_rate: 1.5KiB/s, min_response_rate: off}\n");
  CHECK(c.services[0].timeouts.request_body == 60s);
  CHECK(c.services[0].timeouts.response_body == 120s);
  CHECK(c.services[0].min_rates.request == 1536);
  CHECK(c.services[0].min_rates.response == 0);
  const Config least = with("    limits: {min_request_rate: 1B/s, min_response_rate: 1GiB/s}\n");
  CHECK(least.services[0].min_rates.request == 1);
  CHECK(least.services[0].min_rates.response == 1U << 30U);
}

TEST_CASE("config: retries and rescue arrive where they belong", "[config][parse]") {
  using policy::Failure;
  const model::Repeats usual = with("").services[0].repeats;
  CHECK(usual.retry.retries_max == 1);
  CHECK(usual.retry.when == policy::kUsualFailures);
  CHECK(usual.retry.per_try_timeout == 0ms);
  CHECK(usual.retry.back_off == 25ms);
  CHECK(usual.retry_budget.share.count() == 2000);
  CHECK_FALSE(usual.trusts_idempotency_key);
  CHECK(usual.rescue == policy::kUsualRescues);
  CHECK(usual.rescue_budget.share.count() == 10'000);
  CHECK(usual.assets.empty());
  CHECK_FALSE(usual.asks_closed_for_assets);
  const model::Repeats other =
      with(
          "    retry: {attempts: 3, budget: 12.5%, when: [timeout, \"500\", 502], "
          "per_try_timeout: 2s, back_off: off, idempotency_key: on}\n"
          "    rescue: {when: [], budget: 0%, assets: [/assets/*, \"*.js\"], "
          "assets_of_closed: on}\n"
          "    expose: [rescued]\n")
          .services[0]
          .repeats;
  CHECK(other.retry.retries_max == 3);
  CHECK(other.retry.when ==
        policy::FailureSet{Failure::TimedOut, Failure::Status500, Failure::Status502});
  CHECK(other.retry.per_try_timeout == 2s);
  CHECK(other.retry.back_off == 0ms);
  CHECK(other.retry_budget.share.count() == 1250);
  CHECK(other.trusts_idempotency_key);
  CHECK(other.rescue.empty());
  CHECK(other.rescue_budget.share.count() == 0);
  CHECK(other.assets == std::vector{policy::PathPattern("/assets/*"), policy::PathPattern("*.js")});
  CHECK(other.asks_closed_for_assets);
}

TEST_CASE("config: patterns of assets up to their limits", "[config][parse]") {
  const std::string longest = "/" + std::string(core::limits::kAssetPatternMax - 2, 'a') + "*";
  const std::string good[] = {"/",     "/*",     "*",    "/a*b",  "/a/*.js",       "/.well/x",
                              "/a/.*", "/a/*..", "/%20", "/a//b", "/~a;b=c,d@e:f", longest};
  for (const std::string& pattern : good) {
    INFO(pattern);
    const auto assets =
        with("    rescue: {assets: [\"" + pattern + "\"]}\n").services[0].repeats.assets;
    REQUIRE(assets.size() == 1);
    CHECK(assets[0].text() == pattern);
  }
  std::string list;
  for (std::size_t i = 0; i < core::limits::kAssetPatternsMax; ++i)
    list += (i == 0 ? "" : ", ") + ("/a" + std::to_string(i)) + "/*";
  CHECK(with("    rescue: {assets: [" + list + "]}\n").services[0].repeats.assets.size() ==
        core::limits::kAssetPatternsMax);
}

TEST_CASE("config: the largest allowed values are allowed", "[config][parse]") {
  const Config c = with("    salt: " + std::string(core::limits::kSaltMax, 's') +
                        "\n    limits: {header_bytes: 16KiB, target_bytes: 15KiB}\n    drain: "
                        "{deadline: 24h, websockets: close}\n"
                        "    identity: [{cookie: " +
                        std::string(core::limits::kNameMax, 'c') +
                        "}]\n"
                        "    timeouts: {tunnel_idle: 30d}\n    initial: {split: 100%}\n"
                        "limits: {connections: 10000000}\n");
  CHECK(c.services[0].salt.size() == core::limits::kSaltMax);
  CHECK(c.services[0].initial_split.count() == 10'000);
  CHECK(c.connections == 10'000'000U);
}

TEST_CASE("config: the target's default fits into a smaller head", "[config][parse]") {
  CHECK(with("    limits: {header_bytes: 4KiB}\n").services[0].head_limits.target_bytes == 4096);
}

TEST_CASE("config: one past the size of a text is refused", "[config][parse]") {
  CHECK(problems_of(kMinimal + std::string("    salt: ") +
                    std::string(core::limits::kSaltMax + 1, 's') + "\n") ==
        "sluice.yaml:7:11: 'salt' is '" + std::string(80, 's') +
            "...', expected text of 1 to 256 bytes without control characters\n");
  const std::string name(core::limits::kNameMax + 1, 'c');
  CHECK(problems_of(kMinimal + std::string("    identity: [{cookie: ") + name + "}]\n") ==
        "sluice.yaml:7:25: 'cookie' is '" + name +
            "', expected the name of a cookie, at most 64 characters\n");
}

TEST_CASE("config: one past the number of listeners, services or endpoints is refused",
          "[config][parse]") {
  const auto endpoints = [](std::size_t count) {
    std::string list;
    for (std::size_t i = 1; i <= count; ++i)
      list += (i > 1 ? ", 127.0.0.1:" : "127.0.0.1:") + std::to_string(i);
    return "listeners: [{bind: 127.0.0.1:8080}]\nservices:\n  - name: a\n    pools: {blue: "
           "{endpoints: [" +
           list + "]}}\n";
  };
  CHECK(parse_good(endpoints(256)).services[0].pools[0].endpoints.size() == 256);
  CHECK(problems_of(endpoints(257)) ==
        "sluice.yaml:4:31: 'endpoints' has 257 items, expected a list of 1 to 256 addresses\n");
  const auto listeners = [](std::size_t count) {
    std::string text =
        "services: [{name: a, pools: {blue: {endpoints: [127.0.0.1:1]}}}]\nlisteners:\n";
    for (std::size_t i = 1; i <= count; ++i)
      text += "  - bind: 127.0.0.1:" + std::to_string(8000 + i) + "\n";
    return text;
  };
  CHECK(parse_good(listeners(64)).listeners.size() == 64);
  CHECK(problems_of(listeners(65)) ==
        "sluice.yaml:3:3: 'listeners' has 65 items, expected a list of 1 to 64 listeners\n");
  const auto services = [](std::size_t count) {
    std::string text = "listeners: [{bind: 127.0.0.1:8080}]\nservices:\n";
    for (std::size_t i = 1; i <= count; ++i) {
      const std::string name = "s" + std::to_string(i);
      text += "  - {name: " + name + ", hosts: [" + name +
              "], pools: {blue: {endpoints: [127.0.0.1:1]}}}\n";
    }
    return text;
  };
  CHECK(parse_good(services(1024)).services.size() == 1024);
  CHECK(problems_of(services(1025)) ==
        "sluice.yaml:3:3: 'services' has 1025 items, expected a list of 1 to 1024 services\n");
}

TEST_CASE("config: variables are replaced in values", "[config][parse][variables]") {
  const auto environment = [](std::string_view name) -> std::optional<std::string> {
    if (name == "DIR") return "/srv";
    if (name == "PORT_2") return "9099";
    if (name == "EMPTY") return "";
    if (name == "TRICK") return "[a, b]: {c}";
    if (name == "DOLLAR") return "${DIR}";
    return std::nullopt;
  };
  const auto state_dir = [&](const std::string& text) {
    return with("state_dir: " + text + "\n", environment).state_dir;
  };
  CHECK(state_dir("${DIR}") == "/srv");
  CHECK(state_dir("${DIR}/a${DIR}") == "/srv/a/srv");
  CHECK(state_dir("${DIR:-/other}") == "/srv");
  CHECK(state_dir("${NONE:-/other}") == "/other");
  CHECK(state_dir("${EMPTY:-/other}") == "/other");
  CHECK(state_dir("a${EMPTY}b") == "ab");
  CHECK(state_dir("a${NONE:-}b") == "ab");
  CHECK(state_dir("$$") == "$");
  CHECK(state_dir("$${DIR}") == "${DIR}");
  CHECK(state_dir("$$$$") == "$$");
  CHECK(state_dir("a$b$") == "a$b$");
  CHECK(state_dir("\"${DIR}\"") == "/srv");
  CHECK(state_dir("'${DIR}'") == "/srv");
  CHECK(state_dir("${TRICK}") == "[a, b]: {c}");  // text, whatever it looks like
  CHECK(state_dir("${DOLLAR}") == "${DIR}");      // once, not again
  const Config c = with("admin: {http: {bind: \"127.0.0.1:${PORT_2}\"}}\n", environment);
  CHECK(c.admin_http->port == 9099);
}

TEST_CASE("config: keys are not substituted", "[config][parse][variables]") {
  const auto environment = [](std::string_view) { return std::optional<std::string>("workers"); };
  const config::Loaded loaded =
      config::parse(kMinimal + std::string("${K}: 1\n"), "f", environment);
  REQUIRE(loaded.problems.size() == 1);
  CHECK(loaded.problems[0].what.starts_with("unknown key '${K}' in the file"));
}

TEST_CASE("config: anchors and aliases share values", "[config][parse]") {
  const Config c = parse_good(R"(
listeners: [{bind: 127.0.0.1:8080}]
services:
  - name: a
    hosts: [a]
    pools: &pools {blue: {endpoints: &list [127.0.0.1:1]}}
    drain: &drain {deadline: 5s}
  - name: b
    hosts: [b]
    pools: *pools
    drain: *drain
  - name: c
    hosts: [c]
    pools: {blue: {endpoints: *list}}
)");
  CHECK(c.services[1].pools[0].endpoints[0].text == "127.0.0.1:1");
  CHECK(c.services[1].drain_deadline == 5s);
  CHECK(c.services[2].pools[0].endpoints[0].text == "127.0.0.1:1");
}

TEST_CASE("config: an endpoint may be a host name, known in lower case", "[config][parse]") {
  const Config c = parse_good(
      "listeners: [{bind: 127.0.0.1:8080}]\n"
      "services:\n"
      "  - name: shop\n"
      "    pools: {blue: {endpoints: [App.Internal:9001, app.internal.:9001, app:1, my_app:65535, "
      "127.0.0.1:9001, 1app:1, 10.0.0.example:1]}}\n");
  const auto& endpoints = c.services[0].pools[0].endpoints;
  REQUIRE(endpoints.size() == 7);
  CHECK(endpoints[0].text == "app.internal:9001");
  CHECK(endpoints[0].host == "app.internal");
  CHECK(endpoints[0].address.port == 9001);
  CHECK(endpoints[0].is_name());
  CHECK(endpoints[1].host == "app.internal.");
  CHECK(endpoints[3].text == "my_app:65535");
  CHECK_FALSE(endpoints[4].is_name());
  CHECK(endpoints[6].host == "10.0.0.example");
}

TEST_CASE("config: what is wrong behind an anchor is said once", "[config][parse]") {
  CHECK(problems_of("listeners: [{bind: 127.0.0.1:8080}]\n"
                    "services:\n"
                    "  - {name: a, hosts: [a], pools: &p {blue: {endpoints: [x:0]}}}\n"
                    "  - {name: b, hosts: [b], pools: *p}\n") ==
        "sluice.yaml:3:57: 'x:0' in 'endpoints', expected an address or host name with a port such "
        "as "
        "127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; a port is 1 to 65535\n");
}

TEST_CASE("config: all semantic problems come in one run, in file order", "[config][parse]") {
  CHECK(problems_of("wrkers: 2\n"
                    "services:\n"
                    "  - name: shop\n"
                    "    via: perhaps\n"
                    "    pools: {blue: {endpoints: [127.0.0.1:1]}}\n"
                    "    timeouts: {connect: 5, tunnel_idle: never}\n"
                    "  - name: shop\n"
                    "    circuit_breaker: {error_rate: 0%}\n"
                    "    pools: {blue: {endpoints: [app]}}\n"
                    "listeners:\n"
                    "  - bind: 127.0.0.1:80\n"
                    "  - bind: 127.0.0.1:80\n"
                    "state_dir: ${HOME}\n") ==
        "sluice.yaml:1:1: unknown key 'wrkers' in the file, did you mean 'workers'?\n"
        "sluice.yaml:4:10: 'via' is 'perhaps', expected on or off\n"
        "sluice.yaml:6:25: 'connect' is '5', expected a duration from 1ms to 24h such as 30s; the "
        "unit is missing\n"
        "sluice.yaml:6:41: 'tunnel_idle' is 'never', expected a duration from 1ms to 30d such as "
        "1h, or off\n"
        "sluice.yaml:7:5: service name 'shop' is given twice, expected another name (first in line "
        "3)\n"
        "sluice.yaml:8:35: 'error_rate' is '0%', expected a percentage from 0.01% to 100% with at "
        "most two decimals, or off\n"
        "sluice.yaml:9:32: 'app' in 'endpoints', expected an address or host name with a port such "
        "as "
        "127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; the port is missing\n"
        "sluice.yaml:12:11: '127.0.0.1:80' is the address of listener 'listener-1' (line 11), "
        "expected another one\n"
        "sluice.yaml:13:12: ${HOME} is not set, expected a value in the environment or a default: "
        "${HOME:-default}\n");
}

TEST_CASE("config: columns count characters", "[config][parse]") {
  CHECK(
      problems_of(
          kMinimal +
          std::string("    hosts: [\"äöü\", x]\n    salt: äöü # ü\n    expose: [\"ä\", pool]\n")) ==
      "sluice.yaml:7:13: 'äöü' in 'hosts', expected a host name such as shop.example.com or "
      "\"*.example.com\", "
      "without port\n"
      "sluice.yaml:9:14: 'ä' in 'expose', expected one of pool, generation, reason, bucket, "
      "endpoint, rescued\n");
  CHECK(problems_of("{äöü: 1, wrong: [}\n") ==
        "sluice.yaml:1:18: syntax error: a ']' or '}' that closes nothing here, expected '[' or "
        "'{' before "
        "it, or quotes around the value\n");
}

TEST_CASE("config: a byte order mark and CRLF are taken as they come", "[config][parse]") {
  std::string text = "\xEF\xBB\xBF";
  for (const char c : std::string(kMinimal)) text += c == '\n' ? "\r\n" : std::string(1, c);
  CHECK(parse_good(text).services[0].name == "shop");
  CHECK(problems_of(text + "x: 1\r\n").starts_with("sluice.yaml:7:1: unknown key 'x' in the file"));
}

TEST_CASE("config: bytes that are no text are refused where they stand", "[config][parse]") {
  CHECK(problems_of("a: 1\nb: \xFF\n") ==
        "sluice.yaml:2:4: syntax error: byte 0xFF is not UTF-8, expected UTF-8 text\n");
  CHECK(problems_of("ä: \xC3") ==
        "sluice.yaml:1:4: syntax error: byte 0xC3 is not UTF-8, expected UTF-8 text\n");
  CHECK(problems_of("\xED\xA0\x80").starts_with("sluice.yaml:1:1: syntax error: byte 0xED"));
  CHECK(problems_of("\xC0\x80").starts_with("sluice.yaml:1:1: syntax error: byte 0xC0"));
  // The YAML parser takes 0x04 for the end of the file: everything behind it would silently not
  // count.
  CHECK(problems_of(kMinimal + std::string("\x04"
                                           "b: 2\n")) ==
        "sluice.yaml:7:1: syntax error: control character 0x04, expected printable text\n");
  CHECK(problems_of(std::string("a: \0b", 5))
            .starts_with("sluice.yaml:1:4: syntax error: control character 0x00"));
  CHECK(problems_of("a: 1\rb: 2")
            .starts_with("sluice.yaml:1:5: syntax error: control character 0x0D"));
}

TEST_CASE("config: tabs are refused as indentation and allowed elsewhere", "[config][parse]") {
  CHECK(problems_of("a:\n  \tb: 1\n") ==
        "sluice.yaml:2:3: syntax error: a tab in the indentation, expected spaces\n");
  CHECK(with("\t\n\t# a comment\nworkers:\t2\t# two\n").workers == 2U);
}

TEST_CASE("config: nesting, aliases and size are bounded", "[config][parse]") {
  const auto nested = [](std::size_t levels) {
    return "x: " + std::string(levels, '[') + std::string(levels, ']') + "\n";
  };
  const std::size_t deepest = core::limits::kConfigDepthMax - 1;  // the file is a level of its own
  CHECK(problems_of(nested(deepest)).find("nested") == std::string::npos);
  CHECK(problems_of(nested(deepest + 1)) ==
        "sluice.yaml:1:35: syntax error: nested too deep, expected at most 32 levels\n");
  CHECK(problems_of(nested(100'000)).find("nested too deep") != std::string::npos);

  std::string laughs = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'z'; ++c) {
    const std::string before = std::string("*") + static_cast<char>(c - 1);
    laughs += std::string(1, c) + ": &" + c + " [" + before + "," + before + "," + before + "," +
              before + "]\n";
  }
  CHECK(problems_of(laughs).find(
            "syntax error: too many values, expected at most 300000, aliases included") !=
        std::string::npos);

  const std::string comment = std::string(kMinimal) + "#";
  const auto filled = [&](std::size_t size) {
    return comment + std::string(size - comment.size(), '.');
  };
  CHECK(parse_good(filled(core::limits::kConfigFileMax)).services.size() == 1);
  CHECK(problems_of(filled(core::limits::kConfigFileMax + 1)) ==
        "sluice.yaml: too large, expected at most 4 MiB\n");
}

TEST_CASE("config: one line of megabytes is read in linear time", "[config][parse]") {
  // Counting the characters of the line anew for each value took minutes; the test's time limit
  // says so again.
  std::string items;
  for (int i = 0; i < 1'900'000; ++i) items += "a,";
  CHECK(problems_of("x: [" + items + "]\n") ==
        "sluice.yaml:1:600001: syntax error: too many values, expected at most 300000, aliases "
        "included\n");
}

TEST_CASE("config: services that share a host but no listener or prefix are fine",
          "[config][parse]") {
  const Config c = parse_good(R"(
listeners: [{name: a, bind: 127.0.0.1:1}, {name: b, bind: 127.0.0.1:2}]
services:
  - {name: on-a, listeners: [a], pools: &p {blue: {endpoints: [127.0.0.1:9]}}}
  - {name: on-b, listeners: [b], path_prefix: /x, pools: *p}
  - {name: rest, pools: *p}
  - {name: deep, path_prefix: /y, pools: *p}
  - {name: host, hosts: [h], pools: *p}
)");
  CHECK(c.services.size() == 5);
}

TEST_CASE("config: listeners that together take everything leave a service unreachable",
          "[config][parse]") {
  CHECK(problems_of("listeners: [{name: a, bind: 127.0.0.1:1}, {name: b, bind: 127.0.0.1:2}]\n"
                    "services:\n"
                    "  - {name: rest, pools: &p {blue: {endpoints: [127.0.0.1:9]}}}\n"
                    "  - {name: on-a, listeners: [a], pools: *p}\n"
                    "  - {name: on-b, listeners: [b], pools: *p}\n") ==
        "sluice.yaml:3:5: service 'rest' gets no request for any host under '/': service 'on-a' "
        "(line 4) takes them, "
        "expected another host, path_prefix or listener\n");
}

TEST_CASE("config: a file is read", "[config][load]") {
  const TempDir directory;
  const std::string path = directory.in("sluice.yaml");
  std::ofstream(path) << kMinimal;
  const config::Loaded loaded = config::load(path, no_environment);
  REQUIRE(loaded.config);
  CHECK(loaded.config->file == path);
}

TEST_CASE("config: a file that can't be read is one problem without a line", "[config][load]") {
  const TempDir directory;
  const auto problem = [](const std::string& path) {
    const config::Loaded loaded = config::load(path, no_environment);
    CHECK_FALSE(loaded.config);
    REQUIRE(loaded.problems.size() == 1);
    CHECK(loaded.problems[0].at.line == 0);
    return loaded.problems[0].text();
  };
  const std::string absent = directory.in("absent.yaml");
  CHECK(problem(absent) == absent + ": can't be read: No such file or directory");
  const std::string usual(config::kDefaultFile);
  if (::access(usual.c_str(), F_OK) != 0) {
    CHECK(problem(usual) ==
          usual + ": can't be read: No such file or directory; -c FILE names another file");
  }
  CHECK(problem(directory.in("")) == directory.in("") + ": is a directory, expected a file");
  const std::string secret = directory.in("secret.yaml");
  std::ofstream(secret) << kMinimal;
  REQUIRE(::chmod(secret.c_str(), 0) == 0);
  if (::geteuid() != 0) CHECK(problem(secret) == secret + ": can't be read: Permission denied");
  const std::string large = directory.in("large.yaml");
  std::ofstream(large) << std::string(core::limits::kConfigFileMax + 1, '#');
  CHECK(problem(large) == large + ": too large, expected at most 4 MiB");
}

TEST_CASE("config: the environment of the process is asked", "[config][load]") {
  REQUIRE(::setenv("SLUICE_CONFIG_TEST", "here", 1) == 0);
  CHECK(config::process_environment()("SLUICE_CONFIG_TEST") == "here");
  REQUIRE(::unsetenv("SLUICE_CONFIG_TEST") == 0);
  CHECK_FALSE(config::process_environment()("SLUICE_CONFIG_TEST"));
}
