// Keys: unknown, doubled, misplaced; types; several mistakes at once.
#include "unit/config/wrong_config.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("wrong configuration: unknown and doubled keys", "[config][wrong]") {
  const std::array<Wrong, 19> table{{
      {"    helth_check: {path: /}\n",
       "sluice.yaml:8:5: unknown key 'helth_check' in service 'shop', did you mean "
       "'health_check'?"},
      {"    timeout: {connect: 1s}\n",
       "sluice.yaml:8:5: unknown key 'timeout' in service 'shop', did you mean 'timeouts'?"},
      {"    colour: blue\n",
       "sluice.yaml:8:5: unknown key 'colour' in service 'shop', expected one of name, hosts, "
       "path_prefix, listeners, salt, identity, pools, initial, drain, pins, via, expose, "
       "timeouts, limits, retry, rescue, circuit_breaker, routes, adaptive_concurrency, "
       "health_check, outlier_detection, slow_start, on_pool_down, rate_limits"},
      {"wokers: 2\n", "sluice.yaml:8:1: unknown key 'wokers' in the file, did you mean 'workers'?"},
      {"unknown: 1\n",
       "sluice.yaml:8:1: unknown key 'unknown' in the file, expected one of workers, limits, "
       "listeners, admin, state_dir, access_log, trusted_proxies, services"},
      {"    timeouts: {conect: 1s}\n",
       "sluice.yaml:8:16: unknown key 'conect' in 'timeouts' of service 'shop', did you mean "
       "'connect'?"},
      {"    timeouts: {connect_timeout: 1s}\n",
       "sluice.yaml:8:16: unknown key 'connect_timeout' in 'timeouts' of service 'shop', did you "
       "mean 'connect'?"},
      {"    limits: {body: 1MiB}\n",
       "sluice.yaml:8:14: unknown key 'body' in 'limits' of service 'shop', did you mean "
       "'body_bytes'?"},
      {"    name: shop\n",
       "sluice.yaml:8:5: 'name' is given twice in service 'shop', expected it once (first in line "
       "4)"},
      {"    timeouts:\n      connect: 1s\n      connect: 2s\n",
       "sluice.yaml:10:7: 'connect' is given twice in 'timeouts' of service 'shop', expected it "
       "once (first in line 9)"},
      {"listeners: []\n",
       "sluice.yaml:8:1: 'listeners' is given twice in the file, expected it once (first in line "
       "1)"},
      {"    <<: {via: on}\n",
       "sluice.yaml:8:5: a merge key (<<) in service 'shop', expected the keys themselves, or an "
       "alias (*name) as a whole value"},
      {"limits: {conections: 5}\n",
       "sluice.yaml:8:10: unknown key 'conections' in 'limits', did you mean 'connections'?"},
      {"admin: {sockets: {path: /a}}\n",
       "sluice.yaml:8:9: unknown key 'sockets' in 'admin', did you mean 'socket'?"},
      {"admin: {socket: {mod: \"0600\"}}\n",
       "sluice.yaml:8:18: unknown key 'mod' in 'admin.socket', did you mean 'mode'?"},
      {"admin: {http: {binds: 127.0.0.1:1}}\n",
       "sluice.yaml:8:15: 'bind' is missing in 'admin.http', expected an address and port such as "
       "127.0.0.1:9901\nsluice.yaml:8:16: unknown key 'binds' in 'admin.http', did you mean "
       "'bind'?"},
      {"access_log: {file: /x}\n",
       "sluice.yaml:8:13: 'path' is missing in 'access_log', expected the path of a file, or \"-\" "
       "for stdout\nsluice.yaml:8:14: unknown key 'file' in 'access_log', expected one of path, "
       "format"},
      {"    drain: {dead_line: 3s}\n",
       "sluice.yaml:8:13: unknown key 'dead_line' in 'drain' of service 'shop', did you mean "
       "'deadline'?"},
      {"    initial: {alive: blue}\n",
       "sluice.yaml:8:15: unknown key 'alive' in 'initial' of service 'shop', did you mean "
       "'live'?"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: good keys at a wrong place", "[config][wrong]") {
  const std::array<Wrong, 6> table{{
      {"    connect: 1s\n",
       "sluice.yaml:8:5: unknown key 'connect' in service 'shop', expected one of name, hosts, "
       "path_prefix, listeners, salt, identity, pools, initial, drain, pins, via, expose, "
       "timeouts, limits, retry, rescue, circuit_breaker, routes, adaptive_concurrency, "
       "health_check, outlier_detection, "
       "slow_start, on_pool_down, rate_limits; it is a key of services[].timeouts"},
      {"deadline: 5s\n",
       "sluice.yaml:8:1: unknown key 'deadline' in the file, expected one of workers, limits, "
       "listeners, admin, state_dir, access_log, trusted_proxies, services; it is a key of "
       "services[].drain"},
      {"name: shop\n",
       "sluice.yaml:8:1: unknown key 'name' in the file, expected one of workers, limits, "
       "listeners, admin, state_dir, access_log, trusted_proxies, services; it is a key of "
       "listeners[] and services[] and services[].identity[].mint_cookie and "
       "services[].rate_limits[]"},
      {"    workers: 2\n",
       "sluice.yaml:8:5: unknown key 'workers' in service 'shop', expected one of name, hosts, "
       "path_prefix, listeners, salt, identity, pools, initial, drain, pins, via, expose, "
       "timeouts, limits, retry, rescue, circuit_breaker, routes, adaptive_concurrency, "
       "health_check, outlier_detection, "
       "slow_start, on_pool_down, rate_limits; it is a key of the top level"},
      {"    initial: {deadline: 5s}\n",
       "sluice.yaml:8:15: unknown key 'deadline' in 'initial' of service 'shop', expected one of "
       "live, split; it is a key of services[].drain"},
      // A key of a later version is no help.
      {"token_file: /t\n",
       "sluice.yaml:8:1: unknown key 'token_file' in the file, expected one of workers, limits, "
       "listeners, admin, state_dir, access_log, trusted_proxies, services"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: keys of later versions", "[config][wrong]") {
  const std::array<Wrong, 2> table{{
      {"admin: {http: {bind: 127.0.0.1:9901, token_file: /t}}\n",
       "sluice.yaml:8:38: 'token_file' is not supported by this version, in 'admin.http'"},
      {"access_log: {path: /x, format: common}\n",
       "sluice.yaml:8:32: 'format' is 'common', expected json or combined"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: types", "[config][wrong]") {
  const std::array<Wrong, 22> table{{
      {"workers: [1]\n",
       "sluice.yaml:8:10: 'workers' is a list, expected auto or a number from 1 to 64"},
      {"workers: {a: 1}\n",
       "sluice.yaml:8:10: 'workers' is a map, expected auto or a number from 1 to 64"},
      {"workers:\n", "sluice.yaml:8:1: 'workers' is empty, expected auto or a number from 1 to 64"},
      {"limits: 5\n", "sluice.yaml:8:9: 'limits' is '5', expected a map of limits"},
      {"admin: yes\n",
       "sluice.yaml:8:8: 'admin' is 'yes', expected a map with 'socket' and 'http'"},
      {"admin: {socket: /run/x.sock}\n",
       "sluice.yaml:8:17: 'socket' is '/run/x.sock', expected a map with 'path' and 'mode'"},
      {"access_log: /var/log/x\n",
       "sluice.yaml:8:13: 'access_log' is '/var/log/x', expected a map with 'path', or off"},
      {"access_log: {}\n",
       "sluice.yaml:8:13: 'path' is missing in 'access_log', expected the path of a file, or \"-\" "
       "for stdout"},
      {"state_dir: []\n",
       "sluice.yaml:8:12: 'state_dir' is an empty list, expected the path of a directory"},
      {"state_dir: ''\n", "sluice.yaml:8:12: 'state_dir' is '', expected the path of a directory"},
      {"state_dir: \"a\\tb\"\n",
       "sluice.yaml:8:12: 'state_dir' is 'a?b', expected the path of a directory"},
      {"trusted_proxies: 10.0.0.0/8\n",
       "sluice.yaml:8:18: 'trusted_proxies' is '10.0.0.0/8', expected a list of networks such as "
       "10.0.0.0/8"},
      {"    hosts: shop.example.com\n",
       "sluice.yaml:8:12: 'hosts' is 'shop.example.com', expected a list of host names"},
      {"    hosts: [[a]]\n",
       "sluice.yaml:8:13: a list in 'hosts', expected a host name such as shop.example.com or "
       "\"*.example.com\", without port"},
      {"    identity: cookie\n",
       "sluice.yaml:8:15: 'identity' is 'cookie', expected a list of at least one identity source"},
      {"    drain: 30s\n",
       "sluice.yaml:8:12: 'drain' is '30s', expected a map with 'deadline' and 'websockets'"},
      {"    timeouts: [1s]\n",
       "sluice.yaml:8:15: 'timeouts' is a list, expected a map of timeouts"},
      {"    timeouts: {connect: [1s]}\n",
       "sluice.yaml:8:25: 'connect' is a list, expected a duration from 1ms to 24h such as 30s"},
      {"    pins: {header: a}\n",
       "sluice.yaml:8:11: 'pins' is a map, expected a list of at most 256 pins"},
      {"    pins: [a]\n",
       "sluice.yaml:8:12: 'a' in 'pins', expected a map with 'header', 'cookie', 'identity_in' or "
       "'segment'"},
      {"    expose: pool\n",
       "sluice.yaml:8:13: 'expose' is 'pool', expected a list of pool, generation, reason, bucket, "
       "endpoint, rescued"},
      {"    via: [on]\n", "sluice.yaml:8:10: 'via' is a list, expected on or off"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: several mistakes, in the order of the file", "[config][wrong]") {
  check(
      "workers: none\n"
      "listeners:\n"
      "  - bind: 8080\n"
      "  - bnd: 127.0.0.1:8081\n"
      "services:\n"
      "  - name: shop\n"
      "    pools: {blue: {endpoints: [127.0.0.1:0]}}\n"
      "    drain: {deadline: 2d, websocket: keep}\n"
      "  - nam: blog\n"
      "    pools: {blue: {endpoints: [127.0.0.1:9001]}}\n"
      "acces_log: {path: /x}\n",
      "sluice.yaml:1:10: 'workers' is 'none', expected auto or a number from 1 to 64\n"
      "sluice.yaml:3:11: 'bind' is '8080', expected an address and port such as 0.0.0.0:8080 or "
      "\"[::]:8080\"\n"
      "sluice.yaml:4:5: unknown key 'bnd' in listener 'listener-2', did you mean 'bind'?\n"
      "sluice.yaml:4:5: 'bind' is missing in listener 'listener-2', expected an address and port "
      "such as 0.0.0.0:8080 or \"[::]:8080\"\n"
      "sluice.yaml:7:32: '127.0.0.1:0' in 'endpoints', expected an address or host name "
      "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; 0 is no port\n"
      "sluice.yaml:8:23: 'deadline' is '2d', expected a duration from 1ms to 24h such as 30s\n"
      "sluice.yaml:8:27: unknown key 'websocket' in 'drain' of service 'shop', did you mean "
      "'websockets'?\n"
      "sluice.yaml:9:5: unknown key 'nam' in service 2, did you mean 'name'?\n"
      "sluice.yaml:9:5: 'name' is missing in service 2, expected letters, digits, '.', '_' and "
      "'-', at most 64, beginning with a letter or digit\n"
      "sluice.yaml:11:1: unknown key 'acces_log' in the file, did you mean 'access_log'?");
}
