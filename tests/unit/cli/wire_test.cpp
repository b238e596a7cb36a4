#include "cli/wire.hpp"

#include <nlohmann/json.hpp>

#include "support/catch.hpp"

using namespace sluice::cli;
using Json = nlohmann::json;

TEST_CASE("wire: reads a status as behaviour.md §5 writes it, the live pool first", "[cli]") {
  const auto status =
      read_status(R"({"generation":42,"epoch":7,"durable":true,"version":"0.1.0","workers":2,
    "listeners":[{"name":"main","address":"127.0.0.1:41234"}],
    "services":[{"name":"shop","generation":40,"live":"green","candidate":"blue","split_basis_points":1000,"salt":"s",
      "hash":"murmur3-32-v1","candidate_open":true,
      "drains":[{"pool":"blue","generation":40,"deadline":"2026-01-31T12:00:00.000Z","requests":3,"tunnels":1}],
      "pools":{"blue":{"endpoints":[{"address":"127.0.0.1:9001","state":"up","in_flight":5}]},"green":{"endpoints":[]}}}]})");
  REQUIRE(status);
  CHECK(status->generation == 42);
  CHECK(status->listeners == std::vector<std::string>{"127.0.0.1:41234"});
  const ServiceState& shop = status->services.at(0);
  CHECK(shop.generation == 40);
  CHECK(shop.split_basis_points == 1000);
  CHECK(shop.is_candidate_open);
  CHECK(shop.pools.at(0).name == "green");
  CHECK(shop.pools.at(1).endpoints.at(0).in_flight == 5);
  CHECK(shop.drains.at(0).requests == 3);
}

TEST_CASE("wire: an endpoint has its host names, or why a host name is down, beside it", "[cli]") {
  const auto status =
      read_status(R"({"name":"shop","generation":3,"live":"blue","pools":{"blue":{"endpoints":[
    {"address":"10.0.0.1:1","state":"up","in_flight":0,"names":["a:1","b:1"]},
    {"address":"c:1","state":"down","in_flight":0,"reason":"Name or service not known"},
    {"address":"10.0.0.2:1","state":"up","in_flight":0}]}}})");
  REQUIRE(status);
  const auto& endpoints = status->services.at(0).pools.at(0).endpoints;
  REQUIRE(endpoints.size() == 3);
  CHECK(endpoints[0].note == "a:1, b:1");
  CHECK(endpoints[1].note == "Name or service not known");
  CHECK(endpoints[2].note.empty());
}

TEST_CASE("wire: one service on its own is read as a status with that service", "[cli]") {
  const auto status = read_status(R"({"name":"shop","generation":3,"live":"blue","pools":{}})");
  REQUIRE(status);
  CHECK(status->services.at(0).name == "shop");
  CHECK(status->services.at(0).candidate == "green");
}

TEST_CASE("wire: what is not as expected is an error, never an exception", "[cli]") {
  const std::string text = GENERATE(as<std::string>{}, "", "not json", "[]", "{}", "null",
                                    R"({"services":[{"name":1}]})", R"({"services":{"a":1}})",
                                    R"({"changed":"yes"})", "{\"changed\":true", "\xff\xfe");
  INFO(text);
  CHECK_FALSE(read_status(text).has_value());
  CHECK_FALSE(read_change(text).has_value());
  CHECK_FALSE(read_changes(text).has_value());
}

TEST_CASE("wire: a change with a final drain", "[cli]") {
  const auto change = read_change(
      R"({"changed":true,"generation":43,"service":"shop","live":"green","split_basis_points":0,
    "durable":false,"took_us":{"persist":1200,"flip":3,"adopted":250},"workers":{"total":2,"adopted":1,"missing":[1]},
    "drain":{"outcome":"deadline","requests_cut":2,"tunnels_cut":1,"tunnels_kept":4}})");
  REQUIRE(change);
  CHECK(change->drain == DrainOutcome::Deadline);
  CHECK(change->requests_cut == 2);
  CHECK(change->tunnels_kept == 4);
  CHECK(change->workers_missing == std::vector<unsigned>{1});
  CHECK_FALSE(change->is_durable);
}

TEST_CASE("wire: a list of changes carries generation and times of the whole", "[cli]") {
  const auto changes = read_changes(R"({"changed":true,"generation":9,"durable":true,
    "took_us":{"persist":1,"flip":2,"adopted":3},"workers":{"total":2,"adopted":2,"missing":[]},
    "services":[{"changed":true,"service":"a","live":"green"},{"changed":false,"service":"b","live":"green"}]})");
  REQUIRE(changes);
  CHECK(changes->at(0).generation == 9);
  CHECK(changes->at(1).workers_total == 2);
  CHECK_FALSE(changes->at(1).changed);
}

TEST_CASE("wire: budgets of a pool", "[cli]") {
  const auto status = read_status(R"({"generation":1,"services":[{"name":"a","generation":1,
    "live":"green","pools":{"blue":{"endpoints":[]},"green":{"endpoints":[],"budgets":{
      "retries":{"in_use":1,"most":3,"refused":9},"rescues":{"in_use":4,"most":5,"refused":0}}}}}]})");
  REQUIRE(status);
  const std::vector<PoolState>& pools = status->services[0].pools;
  REQUIRE(pools.size() == 2);
  CHECK(pools[0].name == "green");
  REQUIRE(pools[0].retries);
  CHECK(pools[0].retries->in_use == 1);
  CHECK(pools[0].retries->most == 3);
  CHECK(pools[0].retries->refused == 9);
  REQUIRE(pools[0].rescues);
  CHECK(pools[0].rescues->in_use == 4);
  CHECK_FALSE(pools[0].assets);
  CHECK_FALSE(pools[1].retries);
}

TEST_CASE("wire: limits of a status, and of an explanation", "[cli]") {
  const auto status =
      read_status(R"({"generation":1,"services":[{"name":"a","generation":1,"live":"blue",
    "limits":[{"name":"login","mode":"shadow","allows":"5/min, burst 5","candidate_allows":null,
               "admitted":4,"refused":0,"shadowed":2,"keys":1,"places":64},
              {"name":"user","mode":"enforce","allows":"1/s","candidate_allows":"2/s","refused":9}]}]})");
  REQUIRE(status);
  const std::vector<LimitState>& limits = status->services[0].limits;
  REQUIRE(limits.size() == 2);
  CHECK(limits[0].name == "login");
  CHECK(limits[0].mode == "shadow");
  CHECK(limits[0].allows == "5/min, burst 5");
  CHECK(limits[0].candidate_allows.empty());
  CHECK(limits[0].admitted == 4);
  CHECK(limits[0].shadowed == 2);
  CHECK(limits[0].keys == 1);
  CHECK(limits[0].places == 64);
  CHECK(limits[1].places == 0);
  CHECK(limits[1].candidate_allows == "2/s");
  CHECK(limits[1].refused == 9);
  const auto told = read_explain(R"({"explanation":"x","limits":[
    {"name":"login","mode":"enforce","allows":"5/min","key":"method GET","standing":"refuses","left":0,"wait_ms":8040,"in_flight":2},
    {"name":"b","mode":"enforce","allows":"1/s","key":null,"standing":"no_key","left":null,"wait_ms":0,"in_flight":null}]})");
  REQUIRE(told);
  REQUIRE(told->limits.size() == 2);
  CHECK(told->limits[0].key == "method GET");
  CHECK(told->limits[0].left == 0U);
  CHECK(told->limits[0].wait_ms == 8040);
  CHECK(told->limits[0].in_flight == 2U);
  CHECK(told->limits[1].key.empty());
  CHECK_FALSE(told->limits[1].left);
  CHECK_FALSE(told->limits[1].in_flight);
}

TEST_CASE("wire: request bodies carry exactly what was asked", "[cli]") {
  CHECK(Json::parse(write_body(SwitchBody{"green", false, {}, false, {}, {}})) ==
        Json{{"pool", "green"}});
  CHECK(Json::parse(write_body(SwitchBody{"blue", true, "5s", true, "why", 7})) ==
        Json{{"pool", "blue"},
             {"wait", true},
             {"drain", "5s"},
             {"force", true},
             {"reason", "why"},
             {"if_generation", 7}});
  CHECK(Json::parse(write_body(SplitBody{"12.5%", "new", {}, {}})) ==
        Json{{"percent", "12.5%"}, {"salt", "new"}});
  CHECK(write_body(RollbackBody{}) == "{}");
  CHECK(Json::parse(write_body(ChangesBody{.action = "switch",
                                           .pool = "green",
                                           .services = {"a", "b"},
                                           .drain = {},
                                           .reason = {},
                                           .if_generation = {}})) ==
        Json::parse(R"({"changes":[{"service":"a","action":"switch","pool":"green"},
                                   {"service":"b","action":"switch","pool":"green"}]})"));
  CHECK(write_body(RollbackBody{"caf\xe9"}).find("\xEF\xBF\xBD") != std::string::npos);
}

TEST_CASE("wire: a problem that is no JSON becomes its own detail", "[cli]") {
  CHECK(read_problem(R"({"code":"unknown_service","detail":"no service x"})").code ==
        "unknown_service");
  CHECK(read_problem("Bad gateway").detail == "Bad gateway");
}

TEST_CASE("wire: how much the proxy itself has to do", "[cli][wire]") {
  const auto read = [](const std::string& overload) {
    const auto status =
        read_status(R"({"generation":1,"overload":)" + overload +
                    R"(,"services":[{"name":"shop","generation":1,"live":"blue"}]})");
    REQUIRE(status);
    return status->overload;
  };
  const OverloadState full =
      read(R"({"level":"shedding","memory":{"used_bytes":5,"limit_bytes":6},"loop_wait_ms":7,)"
           R"("new_refused_basis_points":10000,"known_refused_basis_points":8})");
  CHECK(full.level == "shedding");
  CHECK(full.memory_used == 5U);
  CHECK(full.memory_limit == 6U);
  CHECK(full.loop_wait_ms == 7);
  CHECK(full.new_refused_basis_points == 10'000);
  CHECK(full.known_refused_basis_points == 8);
  CHECK_FALSE(read(R"({"level":"normal","memory":null,"loop_wait_ms":0})").memory_limit);
  const auto older = read_status(R"({"services":[{"name":"shop","generation":1,"live":"blue"}]})");
  REQUIRE(older);
  CHECK(older->overload.level == "normal");
}
