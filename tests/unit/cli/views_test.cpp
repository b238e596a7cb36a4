#include <algorithm>
#include <chrono>
#include <sstream>

#include "cli/change_view.hpp"
#include "cli/status_view.hpp"
#include "support/catch.hpp"

using namespace sluice;
using namespace sluice::cli;
using namespace std::chrono_literals;

namespace {

const core::WallTime kNoon = *parse_rfc3339("2026-01-31T12:00:00.000Z");

StatusAnswer busy_shop() {
  ServiceState shop;
  shop.name = "shop";
  shop.generation = 41;
  shop.live = "blue";
  shop.candidate = "green";
  shop.split_basis_points = 1000;
  shop.observed_basis_points = 1234;
  shop.salt = "shop-2026";
  shop.is_candidate_open = true;
  shop.pools = {{"blue", {{"127.0.0.1:9001", "up", 12}, {"127.0.0.1:9002", "down", 0}}},
                {"green", {{"127.0.0.1:9003", "up", 1}}}};
  shop.drains = {{"green", 40, "2026-01-31T12:00:12.500Z", 3, 1}};
  return {42, true, "0.1.0", 2, {"0.0.0.0:8080", "[::]:8080", "127.0.0.1:81"}, {shop}};
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("status view: shows pools with share and role, endpoints, drains with what is left",
          "[cli]") {
  const std::string text = status_text(busy_shop(), {}, kNoon);
  INFO(text);
  CHECK(has(text, "sluice 0.1.0   generation 42   2 workers   0.0.0.0:8080   [::]:8080 (+1)"));
  CHECK(has(text, "shop   changed at generation 41   salt shop-2026"));
  CHECK(has(text, "  blue   live                 90 %  ###########################..."));
  CHECK(has(text,
            "  green  candidate, open      10 %  ###...........................  seen 12.34 %\n"));
  CHECK_FALSE(has(text, "blue   live                 90 %  ###########################...  seen"));
  CHECK(has(text, "127.0.0.1:9002           down      0 in flight"));
  CHECK(has(text, "draining green of generation 40: 3 requests, 1 tunnel left, cut in 12 s"));
  CHECK_FALSE(has(text, "warning"));
}

TEST_CASE("status view: an endpoint has its host names behind it", "[cli]") {
  StatusAnswer status = busy_shop();
  status.services[0].pools[0].endpoints = {{"10.0.0.1:9001", "up", 2, "app.internal:9001"},
                                           {"b:1", "down", 0, "Name or service not known"}};
  const std::string text = status_text(status, {}, kNoon);
  CHECK(has(text, "    10.0.0.1:9001            up        2 in flight   app.internal:9001\n"));
  CHECK(has(text,
            "    b:1                      down      0 in flight   Name or service not known\n"));
}

TEST_CASE("status view: what is in use of the budgets of a pool", "[cli]") {
  StatusAnswer status = busy_shop();
  CHECK_FALSE(has(status_text(status, {}, kNoon), "retries"));  // an older proxy
  PoolState& live = status.services[0].pools[0];
  live.retries = {.in_use = 2, .most = 3, .refused = 0};
  live.rescues = {.in_use = 12, .most = 40, .refused = 7};
  live.assets = {.in_use = 0, .most = 128, .refused = 0};
  CHECK(
      has(status_text(status, {}, kNoon), "\n    retries 2 of 3, rescues 12 of 40 (7 refused)\n"));
  live.assets->in_use = 1;
  CHECK(has(status_text(status, {}, kNoon), "(7 refused), assets 1 of 128\n"));
  live.assets = {.in_use = 0, .most = 128, .refused = 5};
  CHECK(has(status_text(status, {}, kNoon), ", assets 0 of 128 (5 refused)\n"));
  live.endpoints.clear();
  CHECK_FALSE(has(status_text(status, {}, kNoon), "retries"));  // nothing that could be sent again
}

TEST_CASE("status view: a line for each limit", "[cli]") {
  StatusAnswer status = busy_shop();
  CHECK_FALSE(has(status_text(status, {}, kNoon), "limit"));
  status.services[0].limits = {{.name = "login",
                                .mode = "enforce",
                                .allows = "5/min, burst 5",
                                .candidate_allows = "1/min, burst 1",
                                .admitted = 120,
                                .refused = 3,
                                .keys = 1,
                                .places = 0},
                               {.name = "user",
                                .mode = "enforce",
                                .allows = "100/s",
                                .candidate_allows = "",
                                .keys = 1,
                                .places = 16384},
                               {.name = "new",
                                .mode = "shadow",
                                .allows = "4 in progress",
                                .candidate_allows = "",
                                .shadowed = 7}};
  const std::string text = status_text(status, {}, kNoon);
  INFO(text);
  CHECK(has(text,
            "  limit login (5/min, burst 5): 3 refused, 120 admitted, 1 key\n"
            "    on the candidate 1/min, burst 1\n"
            "  limit user (100/s): 0 refused, 0 admitted, 1 of 16384 keys\n"
            "  limit new (4 in progress, shadow): 7 would be refused, 0 admitted, 0 keys\n"));
}

TEST_CASE("status view: warns while the proxy has too much to do, and says of what",
          "[cli][view]") {
  StatusAnswer status = busy_shop();
  status.overload.memory_used = 300ULL << 20U;
  status.overload.memory_limit = 512ULL << 20U;
  CHECK_FALSE(has(status_text(status, {}, kNoon), "too much"));
  status.overload.level = "no_keep_alive";
  status.overload.memory_used = 440ULL << 20U;
  CHECK(
      has(status_text(status, {}, kNoon),
          "\nwarning: the proxy has too much to do; 440 of 512 MiB of memory are used; connections "
          "end with their answers\n"));
  status.overload.level = "shedding";
  status.overload.new_refused_basis_points = 10'000;
  status.overload.known_refused_basis_points = 1250;
  CHECK(
      has(status_text(status, {}, kNoon),
          "440 of 512 MiB of memory are used; 100 % of the new users and 12.5 % of the known ones "
          "are refused\n"));
  status.overload.memory_limit.reset();
  status.overload.loop_wait_ms = 300;
  CHECK(has(status_text(status, {}, kNoon),
            "the proxy has too much to do; events wait 300 ms; 100 % of the new users"));
}

TEST_CASE("status view: fits 80 columns and is plain without colour", "[cli]") {
  std::istringstream lines(status_text(busy_shop(), {}, kNoon));
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    CHECK(line.size() <= 80);
    CHECK_FALSE(has(line, "\x1b"));
  }
  CHECK(has(status_text(busy_shop(), {.has_colour = true}, kNoon), "\x1b[34mblue\x1b[0m"));
}

TEST_CASE(
    "status view: a tiny share is never empty, a closed candidate says so, missing durability "
    "warns",
    "[cli]") {
  StatusAnswer status = busy_shop();
  status.services[0].split_basis_points = 1;
  CHECK(has(status_text(status, {}, kNoon), "0.01 %  #...."));
  CHECK(has(status_text(status, {}, kNoon), "99.99 %  #############################."));
  status.services[0].split_basis_points = 0;
  status.services[0].is_candidate_open = false;
  status.is_durable = false;
  const std::string text = status_text(status, {}, kNoon + 1min);
  CHECK(has(text, "candidate, closed     0 %  ......"));
  CHECK(has(text, "warning: the disk of state_dir does not answer"));
  CHECK(has(text, "being cut"));
}

TEST_CASE("status view: reads RFC 3339 times of the API only", "[cli]") {
  CHECK(*parse_rfc3339("1970-01-02T00:00:01.250Z") == core::WallTime(24h + 1s + 250ms));
  CHECK(parse_rfc3339("2026-01-31T12:00:00Z") == kNoon);
  for (const char* bad : {"", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00+01:00",
                          "2026-01-31T12:00:00.1Z", "x"}) {
    INFO(bad);
    CHECK_FALSE(parse_rfc3339(bad).has_value());
  }
}

TEST_CASE("status view: percent without needless zeros", "[cli]") {
  CHECK(percent_text(0) == "0 %");
  CHECK(percent_text(1) == "0.01 %");
  CHECK(percent_text(1250) == "12.5 %");
  CHECK(percent_text(10'000) == "100 %");
}

TEST_CASE("change view: says what is true now and how the drain ended", "[cli]") {
  ChangeAnswer change;
  change.changed = true;
  change.generation = 43;
  change.service = "shop";
  change.live = "green";
  change.workers_total = change.workers_adopted = 2;
  change.persist_us = 1200;
  change.flip_us = 10;
  change.adopted_us = 240;
  change.drain = DrainOutcome::Running;
  std::string text = change_text(Verb::Switch, change, std::nullopt, {});
  CHECK(text ==
        "shop: green is live, blue is closed (generation 43)\n"
        "  on 2 of 2 workers after 0.25 ms, 1.20 ms to disk\n"
        "  blue drains; `sluice status` shows what is left\n");
  change.drain = DrainOutcome::Drained;
  CHECK(has(change_text(Verb::Switch, change, 1230ms, {}),
            "blue is drained after 1.2 s, nothing was cut"));
  change.drain = DrainOutcome::Deadline;
  change.requests_cut = 1;
  change.tunnels_cut = 2;
  change.tunnels_kept = 3;
  CHECK(has(change_text(Verb::Switch, change, 30s, {}),
            "blue reached its deadline after 30.0 s: 1 request and 2 tunnels cut, 3 tunnels kept"));
  change.drain = DrainOutcome::Superseded;
  CHECK(has(change_text(Verb::Switch, change, 2s, {}), "superseded after 2.0 s"));
  CHECK(has(change_text(Verb::Rollback, change, std::nullopt, {}),
            "shop: rolled back: green is live, blue is closed"));
}

TEST_CASE("change view: a change that changed nothing is one line", "[cli]") {
  ChangeAnswer change;
  change.generation = 42;
  change.service = "shop";
  change.live = "blue";
  CHECK(change_text(Verb::Switch, change, std::nullopt, {}) ==
        "shop: blue is live already, nothing to do (generation 42)\n");
  CHECK(change_text(Verb::Rollback, change, std::nullopt, {}) ==
        "shop: nothing to roll back, blue stays live (generation 42)\n");
  change.split_basis_points = 1250;
  CHECK(change_text(Verb::Split, change, std::nullopt, {}) ==
        "shop: green has 12.5 % of the users already, nothing to do (generation 42)\n");
}

TEST_CASE("change view: warns of what is not on disk and of late workers", "[cli]") {
  ChangeAnswer change;
  CHECK(change_warnings(change).empty());
  change.is_durable = false;
  change.workers_missing = {0, 3};
  CHECK(has(change_warnings(change), "not on disk yet"));
  CHECK(has(change_warnings(change), "worker 0 3"));
  change.is_dry_run = true;
  CHECK(change_warnings(change).empty());
  change.is_dry_run = false;
  change.service = "shop";
  change.warnings = {"the live pool\x1b[31m", "another"};
  CHECK(change_warnings(change).starts_with(
      "warning: shop: the live pool?[31m\nwarning: shop: another\n"));
}

TEST_CASE("change view: a dry run says what would be", "[cli]") {
  ChangeAnswer change;
  change.is_dry_run = true;
  change.would_change = true;
  change.service = "shop";
  change.live = "blue";
  change.would_live = "green";
  change.moved_basis_points = 9000;
  change.would_drain = "blue";
  change.requests_there = 5;
  change.tunnels_there = 1;
  CHECK(change_text(Verb::Switch, change, std::nullopt, {}) ==
        "shop: green would be live, blue closed (dry run, nothing has changed)\n"
        "  90 % of all users would change pools, pins apart\n"
        "  blue would drain: 5 requests and 1 tunnel are in progress there now\n");
  change.users_seen = 1240;
  change.users_moved = 1116;
  CHECK(has(change_text(Verb::Switch, change, std::nullopt, {}),
            "pins apart\n  about 1116 of 1240 users seen in the last minute would\n  blue"));
  change.would_live = "blue";
  change.would_split_basis_points = 1250;
  change.would_drain.clear();
  CHECK(has(change_text(Verb::Split, change, std::nullopt, {}),
            "green would get 12.5 % of the users (dry run"));
  change.would_change = false;
  CHECK(has(change_text(Verb::Split, change, std::nullopt, {}),
            "already, nothing to do (dry run, nothing has changed)"));
}

TEST_CASE("harmless: what a terminal would obey is not shown, in text and in JSON",
          "[cli][console]") {
  CHECK(harmless("ä \u20AC shop-1") == "ä \u20AC shop-1");
  CHECK(harmless("a\x1b[31mb\r\n\t\x7f") == "a?[31mb????");
  CHECK(harmless("\xC2\x9B"
                 "2J") == "?2J");
  CHECK(harmless("\x9B"
                 "2J \xFF") == "?2J ?");  // no UTF-8, but an old terminal knows it
  for (const char* turns : {"\u202A", "\u202B", "\u202C", "\u202D", "\u202E", "\u2066", "\u2067",
                            "\u2068", "\u2069", "\u200E", "\u200F", "\u061C"}) {
    INFO(turns);
    CHECK(harmless(std::string("a") + turns + "b") == "a?b");
  }
  for (const char* near : {"\u2029", "\u202F", "\u2065", "\u206A", "\u200D", "\u2010", "\u061B",
                           "\u061D", "\u00A0", "\u05D0"}) {
    INFO(near);
    CHECK(harmless(near) == near);
  }
  CHECK(harmless_lines("a\x1b\nb\n") == "a?\nb\n");
  CHECK(harmless_lines("") == "");
  CHECK(harmless_json("{\"a\":\t\"\u202E\xC2\x9B\x7f\u061C\x1b\u20AC\"}\r\n") ==
        "{\"a\":\t\"\\u202e\\u009b\\u007f\\u061c\\u001b\u20AC\"}\r\n");
  CHECK(harmless_json("\"\xFF\"") == "\"\\ufffd\"");
}

TEST_CASE("wire: texts of answers hold nothing that a terminal would obey", "[cli][wire]") {
  const auto status =
      read_status(R"({"generation":1,"durable":true,"version":"1","workers":1,"listeners":[],
      "services":[{"name":"s\u001b[2J","live":"blue",
      "candidate":"green","generation":1,"drains":[],"salt":"\u202e","pools":{"blue":{"endpoints":[{"address":"a\u0007"}]}}}]})");
  REQUIRE(status);
  CHECK(status->services[0].name == "s?[2J");
  CHECK(status->services[0].salt == "?");
  CHECK(status->services[0].pools[0].endpoints[0].address == "a?");
  CHECK(read_problem(R"({"code":"x","detail":"no \u202e service"})").detail == "no ? service");
}
