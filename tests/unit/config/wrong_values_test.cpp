// Values: numbers, durations, sizes, percentages, addresses, hosts and paths.
#include "unit/config/wrong_config.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("wrong configuration: numbers", "[config][wrong]") {
  const std::array<Wrong, 17> table{{
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
      {"limits: {memory: 16777215B}\n",
       "sluice.yaml:8:18: 'memory' is '16777215B', expected auto, off, or a size of at least 16MiB "
       "such as 512MiB"},
      {"limits: {memory: 90%}\n",
       "sluice.yaml:8:18: 'memory' is '90%', expected auto, off, or a size of at least 16MiB such "
       "as 512MiB"},
      {"    limits: {header_count: 0}\n",
       "sluice.yaml:8:28: 'header_count' is '0', expected a number from 1 to 128"},
      {"    limits: {header_count: 129}\n",
       "sluice.yaml:8:28: 'header_count' is '129', expected a number from 1 to 128"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: data rates", "[config][wrong]") {
  constexpr const char* kRate =
      ", expected a size per second from 1B/s to 1GiB/s such as 256B/s, or off";
  const std::array<Wrong, 10> table{{
      {"    limits: {min_request_rate: 256}\n",
       std::string("sluice.yaml:8:32: 'min_request_rate' is '256'") + kRate +
           "; a rate ends in /s"},
      {"    limits: {min_request_rate: 256B}\n",
       std::string("sluice.yaml:8:32: 'min_request_rate' is '256B'") + kRate +
           "; a rate ends in /s"},
      {"    limits: {min_request_rate: 256 /s}\n",
       std::string("sluice.yaml:8:32: 'min_request_rate' is '256 /s'") + kRate},
      {"    limits: {min_request_rate: 256/s}\n",
       std::string("sluice.yaml:8:32: 'min_request_rate' is '256/s'") + kRate +
           "; the unit is missing"},
      {"    limits: {min_request_rate: 0/s}\n",
       std::string("sluice.yaml:8:32: 'min_request_rate' is '0/s'") + kRate +
           "; 0 switches nothing off"},
      {"    limits: {min_request_rate: 0B/s}\n",
       std::string("sluice.yaml:8:32: 'min_request_rate' is '0B/s'") + kRate},
      {"    limits: {min_response_rate: 2GiB/s}\n",
       std::string("sluice.yaml:8:33: 'min_response_rate' is '2GiB/s'") + kRate},
      {"    limits: {min_response_rate: [1B/s]}\n",
       std::string("sluice.yaml:8:33: 'min_response_rate' is a list") + kRate},
      {"    timeouts: {request_body_idle: off}\n    limits: {min_request_rate: 1KiB/s}\n",
       std::string("sluice.yaml:9:32: 'min_request_rate' is '1KiB/s'") + kRate +
           "; 'request_body_idle' is off, and a client may as well send nothing"},
      {"    timeouts: {response_body_idle: off}\n    limits: {min_response_rate: 1KiB/s}\n",
       std::string("sluice.yaml:9:33: 'min_response_rate' is '1KiB/s'") + kRate +
           "; 'response_body_idle' is off, and a client may as well send nothing"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: retries and rescue", "[config][wrong]") {
  constexpr const char* kFailure =
      ", expected one of connect_failure, reset_before_response, timeout, 500, 502, 503, 504";
  const std::array<Wrong, 9> table{{
      {"    retry: {attempts: 11}\n",
       "sluice.yaml:8:23: 'attempts' is '11', expected a number from 0 to 10"},
      {"    retry: {budget: 101%}\n",
       "sluice.yaml:8:21: 'budget' is '101%', expected a percentage from 0% to 100% with at most "
       "two decimals"},
      {"    retry: {when: [\"505\"]}\n",
       std::string("sluice.yaml:8:20: '505' in 'when'") + kFailure + ", did you mean '500'?"},
      {"    retry: {when: [timeout, timeout]}\n",
       "sluice.yaml:8:29: 'timeout' is listed twice in 'when', expected it once"},
      {"    retry: {back_off: 11s}\n",
       "sluice.yaml:8:23: 'back_off' is '11s', expected a duration from 1ms to 10s such as 25ms, "
       "or off"},
      {"    retry: {idempotency_key: yes}\n",
       "sluice.yaml:8:30: 'idempotency_key' is 'yes', expected on or off"},
      {"    retry: off\n",
       "sluice.yaml:8:12: 'retry' is 'off', expected a map of rules of retries"},
      {"    rescue: {when: [connect_failure]}\n",
       "sluice.yaml:8:21: 'connect_failure' in 'when', expected one of reset_before_response, "
       "timeout, 500, 502, 503, 504"},
      {"    rescue: {attempts: 1}\n",
       "sluice.yaml:8:14: unknown key 'attempts' in 'rescue' of service 'shop', expected one of "
       "when, budget, assets, assets_of_closed; it is a key of services[].retry"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: patterns of assets", "[config][wrong]") {
  constexpr const char* kPattern =
      "' in 'assets', expected a path with at most one *, beginning with / or *, at most 256 bytes";
  // Two stars, segments of dots, escapes of what needs none, and what stands in no path.
  for (const char* bad : {"assets/*", ".js", "/a*b*", "**", "/a?b", "/a b", "/a/../b*", "/*/.",
                          "/./a", "/%41", "/%4", "/#"}) {
    check_added(std::array<Wrong, 1>{{{std::string("    rescue: {assets: ['") + bad + "']}\n",
                                       std::string("sluice.yaml:8:23: '") + bad + kPattern}}});
  }
  const std::string longest(core::limits::kAssetPatternMax, 'a');
  check_added(
      std::array<Wrong, 1>{{{"    rescue: {assets: [/" + longest + "]}\n",
                             "sluice.yaml:8:23: '/" + longest.substr(0, 79) + "..." + kPattern}}});
  std::string list;
  for (std::size_t i = 0; i <= core::limits::kAssetPatternsMax; ++i)
    list += (i == 0 ? "/a" : ", /a") + std::to_string(i);
  const std::array<Wrong, 6> table{{
      {"    rescue: {assets: [" + list + "]}\n",
       "sluice.yaml:8:22: 'assets' has 33 items, expected a list of at most 32 paths with at most "
       "one *, such as /assets/* or \"*.js\""},
      {"    rescue: {assets: [/a, /a]}\n",
       "sluice.yaml:8:27: '/a' is listed twice in 'assets', expected it once"},
      {"    rescue: {assets: [{a: b}]}\n",
       "sluice.yaml:8:23: a map in 'assets', expected a path with at most one *, beginning with / "
       "or *, at most 256 bytes"},
      {"    rescue: {assets: /a}\n",
       "sluice.yaml:8:22: 'assets' is '/a', expected a list of at most 32 paths with at most one "
       "*, such as /assets/* or \"*.js\""},
      {"    rescue: {assets: [*.js]}\n",
       "sluice.yaml:8:23: syntax error: an alias (*) of an anchor that is not defined, expected "
       "its anchor (&) before it, or quotes around a value that begins with '*'; write a wildcard "
       "host in quotes: \"*.example.com\""},
      {"    rescue: {assets_of_closed: yes}\n",
       "sluice.yaml:8:32: 'assets_of_closed' is 'yes', expected on or off"},
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
       "endpoint, rescued, did you mean 'pool'?"},
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
