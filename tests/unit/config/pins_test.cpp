#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "sluice/config/build.hpp"
#include "sluice/config/describe.hpp"
#include "sluice/config/identity_file.hpp"
#include "sluice/config/parse.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

/// Pins in a configuration, and the files that they name.
using namespace sluice;
using model::ListPin;
using model::SegmentPin;
using model::ValuePin;
using policy::PinTarget;
using test::TempDir;

namespace {

/// Line 8 is the first behind "pins:".
std::string with_pins(const std::string& pins, const std::string& prefix = "/") {
  return "listeners: [{bind: 127.0.0.1:8080}]\n"
         "services:\n"
         "  - name: shop\n"
         "    path_prefix: " +
         prefix +
         "\n"
         "    pools:\n"
         "      blue: {endpoints: [127.0.0.1:9001]}\n"
         "    pins:\n" +
         pins;
}

std::optional<std::string> no_environment(std::string_view) {
  return std::nullopt;
}

config::Config parsed(const std::string& pins) {
  config::Loaded loaded = config::parse(with_pins(pins), "conf/sluice.yaml", no_environment);
  for (const config::Problem& problem : loaded.problems) FAIL_CHECK(problem.text());
  REQUIRE(loaded.config);
  return std::move(*loaded.config);
}

std::string problems_of(const config::Loaded& loaded) {
  std::string messages;
  for (const config::Problem& problem : loaded.problems)
    messages += (messages.empty() ? "" : "\n") + problem.text();
  return messages;
}

std::string problems(const std::string& pins, const std::string& prefix = "/") {
  return problems_of(config::parse(with_pins(pins, prefix), "sluice.yaml", no_environment));
}

}  // namespace

TEST_CASE("pins: each kind is read", "[config][pins]") {
  const config::Config config = parsed(
      "      - {header: X-P, values: {a: blue, b: candidate}, from: [10.0.0.0/8]}\n"
      "      - {cookie: pool, values: {v1: green, v2: live}, from: [unix:]}\n"
      "      - {identity_in: beta.txt, pool: candidate}\n"
      "      - {identity_in: /etc/staff.txt, pool: green}\n"
      "      - segment: {header: X-Plan, value: free, path_prefix: /app/, network: "
      "[\"fd00::/8\"],\n"
      "                  percent: 5%, salt: beta}\n"
      "        pool: live\n");
  const auto& pins = config.services[0].pins;
  REQUIRE(pins.size() == 5);
  const auto& header = std::get<ValuePin>(pins[0]);
  CHECK(header.field == ValuePin::Field::Header);
  CHECK(header.name == "X-P");
  CHECK(header.values[1] == std::pair(std::string("b"), PinTarget::Candidate));
  CHECK(header.from.networks[0].text() == "10.0.0.0/8");
  const auto& cookie = std::get<ValuePin>(pins[1]);
  CHECK(cookie.field == ValuePin::Field::Cookie);
  CHECK(cookie.name == "pool");
  CHECK(cookie.values[0] == std::pair(std::string("v1"), PinTarget::Green));
  CHECK(cookie.values[1].second == PinTarget::Live);
  CHECK(cookie.from.has_unix);
  CHECK(std::get<ListPin>(pins[2]).list == 0);
  CHECK(std::get<ListPin>(pins[2]).target == PinTarget::Candidate);
  CHECK(std::get<ListPin>(pins[3]).list == 1);
  const auto& segment = std::get<SegmentPin>(pins[4]);
  CHECK(segment.header->name == "X-Plan");
  CHECK(segment.header->value == "free");
  CHECK(segment.path_prefix == "/app");
  CHECK(segment.network->networks[0].text() == "fd00::/8");
  CHECK(segment.share->percent.count() == 500);
  CHECK(segment.share->salt == "beta");
  CHECK(segment.target == PinTarget::Live);
}

TEST_CASE("pins: relative paths begin at the configuration file, and each file is listed once",
          "[config][pins]") {
  const config::Config config = parsed(
      "      - {identity_in: beta.txt, pool: candidate}\n"
      "      - {identity_in: /etc/staff.txt, pool: green}\n");
  REQUIRE(config.identity_files.size() == 2);
  CHECK(config.identity_files[0].path == "conf/beta.txt");
  CHECK(config.identity_files[0].text == "beta.txt");
  CHECK(config.identity_files[0].at.text() == "conf/sluice.yaml:8:23");
  CHECK(config.identity_files[1].path == "/etc/staff.txt");
  const config::Loaded here = config::parse(
      with_pins("      - {identity_in: beta.txt, pool: blue}\n"), "sluice.yaml", no_environment);
  CHECK(here.config->identity_files[0].path == "beta.txt");
}

TEST_CASE("pins: a file that two services name is one list", "[config][pins]") {
  const std::string pin = "    pins: [{identity_in: beta.txt, pool: candidate}]\n";
  const std::string pools = "    pools: {blue: {endpoints: [127.0.0.1:9001]}}\n";
  const config::Loaded loaded = config::parse(
      "listeners: [{bind: 127.0.0.1:8080}]\nservices:\n  - name: a\n    hosts: [a.b]\n" + pools +
          pin + "  - name: b\n" + pools + pin,
      "sluice.yaml", no_environment);
  REQUIRE(loaded.config);
  CHECK(loaded.config->identity_files.size() == 1);
  CHECK(std::get<ListPin>(loaded.config->services[1].pins[0]).list == 0);
}

TEST_CASE("pins: what is wrong with one is said", "[config][pins]") {
  struct Wrong {
    const char* pin;
    const char* message;
  };
  const std::array<Wrong, 22> table{{
      {"{}",
       "sluice.yaml:8:9: a pin of service 'shop' names no rule, expected one of header, cookie, "
       "identity_in, segment"},
      {"{pool: blue}",
       "sluice.yaml:8:9: a pin of service 'shop' names no rule, expected one of "
       "header, cookie, identity_in, segment"},
      {"{header: A, cookie: b, values: {x: blue}, from: [10.0.0.0/8]}",
       "sluice.yaml:8:9: 'header' and 'cookie' in a pin of service 'shop', expected one of them: "
       "begin each pin with '-'"},
      {"{cookie: b, values: {x: blue}}",
       "sluice.yaml:8:9: 'from' is missing in a pin of service 'shop', expected a list of at least "
       "one network such as 10.0.0.0/8"},
      {"{cookie: \"a b\", values: {x: blue}, from: [10.0.0.0/8]}",
       "sluice.yaml:8:18: 'cookie' is 'a b', expected the name of a cookie, at most 64 characters"},
      {"{cookie: b, values: {\"\": blue}, from: [10.0.0.0/8]}",
       "sluice.yaml:8:30: '' in 'values', expected the value of a cookie"},
      {"{cookie: b, values: {x: candidat}, from: [10.0.0.0/8]}",
       "sluice.yaml:8:33: 'candidat' in 'values', expected blue, green, live or candidate, did you "
       "mean 'candidate'?"},
      {"{cookie: b, values: {x: blue}, from: [10.0.0.0/8], pool: blue}",
       "sluice.yaml:8:60: 'pool' does not belong in a pin of service 'shop': the pools stand in "
       "'values'"},
      {"{identity_in: beta.txt}",
       "sluice.yaml:8:9: 'pool' is missing in a pin of service 'shop', expected blue, green, live "
       "or "
       "candidate"},
      {"{identity_in: beta.txt, pool: red}",
       "sluice.yaml:8:39: 'pool' is 'red', expected blue, green, live or candidate"},
      {"{identity_in: \"\", pool: blue}",
       "sluice.yaml:8:23: 'identity_in' is '', expected the path of a file with one identity per "
       "line"},
      {"{identity_in: beta.txt, pool: blue, from: [10.0.0.0/8]}",
       "sluice.yaml:8:45: 'from' does not belong in a pin of service 'shop': only a 'header' or "
       "'cookie' needs it; a segment has 'network'"},
      {"{identity_in: beta.txt, pool: blue, values: {a: blue}}",
       "sluice.yaml:8:45: 'values' does not belong in a pin of service 'shop': only a 'header' or "
       "'cookie' has values"},
      {"{segment: {}, pool: blue}",
       "sluice.yaml:8:19: 'segment' is an empty map, expected a map of conditions: 'header' and "
       "'value', "
       "'path_prefix', 'network', 'percent' and 'salt'"},
      {"{segment: beta, pool: blue}",
       "sluice.yaml:8:19: 'segment' is 'beta', expected a map of conditions: 'header' and 'value', "
       "'path_prefix', 'network', 'percent' and 'salt'"},
      {"{segment: {path: /a}, pool: blue}",
       "sluice.yaml:8:20: unknown key 'path' in 'segment' of a pin of service 'shop', did you mean "
       "'path_prefix'?"},
      {"{segment: {header: X-Plan}, pool: blue}",
       "sluice.yaml:8:19: 'value' is missing in 'segment' of a pin of service 'shop', expected "
       "text "
       "of at most 1024 bytes without control characters"},
      {"{segment: {percent: 5%}, pool: blue}",
       "sluice.yaml:8:19: 'salt' is missing in 'segment' of a pin of service 'shop', expected text "
       "of "
       "1 to 256 bytes without control characters"},
      {"{segment: {percent: 0%, salt: a}, pool: blue}",
       "sluice.yaml:8:29: 'percent' is '0%', expected a percentage from 0.01% to 100% with at most "
       "two decimals"},
      {"{segment: {network: []}, pool: blue}",
       "sluice.yaml:8:29: 'network' has 0 items, expected a list of at least one network such as "
       "10.0.0.0/8"},
      {"{segment: {path_prefix: /a//b}, pool: blue}",
       "sluice.yaml:8:33: 'path_prefix' is '/a//b', expected a path such as /admin; without query, "
       "empty or dot segments and needless escapes"},
      {"{segment: {header: Sluice-Pool, value: a}, pool: blue}",
       "sluice.yaml:8:28: 'header' is 'Sluice-Pool', expected the name of a header field, at most "
       "64 "
       "characters; Sluice-* fields are removed from requests first"},
  }};
  for (const Wrong& wrong : table) {
    INFO(wrong.pin);
    CHECK(problems("      - " + std::string(wrong.pin) + "\n") == wrong.message);
  }
}

TEST_CASE("pins: at most 256, with at most 256 values each", "[config][pins]") {
  const auto pins = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i)
      text += "      - {segment: {path_prefix: /" + std::to_string(i) + "}, pool: live}\n";
    return text;
  };
  CHECK(problems(pins(256)).empty());
  CHECK(problems(pins(257)) ==
        "sluice.yaml:8:7: 'pins' has 257 items, expected a list of at most 256 pins");
  const auto values = [](int count) {
    std::string text = "      - {cookie: c, values: {";
    for (int i = 0; i < count; ++i) text += "v" + std::to_string(i) + ": blue, ";
    text.resize(text.size() - 2);
    return text + "}, from: [10.0.0.0/8]}\n";
  };
  CHECK(problems(values(256)).empty());
  CHECK(
      problems(values(257)) ==
      "sluice.yaml:8:29: 'values' is a map, expected a map of 1 to 256 values to blue, green, live "
      "or candidate");
}

TEST_CASE("pins: one that an earlier one leaves nothing is an error", "[config][pins]") {
  const std::string taken =
      " of service 'shop' gets no request: the pin in line 8 takes them all, "
      "expected another rule or another order";
  struct Pair {
    const char* first;
    const char* second;
    std::string place;  // of the problem; empty: both are reached
  };
  const std::array<Pair, 28> table{{
      // a field by value and clients
      {"{header: X-P, values: {a: blue}, from: [10.0.0.0/8]}",
       "{header: x-p, values: {b: blue, a: green}, from: [10.1.0.0/16]}",
       "9:41: value 'a' of a pin"},
      {"{header: X-P, values: {a: blue}, from: [10.1.0.0/16]}",
       "{header: X-P, values: {a: blue}, from: [10.0.0.0/8]}", ""},
      {"{header: X-P, values: {a: blue}, from: [10.0.0.0/8]}",
       "{header: X-P, values: {a: blue}, from: [10.0.0.0/8, unix:]}", ""},
      {"{header: X-P, values: {a: blue}, from: [10.0.0.0/8]}",
       "{header: X-P, values: {A: blue}, from: [10.0.0.0/8]}", ""},
      {"{header: X-P, values: {a: blue}, from: [10.0.0.0/8]}",
       "{cookie: X-P, values: {a: blue}, from: [10.0.0.0/8]}", ""},
      {"{cookie: c, values: {a: blue}, from: [0.0.0.0/0, \"::/0\", unix:]}",
       "{cookie: c, values: {a: green}, from: [10.0.0.0/8]}", "9:30: value 'a' of a pin"},
      {"{cookie: c, values: {a: blue}, from: [10.0.0.0/8]}",
       "{cookie: C, values: {a: blue}, from: [10.0.0.0/8]}", ""},
      // lists
      {"{identity_in: a.txt, pool: candidate}", "{identity_in: a.txt, pool: live}", "9:9: a pin"},
      {"{identity_in: a.txt, pool: candidate}", "{identity_in: b.txt, pool: live}", ""},
      {"{identity_in: a.txt, pool: candidate}", "{segment: {path_prefix: /a}, pool: live}", ""},
      // segments among themselves
      {"{segment: {path_prefix: /}, pool: live}", "{identity_in: a.txt, pool: candidate}",
       "9:9: a pin"},
      {"{segment: {network: [0.0.0.0/0, \"::/0\", unix:]}, pool: live}",
       "{cookie: c, values: {a: blue}, from: [10.0.0.0/8]}", "9:30: value 'a' of a pin"},
      {"{segment: {network: [0.0.0.0/0, \"::/0\"]}, pool: live}",
       "{segment: {path_prefix: /a}, pool: live}", ""},
      {"{segment: {path_prefix: /a}, pool: live}",
       "{segment: {path_prefix: /a/b}, pool: candidate}", "9:9: a pin"},
      {"{segment: {path_prefix: /a}, pool: live}", "{segment: {path_prefix: /ab}, pool: candidate}",
       ""},
      {"{segment: {path_prefix: /a/b}, pool: live}",
       "{segment: {path_prefix: /a}, pool: candidate}", ""},
      {"{segment: {path_prefix: /a}, pool: live}",
       "{segment: {path_prefix: /a, network: [10.0.0.0/8]}, pool: candidate}", "9:9: a pin"},
      {"{segment: {path_prefix: /a, network: [10.0.0.0/8]}, pool: live}",
       "{segment: {path_prefix: /a}, pool: candidate}", ""},
      {"{segment: {network: [10.0.0.0/8]}, pool: live}",
       "{segment: {network: [10.1.0.0/16, 10.2.3.4]}, pool: blue}", "9:9: a pin"},
      {"{segment: {network: [10.0.0.0/8]}, pool: live}",
       "{segment: {network: [10.1.0.0/16, 11.0.0.1]}, pool: blue}", ""},
      {"{segment: {percent: 5%, salt: a}, pool: candidate}",
       "{segment: {percent: 4.99%, salt: a}, pool: live}", "9:9: a pin"},
      {"{segment: {percent: 5%, salt: a}, pool: candidate}",
       "{segment: {percent: 5.01%, salt: a}, pool: live}", ""},
      {"{segment: {percent: 5%, salt: a}, pool: candidate}",
       "{segment: {percent: 5%, salt: b}, pool: live}", ""},
      {"{segment: {percent: 100%, salt: a}, pool: candidate}",
       "{segment: {path_prefix: /a}, pool: live}", ""},  // nobody without identity
      // a field against a segment, both ways
      {"{segment: {header: X-Plan, value: free}, pool: live}",
       "{header: x-plan, values: {free: candidate, paid: live}, from: [10.0.0.0/8]}",
       "9:35: value 'free' of a pin"},
      {"{header: X-Plan, values: {free: blue}, from: [10.0.0.0/8]}",
       "{segment: {header: X-Plan, value: free, network: [10.1.0.0/16]}, pool: live}",
       "9:9: a pin"},
      {"{header: X-Plan, values: {free: blue}, from: [10.0.0.0/8]}",
       "{segment: {header: X-Plan, value: free}, pool: live}", ""},
      {"{segment: {network: [10.0.0.0/8]}, pool: live}",
       "{header: X-P, values: {a: blue}, from: [10.0.0.0/16]}", "9:32: value 'a' of a pin"},
  }};
  for (const Pair& pair : table) {
    INFO(pair.first << "\n" << pair.second);
    const std::string text =
        "      - " + std::string(pair.first) + "\n      - " + std::string(pair.second) + "\n";
    CHECK(problems(text) == (pair.place.empty() ? "" : "sluice.yaml:" + pair.place + taken));
  }
}

TEST_CASE("pins: a path that the service does not have is an error", "[config][pins]") {
  const std::string pin = "      - {segment: {path_prefix: /admin}, pool: live}\n";
  CHECK(problems(pin, "/app") ==
        "sluice.yaml:8:9: a pin of service 'shop' gets no request: '/admin' is not under the "
        "service's path_prefix '/app'");
  CHECK(problems(pin, "/").empty());
  CHECK(problems(pin, "/admin").empty());
  CHECK(problems(pin, "/admin/x").empty());
  // All of the service: what follows gets nothing.
  CHECK_FALSE(problems(pin + "      - {identity_in: a.txt, pool: blue}\n", "/admin/x").empty());
}

TEST_CASE("pins: check --print shows them as they are read", "[config][pins]") {
  const config::Config config = parsed(
      "      - {header: X-P, values: {a: blue, 'q\"$$': candidate}, from: [10.0.0.0/8, unix:]}\n"
      "      - {cookie: pool, values: {v1: green}, from: [\"::/0\"]}\n"
      "      - {identity_in: 'b$$.txt', pool: candidate}\n"
      "      - {segment: {header: X-Plan, value: free, path_prefix: /a, network: [unix:],\n"
      "                   percent: 5%, salt: s}, pool: live}\n"
      "      - {segment: {path_prefix: /b}, pool: green}\n");
  const std::string text = config::describe(config);
  CHECK(text.find("      - {header: \"X-P\", values: {\"a\": blue, \"q\\\"$$\": candidate}, from: "
                  "[\"10.0.0.0/8\", \"unix:\"]}\n"
                  "      - {cookie: \"pool\", values: {\"v1\": green}, from: [\"::/0\"]}\n"
                  "      - {identity_in: \"b$$.txt\", pool: candidate}\n"
                  "      - {segment: {header: \"X-Plan\", value: \"free\", path_prefix: \"/a\", "
                  "network: [\"unix:\"], percent: 5%, salt: \"s\"}, pool: live}\n"
                  "      - {segment: {path_prefix: \"/b\"}, pool: green}\n") != std::string::npos);
  const config::Loaded again = config::parse(text, "conf/sluice.yaml", no_environment);
  CHECK(problems_of(again).empty());
  CHECK(config::describe(*again.config) == text);
}

TEST_CASE("identity file: it is read with the configuration", "[config][identity_file]") {
  const TempDir directory;
  directory.file("beta.txt", "user-1\r\n# nobody\nuser-2\n");
  const std::string file = directory.file(
      "sluice.yaml", with_pins("      - {identity_in: beta.txt, pool: candidate}\n"));
  const config::Loaded loaded = config::load(file, no_environment);
  REQUIRE(loaded.config);
  const config::IdentityFile& beta = loaded.config->identity_files[0];
  REQUIRE(beta.list != nullptr);
  CHECK(beta.list->size() == 2);
  CHECK(beta.list->contains("user-2"));
  CHECK(beta.read == config::stamp_of(beta.path));
  config::CellRegistry cells(1);
  CHECK(config::build_static(*loaded.config, cells).lists->front() == beta.list);
}

TEST_CASE("identity file: a bad one is named with its line, one that is missing where it is named",
          "[config][identity_file]") {
  const TempDir directory;
  directory.file("bad.txt", "user-1\nuser-2 # Ann\n");
  ::mkdir((directory.path + "/dir").c_str(), 0700);
  ::mkfifo((directory.path + "/pipe").c_str(), 0600);
  const std::string file =
      directory.file("sluice.yaml", with_pins("      - {identity_in: bad.txt, pool: candidate}\n"
                                              "      - {identity_in: gone.txt, pool: candidate}\n"
                                              "      - {identity_in: dir, pool: candidate}\n"
                                              "      - {identity_in: pipe, pool: candidate}\n"
                                              "      - {identity_in: 7, pol: candidate}\n"));
  const config::Loaded loaded = config::load(file, no_environment);
  CHECK_FALSE(loaded.config);
  const std::string at = file + ":";
  CHECK(problems_of(loaded) ==
        at +
            "12:9: 'pool' is missing in a pin of service 'shop', expected blue, green, live or "
            "candidate\n" +
            at + "12:26: unknown key 'pol' in a pin of service 'shop', did you mean 'pool'?\n" +
            directory.path + "/bad.txt:2: bad identity: a comment stands on a line of its own\n" +
            at + "9:23: 'identity_in' is 'gone.txt': can't be read: No such file or directory\n" +
            at + "10:23: 'identity_in' is 'dir': is a directory, expected a file\n" + at +
            "11:23: 'identity_in' is 'pipe': is no regular file\n" + at +
            "12:23: 'identity_in' is '7': can't be read: No such file or directory");
}

TEST_CASE("unix sockets: listeners and endpoints", "[config][unix]") {
  const auto with = [](const std::string& listener, const std::string& endpoint) {
    return "listeners: [" + listener +
           "]\nservices:\n  - name: shop\n    pools: {blue: {endpoints: [" + endpoint + "]}}\n";
  };
  const auto problems_with = [&](const std::string& listener, const std::string& endpoint) {
    return problems_of(config::parse(with(listener, endpoint), "sluice.yaml", no_environment));
  };
  const config::Loaded loaded =
      config::parse(with("{bind: unix:/run/a.sock, mode: \"0666\"}, {bind: unix:/run/b.sock}",
                         "unix:/run/app.sock"),
                    "sluice.yaml", no_environment);
  CHECK(problems_of(loaded).empty());
  REQUIRE(loaded.config);
  CHECK(loaded.config->listeners[0].bind.unix_path == "/run/a.sock");
  CHECK(loaded.config->listeners[0].mode == 0666);
  CHECK(loaded.config->listeners[1].mode == 0660);
  CHECK(loaded.config->services[0].pools[0].endpoints[0].address.text() == "unix:/run/app.sock");
  const std::string text = config::describe(*loaded.config);
  CHECK(text.find("bind: \"unix:/run/a.sock\", mode: \"0666\"}") != std::string::npos);
  CHECK(config::describe(*config::parse(text, "sluice.yaml", no_environment).config) == text);

  const std::string longest = "unix:/" + std::string(89, 'a');
  CHECK(problems_with("{bind: " + longest + "}", "127.0.0.1:1").empty());
  CHECK_FALSE(problems_with("{bind: " + longest + "a}", "127.0.0.1:1").empty());
  const std::string longest_endpoint = "unix:/" + std::string(106, 'a');
  CHECK(problems_with("{bind: 127.0.0.1:1}", longest_endpoint).empty());
  CHECK_FALSE(problems_with("{bind: 127.0.0.1:1}", longest_endpoint + "a").empty());
  CHECK(problems_with("{bind: 127.0.0.1:1, mode: \"0660\"}", "127.0.0.1:2") ==
        "sluice.yaml:1:33: 'mode' is of a Unix socket, expected it only with 'bind: unix:/path'");
  CHECK(problems_with("{bind: unix:/a, mode: \"0888\"}", "127.0.0.1:2") ==
        "sluice.yaml:1:35: 'mode' is '0888', expected octal permissions such as \"0660\"");
  CHECK(problems_with("{bind: unix:/a}, {bind: unix:/a}", "127.0.0.1:2") ==
        "sluice.yaml:1:37: 'unix:/a' is the address of listener 'listener-1' (line 1), expected "
        "another one");
  CHECK(
      problems_with("{bind: unix:/run/sluice/admin.sock}", "127.0.0.1:2") ==
      "sluice.yaml:1:20: 'unix:/run/sluice/admin.sock' is the admin socket, expected another path");
  CHECK(
      problems_with("{bind: unix:/a}", "unix:/a") ==
      "sluice.yaml:4:32: 'unix:/a' is listener 'listener-1' of this proxy, expected an address of "
      "the application");
  CHECK(
      problems_with("{bind: 127.0.0.1:1}", "unix:/a, unix:/a") ==
      "sluice.yaml:4:41: 'unix:/a' is listed twice in pool 'blue' of service 'shop', expected each "
      "endpoint once (first in line 4)");
}
