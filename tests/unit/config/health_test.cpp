// `health_check`, `outlier_detection`, `slow_start` and `on_pool_down`.
#include "sluice/config/build.hpp"
#include "unit/config/wrong_config.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

config::Service shop_with(const std::string& text) {
  const std::string whole = std::string(kListener) + kShop + kGreen + text;
  config::Loaded loaded = config::parse(whole, "sluice.yaml", environment);
  for (const config::Problem& problem : loaded.problems) UNSCOPED_INFO(problem.text());
  REQUIRE(loaded.config);
  return loaded.config->services[0];
}

}  // namespace

TEST_CASE("config: without their sections nothing is checked and nothing is ejected",
          "[config][health]") {
  const config::Service shop = shop_with("");
  CHECK_FALSE(shop.health_check.is_on);
  CHECK_FALSE(shop.outliers.is_on());
  CHECK(shop.slow_start == 10s);
  CHECK(shop.on_pool_down == model::OnPoolDown::Fallback);
  CHECK_FALSE(shop_with("    health_check: off\n    outlier_detection: off\n").health_check.is_on);
}

TEST_CASE("config: empty sections have the documented values", "[config][health]") {
  const config::Service shop =
      shop_with("    health_check: {}\n    outlier_detection: {}\n    slow_start: off\n");
  const policy::HealthCheck& check = shop.health_check;
  CHECK(check.is_on);
  CHECK(check.type == policy::HealthCheck::Type::Http);
  CHECK(check.method == "GET");
  CHECK(check.path == "/healthz");
  CHECK(check.host.empty());
  CHECK(check.status_least == 200);
  CHECK(check.status_most == 299);
  CHECK(check.body.empty());
  CHECK(check.interval == 5s);
  CHECK(check.fast_interval == 1s);
  CHECK(check.jitter.percent() == "10%");
  CHECK(check.timeout == 2s);
  CHECK(check.healthy_after == 2);
  CHECK(check.unhealthy_after == 3);
  CHECK(check.memory_limit->percent() == "90%");
  CHECK(check.hook.empty());
  CHECK(check.hook_timeout == 30s);
  CHECK(shop.outliers.consecutive_failures == 5);
  CHECK(shop.outliers.base_time == 10s);
  CHECK(shop.outliers.max_time == 5min);
  CHECK(shop.outliers.max_ejected.percent() == "50%");
  CHECK(shop.slow_start == 0s);
}

TEST_CASE("config: every key of health reaches the snapshot", "[config][health]") {
  const std::string text =
      "    health_check: {method: HEAD, path: \"/up?full=1\", host: App.Internal, expect_status: "
      "204,\n"
      "      interval: 100ms, fast_interval: 100ms, jitter: 50%, timeout: 10ms, healthy_after: 1,\n"
      "      unhealthy_after: 100, memory_limit: off, hook: [/bin/hook, \"a b\", $$x], "
      "hook_timeout: 1h}\n"
      "    outlier_detection: {consecutive_failures: 1000, base_ejection_time: 10m}\n"
      "    slow_start: 1h\n"
      "    on_pool_down: fail\n";
  const std::string whole = std::string(kListener) + kShop + kGreen + text;
  const config::Loaded loaded = config::parse(whole, "sluice.yaml", environment);
  REQUIRE(loaded.config);
  config::CellRegistry cells(1);
  const config::StaticParts parts = config::build_static(*loaded.config, cells);
  const model::ServiceSettings& settings = *parts.services[0];
  const policy::HealthCheck& check = settings.health_check;
  CHECK(check.is_on);
  CHECK(check.method == "HEAD");
  CHECK(check.path == "/up?full=1");
  CHECK(check.host == "app.internal");
  CHECK(check.status_least == 204);
  CHECK(check.status_most == 204);
  CHECK(check.interval == 100ms);
  CHECK(check.jitter.count() == 5000);
  CHECK(check.timeout == 10ms);
  CHECK(check.healthy_after == 1);
  CHECK(check.unhealthy_after == 100);
  CHECK_FALSE(check.memory_limit);
  CHECK(check.hook == std::vector<std::string>{"/bin/hook", "a b", "$x"});
  CHECK(check.hook_timeout == 1h);
  CHECK(settings.outliers.consecutive_failures == 1000);
  CHECK(settings.outliers.base_time == 10min);
  CHECK(settings.outliers.max_time == 10min);  // not below the base
  CHECK(settings.slow_start == 1h);
  CHECK(settings.on_pool_down == model::OnPoolDown::Fail);
}

TEST_CASE("config: a short interval is also the fast one, and tcp needs nothing else",
          "[config][health]") {
  const config::Service shop = shop_with("    health_check: {type: tcp, interval: 500ms}\n");
  CHECK(shop.health_check.type == policy::HealthCheck::Type::Tcp);
  CHECK(shop.health_check.fast_interval == 500ms);
}

TEST_CASE("wrong configuration: health checks", "[config][wrong]") {
  const std::array<Wrong, 31> table{{
      {"    health_check: true\n",
       "sluice.yaml:8:19: 'health_check' is 'true', expected a map of checks, or off"},
      {"    health_check: {pth: /}\n",
       "sluice.yaml:8:20: unknown key 'pth' in 'health_check' of service 'shop', did you mean "
       "'path'?"},
      {"    health_check: {type: https}\n",
       "sluice.yaml:8:26: 'type' is 'https', expected http or tcp, did you mean 'http'?"},
      {"    health_check: {type: tcp, path: /}\n",
       "sluice.yaml:8:31: 'path' is of a request, expected it only with 'type: http'"},
      {"    health_check: {method: POST}\n",
       "sluice.yaml:8:28: 'method' is 'POST', expected GET, HEAD or OPTIONS"},
      {"    health_check: {path: healthz}\n",
       "sluice.yaml:8:26: 'path' is 'healthz', expected a path such as /healthz?full=1, at most "
       "1024 bytes"},
      {"    health_check: {path: /a b}\n",
       "sluice.yaml:8:26: 'path' is '/a b', expected a path such as /healthz?full=1, at most 1024 "
       "bytes"},
      {"    health_check: {path: '/a#b'}\n",
       "sluice.yaml:8:26: 'path' is '/a#b', expected a path such as /healthz?full=1, at most 1024 "
       "bytes"},
      {"    health_check: {host: '*.example.com'}\n",
       "sluice.yaml:8:26: 'host' is '*.example.com', expected a host name such as shop.internal, "
       "or an address"},
      {"    health_check: {expect_status: 2xx}\n",
       "sluice.yaml:8:35: 'expect_status' is '2xx', expected a status such as 200, or a range such "
       "as 200-299"},
      {"    health_check: {expect_status: 199}\n",
       "sluice.yaml:8:35: 'expect_status' is '199', expected a status such as 200, or a range such "
       "as 200-299"},
      {"    health_check: {expect_status: 200-600}\n",
       "sluice.yaml:8:35: 'expect_status' is '200-600', expected a status such as 200, or a range "
       "such as 200-299"},
      {"    health_check: {expect_status: 299-200}\n",
       "sluice.yaml:8:35: 'expect_status' is '299-200', expected a status such as 200, or a range "
       "such as 200-299"},
      {"    health_check: {expect_status: 200-}\n",
       "sluice.yaml:8:35: 'expect_status' is '200-', expected a status such as 200, or a range "
       "such as 200-299"},
      {"    health_check: {method: HEAD, expect_body: ok}\n",
       "sluice.yaml:8:34: the answer to a HEAD has no body, expected 'method: GET'"},
      {"    health_check: {interval: 99ms}\n",
       "sluice.yaml:8:30: 'interval' is '99ms', expected a duration from 100ms to 24h such as 5s"},
      {"    health_check: {interval: 25h}\n",
       "sluice.yaml:8:30: 'interval' is '25h', expected a duration from 100ms to 24h such as 5s"},
      {"    health_check: {fast_interval: 6s}\n",
       "sluice.yaml:8:35: 'fast_interval' is '6s', expected a duration from 100ms to 24h such as "
       "1s; it is above 'interval', than which it is to be shorter"},
      {"    health_check: {jitter: 51%}\n",
       "sluice.yaml:8:28: 'jitter' is '51%', expected a percentage from 0% to 50%"},
      {"    health_check: {timeout: off}\n",
       "sluice.yaml:8:29: 'timeout' is 'off', expected a duration from 10ms to 1m such as 2s"},
      {"    health_check: {timeout: 61s}\n",
       "sluice.yaml:8:29: 'timeout' is '61s', expected a duration from 10ms to 1m such as 2s"},
      {"    health_check: {healthy_after: 0}\n",
       "sluice.yaml:8:35: 'healthy_after' is '0', expected a number from 1 to 100"},
      {"    health_check: {unhealthy_after: 101}\n",
       "sluice.yaml:8:37: 'unhealthy_after' is '101', expected a number from 1 to 100"},
      {"    health_check: {memory_limit: 0%}\n",
       "sluice.yaml:8:34: 'memory_limit' is '0%', expected a percentage from 1% to 100%, or off"},
      {"    health_check: {memory_limit: 101%}\n",
       "sluice.yaml:8:34: 'memory_limit' is '101%', expected a percentage from 1% to 100%, or "
       "off"},
      {"    health_check: {hook: /bin/true}\n",
       "sluice.yaml:8:26: 'hook' is '/bin/true', expected a list of 1 to 32 words, the first an "
       "absolute path"},
      {"    health_check: {hook: []}\n",
       "sluice.yaml:8:26: 'hook' has 0 items, expected a list of 1 to 32 words, the first an "
       "absolute path"},
      {"    health_check: {hook: [restart, /x]}\n",
       "sluice.yaml:8:27: 'restart' in 'hook', expected text of at most 4096 bytes without control "
       "characters; the program is named by its absolute path"},
      {"    health_check: {hook_timeout: 2h}\n",
       "sluice.yaml:8:34: 'hook_timeout' is '2h', expected a duration from 100ms to 1h such as "
       "30s"},
      {"    slow_start: 0\n",
       "sluice.yaml:8:17: 'slow_start' is '0', expected a duration from 1ms to 1h such as 10s, or "
       "off; 0 switches nothing off"},
      {"    on_pool_down: 503\n",
       "sluice.yaml:8:19: 'on_pool_down' is '503', expected fallback or fail"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: outlier detection", "[config][wrong]") {
  const std::array<Wrong, 5> table{{
      {"    outlier_detection: {consecutive_failures: 0}\n",
       "sluice.yaml:8:47: 'consecutive_failures' is '0', expected a number from 1 to 1000"},
      {"    outlier_detection: {consecutive_failures: 1001}\n",
       "sluice.yaml:8:47: 'consecutive_failures' is '1001', expected a number from 1 to 1000"},
      {"    outlier_detection: {base_ejection_time: 20s, max_ejection_time: 10s}\n",
       "sluice.yaml:8:69: 'max_ejection_time' is '10s', expected a duration from 100ms to 24h such "
       "as 5m; it is below 'base_ejection_time'"},
      {"    outlier_detection: {max_ejected: half}\n",
       "sluice.yaml:8:38: 'max_ejected' is 'half', expected a percentage from 0% to 100% with at "
       "most two decimals"},
      {"    outlier_detection: [5]\n",
       "sluice.yaml:8:24: 'outlier_detection' is a list, expected a map of thresholds, or off"},
  }};
  check_added(table);
}
