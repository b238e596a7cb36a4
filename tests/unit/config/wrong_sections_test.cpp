// Sections: identity, pins, listeners, services.
#include "unit/config/wrong_config.hpp"

using namespace sluice;
using namespace sluice::test;

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
  const std::array<Wrong, 44> table{{
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
      {std::string("listeners:\n  - bind: 0.0.0.0:8080\n") +
           "services:\n  - name: shop\n    pools: {blue: {endpoints: [127.0.0.2:8080]}}\n",
       "sluice.yaml:5:32: '127.0.0.2:8080' is listener 'listener-1' of this proxy, expected an "
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
