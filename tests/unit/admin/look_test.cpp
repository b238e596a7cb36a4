// What the admin API shows: status, health, metrics, explanations.
#include "sluice/policy/balance.hpp"
#include "unit/admin/admin_rig.hpp"

namespace {

using namespace sluice;
using namespace std::chrono_literals;
using core::PoolName;
using nlohmann::json;
using test::Admin;
using test::Answer;
using test::check_problem;
using test::keys;

}  // namespace

TEST_CASE("admin: status has exactly the members of the contract", "[admin][status]") {
  Admin admin;
  const Answer answer = admin.get("/v1/status");
  CHECK(answer.status == 200);
  CHECK(answer.has("Content-Type: application/json"));
  CHECK(answer.has("Cache-Control: no-store"));
  const json status = answer.content();
  CHECK(keys(status) == std::vector<std::string>{"durable", "epoch", "generation", "listeners",
                                                 "overload", "services", "version", "workers"});
  CHECK(status["generation"] == 1);
  CHECK(status["epoch"] == 1);
  CHECK(status["durable"] == true);
  CHECK(status["version"] == "1.2.3");
  CHECK(status["workers"] == 2);
  CHECK(status["listeners"] == json::parse(R"([{"name":"main","address":"127.0.0.1:8080"}])"));
  CHECK(status["services"] ==
        json::parse(R"([{"name":"shop","generation":1,"live":"blue","candidate":"green",
      "split_basis_points":0,"observed_split_basis_points":null,"salt":"shop","hash":"murmur3-32-v1","candidate_open":true,"drains":[],"limits":[],
      "routes":[],
      "pools":{"blue":{"endpoints":[{"address":"127.0.0.1:9001","state":"up","in_flight":0}],
                       "budgets":{"retries":{"in_use":0,"most":3,"refused":0},
                                  "rescues":{"in_use":0,"most":3,"refused":0},
                                  "assets":{"in_use":0,"most":128,"refused":0}},
                       "breaker":{"state":"closed","openings":0,"requests":0,"failures":0,"slow":0},
                       "ceilings":{"connections":{"used":0,"max":1024}}},
               "green":{"endpoints":[{"address":"127.0.0.1:9002","state":"up","in_flight":0}],
                       "budgets":{"retries":{"in_use":0,"most":3,"refused":0},
                                  "rescues":{"in_use":0,"most":3,"refused":0},
                                  "assets":{"in_use":0,"most":128,"refused":0}},
                        "breaker":{"state":"closed","openings":0,"requests":0,"failures":0,"slow":0},
                        "ceilings":{"connections":{"used":0,"max":1024}}}}}])"));
}

TEST_CASE("admin: budgets are those of the pool that does the work", "[admin][status]") {
  Admin admin;
  const model::Pool& blue = admin.rig.pool(PoolName::Blue);
  const model::Pool& green = admin.rig.pool(PoolName::Green);
  blue.endpoints[0].cell->in_flight = 20;
  green.endpoints[0].cell->in_flight = 50;
  blue.cell->repeating = 1;
  blue.cell->rescuing = 2;
  green.cell->asset_asks = 3;
  constexpr std::size_t kBlue = core::index(PoolName::Blue);
  constexpr std::size_t kGreen = core::index(PoolName::Green);
  constexpr auto kOverLimit = static_cast<std::size_t>(policy::AssetOutcome::OverLimit);
  for (const auto& worker : admin.rig.workers) {  // two
    metrics::ServiceCounters& counted = worker->block.services[0];
    counted.retries_over_budget[kBlue].add();
    for (int i = 0; i < 2; ++i) counted.rescues_over_budget[kGreen].add();  // green has failed
    for (int i = 0; i < 3; ++i) counted.asset_rescues[kBlue][kOverLimit].add();
  }
  const json pools = admin.get("/v1/status").content()["services"][0]["pools"];
  CHECK(pools["blue"]["budgets"]["retries"] == json{{"in_use", 1}, {"most", 4}, {"refused", 2}});
  CHECK(pools["blue"]["budgets"]["rescues"] == json{{"in_use", 2}, {"most", 70}, {"refused", 4}});
  CHECK(pools["blue"]["budgets"]["assets"] == json{{"in_use", 0}, {"most", 128}, {"refused", 0}});
  CHECK(pools["green"]["budgets"]["retries"] == json{{"in_use", 0}, {"most", 10}, {"refused", 0}});
  CHECK(pools["green"]["budgets"]["rescues"] == json{{"in_use", 0}, {"most", 70}, {"refused", 0}});
  CHECK(pools["green"]["budgets"]["assets"] == json{{"in_use", 3}, {"most", 128}, {"refused", 6}});
  for (const model::Pool* pool : {&blue, &green}) {
    pool->endpoints[0].cell->in_flight = 0;
    pool->cell->repeating = pool->cell->rescuing = pool->cell->asset_asks = 0;
  }
}

TEST_CASE("admin: the status of one service", "[admin][status]") {
  Admin admin({.services = {"shop", "a b"}});
  CHECK(admin.get("/v1/status").content()["services"].size() == 2);
  const json one = admin.get("/v1/status/a%20b").content();
  REQUIRE(one["services"].size() == 1);
  CHECK(one["services"][0]["name"] == "a b");
  check_problem(admin.get("/v1/status/nobody"), 404, "unknown_service");
}

// ---- health and metrics ----

TEST_CASE("admin: readyz says what is missing", "[admin][health]") {
  Admin admin;
  CHECK(admin.get("/readyz").body == "ok\n");
  const std::string verbose = admin.get("/readyz?verbose").body;
  CHECK(verbose.find("[+] listeners\n") != std::string::npos);
  CHECK(verbose.find("[+] service shop\n") != std::string::npos);
  admin.rig.workers[0]->take_lease(admin.rig.pool(PoolName::Blue));
  admin.rig.controller->begin_stop(30s, [] {});
  const Answer stopping = admin.get("/readyz");
  CHECK(stopping.status == 503);
  CHECK(stopping.body == "[-] stopping: the process is stopping\n");
  CHECK(admin.get("/healthz").status == 200);
}

TEST_CASE("admin: healthz sees a worker that hangs", "[admin][health]") {
  Admin admin;
  CHECK(admin.get("/healthz").body == "ok\n");
  admin.rig.workers[1]->is_hanging = true;
  admin.rig.advance(3s);
  const Answer answer = admin.get("/healthz");
  CHECK(answer.status == 503);
  CHECK(answer.body == "[-] worker 1: its loop does not turn\n");
}

TEST_CASE("admin: metrics sum the workers and show the traffic state", "[admin][metrics]") {
  Admin admin;
  metrics::ServiceCounters& first = admin.rig.workers[0]->block.services[0];
  metrics::ServiceCounters& second = admin.rig.workers[1]->block.services[0];
  for (const auto duration : {500us, 1'000us, 3'000us}) first.durations[0][1].observe(duration);
  for (int i = 0; i < 4; ++i) second.durations[0][1].observe(250ms);
  second.in_flight[1].add(2);
  admin.rig.workers[0]->block.unmatched[3].observe(1ms);
  first.endpoint_connects[0].observe(2ms);
  second.endpoint_first_bytes[1].observe(11s);
  first.choices[1][static_cast<std::size_t>(policy::Reason::Split)].add(8);
  first.identities[static_cast<std::size_t>(metrics::IdentityLabel::Header)].add(9);
  second.refusals[static_cast<std::size_t>(metrics::Refusal::NoEndpoint)].add(2);
  admin.rig.workers[1]->block.unmatched_refusals[0].add(1);
  admin.rig.workers[0]->block.connections_open.add(6);
  admin.post("/v1/services/shop/split", R"({"percent":"12.5"})");
  const Answer answer = admin.get("/metrics");
  CHECK(answer.has("Content-Type: text/plain; version=0.0.4; charset=utf-8"));
  for (
      const char* line :
      {"sluice_requests_total{service=\"shop\",pool=\"blue\",code=\"2xx\"} 7",
       "sluice_requests_total{service=\"shop\",pool=\"green\",code=\"5xx\"} 0",
       "sluice_requests_total{service=\"\",pool=\"\",code=\"4xx\"} 1",
       R"(sluice_request_duration_seconds_bucket{service="shop",pool="blue",code="2xx",le="0.001"} 2)",
       R"(sluice_request_duration_seconds_bucket{service="shop",pool="blue",code="2xx",le="0.005"} 3)",
       R"(sluice_request_duration_seconds_bucket{service="shop",pool="blue",code="2xx",le="0.25"} 7)",
       R"(sluice_request_duration_seconds_bucket{service="shop",pool="blue",code="2xx",le="+Inf"} 7)",
       R"(sluice_request_duration_seconds_sum{service="shop",pool="blue",code="2xx"} 1.0045)",
       R"(sluice_request_duration_seconds_count{service="shop",pool="blue",code="2xx"} 7)",
       R"(sluice_endpoint_connect_seconds_count{service="shop",pool="blue"} 1)",
       R"(sluice_endpoint_first_byte_seconds_bucket{service="shop",pool="green",le="10"} 0)",
       R"(sluice_endpoint_first_byte_seconds_bucket{service="shop",pool="green",le="+Inf"} 1)",
       R"(sluice_choices_total{service="shop",pool="green",reason="split"} 8)",
       R"(sluice_identities_total{service="shop",source="header"} 9)",
       R"(sluice_identities_total{service="shop",source="none"} 0)",
       R"(sluice_refusals_total{service="shop",cause="no_endpoint"} 2)",
       R"(sluice_refusals_total{service="shop",cause="cut"} 0)",
       R"(sluice_refusals_total{service="",cause="bad_request"} 1)",
       "sluice_requests_in_flight{service=\"shop\",pool=\"green\"} 2",
       "sluice_connections_open 6",
       "sluice_generation 2",
       "sluice_service_generation{service=\"shop\"} 2",
       "sluice_split_ratio{service=\"shop\"} 0.125",
       "sluice_live_pool{service=\"shop\",pool=\"blue\"} 1",
       "sluice_candidate_open{service=\"shop\"} 1",
       "sluice_state_durable 1",
       "sluice_ready 1",
       "sluice_drains{service=\"shop\",pool=\"blue\"} 0",
       "sluice_build_info{version=\"1.2.3\"} 1"}) {
    INFO(line);
    CHECK(("\n" + answer.body).find("\n" + std::string(line) + "\n") != std::string::npos);
  }
}

TEST_CASE("admin: every metric has its HELP and TYPE once, and counters end in _total",
          "[admin][metrics]") {
  Admin admin;
  std::istringstream lines(admin.get("/metrics").body);
  std::map<std::string, std::string> types;
  std::string help;
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    if (line.starts_with("# HELP ")) {
      help = line.substr(7, line.find(' ', 7) - 7);
      REQUIRE_FALSE(types.contains(help));
    } else if (line.starts_with("# TYPE ")) {
      const std::size_t end = line.find(' ', 7);
      REQUIRE(line.substr(7, end - 7) == help);
      types[help] = line.substr(end + 1);
      REQUIRE((types[help] == "counter") == help.ends_with("_total"));
    } else {
      const std::string name = line.substr(0, line.find_first_of("{ "));
      const bool is_part = types[help] == "histogram" && name.starts_with(help);
      REQUIRE((is_part ? help : name) == help);
    }
  }
  CHECK(types.size() > 20);
}

TEST_CASE("admin: metrics say when the state is not on the disk", "[admin][metrics]") {
  Admin admin;
  admin.rig.store.mode = test::FakeStore::Mode::Fails;
  CHECK(admin.post("/v1/services/shop/rollback", "").content()["durable"] == false);
  CHECK(admin.get("/metrics").body.find("sluice_state_durable 0\n") != std::string::npos);
  CHECK(admin.get("/v1/status").content()["durable"] == false);
}

// ---- explain ----

TEST_CASE("admin: explain has exactly the members of the contract", "[admin][explain]") {
  Admin admin;
  admin.post("/v1/services/shop/split", R"({"percent":"20%","salt":"shop-2026"})");
  const Answer answer = admin.post("/v1/services/shop/explain", R"({"user":"user-2"})");
  CHECK(answer.status == 200);
  const json told = answer.content();
  CHECK(keys(told) == std::vector<std::string>{"answer", "before_fallback", "breakers", "bucket",
                                               "ceilings", "endpoints", "explanation", "generation",
                                               "identity", "limits", "overload", "pin", "pool",
                                               "reason", "request", "routing", "service"});
  CHECK(told["overload"] == json{{"level", "normal"},
                                 {"cause", nullptr},
                                 {"users", "known"},
                                 {"refused_basis_points", 0},
                                 {"refuses", false}});
  CHECK(told["limits"].empty());
  CHECK(told["explanation"] ==
        "user-2 is in bucket 1364 of 10000, below the split of 20 %, so green");
  CHECK(told["generation"] == 2);
  CHECK(told["bucket"] == 1364);
  CHECK(told["pool"] == "green");
  CHECK(told["reason"] == "split");
  CHECK(told["identity"] ==
        json{{"value", "user-2"}, {"source", "given"}, {"name", nullptr}, {"was_too_long", false}});
  CHECK(told["service"] == json{{"name", "shop"},
                                {"generation", 2},
                                {"live", "blue"},
                                {"candidate", "green"},
                                {"candidate_open", true},
                                {"split_basis_points", 2000},
                                {"salt", "shop-2026"}});
  CHECK(told["request"] ==
        json{{"method", "GET"}, {"host", ""}, {"path", "/"}, {"client", "127.0.0.1"}});
  CHECK(told["endpoints"] == json::array({{{"pool", "green"},
                                           {"address", "127.0.0.1:9002"},
                                           {"state", "up"},
                                           {"penalty_left_ms", 0},
                                           {"in_flight", 0}}}));
  for (const char* name : {"routing", "pin", "before_fallback", "answer"})
    CHECK(told[name].is_null());
  CHECK(admin.get("/v1/status").content()["generation"] == 2);
}

TEST_CASE("admin: explain finds the service by host, or asks for one", "[admin][explain]") {
  Admin admin({.services = {"shop", "blog"}});
  check_problem(admin.post("/v1/explain", R"({"user":"u"})"), 400, "service_required");
  check_problem(admin.post("/v1/services/nope/explain", R"({"user":"u"})"), 404, "unknown_service");
  check_problem(admin.post("/v1/explain", R"({"user":"u","surprise":1})"), 400, "bad_request");
  check_problem(admin.post("/v1/explain", R"({"user":"u","listener":"x"})"), 400,
                "service_required");
  check_problem(admin.post("/v1/services/shop/explain", R"({"user":"u","listener":"x"})"), 400,
                "bad_request");
  check_problem(admin.post("/v1/explain", R"({"user":"u","path":"/ HTTP/1.1\r\nX: y"})"), 400,
                "bad_request");
  check_problem(admin.post("/v1/explain", R"({"user":"u","host":"a b"})"), 400, "bad_request");
  const json routed = admin.post("/v1/explain", R"({"user":"u","host":"a"})").content();
  CHECK(routed["service"]["name"] == "shop");
  CHECK(routed["routing"]["service"] == "shop");
  CHECK(routed["routing"]["listener"] == "main");
  const json named =
      admin.post("/v1/services/blog/explain", R"({"user":"u","host":"a"})").content();
  CHECK(named["service"]["name"] == "blog");
  CHECK(named["routing"]["service"] == "shop");
}

TEST_CASE("admin: explain says what a client would be refused with", "[admin][explain]") {
  Admin admin;
  const json told = admin.post("/v1/explain", R"({"request":"R0VUIC8NCgD/DQoNCg=="})").content();
  CHECK(told["answer"]["status"] == 400);
  CHECK(told["service"].is_null());
  CHECK(told["pool"].is_null());
  CHECK(told["endpoints"].empty());
}

TEST_CASE("admin: explain shows penalties and endpoints that are taken out", "[admin][explain]") {
  Admin admin;
  const model::Pool& blue = admin.rig.pool(PoolName::Blue);
  blue.endpoints[0].cell->penalty = policy::Penalty().after_failure(admin.rig.loop.now()).word();
  const json told = admin.post("/v1/explain", R"({"user":"u"})").content();
  CHECK(told["endpoints"][0]["state"] == "penalty");
  CHECK(told["endpoints"][0]["penalty_left_ms"] == 1000);
  CHECK(told["pool"] == "blue");
  admin.post("/v1/services/shop/endpoints/drain", R"({"endpoint":"127.0.0.1:9001","force":true})");
  const json out = admin.post("/v1/explain", R"({"user":"u"})").content();
  CHECK(out["endpoints"][0]["state"] == "draining");
  CHECK(out["answer"]["status"] == 503);
}
