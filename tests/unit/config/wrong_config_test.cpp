#include <array>
#include <optional>
#include <string>

#include "sluice/config/parse.hpp"
#include "support/catch.hpp"

/// What people get wrong, each with the whole message that they see. The message is part of the
/// interface: it says where, what, what was expected, and the nearest valid name.
using namespace sluice;

namespace {

struct Wrong {
  std::string text;
  std::string message;
};

constexpr const char* kListener =
    "listeners:\n"
    "  - bind: 127.0.0.1:8080\n";
constexpr const char* kShop =
    "services:\n"
    "  - name: shop\n"
    "    pools:\n"
    "      blue: {endpoints: [127.0.0.1:9001]}\n";
// Lines 1 to 7 of the tables that only add something: keys at column 5 belong to the service, at
// column 1 to the file.
constexpr const char* kGreen = "      green: {endpoints: [127.0.0.1:9002]}\n";

std::optional<std::string> environment(std::string_view name) {
  if (name == "WORD") return "word";
  if (name == "BELL") return "ding\a";
  if (name == "TWO_LINES") return "a\nworkers: 2";
  if (name == "MAP") return "{socket: {path: /x}}";
  if (name == "LIST") return "[10.0.0.0/8]";
  if (name == "PAIR") return "10.0.0.0/8, 192.0.2.1";
  if (name == "COMMENT") return "2 # two";
  if (name == "NESTED") return "${WORD}";
  if (name == "EMPTY") return "";
  return std::nullopt;
}

bool tells_what_to_do(const std::string& what) {
  for (const char* words : {"expected ", "did you mean ", "not supported by this version"}) {
    if (what.find(words) != what.npos) return true;
  }
  return false;
}

void check(const std::string& text, const std::string& message) {
  INFO(text);
  const config::Loaded loaded = config::parse(text, "sluice.yaml", environment);
  CHECK_FALSE(loaded.config);
  std::string messages;
  for (const config::Problem& problem : loaded.problems) {
    CHECK(tells_what_to_do(problem.what));
    messages += (messages.empty() ? "" : "\n") + problem.text();
  }
  CHECK(messages == message);
}

template <std::size_t N>
void check_added(const std::array<Wrong, N>& table) {
  for (const Wrong& wrong : table) {
    check(std::string(kListener) + kShop + kGreen + wrong.text, wrong.message);
  }
}

template <std::size_t N>
void check_whole(const std::array<Wrong, N>& table) {
  for (const Wrong& wrong : table) check(wrong.text, wrong.message);
}

}  // namespace

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
       "timeouts, limits"},
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
       "timeouts, limits; it is a key of services[].timeouts"},
      {"deadline: 5s\n",
       "sluice.yaml:8:1: unknown key 'deadline' in the file, expected one of workers, limits, "
       "listeners, admin, state_dir, access_log, trusted_proxies, services; it is a key of "
       "services[].drain"},
      {"name: shop\n",
       "sluice.yaml:8:1: unknown key 'name' in the file, expected one of workers, limits, "
       "listeners, admin, state_dir, access_log, trusted_proxies, services; it is a key of "
       "listeners[] and services[] and services[].identity[].mint_cookie"},
      {"    workers: 2\n",
       "sluice.yaml:8:5: unknown key 'workers' in service 'shop', expected one of name, hosts, "
       "path_prefix, listeners, salt, identity, pools, initial, drain, pins, via, expose, "
       "timeouts, limits; it is a key of the top level"},
      {"    initial: {deadline: 5s}\n",
       "sluice.yaml:8:15: unknown key 'deadline' in 'initial' of service 'shop', expected one of "
       "live, split; it is a key of services[].drain"},
      // A key of a later version is no help.
      {"attempts: 1\n",
       "sluice.yaml:8:1: unknown key 'attempts' in the file, expected one of workers, limits, "
       "listeners, admin, state_dir, access_log, trusted_proxies, services"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: keys of later versions", "[config][wrong]") {
  const std::array<Wrong, 6> table{{
      {"    health_check: {path: /healthz}\n",
       "sluice.yaml:8:5: 'health_check' is not supported by this version, in service 'shop'"},
      {"    circuit_breaker: {}\n",
       "sluice.yaml:8:5: 'circuit_breaker' is not supported by this version, in service 'shop'"},
      {"    retry: {attempts: 1}\n",
       "sluice.yaml:8:5: 'retry' is not supported by this version, in service 'shop'"},
      {"    rate_limits: []\n",
       "sluice.yaml:8:5: 'rate_limits' is not supported by this version, in service 'shop'"},
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
       "endpoint"},
      {"    via: [on]\n", "sluice.yaml:8:10: 'via' is a list, expected on or off"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: numbers", "[config][wrong]") {
  const std::array<Wrong, 15> table{{
      {"workers: 3\nlimits: {connections: 2}\n",
       "sluice.yaml:9:23: 'limits.connections' is 2 with 3 workers, expected at least one "
       "connection for each worker"},
      {"workers: 0\n",
       "sluice.yaml:8:10: 'workers' is '0', expected auto or a number from 1 to 64"},
      {"workers: 65\n",
       "sluice.yaml:8:10: 'workers' is '65', expected auto or a number from 1 to 64"},
      {"workers: -1\n",
       "sluice.yaml:8:10: 'workers' is '-1', expected auto or a number from 1 to 64"},
      {"workers: 1.5\n",
       "sluice.yaml:8:10: 'workers' is '1.5', expected auto or a number from 1 to 64"},
      {"workers: 08\n",
       "sluice.yaml:8:10: 'workers' is '08', expected auto or a number from 1 to 64"},
      {"workers: many\n",
       "sluice.yaml:8:10: 'workers' is 'many', expected auto or a number from 1 to 64"},
      {"workers: off\n",
       "sluice.yaml:8:10: 'workers' is 'off', expected auto or a number from 1 to 64"},
      {"limits: {connections: 0}\n",
       "sluice.yaml:8:23: 'connections' is '0', expected auto or a number from 1 to 10000000"},
      {"limits: {connections: off}\n",
       "sluice.yaml:8:23: 'connections' is 'off', expected auto or a number from 1 to 10000000"},
      {"limits: {connections_per_address: auto}\n",
       "sluice.yaml:8:35: 'connections_per_address' is 'auto', expected off or a number from 1 to "
       "10000000"},
      {"limits: {connections: 10000001}\n",
       "sluice.yaml:8:23: 'connections' is '10000001', expected auto or a number from 1 to "
       "10000000"},
      {"limits: {connections: 99999999999999999999999}\n",
       "sluice.yaml:8:23: 'connections' is '99999999999999999999999', expected auto or a number "
       "from 1 to 10000000"},
      {"    limits: {header_count: 0}\n",
       "sluice.yaml:8:28: 'header_count' is '0', expected a number from 1 to 128"},
      {"    limits: {header_count: 129}\n",
       "sluice.yaml:8:28: 'header_count' is '129', expected a number from 1 to 128"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: durations", "[config][wrong]") {
  const std::array<Wrong, 15> table{{
      {"    timeouts: {connect: 5}\n",
       "sluice.yaml:8:25: 'connect' is '5', expected a duration from 1ms to 24h such as 30s; the "
       "unit is missing"},
      {"    timeouts: {connect: 0}\n",
       "sluice.yaml:8:25: 'connect' is '0', expected a duration from 1ms to 24h such as 30s; 0 "
       "switches nothing off"},
      {"    timeouts: {connect: 0s}\n",
       "sluice.yaml:8:25: 'connect' is '0s', expected a duration from 1ms to 24h such as 30s"},
      {"    timeouts: {connect: off}\n",
       "sluice.yaml:8:25: 'connect' is 'off', expected a duration from 1ms to 24h such as 30s"},
      {"    timeouts: {request_header: off}\n",
       "sluice.yaml:8:32: 'request_header' is 'off', expected a duration from 1ms to 24h such as "
       "30s"},
      {"    timeouts: {keep_alive_idle: off}\n",
       "sluice.yaml:8:33: 'keep_alive_idle' is 'off', expected a duration from 1ms to 24h such as "
       "30s"},
      {"    timeouts: {endpoint_idle: off}\n",
       "sluice.yaml:8:31: 'endpoint_idle' is 'off', expected a duration from 1ms to 24h such as "
       "30s"},
      {"    timeouts: {tunnel_idle: 0}\n",
       "sluice.yaml:8:29: 'tunnel_idle' is '0', expected a duration from 1ms to 30d such as 1h, or "
       "off; 0 switches nothing off"},
      {"    timeouts: {tunnel_idle: 31d}\n",
       "sluice.yaml:8:29: 'tunnel_idle' is '31d', expected a duration from 1ms to 30d such as 1h, "
       "or off"},
      {"    timeouts: {connect: 25h}\n",
       "sluice.yaml:8:25: 'connect' is '25h', expected a duration from 1ms to 24h such as 30s"},
      {"    timeouts: {connect: 1 s}\n",
       "sluice.yaml:8:25: 'connect' is '1 s', expected a duration from 1ms to 24h such as 30s"},
      {"    timeouts: {connect: 30sec}\n",
       "sluice.yaml:8:25: 'connect' is '30sec', expected a duration from 1ms to 24h such as 30s"},
      {"    drain: {deadline: off}\n",
       "sluice.yaml:8:23: 'deadline' is 'off', expected a duration from 1ms to 24h such as 30s"},
      {"    drain: {deadline: 0s}\n",
       "sluice.yaml:8:23: 'deadline' is '0s', expected a duration from 1ms to 24h such as 30s"},
      {"    drain: {deadline: 25h}\n",
       "sluice.yaml:8:23: 'deadline' is '25h', expected a duration from 1ms to 24h such as 30s"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: sizes", "[config][wrong]") {
  const std::array<Wrong, 9> table{{
      {"    limits: {header_bytes: 17KiB}\n",
       "sluice.yaml:8:28: 'header_bytes' is '17KiB', expected a size from 1KiB to 16KiB"},
      {"    limits: {header_bytes: 1023B}\n",
       "sluice.yaml:8:28: 'header_bytes' is '1023B', expected a size from 1KiB to 16KiB"},
      {"    limits: {header_bytes: 16384}\n",
       "sluice.yaml:8:28: 'header_bytes' is '16384', expected a size from 1KiB to 16KiB; the unit "
       "is missing"},
      {"    limits: {header_bytes: 8KB}\n",
       "sluice.yaml:8:28: 'header_bytes' is '8KB', expected a size from 1KiB to 16KiB"},
      {"    limits: {target_bytes: 16KiB}\n",
       "sluice.yaml:8:28: 'target_bytes' is '16KiB', expected a size from 64B to 15KiB"},
      {"    limits: {header_bytes: 2KiB, target_bytes: 4KiB}\n",
       "sluice.yaml:8:48: 'target_bytes' is '4KiB', expected a size from 64B to 15KiB; it is above "
       "'header_bytes', of which it is a part"},
      {"    limits: {body_bytes: 0}\n",
       "sluice.yaml:8:26: 'body_bytes' is '0', expected a size of at least 1B such as 8MiB, or "
       "unlimited; 0 switches nothing off"},
      {"    limits: {body_bytes: 0B}\n",
       "sluice.yaml:8:26: 'body_bytes' is '0B', expected a size of at least 1B such as 8MiB, or "
       "unlimited"},
      {"    limits: {body_bytes: off}\n",
       "sluice.yaml:8:26: 'body_bytes' is 'off', expected a size of at least 1B such as 8MiB, or "
       "unlimited"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: percentages and words", "[config][wrong]") {
  const std::array<Wrong, 15> table{{
      {"    initial: {split: 101%}\n",
       "sluice.yaml:8:22: 'split' is '101%', expected a percentage from 0% to 100% with at most "
       "two decimals"},
      {"    initial: {split: 0.001%}\n",
       "sluice.yaml:8:22: 'split' is '0.001%', expected a percentage from 0% to 100% with at most "
       "two decimals"},
      {"    initial: {split: half}\n",
       "sluice.yaml:8:22: 'split' is 'half', expected a percentage from 0% to 100% with at most "
       "two decimals"},
      {"    initial: {live: gren}\n",
       "sluice.yaml:8:21: 'live' is 'gren', expected blue or green, did you mean 'green'?"},
      {"    initial: {live: candidate}\n",
       "sluice.yaml:8:21: 'live' is 'candidate', expected blue or green"},
      {"    drain: {websockets: dran}\n",
       "sluice.yaml:8:25: 'websockets' is 'dran', expected drain, keep or close, did you mean "
       "'drain'?"},
      {"    drain: {websockets: off}\n",
       "sluice.yaml:8:25: 'websockets' is 'off', expected drain, keep or close"},
      {"    via: true\n", "sluice.yaml:8:10: 'via' is 'true', expected on or off"},
      {"    via: onn\n",
       "sluice.yaml:8:10: 'via' is 'onn', expected on or off, did you mean 'on'?"},
      {"    expose: [pol]\n",
       "sluice.yaml:8:14: 'pol' in 'expose', expected one of pool, generation, reason, bucket, "
       "endpoint, did you mean 'pool'?"},
      {"    expose: [pool, pool]\n",
       "sluice.yaml:8:20: 'pool' is listed twice in 'expose', expected it once"},
      {"access_log: {path: /x, format: text}\n",
       "sluice.yaml:8:32: 'format' is 'text', expected json or combined"},
      {"admin: {socket: {mode: rw}}\n",
       "sluice.yaml:8:24: 'mode' is 'rw', expected octal permissions such as \"0660\""},
      {"admin: {socket: {mode: \"1777\"}}\n",
       "sluice.yaml:8:24: 'mode' is '1777', expected octal permissions such as \"0660\""},
      {"admin: {socket: {mode: \"0888\"}}\n",
       "sluice.yaml:8:24: 'mode' is '0888', expected octal permissions such as \"0660\""},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: addresses", "[config][wrong]") {
  const std::array<Wrong, 9> table{{
      {"trusted_proxies: [10.0.0.0/33]\n",
       "sluice.yaml:8:19: '10.0.0.0/33' in 'trusted_proxies', expected a network such as "
       "10.0.0.0/8, an address, or unix:"},
      {"trusted_proxies: [10.0.0.1/8]\n",
       "sluice.yaml:8:19: '10.0.0.1/8' in 'trusted_proxies', expected a network such as "
       "10.0.0.0/8, an address, or unix:; it has bits behind the prefix; meant is perhaps "
       "10.0.0.0/8"},
      {"trusted_proxies: [proxy.local]\n",
       "sluice.yaml:8:19: 'proxy.local' in 'trusted_proxies', expected a network such as "
       "10.0.0.0/8, an address, or unix:"},
      {"admin: {http: {bind: 9901}}\n",
       "sluice.yaml:8:22: 'bind' is '9901', expected an address and port such as 127.0.0.1:9901"},
      {"admin: {http: {bind: localhost:9901}}\n",
       "sluice.yaml:8:22: host name 'localhost:9901' in 'bind' is not supported by this version: "
       "use an IP address"},
      {"admin: {http: {bind: \"unix:/run/x\"}}\n",
       "sluice.yaml:8:22: Unix sockets in 'bind' are not supported by this version: use an IP "
       "address"},
      {"admin: {http: {bind: 127.0.0.1:8080}}\n",
       "sluice.yaml:8:22: '127.0.0.1:8080' is the address of listener 'listener-1' (line 2), "
       "expected another one"},
      {"admin: {http: {bind: 127.0.0.1:65536}}\n",
       "sluice.yaml:8:22: 'bind' is '127.0.0.1:65536', expected an address and port such as "
       "127.0.0.1:9901"},
      {"admin: {http: {}}\n",
       "sluice.yaml:8:15: 'bind' is missing in 'admin.http', expected an address and port such as "
       "127.0.0.1:9901"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: hosts and paths", "[config][wrong]") {
  const std::array<Wrong, 18> table{{
      {"    hosts: [\"*\"]\n",
       "sluice.yaml:8:13: '*' in 'hosts', expected a host name such as shop.example.com or "
       "\"*.example.com\", without port; leave 'hosts' out for any host"},
      {"    hosts: [\"shop.example.com:80\"]\n",
       "sluice.yaml:8:13: 'shop.example.com:80' in 'hosts', expected a host name such as "
       "shop.example.com or \"*.example.com\", without port"},
      {"    hosts: [\"http://shop\"]\n",
       "sluice.yaml:8:13: 'http://shop' in 'hosts', expected a host name such as shop.example.com "
       "or \"*.example.com\", without port"},
      {"    hosts: [\"a.*.b\"]\n",
       "sluice.yaml:8:13: 'a.*.b' in 'hosts', expected a host name such as shop.example.com or "
       "\"*.example.com\", without port"},
      {"    hosts: [a..b]\n",
       "sluice.yaml:8:13: 'a..b' in 'hosts', expected a host name such as shop.example.com or "
       "\"*.example.com\", without port"},
      {"    hosts: [Shop.example, shop.EXAMPLE.]\n",
       "sluice.yaml:8:27: 'shop.example' is listed twice in 'hosts', expected it once"},
      {"    hosts: [bücher.example]\n",
       "sluice.yaml:8:13: 'bücher.example' in 'hosts', expected a host name such as "
       "shop.example.com or \"*.example.com\", without port"},
      {"    hosts: [-a.example]\n",
       "sluice.yaml:8:13: '-a.example' in 'hosts', expected a host name such as shop.example.com "
       "or \"*.example.com\", without port"},
      {"    path_prefix: app\n",
       "sluice.yaml:8:18: 'path_prefix' is 'app', expected a path such as / or /app"},
      {"    path_prefix: /a/../b\n",
       "sluice.yaml:8:18: 'path_prefix' is '/a/../b', expected a path such as / or /app; without "
       "query, empty or dot segments and needless escapes"},
      {"    path_prefix: /a//b\n",
       "sluice.yaml:8:18: 'path_prefix' is '/a//b', expected a path such as / or /app; without "
       "query, empty or dot segments and needless escapes"},
      {"    path_prefix: /a?b\n",
       "sluice.yaml:8:18: 'path_prefix' is '/a?b', expected a path such as / or /app; without "
       "query, empty or dot segments and needless escapes"},
      {"    path_prefix: /%61\n",
       "sluice.yaml:8:18: 'path_prefix' is '/%61', expected a path such as / or /app; without "
       "query, empty or dot segments and needless escapes"},
      {"    path_prefix: ''\n",
       "sluice.yaml:8:18: 'path_prefix' is '', expected a path such as / or /app"},
      {"    listeners: [listener1]\n",
       "sluice.yaml:8:17: 'listener1' in 'listeners', expected the name of a listener, did you "
       "mean 'listener-1'?"},
      {"    listeners: [main]\n",
       "sluice.yaml:8:17: 'main' in 'listeners', expected the name of a listener; there is "
       "listener-1"},
      {"    listeners: [listener-1, listener-1]\n",
       "sluice.yaml:8:29: 'listener-1' is listed twice in 'listeners', expected it once"},
      {"    salt: ''\n",
       "sluice.yaml:8:11: 'salt' is '', expected text of 1 to 256 bytes without control "
       "characters"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: identity", "[config][wrong]") {
  const std::array<Wrong, 22> table{{
      {"    identity: []\n",
       "sluice.yaml:8:15: 'identity' has 0 items, expected a list of at least one identity source"},
      {"    identity: [cookie]\n",
       "sluice.yaml:8:16: 'cookie' in 'identity', expected client_address, mint_cookie, or one of "
       "'cookie: NAME', 'header: NAME', 'query: NAME'"},
      {"    identity: [client_adress]\n",
       "sluice.yaml:8:16: 'client_adress' in 'identity', expected client_address, mint_cookie, or "
       "one of 'cookie: NAME', 'header: NAME', 'query: NAME', did you mean 'client_address'?"},
      {"    identity: [{cookie: uid, header: X-U}]\n",
       "sluice.yaml:8:16: an item of 'identity' has 2 keys, expected one: begin each source with "
       "'-'"},
      {"    identity: [{}]\n",
       "sluice.yaml:8:16: an item of 'identity' has 0 keys, expected one: begin each source with "
       "'-'"},
      {"    identity: [{cooky: uid}]\n",
       "sluice.yaml:8:17: unknown key 'cooky' in 'identity' of service 'shop', did you mean "
       "'cookie'?"},
      {"    identity: [{cookie: 'a b'}]\n",
       "sluice.yaml:8:25: 'cookie' is 'a b', expected the name of a cookie, at most 64 characters"},
      {"    identity: [{cookie: [a]}]\n",
       "sluice.yaml:8:25: 'cookie' is a list, expected the name of a cookie, at most 64 "
       "characters"},
      {"    identity: [{header: 'X:Y'}]\n",
       "sluice.yaml:8:25: 'header' is 'X:Y', expected the name of a header field, at most 64 "
       "characters"},
      {"    identity: [{header: Sluice-User}]\n",
       "sluice.yaml:8:25: 'header' is 'Sluice-User', expected the name of a header field, at most "
       "64 characters; Sluice-* fields are removed from requests first"},
      {"    identity: [{query: a=b}]\n",
       "sluice.yaml:8:24: 'query' is 'a=b', expected the name of a query parameter, at most 64 "
       "characters"},
      {"    identity: [{client_address: true}]\n",
       "sluice.yaml:8:33: 'client_address' is 'true', expected no value: write '- client_address'"},
      {"    identity: [mint_cookie, {cookie: uid}]\n",
       "sluice.yaml:8:29: 'cookie' stands after 'mint_cookie', expected nothing after it"},
      {"    identity: [client_address, {cookie: uid}]\n",
       "sluice.yaml:8:32: 'cookie' stands after 'client_address', expected only 'mint_cookie' "
       "after it"},
      {"    identity: [{cookie: uid}, {cookie: uid}]\n",
       "sluice.yaml:8:31: 'cookie' is listed twice in 'identity', expected each source once"},
      {"    identity: [{header: X-U}, {header: x-u}]\n",
       "sluice.yaml:8:31: 'header' is listed twice in 'identity', expected each source once"},
      {"    identity: [client_address, client_address]\n",
       "sluice.yaml:8:32: 'client_address' is listed twice in 'identity', expected each source "
       "once"},
      {"    identity: [{mint_cookie: {name: 'a;b'}}]\n",
       "sluice.yaml:8:37: 'name' is 'a;b', expected the name of a cookie, at most 64 characters"},
      {"    identity: [{mint_cookie: {max_age: 1500ms}}]\n",
       "sluice.yaml:8:40: 'max_age' is '1500ms', expected a duration of whole seconds from 1s to "
       "3650d such as 30d"},
      {"    identity: [{mint_cookie: {max_age: off}}]\n",
       "sluice.yaml:8:40: 'max_age' is 'off', expected a duration of whole seconds from 1s to "
       "3650d such as 30d"},
      {"    identity: [{mint_cookie: {max_age: 3651d}}]\n",
       "sluice.yaml:8:40: 'max_age' is '3651d', expected a duration of whole seconds from 1s to "
       "3650d such as 30d"},
      {"    identity: [{mint_cookie: {age: 3d}}]\n",
       "sluice.yaml:8:31: unknown key 'age' in 'mint_cookie' of service 'shop', expected one of "
       "name, max_age"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: pins", "[config][wrong]") {
  const std::array<Wrong, 10> table{{
      {"    pins: [{header: X-P, values: {a: blue}}]\n",
       "sluice.yaml:8:12: 'from' is missing in a pin of service 'shop', expected a list of at "
       "least one network such as 10.0.0.0/8"},
      {"    pins: [{values: {a: blue}, from: [10.0.0.0/8]}]\n",
       "sluice.yaml:8:12: a pin of service 'shop' names no rule, expected one of header, cookie, "
       "identity_in, segment"},
      {"    pins: [{header: X-P, from: [10.0.0.0/8]}]\n",
       "sluice.yaml:8:12: 'values' is missing in a pin of service 'shop', expected a map of 1 "
       "to 256 values to blue, green, live or candidate"},
      {"    pins: [{header: X-P, values: {}, from: [10.0.0.0/8]}]\n",
       "sluice.yaml:8:34: 'values' is an empty map, expected a map of 1 to 256 values to blue, "
       "green, live or candidate"},
      {"    pins: [{header: X-P, values: {a: red}, from: [10.0.0.0/8]}]\n",
       "sluice.yaml:8:38: 'red' in 'values', expected blue, green, live or candidate"},
      {"    pins: [{header: X-P, values: {a: blue, a: green}, from: [10.0.0.0/8]}]\n",
       "sluice.yaml:8:44: 'a' is given twice in 'values' of a pin of service 'shop', expected it "
       "once (first in line 8)"},
      {"    pins: [{header: X-P, values: {a: blue}, from: []}]\n",
       "sluice.yaml:8:51: 'from' has 0 items, expected a list of at least one network such as "
       "10.0.0.0/8"},
      {"    pins: [{header: X-P, values: {a: blue}, from: [office]}]\n",
       "sluice.yaml:8:52: 'office' in 'from', expected a network such as 10.0.0.0/8, an address, "
       "or unix:"},
      {"    pins: [{header: Sluice-Pool, values: {a: blue}, from: [10.0.0.0/8]}]\n",
       "sluice.yaml:8:21: 'header' is 'Sluice-Pool', expected the name of a header field, at most "
       "64 characters; Sluice-* fields are removed from requests first"},
      {"    pins: [{header: X-P, values: {'': blue}, from: [10.0.0.0/8]}]\n",
       "sluice.yaml:8:35: '' in 'values', expected the value of a header field"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: variables", "[config][wrong]") {
  const std::array<Wrong, 7> table{{
      {"state_dir: ${NOPE}\n",
       "sluice.yaml:8:12: ${NOPE} is not set, expected a value in the environment or a default: "
       "${NOPE:-default}"},
      {"state_dir: ${}\n",
       "sluice.yaml:8:12: '${}' names no variable, expected ${NAME} or ${NAME:-default}; $$ is a "
       "dollar sign"},
      {"state_dir: ${1A}\n",
       "sluice.yaml:8:12: '${1A}' names no variable, expected ${NAME} or ${NAME:-default}; $$ is a "
       "dollar sign"},
      {"state_dir: /a/${NAME\n",
       "sluice.yaml:8:12: '${NAME' has no '}', expected ${NAME}; $$ is a dollar sign"},
      {"workers: ${NOPE}\n",
       "sluice.yaml:8:10: ${NOPE} is not set, expected a value in the environment or a default: "
       "${NOPE:-default}"},
      {"workers: ${WORD}\n",
       "sluice.yaml:8:10: 'workers' is 'word', expected auto or a number from 1 to 64"},
      {"state_dir: ${BELL}\n",
       "sluice.yaml:8:12: the value of ${BELL} is not printable text, expected "
       "one line without control characters"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: variables leave the structure as it is", "[config][wrong]") {
  const std::array<Wrong, 9> table{{
      {"state_dir: ${TWO_LINES}\n",
       "sluice.yaml:8:12: the value of ${TWO_LINES} is not printable text, expected "
       "one line without control characters"},
      {"admin: ${MAP}\n",
       "sluice.yaml:8:8: 'admin' is '{socket: {path: /x}}', expected a map with 'socket' and "
       "'http'"},
      {"trusted_proxies: ${LIST}\n",
       "sluice.yaml:8:18: 'trusted_proxies' is '[10.0.0.0/8]', expected a list of networks such as "
       "10.0.0.0/8"},
      {"trusted_proxies: [\"${PAIR}\"]\n",
       "sluice.yaml:8:19: '10.0.0.0/8, 192.0.2.1' in 'trusted_proxies', expected a network such as "
       "10.0.0.0/8, an address, or unix:"},
      {"workers: ${COMMENT}\n",
       "sluice.yaml:8:10: 'workers' is '2 # two', expected auto or a number from 1 to 64"},
      {"    salt: ${EMPTY}\n",
       "sluice.yaml:8:11: 'salt' is '', expected text of 1 to 256 bytes without control "
       "characters"},
      {"    salt: ${EMPTY:-}\n",
       "sluice.yaml:8:11: 'salt' is '', expected text of 1 to 256 bytes without control "
       "characters"},
      {"${WORD}: 1\n",
       "sluice.yaml:8:1: unknown key '${WORD}' in the file, expected one of workers, limits, "
       "listeners, admin, state_dir, access_log, trusted_proxies, services"},
      // What a variable brings is not looked through again.
      {"workers: ${NESTED}\n",
       "sluice.yaml:8:10: 'workers' is '${WORD}', expected auto or a number from 1 to 64"},
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

TEST_CASE("wrong configuration: what is no text, or no plain YAML", "[config][wrong]") {
  using namespace std::string_literals;
  const std::array<Wrong, 9> table{{
      {"\x7F"
       "ELF\x02\x01\x01\0\0"s,
       "sluice.yaml:1:1: syntax error: control character 0x7F, expected printable text"},
      {"a: 1\nb: \0\n"s,
       "sluice.yaml:2:4: syntax error: control character 0x00, expected printable text"},
      {"\xFF\xFEl\0i\0"s,
       "sluice.yaml:1:1: syntax error: byte 0xFF is not UTF-8, expected UTF-8 text"},
      {"\xEF\xBB\xBF",
       "sluice.yaml:1:1: syntax error: the file is empty, expected 'listeners' and 'services'"},
      {"\xEF\xBB\xBF"
       "lisseners: []\nservices: []\n",
       "sluice.yaml:1:1: unknown key 'lisseners' in the file, did you mean 'listeners'?\n"
       "sluice.yaml:1:1: 'listeners' is missing in the file, expected a list of 1 to 64 listeners\n"
       "sluice.yaml:2:11: 'services' has 0 items, expected a list of 1 to 1024 services"},
      {"a: !!int 5\n",
       "sluice.yaml:1:4: syntax error: a tag (!), expected plain values; quote a value that begins "
       "with '!'"},
      {"%YAML 1.2\n---\na: &x 1\nb: *y\n",
       "sluice.yaml:4:4: syntax error: an alias (*) of an anchor that is not defined, expected its "
       "anchor (&) before it, or quotes around a value that begins with '*'"},
      {std::string(33, '[') + std::string(33, ']'),
       "sluice.yaml:1:33: syntax error: nested too deep, expected at most 32 levels"},
      {"a: |\n  text\n b: 1\n",
       "sluice.yaml:3:2: syntax error: text that belongs to nothing, expected 'key: value' at the "
       "indentation of the keys above"},
  }};
  check_whole(table);
}

TEST_CASE("wrong configuration: rarer syntax", "[config][wrong]") {
  const std::array<Wrong, 19> table{{
      {"a: \"C:\\logs\"\n",
       "sluice.yaml:1:9: syntax error: a '\\' that begins no escape in double quotes, expected "
       "'\\\\' or single quotes"},
      {"a: \"\\xZZ\"\n",
       "sluice.yaml:1:9: syntax error: an escape that is no hexadecimal number, expected \\x41 or "
       "single quotes"},
      {"a: \"\\uD800\"\n",
       "sluice.yaml:1:11: syntax error: an escape that is no character, expected another one"},
      {"a: 1\nb: ]\n",
       "sluice.yaml:2:4: syntax error: a ']' or '}' that closes nothing here, expected '[' or '{' "
       "before it, or quotes around the value"},
      {"a: &x &y 1\n",
       "sluice.yaml:1:7: syntax error: two anchors (&) before one value, expected one"},
      {"a: &\n", "sluice.yaml:1:5: syntax error: a '&' alone, expected quotes around it"},
      {"a: *\n", "sluice.yaml:1:5: syntax error: a '*' alone, expected quotes around it"},
      {"a: &x[ 1\n",
       "sluice.yaml:1:6: syntax error: a character that no anchor (&) or alias (*) can have, "
       "expected quotes around the value"},
      {"a: \"x\n---\nb\"\n",
       "sluice.yaml:2:1: syntax error: '---' or '...' inside quotes, expected the end of the "
       "quotes "
       "before it"},
      {"a: |x\n  b\n",
       "sluice.yaml:1:5: syntax error: text behind '|' or '>', expected it in the next line, "
       "indented"},
      {"a: |0\n  b\n", "sluice.yaml:1:6: syntax error: a 0 behind '|' or '>', expected 1 to 9"},
      {"%YAML 2.0\n---\na: 1\n",
       "sluice.yaml:1:1: syntax error: a %YAML line, expected none, or one '%YAML 1.2'"},
      {"%YAML 1.2 3\n---\na: 1\n",
       "sluice.yaml:1:1: syntax error: a %YAML line, expected none, or one '%YAML 1.2'"},
      {"%YAML x\n---\na: 1\n",
       "sluice.yaml:1:1: syntax error: a %YAML line, expected none, or one '%YAML 1.2'"},
      {"a: - b\n",
       "sluice.yaml:1:4: syntax error: a '-' where no list can stand, expected another "
       "indentation"},
      {"a:\n  - b\n c\n",
       "sluice.yaml:3:2: syntax error: text that belongs to nothing, expected 'key: value' at the "
       "indentation of the keys above"},
      {"services:\n  - name: a\n   pools: {}\n",
       "sluice.yaml:3:4: syntax error: text that belongs to nothing, expected '- value' at the "
       "indentation of those above"},
      {"services:\n  - name:shop\n    pools: {}\n",
       "sluice.yaml:3:10: syntax error: a ':' where none can stand, expected another indentation "
       "or "
       "quotes around the value; write a space behind 'key:'"},
      {"a: `x`\n",
       "sluice.yaml:1:4: syntax error: a character that no value can begin with, expected quotes "
       "around the value"},
  }};
  check_whole(table);
}

TEST_CASE("wrong configuration: syntax", "[config][wrong]") {
  const std::array<Wrong, 25> table{{
      {"", "sluice.yaml:1:1: syntax error: the file is empty, expected 'listeners' and 'services'"},
      {"# nothing\n",
       "sluice.yaml:1:1: syntax error: the file is empty, expected 'listeners' and 'services'"},
      {"---\n",
       "sluice.yaml:2:1: 'the file' is empty, expected a map with 'listeners' and 'services'"},
      {"listeners\n",
       "sluice.yaml:1:1: 'the file' is 'listeners', expected a map with 'listeners' and "
       "'services'"},
      {"[]\n",
       "sluice.yaml:1:1: 'the file' is an empty list, expected a map with 'listeners' and "
       "'services'"},
      {"a: 1\n---\nb: 2\n",
       "sluice.yaml:2:1: syntax error: a second document begins, expected one per file"},
      {"a: 1\n...\nb: 2\n",
       "sluice.yaml:3:1: syntax error: a second document begins, expected one per file"},
      {"a:\n\tb: 1\n", "sluice.yaml:2:1: syntax error: a tab in the indentation, expected spaces"},
      {"a: \"x\nb: 2\n",
       "sluice.yaml:1:4: syntax error: a quote that is never closed, "
       "expected the same one at the end of the value"},
      {"a: 'it''s\n",
       "sluice.yaml:1:4: syntax error: a quote that is never closed, "
       "expected the same one at the end of the value"},
      {"a: b: c\n",
       "sluice.yaml:1:5: syntax error: a ':' where none can stand, expected another indentation or "
       "quotes around the value"},
      {"a: [1\nb: 2\n",
       "sluice.yaml:2:2: syntax error: a '[' that is not closed here, expected ',' or ']'"},
      {"a: {b: 1\n",
       "sluice.yaml:2:1: syntax error: a '{' that is not closed here, expected ',' or '}'"},
      {"a:\n  - b\n c: 1\n",
       "sluice.yaml:3:2: syntax error: text that belongs to nothing, expected 'key: value' at the "
       "indentation of the keys above"},
      {"a: @x\n",
       "sluice.yaml:1:4: syntax error: a character that no value can begin with, expected quotes "
       "around the value"},
      {"a: !secret x\n",
       "sluice.yaml:1:4: syntax error: a tag (!), expected plain values; quote a value that begins "
       "with '!'"},
      {"? [a]\n: b\n",
       "sluice.yaml:1:3: syntax error: a key that is not a word, expected 'name: value'"},
      {"~: 1\n", "sluice.yaml:1:1: syntax error: a key that is not a word, expected 'name: value'"},
      {"a: &x [*x]\n",
       "sluice.yaml:1:8: syntax error: an alias inside what it names, expected an anchor before "
       "it"},
      {"*a : 1\n",
       "sluice.yaml:1:1: syntax error: an alias (*) of an anchor that is not defined, expected its "
       "anchor (&) before it, or quotes around a value that begins with '*'"},
      {"a: 1\nhosts: [*.example.com]\n",
       "sluice.yaml:2:9: syntax error: an alias (*) of an anchor that is not defined, expected its "
       "anchor (&) before it, or quotes around a value that begins with '*'; write a "
       "wildcard host in quotes: \"*.example.com\""},
      {"bind: [::1]:8080\n",
       "sluice.yaml:1:12: syntax error: text that belongs to nothing, expected 'key: value' at the "
       "indentation of the keys above; write an IPv6 address in quotes: \"[::1]:8080\""},
      {"path: [${HOME}]\n",
       "sluice.yaml:1:9: syntax error: a '[' that is not closed here, expected ',' or ']'; inside "
       "{} and [] write \"${NAME}\" in quotes"},
      {"a: {path: ${HOME}}\n",
       "sluice.yaml:1:12: syntax error: a '{' that is not closed here, expected ',' or '}'; inside "
       "{} and [] write \"${NAME}\" in quotes"},
      {"é: [b\n",
       "sluice.yaml:2:1: syntax error: a '[' that is not closed here, expected ',' or ']'"},
  }};
  check_whole(table);
}

TEST_CASE("wrong configuration: listeners", "[config][wrong]") {
  const std::array<Wrong, 17> table{{
      {std::string(kShop),
       "sluice.yaml:1:1: 'listeners' is missing in the file, expected a list of 1 to 64 listeners"},
      {std::string(kListener),
       "sluice.yaml:1:1: 'services' is missing in the file, expected a list of 1 to 1024 services"},
      {std::string("listeners: []\n") + kShop,
       "sluice.yaml:1:12: 'listeners' has 0 items, expected a list of 1 to 64 listeners"},
      {std::string("listeners: {}\n") + kShop,
       "sluice.yaml:1:12: 'listeners' is an empty map, expected a list of 1 to 64 listeners"},
      {std::string("listeners:\n  - name: a\n") + kShop,
       "sluice.yaml:2:5: 'bind' is missing in listener 'listener-1', expected an address and port "
       "such as 0.0.0.0:8080 or \"[::]:8080\""},
      {std::string("listeners: [127.0.0.1:80]\n") + kShop,
       "sluice.yaml:1:13: '127.0.0.1:80' in 'listeners', expected a map with 'bind'"},
      {std::string("listeners:\n  - bind: 8080\n") + kShop,
       "sluice.yaml:2:11: 'bind' is '8080', expected an address and port such as 0.0.0.0:8080 or "
       "\"[::]:8080\""},
      {std::string("listeners:\n  - bind: localhost:8080\n") + kShop,
       "sluice.yaml:2:11: host name 'localhost:8080' in 'bind' is not supported by this version: "
       "use an IP address"},
      {std::string("listeners:\n  - bind: unix:run/a.sock\n") + kShop,
       "sluice.yaml:2:11: 'bind' is 'unix:run/a.sock', expected an address and port such as "
       "0.0.0.0:8080 or \"[::]:8080\"; the path of a Unix socket begins with / and has at most 90 "
       "bytes"},
      {std::string("listeners:\n  - bind: [\"::1\"]\n") + kShop,
       "sluice.yaml:2:11: 'bind' is a list, expected an address and port such as 0.0.0.0:8080 or "
       "\"[::]:8080\"; write an IPv6 address in quotes: \"[::1]:8080\""},
      {std::string("listeners:\n  - bind: \"::1:8080\"\n") + kShop,
       "sluice.yaml:2:11: 'bind' is '::1:8080', expected an address and port such as 0.0.0.0:8080 "
       "or \"[::]:8080\""},
      {std::string("listeners:\n  - {bind: 127.0.0.1:80, tls: {}}\n") + kShop,
       "sluice.yaml:2:26: 'tls' is not supported by this version, in listener 'listener-1'"},
      {std::string("listeners:\n  - {bind: 127.0.0.1:80, proxy_protocol_from: []}\n") + kShop,
       "sluice.yaml:2:26: 'proxy_protocol_from' is not supported by this version, in listener "
       "'listener-1'"},
      {std::string("listeners:\n  - {bind: 127.0.0.1:80, name: a b}\n") + kShop,
       "sluice.yaml:2:32: 'name' is 'a b', expected letters, digits, '.', '_' and '-', at most 64, "
       "beginning with a letter or digit"},
      {std::string(
           "listeners:\n  - {bind: 127.0.0.1:80, name: a}\n  - {bind: 127.0.0.1:81, name: a}\n") +
           kShop,
       "sluice.yaml:3:5: listener name 'a' is given twice, expected another name (first in line "
       "2)"},
      {std::string(
           "listeners:\n  - {bind: 127.0.0.1:80, name: listener-2}\n  - {bind: 127.0.0.1:81}\n") +
           kShop,
       "sluice.yaml:3:5: listener name 'listener-2' is given twice, expected another name (first "
       "in line 2)"},
      {std::string(
           "listeners:\n  - {bind: 127.0.0.1:80}\n  - {bind: \"[::ffff:127.0.0.1]:80\"}\n") +
           kShop,
       "sluice.yaml:3:12: '127.0.0.1:80' is the address of listener 'listener-1' (line 2), "
       "expected another one"},
  }};
  check_whole(table);
}

TEST_CASE("wrong configuration: services", "[config][wrong]") {
  const std::array<Wrong, 43> table{{
      {std::string(kListener) + "services: []\n",
       "sluice.yaml:3:11: 'services' has 0 items, expected a list of 1 to 1024 services"},
      {std::string(kListener) + "services: {}\n",
       "sluice.yaml:3:11: 'services' is an empty map, expected a list of 1 to 1024 services"},
      {std::string(kListener) + "services: [shop]\n",
       "sluice.yaml:3:12: 'shop' in 'services', expected a map with 'name' and 'pools'"},
      {std::string(kListener) + "services:\n  - pools: {blue: {endpoints: [127.0.0.1:1]}}\n",
       "sluice.yaml:4:5: 'name' is missing in service 1, expected letters, digits, '.', '_' and "
       "'-', at most 64, beginning with a letter or digit"},
      {std::string(kListener) + "services:\n  - name: shop\n",
       "sluice.yaml:4:5: 'pools' is missing in service 'shop', expected a map with 'blue' and "
       "'green'"},
      {std::string(kListener) +
           "services:\n  - name: -shop\n    pools: {blue: {endpoints: [127.0.0.1:1]}}\n",
       "sluice.yaml:4:11: 'name' is '-shop', expected letters, digits, '.', '_' and '-', at most "
       "64, beginning with a letter or digit"},
      {std::string(kListener) + "services:\n  - name: shop\n    pools: {}\n",
       "sluice.yaml:4:5: pool 'blue' of service 'shop' is live at the first start and has no "
       "endpoints, expected 'pools.blue' or another 'initial.live'"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {red: {}, blue: {endpoints: [127.0.0.1:1]}}\n",
       "sluice.yaml:5:13: unknown key 'red' in 'pools' of service 'shop', expected one of blue, "
       "green"},
      {std::string(kListener) + "services:\n  - name: shop\n    pools: {blue: {}}\n",
       "sluice.yaml:5:19: 'endpoints' is missing in pool 'blue' of service 'shop', expected a list "
       "of 1 to 256 addresses"},
      {std::string(kListener) + "services:\n  - name: shop\n    pools: {blue: [127.0.0.1:1]}\n",
       "sluice.yaml:5:19: 'blue' is a list, expected a map with 'endpoints'"},
      {std::string(kListener) + "services:\n  - name: shop\n    pools: {blue: {endpoints: []}}\n",
       "sluice.yaml:5:31: 'endpoints' has 0 items, expected a list of 1 to 256 addresses"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: 127.0.0.1:1}}\n",
       "sluice.yaml:5:31: 'endpoints' is '127.0.0.1:1', expected a list of 1 to 256 addresses"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [app]}}\n",
       "sluice.yaml:5:32: 'app' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; the port is "
       "missing"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [app:0]}}\n",
       "sluice.yaml:5:32: 'app:0' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; a port is 1 to "
       "65535"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [app:65536]}}\n",
       "sluice.yaml:5:32: 'app:65536' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; a port is 1 to "
       "65535"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [app:080]}}\n",
       "sluice.yaml:5:32: 'app:080' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; a port is 1 to "
       "65535"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [app:http]}}\n",
       "sluice.yaml:5:32: 'app:http' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; a port is 1 to "
       "65535"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [-app:80]}}\n",
       "sluice.yaml:5:32: '-app:80' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; a label of a "
       "host name is 1 to 63 letters, digits or hyphens, with no hyphen at either end"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [app-.internal:80]}}\n",
       "sluice.yaml:5:32: 'app-.internal:80' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; a label of a "
       "host name is 1 to 63 letters, digits or hyphens, with no hyphen at either end"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [app..internal:80]}}\n",
       "sluice.yaml:5:32: 'app..internal:80' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; a label of a "
       "host name is 1 to 63 letters, digits or hyphens, with no hyphen at either end"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [.app:80]}}\n",
       "sluice.yaml:5:32: '.app:80' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; a label of a "
       "host name is 1 to 63 letters, digits or hyphens, with no hyphen at either end"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [10.0.0.256:80]}}\n",
       "sluice.yaml:5:32: '10.0.0.256:80' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [127.1:80]}}\n",
       "sluice.yaml:5:32: '127.1:80' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [10.0.0.256.:80]}}\n",
       "sluice.yaml:5:32: '10.0.0.256.:80' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [app.1:80]}}\n",
       "sluice.yaml:5:32: 'app.1:80' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; a host "
       "name does not end in a number"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [0x7f000001:80]}}\n",
       "sluice.yaml:5:32: '0x7f000001:80' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; a host "
       "name does not end in a number"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [app.0X:80]}}\n",
       "sluice.yaml:5:32: 'app.0X:80' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; a host "
       "name does not end in a number"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [bücher.example:80]}}\n",
       "sluice.yaml:5:32: 'bücher.example:80' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [http://app:80]}}\n",
       "sluice.yaml:5:32: 'http://app:80' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [user@app:80]}}\n",
       "sluice.yaml:5:32: 'user@app:80' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001"},
      {std::string(kListener) + "services:\n  - name: shop\n    pools: {blue: {endpoints: [App:80, "
                                "app.:80, b:80, aPP:80]}}\n",
       "sluice.yaml:5:55: 'aPP:80' is listed twice in pool 'blue' of service 'shop', expected each "
       "endpoint once (first in line 5)"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [/run/app.sock]}}\n",
       "sluice.yaml:5:32: '/run/app.sock' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; a Unix socket is "
       "written as unix:/path"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [127.0.0.1:0]}}\n",
       "sluice.yaml:5:32: '127.0.0.1:0' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001; 0 is no port"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [127.0.0.1]}}\n",
       "sluice.yaml:5:32: '127.0.0.1' in 'endpoints', expected an address or host name "
       "with a port such as 127.0.0.1:9001, \"[::1]:9001\" or app.internal:9001"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [[::1]:9001]}}\n",
       "sluice.yaml:5:32: syntax error: a key that is not a word, expected 'name: value'; write an "
       "IPv6 address in quotes: \"[::1]:8080\""},
      {std::string(kListener) + "services:\n  - name: shop\n    pools: {blue: {endpoints: "
                                "[127.0.0.1:1, 127.0.0.1:1]}}\n",
       "sluice.yaml:5:45: '127.0.0.1:1' is listed twice in pool 'blue' of service 'shop', expected "
       "each endpoint once (first in line 5)"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [127.0.0.1:8080]}}\n",
       "sluice.yaml:5:32: '127.0.0.1:8080' is listener 'listener-1' of this proxy, expected an "
       "address of the application"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [127.0.0.1:1], tls: {}}}\n",
       "sluice.yaml:5:46: 'tls' is not supported by this version, in pool 'blue' of service "
       "'shop'"},
      {std::string(kListener) +
           "services:\n  - name: shop\n    pools: {green: {endpoints: [127.0.0.1:1]}}\n",
       "sluice.yaml:4:5: pool 'blue' of service 'shop' is live at the first start and has no "
       "endpoints, expected 'pools.blue' or another 'initial.live'"},
      {std::string(kListener) + kShop +
           "  - name: shop\n    hosts: [b]\n    pools: {blue: {endpoints: [127.0.0.1:1]}}\n",
       "sluice.yaml:7:5: service name 'shop' is given twice, expected another name (first in line "
       "4)"},
      {std::string(kListener) + kShop +
           "  - name: blog\n    pools: {blue: {endpoints: [127.0.0.1:1]}}\n",
       "sluice.yaml:7:5: service 'blog' gets no request for any host under '/': service 'shop' "
       "(line 4) takes them, expected another host, path_prefix or listener"},
      {std::string(kListener) + kShop +
           "    hosts: [a, b]\n    path_prefix: /x\n  - name: blog\n    hosts: [c, B]\n    "
           "path_prefix: /x/\n    pools: {blue: {endpoints: [127.0.0.1:1]}}\n",
       "sluice.yaml:9:5: service 'blog' gets no request for host 'b' under '/x': service 'shop' "
       "(line 4) takes them, expected another host, path_prefix or listener"},
      {std::string(kListener) + kShop +
           "    listeners: [listener-1]\n  - name: blog\n    pools: {blue: {endpoints: "
           "[127.0.0.1:1]}}\n",
       "sluice.yaml:8:5: service 'blog' gets no request for any host under '/': service 'shop' "
       "(line 4) takes them, expected another host, path_prefix or listener"},
  }};
  check_whole(table);
}
