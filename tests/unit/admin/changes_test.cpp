// Changes over the admin API, with a real controller between fakes.
#include "unit/admin/admin_rig.hpp"

namespace {

using namespace sluice;
using namespace std::chrono_literals;
using core::PoolName;
using nlohmann::json;
using test::Admin;
using test::Answer;
using test::check_problem;
using test::FakeTransport;
using test::keys;
using test::take_answer;

}  // namespace

TEST_CASE("admin: a change has exactly the members of the contract", "[admin][changes]") {
  Admin admin;
  const Answer answer =
      admin.post("/v1/services/shop/switch", R"({"pool":"green","reason":"release"})");
  CHECK(answer.status == 200);
  json change = answer.content();
  for (const char* time : {"persist", "flip", "adopted"}) {
    CHECK(change["took_us"][time].is_number_unsigned());
    change["took_us"][time] = 0;
  }
  CHECK(
      change ==
      json::parse(
          R"({"changed":true,"generation":2,"service":"shop","live":"green","split_basis_points":0,
      "durable":true,"took_us":{"persist":0,"flip":0,"adopted":0},"workers":{"total":2,"adopted":2,"missing":[]},
      "drain":{"outcome":"drained","requests_cut":0,"tunnels_cut":0,"tunnels_kept":0},"warnings":[]})"));
  CHECK(admin.rig.store.audit.back().actor == control::Actor{.uid = 1000, .pid = 4711});
  CHECK(admin.rig.store.audit.back().reason == "release");
}

TEST_CASE("admin: split and rollback", "[admin][changes]") {
  Admin admin;
  const json split = admin.post("/v1/services/shop/split", R"({"percent":"12.5%"})").content();
  CHECK(split["split_basis_points"] == 1250);
  CHECK(split["drain"].is_null());
  const json undo = admin.post("/v1/services/shop/rollback", "").content();
  CHECK(undo["changed"] == true);
  CHECK(undo["split_basis_points"] == 0);
  CHECK(admin.post("/v1/services/shop/rollback", "{}").content()["changed"] == false);
}

TEST_CASE("admin: a list of changes is one generation", "[admin][changes]") {
  Admin admin({.services = {"shop", "blog"}});
  const json answer = admin
                          .post("/v1/changes",
                                R"({"changes":[{"service":"shop","action":"switch","pool":"green"},
                                               {"service":"blog","action":"switch","pool":"green"}]})")
                          .content();
  CHECK(keys(answer) == std::vector<std::string>{"changed", "durable", "generation", "services",
                                                 "took_us", "workers"});
  CHECK(answer["generation"] == 2);
  REQUIRE(answer["services"].size() == 2);
  CHECK(answer["services"][1]["service"] == "blog");
  CHECK(answer["services"][1]["generation"] == 2);
}

TEST_CASE("admin: refused changes are problems with their code", "[admin][changes]") {
  Admin admin({.services = {"shop", "blog"}});
  check_problem(admin.post("/v1/services/shp/rollback", ""), 404, "unknown_service");
  check_problem(admin.post("/v1/services/shop/switch", "{}"), 400, "bad_request");
  check_problem(admin.post("/v1/services/shop/switch", "nonsense"), 400, "bad_request");
  check_problem(admin.post("/v1/services/shop/split", R"({"percent":"1","x":1})"), 400,
                "bad_request");
  check_problem(admin.post("/v1/services/shop/split", R"({"percent":"1","if_generation":9})"), 409,
                "generation_mismatch");
  check_problem(admin.post("/v1/changes", R"({"changes":[{"action":"rollback"}]})"), 400,
                "service_required");
  admin.rig.connector.modes[9002] = test::FakeConnector::Mode::Refuses;
  check_problem(admin.post("/v1/services/shop/switch", R"({"pool":"green"})"), 409,
                "pool_unreachable");
  admin.rig.store.mode = test::FakeStore::Mode::Fails;
  const Answer full = admin.post("/v1/services/shop/split", R"({"percent":"1"})");
  check_problem(full, 503, "storage_unavailable");
  CHECK(full.has("Retry-After: 1"));
  CHECK(admin.rig.controller->status().generation == core::Generation{1});
}

TEST_CASE("admin: with wait the answer comes when the drain has ended", "[admin][changes]") {
  Admin admin;
  admin.rig.workers[0]->take_lease(admin.rig.pool(PoolName::Blue));
  FakeTransport& caller = admin.connect();
  caller.give(Admin::post_bytes("/v1/services/shop/switch",
                                R"({"pool":"green","wait":true,"drain":"2s"})"));
  admin.rig.advance(1900ms);
  CHECK(caller.sent.empty());
  admin.rig.advance(300ms);
  const auto answer = take_answer(caller.sent);
  REQUIRE(answer);
  CHECK(answer->content()["drain"] ==
        json::parse(R"({"outcome":"deadline","requests_cut":1,"tunnels_cut":0,"tunnels_kept":0})"));
}

TEST_CASE("admin: a caller who leaves cancels nothing", "[admin][changes]") {
  Admin admin;
  admin.rig.store.mode = test::FakeStore::Mode::Hangs;
  FakeTransport& caller = admin.connect();
  caller.give(Admin::post_bytes("/v1/services/shop/switch", R"({"pool":"green"})"));
  admin.rig.settle();
  caller.end();
  admin.rig.settle();
  CHECK(caller.is_closed);
  CHECK(admin.server.connections() == 0);
  admin.rig.store.answer(test::FakeStore::Mode::Lands);
  admin.rig.settle();
  CHECK(admin.rig.view().live == PoolName::Green);
  CHECK(caller.sent.empty());
}

// ---- dry runs, entity tags, problems ----

TEST_CASE("admin: a dry run has the shape of a change, and says what would be", "[admin][dry]") {
  Admin admin;
  const Answer answer =
      admin.post("/v1/services/shop/switch", R"({"pool":"green","dry_run":true})");
  CHECK(answer.status == 200);
  const json dry = answer.content();
  CHECK(dry["dry_run"] == true);
  CHECK(dry["changed"] == false);
  CHECK(dry["live"] == "blue");
  CHECK(dry["split_basis_points"] == 0);
  CHECK(dry["generation"] == 1);
  CHECK(dry["would"] == json::parse(R"({"changed":true,"live":"green","split_basis_points":0,
      "moved_basis_points":10000,"users_seen":0,"users_moved":0,"drain":{"pool":"blue","requests":0,"tunnels":0}})"));
  const json split =
      admin.post("/v1/services/shop/split", R"({"percent":"5%","dry_run":true})").content();
  CHECK(split["would"]["moved_basis_points"] == 500);
  CHECK(split["would"]["split_basis_points"] == 500);
  CHECK(split["split_basis_points"] == 0);
  CHECK(split["changed"] == false);
  CHECK(split["would"]["drain"] == nullptr);
  const json list =
      admin
          .post(
              "/v1/changes",
              R"({"changes":[{"service":"shop","action":"switch","pool":"green"}],"dry_run":true})")
          .content();
  CHECK(list["dry_run"] == true);
  CHECK(list["changed"] == false);
  CHECK(list["would"] == json{{"changed", true}});
  CHECK(list["services"][0]["would"]["live"] == "green");
  const json nothing =
      admin.post("/v1/services/shop/switch", R"({"pool":"blue","dry_run":true})").content();
  CHECK(nothing["would"]["changed"] == false);
  const json status = admin.get("/v1/status").content();
  CHECK(status["generation"] == 1);
  CHECK(status["services"][0]["live"] == "blue");
  CHECK_FALSE(
      admin.post("/v1/services/shop/switch", R"({"pool":"green"})").content().contains("dry_run"));
}

TEST_CASE("admin: parameters behind the path of a change are refused, not passed over",
          "[admin][changes][dry]") {
  Admin admin;
  for (const auto& [path, body] :
       {std::pair{"switch?dry_run=true", R"({"pool":"green"})"},
        {"split?dry_run=true", R"({"percent":"10%"})"},
        {"rollback?dry_run", ""},
        {"endpoints/drain?pool=blue", R"({"endpoint":"127.0.0.1:9001"})"}}) {
    INFO(path);
    const std::string whole = std::string("/v1/services/shop/") + path;
    check_problem(admin.post(whole, body), 400, "bad_request");
  }
  check_problem(admin.post("/v1/changes?force=true",
                           R"({"changes":[{"service":"shop","action":"rollback"}]})"),
                400, "bad_request");
  CHECK(admin.get("/v1/status").content()["generation"] == 1);
}

TEST_CASE("admin: the entity tag of a state lets a change through, another is a 412",
          "[admin][etag]") {
  Admin admin({.services = {"shop", "blog"}});
  const auto post = [&admin](const std::string& path, const std::string& body,
                             const std::string& fields) {
    return admin.ask("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body);
  };
  const std::string split = R"({"percent":"5%"})";
  const std::string shop = "/v1/services/shop/split";
  CHECK(admin.get("/v1/status").has("ETag: \"1\""));
  const Answer changed = post(shop, split, "If-Match: \"1\"\r\n");
  CHECK(changed.status == 200);
  CHECK(changed.has("ETag: \"2\""));
  CHECK(admin.get("/v1/status").has("ETag: \"2\""));
  CHECK(admin.get("/v1/status/shop").has("ETag: \"2\""));
  CHECK(admin.get("/v1/status/blog").has("ETag: \"1\""));

  const Answer stale = post(shop, R"({"percent":"6%"})", "If-Match: \"1\"\r\n");
  check_problem(stale, 412, "precondition_failed");
  CHECK(stale.content()["detail"].get<std::string>().find("\"2\"") != std::string::npos);
  CHECK(post("/v1/services/blog/split", split, "If-Match: \"1\"\r\n").status == 200);
  CHECK(post(shop, R"({"percent":"7%"})", "If-Match: \"8\"\r\nIf-Match: \"2\"\r\n").status == 200);
  CHECK(post(shop, R"({"percent":"8%"})", "If-Match: *\r\n").status == 200);
  check_problem(post(shop, split, "If-Match: W/\"5\"\r\n"), 412, "precondition_failed");
  check_problem(post(shop, split, "If-Match: 5\r\n"), 400, "bad_request");
  check_problem(post("/v1/services/shop/rollback", "{}", "If-Match: \"1\"\r\n"), 400,
                "bad_request");
  const std::string list = R"({"changes":[{"service":"shop","action":"switch","pool":"green"}]})";
  check_problem(post("/v1/changes", list, "If-Match: \"4\"\r\n"), 412, "precondition_failed");
  const Answer all = post("/v1/changes", list, "If-Match: \"5\"\r\n");
  CHECK(all.status == 200);
  CHECK(all.has("ETag: \"6\""));
}

TEST_CASE("admin: a refusal says what was asked, why not, and what would work",
          "[admin][problem]") {
  Admin admin;
  admin.rig.connector.modes[9002] = test::FakeConnector::Mode::Refuses;
  const json refused = admin.post("/v1/services/shop/switch", R"({"pool":"green"})").content();
  CHECK(refused["instance"] == "/v1/services/shop/switch");
  CHECK(refused["title"] == "No endpoint of the pool accepts connections");
  CHECK(refused["remedy"] == "sluice switch green shop --force");
  const auto remedy = [&admin](const std::string& path, const std::string& body) {
    return admin.post(path, body).content().value("remedy", "");
  };
  CHECK(remedy("/v1/services/shop/endpoints/disable", R"({"endpoint":"127.0.0.1:9001"})") ==
        "sluice endpoint disable 127.0.0.1:9001 shop --force");
  CHECK(remedy("/v1/services/nope/rollback", "{}") == "sluice status");
  CHECK(remedy("/v1/services/shop/switch", R"({"pool":"green","if_generation":9})") ==
        "sluice status shop");
  const json unknown = admin.get("/v1/status/nope").content();
  CHECK(unknown["detail"] == "no service \"nope\"; there is: shop");
  CHECK(unknown["remedy"] == "sluice status");
  CHECK(admin.get("/nowhere").content()["instance"] == "/nowhere");
  admin.rig.store.mode = test::FakeStore::Mode::Fails;
  CHECK(remedy("/v1/services/shop/split", R"({"percent":"5%"})").find("disk") != std::string::npos);
}

TEST_CASE("admin: endpoints are drained, disabled and enabled", "[admin][endpoint]") {
  Admin admin;
  const auto state_of = [&admin](const char* pool) {
    return admin.get("/v1/status").content()["services"][0]["pools"][pool]["endpoints"][0]["state"];
  };
  const std::string body = R"({"endpoint":"127.0.0.1:9002"})";
  for (const auto& [verb, state] : std::vector<std::pair<std::string, std::string>>{
           {"drain", "draining"}, {"disable", "disabled"}, {"enable", "up"}}) {
    const Answer answer = admin.post("/v1/services/shop/endpoints/" + verb, body);
    INFO(answer.body);
    CHECK(answer.status == 200);
    CHECK(answer.content()["changed"] == true);
    CHECK(answer.content()["drain"] == nullptr);
    CHECK(answer.content()["endpoint"] ==
          json{{"pool", "green"}, {"address", "127.0.0.1:9002"}, {"state", state}});
    CHECK(state_of("green") == state);
  }
  CHECK(admin.get("/v1/status").content()["generation"] == 4);
  check_problem(admin.post("/v1/services/shop/endpoints/drain", R"({"endpoint":"127.0.0.1:9001"})"),
                409, "last_endpoint");
  check_problem(admin.post("/v1/services/shop/endpoints/drain", R"({"endpoint":"127.0.0.1:1"})"),
                404, "unknown_endpoint");
  check_problem(admin.post("/v1/services/shop/endpoints/eject", body), 404, "not_found");
  check_problem(admin.post("/v1/services/shop/endpoints/drain", "{}"), 400, "bad_request");
}
