#include <string>
#include <vector>

#include "config/values.hpp"
#include "sluice/config/limit_words.hpp"
#include "sluice/config/parse.hpp"
#include "support/catch.hpp"
#include "unit/config/wrong_config.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;
using Kind = model::LimitKeyPart::Kind;

namespace {

/// The limits of the least configuration, with this text behind `rate_limits: `.
std::vector<model::LimitRule> limits_of(const std::string& text) {
  const config::Loaded loaded =
      config::parse(std::string(kListener) + kShop + kGreen + "    rate_limits: " + text + "\n",
                    "sluice.yaml", environment);
  std::string problems;
  for (const config::Problem& problem : loaded.problems) problems += problem.text() + "\n";
  INFO(problems);
  REQUIRE(loaded.config);
  return loaded.config->services[0].rate_limits;
}

std::string words(const std::string& text) {
  std::string out;
  for (const std::string& line : config::limit_words(limits_of("[" + text + "]")[0]))
    out += line + "\n";
  return out;
}

}  // namespace

TEST_CASE("rate limits: what is left out", "[config][limits]") {
  const auto limits = limits_of("[{name: a, key: identity, rate: 100/s}]");
  REQUIRE(limits.size() == 1);
  const model::LimitRule& a = limits[0];
  CHECK(a.name == "a");
  CHECK(a.key == std::vector<model::LimitKeyPart>{{Kind::Identity, "", 1}});
  CHECK(a.live.rate->rate() == policy::Rate{100, 1s});
  CHECK(a.live.rate->burst() == 100);
  CHECK(a.live.in_flight_max == 0);
  CHECK_FALSE(a.candidate);
  CHECK_FALSE(a.path_prefix);
  CHECK(a.methods.empty());
  CHECK(a.mode == model::LimitMode::Enforce);
  CHECK(a.exempt.networks.empty());
  CHECK(a.ipv6_prefix == 64);
  CHECK(a.is_announced);
  CHECK(a.keys == 65'536);
  CHECK(limits_of("[]").empty());
}

TEST_CASE("rate limits: all of it", "[config][limits]") {
  const auto limits = limits_of(
      "[{name: a, key: [{header: X-Key}, {cookie: sid}, {path_prefix: 2}, method], rate: 5/min, "
      "burst: 7, max_in_flight: 3, match: {path_prefix: /login/, methods: [POST, PUT]}, mode: "
      "shadow, exempt: [10.0.0.0/8, 'unix:'], ipv6_prefix: 56, announce: off, keys: 1024}, "
      "{name: b, key: pool, max_in_flight: 2}]");
  REQUIRE(limits.size() == 2);
  const model::LimitRule& a = limits[0];
  CHECK(a.key == std::vector<model::LimitKeyPart>{{Kind::Header, "X-Key", 1},
                                                  {Kind::Cookie, "sid", 1},
                                                  {Kind::PathPrefix, "", 2},
                                                  {Kind::Method, "", 1}});
  CHECK(a.live.rate->rate() == policy::Rate{5, 1min});
  CHECK(a.live.rate->burst() == 7);
  CHECK(a.live.in_flight_max == 3);
  CHECK(a.path_prefix == "/login");
  CHECK(a.methods == std::vector<std::string>{"POST", "PUT"});
  CHECK(a.mode == model::LimitMode::Shadow);
  CHECK(a.exempt.networks.size() == 1);
  CHECK(a.exempt.has_unix);
  CHECK(a.ipv6_prefix == 56);
  CHECK_FALSE(a.is_announced);
  CHECK(a.keys == 1024);
  CHECK_FALSE(limits[1].live.rate);
  CHECK(limits[1].live.in_flight_max == 2);
}

TEST_CASE("rate limits: what the candidate's budget takes over", "[config][limits]") {
  const auto candidate = [](const std::string& text) {
    return *limits_of(
                "[{name: a, key: identity, rate: 100/s, burst: 200, max_in_flight: 9, "
                "candidate: {" +
                text + "}}]")[0]
                .candidate;
  };
  const model::Allowance rate = candidate("rate: 10/s");
  CHECK(rate.rate->rate() == policy::Rate{10, 1s});
  CHECK(rate.rate->burst() == 10);  // not 200 of another rate
  CHECK(rate.in_flight_max == 9);
  const model::Allowance burst = candidate("burst: 20");
  CHECK(burst.rate->rate() == policy::Rate{100, 1s});
  CHECK(burst.rate->burst() == 20);
  const model::Allowance in_flight = candidate("max_in_flight: 2");
  CHECK(in_flight.rate->rate() == policy::Rate{100, 1s});
  CHECK(in_flight.rate->burst() == 200);
  CHECK(in_flight.in_flight_max == 2);
}

TEST_CASE("rate limits: a rate and its bounds", "[config][limits]") {
  CHECK(config::parse_rate("1/s") == policy::Rate{1, 1s});
  CHECK(config::parse_rate("1000000/s") == policy::Rate{1'000'000, 1s});
  CHECK(config::parse_rate("600/min") == policy::Rate{600, 1min});
  CHECK(config::parse_rate("5/h") == policy::Rate{5, 1h});
  CHECK(config::parse_rate("9/d") == policy::Rate{9, 24h});
  for (const char* text : {"", "/s", "5", "5/", "0/s", "1000001/s", "5/m", "5/ms", "5 /s", "5/ s",
                           "-5/s", "5/s/s", "05/s", "1.5/s", "5/S", "99999999999999999999/s"}) {
    INFO(text);
    CHECK_FALSE(config::parse_rate(text));
  }
  for (const char* text : {"1/s", "600/min", "5/h", "9/d"})
    CHECK(policy::text(*config::parse_rate(text)) == text);
}

TEST_CASE("rate limits: what each means, in words", "[config][limits]") {
  CHECK(words("{name: login, key: client_address, rate: 5/min, burst: 5, match: {path_prefix: "
              "/login, methods: [POST]}}") ==
        "login: 5/min, burst 5: five at once, then one every 12 s\n"
        "  for each client address (IPv6: /64), of POST below /login\n"
        "  65536 keys at a time, 1MiB of memory\n");
  CHECK(words("{name: a, key: [identity, {path_prefix: 2}], rate: 7/s, burst: 1, mode: shadow, "
              "exempt: [10.0.0.0/8], candidate: {rate: 1/h, max_in_flight: 3}, keys: 100}") ==
        "a: 7/s, burst 1: one at once, then one every 142.9 ms (only counted: shadow)\n"
        "  on the candidate: 1/h, burst 1: one at once, then one every 1 h; no more than 3 in "
        "progress\n"
        "  for each user and first 2 segments of the path, but for those exempt\n"
        "  100 keys at a time, 6KiB of memory\n");
  CHECK(words("{name: b, key: [{header: X-K}, {cookie: c}, service], max_in_flight: 2, match: "
              "{path_prefix: /a}}") ==
        "b: no more than 2 in progress\n"
        "  for each value of header X-K, value of cookie c and service, of what is below /a\n"
        "  65536 keys at a time, 1MiB of memory\n");
  CHECK(words("{name: c, key: pool, rate: 1000000/s}").substr(0, 62) ==
        "c: 1000000/s, burst 1000000: 1000000 at once, then one every 1");
  CHECK(words("{name: d, key: method, rate: 1/d}").substr(0, 45) ==
        "d: 1/d, burst 1: one at once, then one every ");
  const auto allows = [](const std::string& of) {
    const std::string all = words("{name: a, key: method, " + of + "}");
    const std::size_t begin = all.find(": ", all.find("burst")) + 2;
    return all.substr(begin, all.find('\n') - begin);
  };
  CHECK(allows("rate: 59/min, burst: 12") == "twelve at once, then one every 1.02 s");
  CHECK(allows("rate: 59/min, burst: 13") == "13 at once, then one every 1.02 s");
  CHECK(allows("rate: 7/min, burst: 2") == "two at once, then one every 8.57 s");
  CHECK(allows("rate: 6/min, burst: 2") == "two at once, then one every 10 s");
  CHECK(allows("rate: 3/s, burst: 2") == "two at once, then one every 333.3 ms");
  CHECK(allows("rate: 16/d, burst: 2") == "two at once, then one every 1.5 h");
  CHECK(allows("rate: 1000000/s, burst: 2") == "two at once, then one every 1 us");
}

TEST_CASE("wrong configuration: rate limits", "[config][wrong]") {
  const std::array<Wrong, 31> table{{
      {"    rate_limits: {}\n",
       "sluice.yaml:8:18: 'rate_limits' is an empty map, expected a list of at most 16 limits"},
      {"    rate_limits: [fast]\n",
       "sluice.yaml:8:19: 'fast' in 'rate_limits', expected a map with 'name', 'key' and 'rate'"},
      {"    rate_limits: [{key: identity, rate: 1/s}]\n",
       "sluice.yaml:8:19: 'name' is missing in limit 1 of service 'shop', expected letters, "
       "digits, "
       "'.', '_' and '-', at most 64, beginning with a letter or digit"},
      {"    rate_limits: [{name: a, rate: 1/s}]\n",
       "sluice.yaml:8:19: 'key' is missing in limit 'a' of service 'shop', expected 1 to 4 parts "
       "of "
       "a key such as identity or [client_address, method]"},
      {"    rate_limits: [{name: a, key: identity}]\n",
       "sluice.yaml:8:19: limit 'a' of service 'shop' bounds nothing, expected 'rate' or "
       "'max_in_flight' in it"},
      {"    rate_limits: [{name: a b, key: identity, rate: 1/s}]\n",
       "sluice.yaml:8:26: 'name' is 'a b', expected letters, digits, '.', '_' and '-', at most 64, "
       "beginning with a letter or digit"},
      {"    rate_limits: [{name: a, key: identity, rate: 1/s}, {name: a, key: pool, rate: 2/s}]\n",
       "sluice.yaml:8:56: limit name 'a' is given twice in service 'shop', expected another name"},
      {"    rate_limits: [{name: a, key: identity, rate: 100}]\n",
       "sluice.yaml:8:50: 'rate' is '100', expected a number from 1 to 1000000 per s, min, h or d "
       "such as 100/s or 5/min; the unit is missing"},
      {"    rate_limits: [{name: a, key: identity, rate: 0/s}]\n",
       "sluice.yaml:8:50: 'rate' is '0/s', expected a number from 1 to 1000000 per s, min, h or d "
       "such as 100/s or 5/min"},
      {"    rate_limits: [{name: a, key: identity, rate: [1/s]}]\n",
       "sluice.yaml:8:50: 'rate' is a list, expected a number from 1 to 1000000 per s, min, h or d "
       "such as 100/s or 5/min"},
      {"    rate_limits: [{name: a, key: identity, rate: 1/s, burst: 0}]\n",
       "sluice.yaml:8:62: 'burst' is '0', expected a number from 1 to 1000000"},
      {"    rate_limits: [{name: a, key: identity, rate: 1/s, burst: 1000001}]\n",
       "sluice.yaml:8:62: 'burst' is '1000001', expected a number from 1 to 1000000"},
      {"    rate_limits: [{name: a, key: identity, max_in_flight: 1, burst: 5}]\n",
       "sluice.yaml:8:62: 'burst' of limit 'a' of service 'shop' has no rate to go with, expected "
       "a "
       "'rate' beside it"},
      {"    rate_limits: [{name: a, key: identity, max_in_flight: off}]\n",
       "sluice.yaml:8:59: 'max_in_flight' is 'off', expected a number from 1 to 1000000"},
      {"    rate_limits: [{name: a, key: user, rate: 1/s}]\n",
       "sluice.yaml:8:34: 'user' in 'key', expected identity, client_address, method, service, "
       "pool, or one of 'header: NAME', 'cookie: NAME', 'path_prefix: SEGMENTS'"},
      {"    rate_limits: [{name: a, key: [identiy], rate: 1/s}]\n",
       "sluice.yaml:8:35: 'identiy' in 'key', expected identity, client_address, method, service, "
       "pool, or one of 'header: NAME', 'cookie: NAME', 'path_prefix: SEGMENTS', did you mean "
       "'identity'?"},
      {"    rate_limits: [{name: a, key: [], rate: 1/s}]\n",
       "sluice.yaml:8:34: 'key' has 0 items, expected 1 to 4 parts of a key such as identity or "
       "[client_address, method]"},
      {"    rate_limits: [{name: a, key: [identity, identity], rate: 1/s}]\n",
       "sluice.yaml:8:45: 'identity' is listed twice in 'key', expected each part once"},
      {"    rate_limits: [{name: a, key: [{header: X-A}, {header: x-a}], rate: 1/s}]\n",
       "sluice.yaml:8:50: 'header' is listed twice in 'key', expected each part once"},
      {"    rate_limits: [{name: a, key: {header: X-A, cookie: b}, rate: 1/s}]\n",
       "sluice.yaml:8:34: an item of 'key' has 2 keys, expected one: write a list of parts, each "
       "with '-'"},
      {"    rate_limits: [{name: a, key: {query: q}, rate: 1/s}]\n",
       "sluice.yaml:8:35: unknown key 'query' in 'key' of limit 'a' of service 'shop', expected "
       "one "
       "of header, cookie, path_prefix; it is a key of services[].identity[]"},
      {"    rate_limits: [{name: a, key: {header: Sluice-X}, rate: 1/s}]\n",
       "sluice.yaml:8:43: 'header' is 'Sluice-X', expected the name of a header field, at most 64 "
       "characters; Sluice-* fields are removed from requests first"},
      {"    rate_limits: [{name: a, key: {path_prefix: /a}, rate: 1/s}]\n",
       "sluice.yaml:8:48: 'path_prefix' is '/a', expected a number from 1 to 8"},
      {"    rate_limits: [{name: a, key: identity, rate: 1/s, candidate: {}}]\n",
       "sluice.yaml:8:66: 'candidate' is an empty map, expected a map of 'rate', 'burst', "
       "'max_in_flight'"},
      {"    rate_limits: [{name: a, key: pool, max_in_flight: 1, candidate: {burst: 2}}]\n",
       "sluice.yaml:8:70: 'burst' in 'candidate' of limit 'a' of service 'shop' has no rate to go "
       "with, expected a 'rate' beside it"},
      {"    rate_limits: [{name: a, key: pool, rate: 1/s, match: {}}]\n",
       "sluice.yaml:8:58: 'match' is an empty map, expected a map of 'path_prefix', 'methods'"},
      {"    rate_limits: [{name: a, key: pool, rate: 1/s, match: {methods: [GET, GET]}}]\n",
       "sluice.yaml:8:74: 'GET' is listed twice in 'methods', expected it once"},
      {"    rate_limits: [{name: a, key: pool, rate: 1/s, mode: shade}]\n",
       "sluice.yaml:8:57: 'mode' is 'shade', expected enforce or shadow, did you mean 'shadow'?"},
      {"    rate_limits: [{name: a, key: pool, rate: 1/s, ipv6_prefix: 129}]\n",
       "sluice.yaml:8:64: 'ipv6_prefix' is '129', expected a number from 1 to 128"},
      {"    rate_limits: [{name: a, key: pool, rate: 1/s, keys: 63}]\n",
       "sluice.yaml:8:57: 'keys' is '63', expected a number from 64 to 4194304"},
      {"    rate_limits: [{name: a, key: pool, rate: 1/s, per: 5}]\n",
       "sluice.yaml:8:51: unknown key 'per' in limit 'a' of service 'shop', expected one of name, "
       "key, rate, burst, max_in_flight, candidate, match, mode, exempt, ipv6_prefix, announce, "
       "keys"},
  }};
  check_added(table);
}

TEST_CASE("wrong configuration: one limit too many", "[config][wrong]") {
  std::string many = "    rate_limits:\n";
  for (int i = 0; i < 17; ++i)
    many += "      - {name: n" + std::to_string(i) + ", key: pool, rate: 1/s}\n";
  check(std::string(kListener) + kShop + kGreen + many,
        "sluice.yaml:9:7: 'rate_limits' has 17 items, expected a list of at most 16 limits");
  many = "    rate_limits:\n";
  for (int i = 0; i < 5; ++i)
    many += "      - {name: n" + std::to_string(i) + ", key: pool, max_in_flight: 1}\n";
  check(std::string(kListener) + kShop + kGreen + many,
        "sluice.yaml:13:9: limit 'n4' of service 'shop' is one too many with 'max_in_flight', "
        "expected at most 4 in a service");
}
