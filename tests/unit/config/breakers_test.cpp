// `circuit_breaker` and `routes`.
#include <fstream>

#include "sluice/config/build.hpp"
#include "support/temp_dir.hpp"
#include "unit/config/wrong_config.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

std::string whole(const std::string& text) {
  return std::string(kListener) + kShop + kGreen + text;
}

config::Service shop_with(const std::string& text) {
  config::Loaded loaded = config::parse(whole(text), "sluice.yaml", environment);
  for (const config::Problem& problem : loaded.problems) UNSCOPED_INFO(problem.text());
  REQUIRE(loaded.config);
  return loaded.config->services[0];
}

void check_defaults(const model::BreakerRule& rule) {
  CHECK(rule.is_on);
  CHECK(rule.slow_call == 5s);
  CHECK(rule.policy.window_seconds == 10);
  CHECK(rule.policy.min_requests == 20);
  CHECK(rule.policy.error_rate->percent() == "50%");
  CHECK(rule.policy.slow_rate->percent() == "50%");
  CHECK(rule.policy.open_for == 5s);
  CHECK(rule.policy.open_most == 60s);
  CHECK(rule.policy.half_open_probes == 3);
  CHECK(rule.policy.probe_time == 30s);
}

}  // namespace

TEST_CASE("config: breakers are on by themselves, with the documented values",
          "[config][breaker]") {
  for (const char* text : {"", "    circuit_breaker: {}\n"}) {
    const model::CircuitBreaker breakers = shop_with(text).breakers;
    check_defaults(breakers.rule);
    CHECK(breakers.pool == model::Ceilings{.connections = 1024});
    CHECK(breakers.fallback == model::BreakerFallback::Live);
    CHECK(breakers.guards_pools());
    CHECK_FALSE(breakers.guards_endpoints(1));
    CHECK(breakers.guards_endpoints(2));
    CHECK(breakers.endpoint == model::Ceilings{});
    CHECK(breakers.endpoint_rule.policy.min_requests == 5);
    CHECK(breakers.routes.empty());
  }
  CHECK_FALSE(shop_with("    circuit_breaker: {endpoint: off}\n").breakers.guards_endpoints(2));
  CHECK(shop_with("    circuit_breaker: {endpoint: {max_requests: 3}}\n")
            .breakers.guards_endpoints(1));
}

TEST_CASE("config: breakers and their ceilings can be off", "[config][breaker]") {
  const model::CircuitBreaker off = shop_with("    circuit_breaker: off\n").breakers;
  CHECK_FALSE(off.guards_pools());
  CHECK_FALSE(off.guards_endpoints(2));
  CHECK(off.pool == model::Ceilings{});
  const model::CircuitBreaker slow =
      shop_with("    circuit_breaker: {slow_call: off, max_connections: off}\n").breakers;
  CHECK(slow.rule.is_on);
  CHECK_FALSE(slow.rule.policy.slow_rate);
  CHECK(slow.pool == model::Ceilings{});
  CHECK(shop_with("    circuit_breaker: {slow_rate: off}\n").breakers.rule.slow_call == 0s);
  const model::CircuitBreaker neither =
      shop_with("    circuit_breaker: {error_rate: off, slow_rate: off}\n").breakers;
  CHECK_FALSE(neither.rule.is_on);
  CHECK_FALSE(neither.guards_pools());
}

TEST_CASE("config: every key of breakers reaches the snapshot", "[config][breaker]") {
  const std::string text =
      "    circuit_breaker:\n"
      "      max_connections: 10\n"
      "      max_pending: 11\n"
      "      max_requests: 12\n"
      "      max_retries: 13\n"
      "      window: 4s\n"
      "      min_requests: 7\n"
      "      error_rate: 12.5%\n"
      "      slow_call: 250ms\n"
      "      slow_rate: 80%\n"
      "      open_for: 2s\n"
      "      max_open_for: 20s\n"
      "      half_open_probes: 5\n"
      "      probe_timeout: 9s\n"
      "      depends_on: [database, cache]\n"
      "      fallback: fail\n"
      "      endpoint: {max_connections: 1, max_pending: 2, max_requests: 3, max_retries: 4, "
      "window: 1s, error_rate: off}\n"
      "    routes:\n"
      "      - {path_prefix: /a, circuit_breaker: {error_rate: 10%}}\n"
      "      - {path_prefix: /a/long, circuit_breaker: {fallback: fail}}\n";
  const config::Loaded loaded = config::parse(whole(text), "sluice.yaml", environment);
  REQUIRE(loaded.config);
  config::CellRegistry cells(1);
  const config::StaticParts parts = config::build_static(*loaded.config, cells);
  const model::CircuitBreaker& breakers = parts.services[0]->breakers;
  CHECK(breakers.pool ==
        model::Ceilings{.connections = 10, .pending = 11, .requests = 12, .retries = 13});
  const policy::BreakerPolicy& policy = breakers.rule.policy;
  CHECK(policy.window_seconds == 4);
  CHECK(policy.min_requests == 7);
  CHECK(policy.error_rate->percent() == "12.5%");
  CHECK(breakers.rule.slow_call == 250ms);
  CHECK(policy.slow_rate->percent() == "80%");
  CHECK(policy.open_for == 2s);
  CHECK(policy.open_most == 20s);
  CHECK(policy.half_open_probes == 5);
  CHECK(policy.probe_time == 9s);
  CHECK(breakers.rule.depends_on == std::vector<std::string>{"database", "cache"});
  CHECK(breakers.fallback == model::BreakerFallback::Fail);
  CHECK(breakers.endpoint ==
        model::Ceilings{.connections = 1, .pending = 2, .requests = 3, .retries = 4});
  CHECK(breakers.endpoint_rule.policy.window_seconds == 1);
  CHECK_FALSE(breakers.endpoint_rule.policy.error_rate);

  // The longer prefix decides, whatever their order in the file.
  REQUIRE(breakers.route_of("/a/long/way") != nullptr);
  CHECK(breakers.route_of("/a/long/way")->path_prefix == "/a/long");
  CHECK(breakers.route_of("/a/long/way")->fallback == model::BreakerFallback::Fail);
  CHECK(breakers.route_of("/a/longer")->path_prefix == "/a");
  CHECK(breakers.route_of("/a")->rule.policy.error_rate->percent() == "10%");
  CHECK(breakers.route_of("/ab") == nullptr);
  CHECK(breakers.route_of("/") == nullptr);

  // State outlives a rebuild as long as it is used.
  const auto again = config::build_static(*loaded.config, cells);
  CHECK(again.services[0]->breakers.routes[0].cell == breakers.routes[0].cell);
}

TEST_CASE("config: a long cool-down takes its bound along", "[config][breaker]") {
  CHECK(shop_with("    circuit_breaker: {open_for: 5m}\n").breakers.rule.policy.open_most == 5min);
}

TEST_CASE("config: a page is read with the configuration", "[config][breaker]") {
  const TempDir directory;
  const std::string file =
      directory.file("sluice.yaml", whole("    circuit_breaker: {page: sorry.html}\n"));
  const auto problem = [&] {
    const config::Loaded loaded = config::load(file, environment);
    return loaded.problems.empty() ? std::string() : loaded.problems.front().what;
  };
  CHECK(problem() == "'page' is 'sorry.html': can't be read: No such file or directory");
  directory.file("sorry.html", "");
  CHECK(problem() == "'page' is 'sorry.html': it is empty");
  directory.file("sorry.html", std::string(8193, 'x'));
  CHECK(problem() == "'page' is 'sorry.html': it is longer than 8KiB, which is the most");
  directory.file("sorry.html", std::string(8192, 'x'));
  const config::Loaded loaded = config::load(file, environment);
  REQUIRE(loaded.config);
  config::CellRegistry cells(1);
  const config::StaticParts parts = config::build_static(*loaded.config, cells);
  REQUIRE(parts.services[0]->breakers.page != nullptr);
  CHECK(*parts.services[0]->breakers.page == std::string(8192, 'x'));
}

TEST_CASE("wrong configuration: breakers", "[config][wrong][breaker]") {
  const std::string in_breaker = " in 'circuit_breaker' of service 'shop'";
  const std::array<Wrong, 16> table{{
      {"    circuit_breaker: {depends_on: [Database]}\n",
       "sluice.yaml:8:36: 'Database' in 'depends_on', expected a name such as database: a letter "
       "and "
       "up to 31 letters, digits, '_' or '-', lower case"},
      {"    circuit_breaker: {depends_on: [db, db]}\n",
       "sluice.yaml:8:40: 'db' is listed twice in 'depends_on', expected it once"},
      {"    circuit_breaker: on\n",
       "sluice.yaml:8:22: 'circuit_breaker' is 'on', expected a map of ceilings and rates, or off"},
      {"    circuit_breaker: {eror_rate: 5%}\n",
       "sluice.yaml:8:23: unknown key 'eror_rate'" + in_breaker + ", did you mean 'error_rate'?"},
      {"    circuit_breaker: {error_rate: 0%}\n",
       "sluice.yaml:8:35: 'error_rate' is '0%', expected a percentage from 0.01% to 100% with at "
       "most two decimals, or off"},
      {"    circuit_breaker: {window: 1500ms}\n",
       "sluice.yaml:8:31: 'window' is '1500ms', expected a duration of 1s to 10s in whole seconds "
       "such as 10s"},
      {"    circuit_breaker: {window: 11s}\n",
       "sluice.yaml:8:31: 'window' is '11s', expected a duration of 1s to 10s in whole seconds "
       "such as 10s"},
      {"    circuit_breaker: {open_for: 10s, max_open_for: 9s}\n",
       "sluice.yaml:8:52: 'max_open_for' is '9s', expected a duration from 1s to 1h such as 1m; it "
       "is below 'open_for'"},
      {"    circuit_breaker: {half_open_probes: 64}\n",
       "sluice.yaml:8:41: 'half_open_probes' is '64', expected a number from 1 to 63"},
      {"    circuit_breaker: {fallback: green}\n",
       "sluice.yaml:8:33: 'fallback' is 'green', expected live or fail"},
      {"    circuit_breaker: {max_requests: 0}\n",
       "sluice.yaml:8:37: 'max_requests' is '0', expected off or a number from 1 to 10000000"},
      {"    circuit_breaker: {endpoint: {fallback: live}}\n",
       "sluice.yaml:8:34: unknown key 'fallback' in 'endpoint' of 'circuit_breaker' of service "
       "'shop', expected one of max_connections, max_pending, max_requests, max_retries, window, "
       "min_requests, error_rate, slow_call, slow_rate, open_for, max_open_for, half_open_probes, "
       "probe_timeout; it is a key of services[].circuit_breaker and "
       "services[].routes[].circuit_breaker"},
      {"    routes: [{path_prefix: /a}]\n",
       "sluice.yaml:8:14: 'circuit_breaker' is missing in a route of service 'shop', expected a "
       "map of rates"},
      {"    routes:\n      - {path_prefix: /a, circuit_breaker: {}}\n"
       "      - {path_prefix: /a/, circuit_breaker: {}}\n",
       "sluice.yaml:10:23: '/a' is listed twice in 'path_prefix', expected it once"},
      {"    path_prefix: /shop\n    routes: [{path_prefix: /a, circuit_breaker: {}}]\n",
       "sluice.yaml:9:28: 'path_prefix' is '/a', where service 'shop' gets no request, expected a "
       "path under '/shop'"},
      {"    routes: [{path_prefix: /a, circuit_breaker: {max_requests: 5}}]\n",
       "sluice.yaml:8:50: unknown key 'max_requests' in 'circuit_breaker' of route /a of service "
       "'shop', did you mean 'min_requests'?"},
  }};
  check_added(table);
}
