// The whole admin API over connections in memory, with a real controller between fakes.
#include "admin/admin_server.hpp"

#include <nlohmann/json.hpp>

#include "sluice/policy/balance.hpp"
#include "support/catch.hpp"
#include "support/control_rig.hpp"

namespace {

using namespace sluice;
using namespace std::chrono_literals;
using core::PoolName;
using nlohmann::json;
using test::ControlRig;
using test::FakeTransport;

struct Answer {
  unsigned status = 0;
  std::string head;
  std::string body;
  json content() const { return json::parse(body); }
  bool has(const std::string& line) const {
    return head.find("\r\n" + line + "\r\n") != std::string::npos;
  }
};

/// Takes one answer from the front of what was sent.
std::optional<Answer> take_answer(std::string& sent) {
  const std::size_t end = sent.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  Answer answer;
  answer.head = sent.substr(0, end + 2);
  answer.status = static_cast<unsigned>(std::stoul(answer.head.substr(9, 3)));
  const std::size_t at = answer.head.find("Content-Length: ");
  REQUIRE(at != std::string::npos);
  const std::size_t length = std::stoul(answer.head.substr(at + 16));
  answer.body = sent.substr(end + 4, length);
  REQUIRE(answer.body.size() == length);
  sent.erase(0, end + 4 + length);
  return answer;
}

struct Admin {
  explicit Admin(ControlRig::Options options = {}, std::string bound = "")
      : rig(std::move(options)), bound_host(std::move(bound)) {}

  FakeTransport& connect(net::AcceptEvents& door) {
    FakeTransport& transport = *transports.emplace_back(std::make_unique<FakeTransport>());
    door.on_accept(transport, {}, 0);
    return transport;
  }
  FakeTransport& connect() { return connect(server.local()); }

  Answer ask(const std::string& bytes) { return ask(connect(), bytes); }
  Answer ask(FakeTransport& transport, const std::string& bytes) {
    transport.give(bytes);
    rig.settle();
    const auto answer = take_answer(transport.sent);
    REQUIRE(answer);
    return *answer;
  }
  Answer get(const std::string& path) {
    return ask("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  static std::string post_bytes(const std::string& path, const std::string& body) {
    return "POST " + path +
           " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }
  Answer post(const std::string& path, const std::string& body) {
    return ask(post_bytes(path, body));
  }

  unsigned status_over_tcp(const std::string& host_field, const std::string& version = "1.1") {
    return ask(connect(server.remote()),
               "GET /metrics HTTP/" + version + "\r\n" + host_field + "\r\n")
        .status;
  }

  ControlRig rig;
  std::string bound_host;
  std::vector<std::unique_ptr<FakeTransport>> transports;
  admin::AdminServer server{
      rig.loop,
      {.controller = *rig.controller,
       .version = "1.2.3",
       .more_metrics = {},
       .bound_host = bound_host},
      [](const net::Transport&) { return control::Actor{.uid = 1000, .pid = 4711}; }};
};

void check_problem(const Answer& answer, unsigned status, const std::string& code) {
  INFO(answer.head << answer.body);
  CHECK(answer.status == status);
  CHECK(answer.has("Content-Type: application/problem+json"));
  const json problem = answer.content();
  CHECK(problem.size() ==
        5U + (problem.contains("instance") ? 1U : 0U) + (problem.contains("remedy") ? 1U : 0U));
  CHECK(problem.at("type") == "urn:sluice:problem:" + code);
  CHECK(problem.at("status") == status);
  CHECK(problem.at("code") == code);
  CHECK(problem.at("type").is_string());
  CHECK_FALSE(problem.at("title").get<std::string>().empty());
  CHECK_FALSE(problem.at("detail").get<std::string>().empty());
}

std::vector<std::string> keys(const json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

}  // namespace

// ---- shapes ----

TEST_CASE("admin: status has exactly the members of the contract", "[admin][status]") {
  Admin admin;
  const Answer answer = admin.get("/v1/status");
  CHECK(answer.status == 200);
  CHECK(answer.has("Content-Type: application/json"));
  CHECK(answer.has("Cache-Control: no-store"));
  const json status = answer.content();
  CHECK(keys(status) == std::vector<std::string>{"durable", "epoch", "generation", "listeners",
                                                 "services", "version", "workers"});
  CHECK(status["generation"] == 1);
  CHECK(status["epoch"] == 1);
  CHECK(status["durable"] == true);
  CHECK(status["version"] == "1.2.3");
  CHECK(status["workers"] == 2);
  CHECK(status["listeners"] == json::parse(R"([{"name":"main","address":"127.0.0.1:8080"}])"));
  CHECK(status["services"] ==
        json::parse(R"([{"name":"shop","generation":1,"live":"blue","candidate":"green",
      "split_basis_points":0,"observed_split_basis_points":null,"salt":"shop","hash":"murmur3-32-v1","candidate_open":true,"drains":[],
      "pools":{"blue":{"endpoints":[{"address":"127.0.0.1:9001","state":"up","in_flight":0}]},
               "green":{"endpoints":[{"address":"127.0.0.1:9002","state":"up","in_flight":0}]}}}])"));
}

TEST_CASE("admin: the status of one service", "[admin][status]") {
  Admin admin({.services = {"shop", "a b"}});
  CHECK(admin.get("/v1/status").content()["services"].size() == 2);
  const json one = admin.get("/v1/status/a%20b").content();
  REQUIRE(one["services"].size() == 1);
  CHECK(one["services"][0]["name"] == "a b");
  check_problem(admin.get("/v1/status/nobody"), 404, "unknown_service");
}

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

// ---- paths and methods ----

TEST_CASE("admin: unknown paths are 404, wrong methods 405 with Allow", "[admin][routes]") {
  Admin admin;
  for (const char* path :
       {"/", "/v1", "/v1/status/", "/v1/services/shop", "/v1/services//switch",
        "/v1/services/a/b/switch", "/v1/services/%zz/switch", "/v1/services/shop/switch/",
        "/v1/event", "/V1/status", "/v1/../v1/status"}) {
    INFO(path);
    check_problem(admin.post(path, "{}"), 404, "not_found");
  }
  const Answer get = admin.get("/v1/services/shop/switch");
  check_problem(get, 405, "method_not_allowed");
  CHECK(get.has("Allow: POST"));
  const Answer post = admin.post("/v1/status", "{}");
  check_problem(post, 405, "method_not_allowed");
  CHECK(post.has("Allow: GET, HEAD"));
  check_problem(admin.ask("DELETE /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405,
                "method_not_allowed");
}

TEST_CASE("admin: HEAD has the head of GET and no body", "[admin][routes]") {
  Admin admin;
  FakeTransport& caller = admin.connect();
  caller.give("HEAD /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
  admin.rig.settle();
  CHECK(caller.sent.ends_with("\r\n\r\n"));
  CHECK(caller.sent.find("Content-Length: 0\r\n") == std::string::npos);
  caller.sent.clear();
  CHECK(admin.ask(caller, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .content()["generation"] == 1);
}

TEST_CASE("admin: over TCP one may look and not touch", "[admin][remote]") {
  Admin admin;
  FakeTransport& caller = admin.connect(admin.server.remote());
  CHECK(admin.ask(caller, "GET /v1/status HTTP/1.1\r\nHost: localhost:9901\r\n\r\n").status == 200);
  for (const char* path :
       {"/v1/services/shop/switch", "/v1/services/shop/rollback", "/v1/changes"}) {
    check_problem(admin.ask(caller, Admin::post_bytes(path, R"({"pool":"green"})")), 403,
                  "read_only");
  }
  CHECK(admin.rig.controller->status().generation == core::Generation{1});
}

TEST_CASE("admin: over TCP the Host must be loopback", "[admin][remote]") {
  Admin admin;
  for (const char* host :
       {"localhost", "LOCALHOST:9901", "127.0.0.1", "127.8.9.1:80", "[::1]", "[::1]:9901"}) {
    INFO(host);
    CHECK(admin
              .ask(admin.connect(admin.server.remote()),
                   "GET /metrics HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n")
              .status == 200);
  }
  for (const char* host :
       {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]"}) {
    INFO(host);
    check_problem(admin.ask(admin.connect(admin.server.remote()),
                            "GET /metrics HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"),
                  403, "forbidden_host");
  }
  // On the Unix socket every Host is as good as another.
  CHECK(admin.ask("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n").status == 200);
}

TEST_CASE("admin: over TCP the Host may be the address that it is bound to", "[admin][remote]") {
  for (const auto& [bound, host] : {std::pair{"10.0.0.1", "10.0.0.1:9901"},
                                    {"10.0.0.1", "10.0.0.1"},
                                    {"10.0.0.1", "localhost"},
                                    {"2001:db8::1", "[2001:DB8:0::1]:9901"}}) {
    INFO(bound << " " << host);
    Admin admin({}, bound);
    CHECK(admin.status_over_tcp("Host: " + std::string(host) + "\r\n") == 200);
    for (const char* other : {"10.0.0.2", "[2001:db8::2]", "10.0.0.1.evil.example"}) {
      INFO(other);
      CHECK(admin.status_over_tcp("Host: " + std::string(other) + "\r\n") == 403);
    }
  }
}

TEST_CASE("admin: bound to the wildcard every address is a Host, no name is", "[admin][remote]") {
  for (const char* bound : {"0.0.0.0", "::"}) {
    INFO(bound);
    Admin admin({}, bound);
    for (const char* host : {"10.0.0.1:9901", "[2001:db8::1]", "127.0.0.1", "localhost"}) {
      INFO(host);
      CHECK(admin.status_over_tcp("Host: " + std::string(host) + "\r\n") == 200);
    }
    for (const char* host : {"evil.example", "10.0.0.1.evil.example", "10.0.0", "[evil.example]"}) {
      INFO(host);
      CHECK(admin.status_over_tcp("Host: " + std::string(host) + "\r\n") >= 400);
    }
  }
}

TEST_CASE("admin: over TCP a caller of HTTP/1.0 needs no Host", "[admin][remote]") {
  Admin admin;
  CHECK(admin.status_over_tcp("", "1.0") == 200);
  CHECK(admin.status_over_tcp("", "1.1") == 400);
  CHECK(admin.status_over_tcp("Host: evil.example\r\n", "1.0") == 403);
}

// ---- connections ----

TEST_CASE("admin: one connection serves requests one after the other", "[admin][connection]") {
  Admin admin;
  FakeTransport& caller = admin.connect();
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::string_view rest = requests;
  for (int i = 0; i < 300 && !(rest.empty() && caller.mode() == net::ReadMode::On); ++i) {
    rest = caller.give(rest);
    admin.rig.turn();
  }
  admin.rig.settle();
  for (int i = 0; i < 200; ++i) REQUIRE(take_answer(caller.sent)->status == 200);
  CHECK(caller.sent.empty());
  CHECK_FALSE(caller.is_closed);
}

TEST_CASE("admin: what follows a change waits until that is answered", "[admin][connection]") {
  Admin admin;
  admin.rig.store.mode = test::FakeStore::Mode::Hangs;
  FakeTransport& caller = admin.connect();
  caller.give(Admin::post_bytes("/v1/services/shop/switch", R"({"pool":"green"})") +
              "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
  admin.rig.settle();
  CHECK(caller.sent.empty());
  CHECK(caller.mode() == net::ReadMode::WatchClose);
  admin.rig.store.answer(test::FakeStore::Mode::Lands);
  admin.rig.settle();
  CHECK(take_answer(caller.sent)->content()["changed"] == true);
  CHECK(take_answer(caller.sent)->content()["generation"] == 2);
}

TEST_CASE("admin: Connection: close is answered, then closed", "[admin][connection]") {
  Admin admin;
  FakeTransport& caller = admin.connect();
  const Answer answer =
      admin.ask(caller, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  CHECK(answer.status == 200);
  CHECK(answer.has("Connection: close"));
  CHECK(caller.is_finished);
  CHECK_FALSE(caller.is_closed);
  caller.end();
  admin.rig.settle();
  CHECK(caller.is_closed);
  CHECK(admin.server.connections() == 0);
}

TEST_CASE("admin: malformed requests are answered, and what follows is thrown away",
          "[admin][connection]") {
  Admin admin;
  FakeTransport& caller = admin.connect();
  check_problem(admin.ask(caller, "GET / HTTP/1.1\r\n\r\n"), 400, "bad_request");
  CHECK(caller.is_finished);
  caller.give(std::string(100'000, 'x'));
  CHECK_FALSE(caller.is_closed);
  caller.give(std::string(200'000, 'x'));
  CHECK(caller.is_closed);
  admin.rig.settle();
  CHECK(admin.server.connections() == 0);
}

TEST_CASE("admin: lingering ends after a second", "[admin][connection]") {
  Admin admin;
  FakeTransport& caller = admin.connect();
  check_problem(admin.ask(caller, "nonsense\r\n\r\n"), 400, "bad_request");
  admin.rig.advance(900ms);
  CHECK_FALSE(caller.is_closed);
  admin.rig.advance(200ms);
  CHECK(caller.is_closed);
}

TEST_CASE("admin: a body that is too large is refused before it is read", "[admin][connection]") {
  Admin admin;
  check_problem(
      admin.ask("POST /v1/changes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n"),
      413, "too_large");
}

TEST_CASE("admin: Expect: 100-continue gets its 100, then the answer", "[admin][connection]") {
  Admin admin;
  FakeTransport& caller = admin.connect();
  caller.give(
      "POST /v1/services/shop/rollback HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
      "Content-Length: 2\r\n\r\n");
  CHECK(caller.sent == "HTTP/1.1 100 Continue\r\n\r\n");
  caller.sent.clear();
  CHECK(admin.ask(caller, "{}").status == 200);
}

TEST_CASE("admin: a request that never ends is given up after ten seconds", "[admin][connection]") {
  Admin admin;
  FakeTransport& caller = admin.connect();
  caller.give("GET /healthz HTTP/1.1\r\n");
  for (int i = 0; i < 9; ++i) {
    admin.rig.advance(1s);
    caller.give("X: y\r\n");
  }
  CHECK(caller.sent.empty());
  admin.rig.advance(1100ms);
  const auto answer = take_answer(caller.sent);
  REQUIRE(answer);
  check_problem(*answer, 408, "timeout");
}

TEST_CASE("admin: an idle connection is closed after a minute, without a word",
          "[admin][connection]") {
  Admin admin;
  FakeTransport& caller = admin.connect();
  CHECK(admin.ask(caller, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200);
  admin.rig.advance(59s);
  CHECK_FALSE(caller.is_closed);
  admin.rig.advance(2s);
  CHECK(caller.is_closed);
  CHECK(caller.sent.empty());
}

TEST_CASE("admin: a caller that does not read its answer is dropped", "[admin][connection]") {
  Admin admin;
  FakeTransport& caller = admin.connect();
  caller.takes_bytes = false;
  caller.give(
      "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\nGET /metrics HTTP/1.1\r\nHost: "
      "localhost\r\n\r\n");
  admin.rig.settle();
  const std::size_t one = caller.waiting.size();
  CHECK(one > 0);
  admin.rig.advance(9s);
  CHECK(caller.waiting.size() == one);  // the second is not answered before the first is gone
  CHECK_FALSE(caller.is_closed);
  admin.rig.advance(2s);
  CHECK(caller.is_closed);
}

TEST_CASE("admin: a slow reader gets everything", "[admin][connection]") {
  Admin admin;
  FakeTransport& caller = admin.connect();
  caller.takes_bytes = false;
  caller.give(
      "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: "
      "localhost\r\n\r\n");
  admin.rig.settle();
  caller.drain();
  admin.rig.settle();
  CHECK(take_answer(caller.sent)->status == 200);
  CHECK(take_answer(caller.sent)->body == "ok\n");
}

TEST_CASE("admin: a caller that half-closes still gets what is already answered",
          "[admin][connection]") {
  Admin admin;
  FakeTransport& caller = admin.connect();
  caller.takes_bytes = false;
  caller.give("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  admin.rig.settle();
  caller.end();
  admin.rig.settle();
  CHECK_FALSE(caller.is_closed);
  caller.drain();
  admin.rig.settle();
  CHECK(take_answer(caller.sent)->status == 200);
  CHECK(caller.is_closed);
}

TEST_CASE("admin: a broken connection is closed in every state", "[admin][connection]") {
  Admin admin;
  FakeTransport& fresh = admin.connect();
  FakeTransport& half = admin.connect();
  half.give("GET /");
  FakeTransport& handled = admin.connect();
  admin.rig.store.mode = test::FakeStore::Mode::Hangs;
  handled.give(Admin::post_bytes("/v1/services/shop/switch", R"({"pool":"green"})"));
  admin.rig.settle();
  for (FakeTransport* each : {&fresh, &half, &handled}) {
    each->fail();
    CHECK(each->is_closed);
  }
  admin.rig.settle();
  CHECK(admin.server.connections() == 0);
}

TEST_CASE("admin: connections are bounded, the oldest idle one goes first", "[admin][connection]") {
  Admin admin;
  const std::size_t most = core::limits::kAdminConnectionsMax / 4 * 3;
  FakeTransport& busy = admin.connect();
  busy.give("GET /");
  FakeTransport& oldest_idle = admin.connect();
  for (std::size_t i = 2; i < most; ++i) admin.connect();
  CHECK(admin.server.connections() == most);
  CHECK_FALSE(oldest_idle.is_closed);
  FakeTransport& late = admin.connect();
  admin.rig.settle();
  CHECK(oldest_idle.is_closed);
  CHECK_FALSE(busy.is_closed);
  CHECK(admin.server.connections() == most);
  CHECK(admin.ask(late, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200);
}

TEST_CASE("admin: callers over TCP can't take the operator's connections", "[admin][connection]") {
  Admin admin;
  for (std::size_t i = 0; i < 2 * core::limits::kAdminConnectionsMax; ++i) {
    admin.connect(admin.server.remote()).give("GET /");  // none is idle
  }
  admin.rig.settle();
  CHECK(admin.server.connections() == core::limits::kAdminConnectionsMax / 4);
  CHECK(admin.post("/v1/services/shop/rollback", "").status == 200);
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

TEST_CASE("admin: the newest records of the audit, as they stand in the file", "[admin][audit]") {
  Admin admin;
  admin.rig.store.audit_tail =
      control::AuditTail{{R"({"generation":1,"action":"start"})", "no JSON \xff"}, true};
  const Answer answer = admin.get("/v1/audit");
  CHECK(answer.status == 200);
  const json audit = answer.content();
  CHECK(audit["has_older"] == true);
  REQUIRE(audit["records"].size() == 2);
  CHECK(audit["records"][0]["action"] == "start");
  CHECK(audit["records"][1]["unreadable"].get<std::string>().starts_with("no JSON"));
  CHECK(admin.get("/v1/audit?limit=1").status == 200);
  CHECK(admin.get("/v1/audit?limit=1000").status == 200);
  CHECK(admin.rig.store.audit_asked == std::vector<std::size_t>{100, 1, 1000});
  for (const char* query : {"limit=0", "limit=1001", "limit=", "limit", "limit=1x", "since=3"}) {
    INFO(query);
    check_problem(admin.get("/v1/audit?" + std::string(query)), 400, "bad_request");
  }
  admin.rig.store.audit_tail = core::Error{core::ErrorCode::Io, "audit.jsonl", "read: I/O error"};
  check_problem(admin.get("/v1/audit"), 503, "storage_unavailable");
}

// ---- events ----

namespace {

/// The `data` of each event in what was sent, after the head.
std::vector<json> events_in(const std::string& sent) {
  std::vector<json> found;
  for (std::size_t at = sent.find("data: "); at != std::string::npos;
       at = sent.find("data: ", at + 1)) {
    found.push_back(json::parse(sent.substr(at + 6, sent.find('\n', at) - at - 6)));
  }
  return found;
}

std::string events_request(const std::string& query, const std::string& field = "") {
  return "GET /v1/events" + query + " HTTP/1.1\r\nHost: localhost\r\n" + field + "\r\n";
}

}  // namespace

TEST_CASE("admin: events go on as they come", "[admin][events]") {
  Admin admin;
  admin.rig.done(test::split_to(100));
  FakeTransport& reader = admin.connect();
  reader.give(events_request(""));
  admin.rig.settle();
  CHECK(reader.sent.find("\r\nContent-Type: text/event-stream\r\n") != std::string::npos);
  CHECK(reader.sent.find("Content-Length") == std::string::npos);
  CHECK(events_in(reader.sent).empty());  // those that came before were not asked for
  admin.rig.done(test::split_to(200));
  REQUIRE(events_in(reader.sent).size() == 1);
  const json event = events_in(reader.sent)[0];
  CHECK(event["event"] == "change");
  CHECK(event["split_basis_points"] == 200);
  CHECK(event["candidate_open"] == true);
  CHECK(event["text"] == "shop: split: blue is live, green gets 2% of the users");
  CHECK(reader.sent.find("\nevent: change\n") != std::string::npos);
  CHECK_FALSE(reader.is_finished);
  reader.end();
  admin.rig.settle();
  CHECK(reader.is_closed);
  CHECK(admin.rig.controller->events().readers() == 0);
}

TEST_CASE("admin: recent events, and an end behind the newest", "[admin][events]") {
  Admin admin;
  for (int i = 1; i <= 5; ++i) admin.rig.done(test::split_to(i));
  FakeTransport& reader = admin.connect();
  reader.give(events_request("?recent=2&follow=false"));
  admin.rig.settle();
  const auto events = events_in(reader.sent);
  REQUIRE(events.size() == 2);
  CHECK(events[0]["split_basis_points"] == 4);
  CHECK(reader.is_finished);
  CHECK(admin.rig.controller->events().readers() == 0);
  for (const char* query : {"?recent=1025", "?recent=x", "?follow=yes", "?since=3"}) {
    INFO(query);
    check_problem(admin.ask(events_request(query)), 400, "bad_request");
  }
  FakeTransport& head = admin.connect();
  head.give("HEAD /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  admin.rig.settle();
  CHECK(head.is_finished);
  CHECK(events_in(head.sent).empty());
}

TEST_CASE("admin: Last-Event-ID goes on behind that event, and knows those of another process",
          "[admin][events]") {
  Admin admin;
  for (int i = 1; i <= 4; ++i) admin.rig.done(test::split_to(i));
  const std::string epoch = std::to_string(admin.rig.controller->events().epoch());
  const auto resumed = [&](const std::string& id) {
    FakeTransport& reader = admin.connect();
    reader.give(events_request("?follow=false", "Last-Event-ID: " + id + "\r\n"));
    admin.rig.settle();
    return events_in(reader.sent);
  };
  REQUIRE(resumed(epoch + "-2").size() == 2);
  CHECK(resumed(epoch + "-2")[0]["split_basis_points"] == 3);
  CHECK(resumed(epoch + "-4").empty());
  for (const std::string& foreign : {std::string("1-2"), epoch + "-5", epoch, epoch + "-",
                                     epoch + "-2x", std::string("nonsense")}) {
    INFO(foreign);
    const auto events = resumed(foreign);
    REQUIRE(events.size() == 5);
    CHECK(events[0] == json{{"event", "lost"}, {"count", nullptr}, {"restarted", true}});
  }
}

TEST_CASE("admin: a slow reader loses events, is told how many, and delays nothing",
          "[admin][events]") {
  Admin admin;
  FakeTransport& reader = admin.connect();
  reader.give(events_request(""));
  admin.rig.settle();
  reader.takes_bytes = false;
  constexpr std::size_t kMany = 4000;
  for (std::size_t i = 0; i < kMany; ++i) {
    admin.rig.controller->events().add(control::EventKind::Problem, std::string(100, 'x'), {});
    if (i % 8 == 0) admin.rig.turn();
  }
  CHECK(reader.waiting.size() < core::limits::kEventQueueMax + 32 * 1024);
  CHECK(admin.rig.done(test::split_to(100))->is_answered());
  reader.drain();
  admin.rig.settle();
  const auto events = events_in(reader.sent);
  const auto lost = std::ranges::find(
      events, "lost", [](const json& event) { return event["event"].get<std::string>(); });
  REQUIRE(lost != events.end());
  const std::size_t got = events.size() - 1;
  CHECK(got + (*lost)["count"].get<std::size_t>() == kMany + 1);
  CHECK(events.back()["event"] == "change");
}

TEST_CASE("admin: silence on the event stream is broken by a comment", "[admin][events]") {
  Admin admin;
  FakeTransport& reader = admin.connect();
  reader.give(events_request(""));
  admin.rig.settle();
  const std::size_t before = reader.sent.size();
  admin.rig.advance(core::limits::kEventHeartbeat - 100ms);
  CHECK(reader.sent.size() == before);
  admin.rig.advance(200ms);
  CHECK(reader.sent.substr(before) == ":\n\n");
  reader.takes_bytes = false;
  admin.rig.advance(3 * core::limits::kEventHeartbeat);
  CHECK(reader.waiting.size() <= 3);  // nothing is heaped up for one that does not read
}

TEST_CASE("admin: a follower that takes nothing of what waits for it gives its place to another",
          "[admin][events]") {
  Admin admin;
  std::vector<FakeTransport*> readers;
  for (std::size_t i = 0; i < core::limits::kEventReadersMax; ++i) {
    readers.push_back(&admin.connect());
    readers.back()->give(events_request(""));
  }
  FakeTransport& never = *readers[0];
  FakeTransport& slow = *readers[1];
  admin.rig.settle();
  never.takes_bytes = slow.takes_bytes = false;
  // Events that go on coming are no sign that somebody reads them.
  const auto pass = [&](core::Nanos time) {
    for (; time > 0ns; time -= 1s) {
      admin.rig.controller->events().add(control::EventKind::Problem, std::string(100, 'x'), {});
      admin.rig.advance(std::min<core::Nanos>(time, 1s));
    }
  };
  // One byte is enough.
  const auto take_one = [](FakeTransport& reader) {
    reader.sent += reader.waiting.front();
    reader.waiting.erase(0, 1);
  };
  // The first look finds what it took before it stopped.
  pass(2 * core::limits::kEventStall - 2s);
  CHECK_FALSE(never.is_closed);
  check_problem(admin.ask(events_request("")), 503, "busy");
  for (int look = 0; look < 3; ++look) {
    take_one(slow);
    pass(core::limits::kEventStall);
    CHECK(never.is_closed);
    CHECK_FALSE(slow.is_closed);
  }
  CHECK(admin.rig.controller->events().readers() == core::limits::kEventReadersMax - 1);
  CHECK_FALSE(readers[2]->is_closed);
  FakeTransport& next = admin.connect();
  next.give(events_request(""));
  admin.rig.settle();
  CHECK(next.sent.find(" 200 ") != std::string::npos);
  pass(core::limits::kEventStall);
  CHECK(slow.is_closed);
}

TEST_CASE("admin: a follower that has nothing to read keeps its place", "[admin][events]") {
  Admin admin;
  FakeTransport& reader = admin.connect();
  reader.give(events_request(""));
  admin.rig.advance(10 * core::limits::kEventStall);
  CHECK_FALSE(reader.is_closed);
}

TEST_CASE("admin: so many may follow the events, and one more may look", "[admin][events]") {
  Admin admin;
  std::vector<FakeTransport*> readers;
  for (std::size_t i = 0; i < core::limits::kEventReadersMax; ++i) {
    readers.push_back(&admin.connect());
    readers.back()->give(events_request(""));
  }
  admin.rig.settle();
  check_problem(admin.ask(events_request("")), 503, "busy");
  FakeTransport& looker = admin.connect();
  looker.give(events_request("?follow=false"));
  admin.rig.settle();
  CHECK(looker.sent.find(" 200 ") != std::string::npos);
  readers[0]->fail();
  admin.rig.settle();
  FakeTransport& next = admin.connect();
  next.give(events_request(""));
  admin.rig.settle();
  CHECK(next.sent.find(" 200 ") != std::string::npos);
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

TEST_CASE("admin: over TCP neither the audit nor the events are shown", "[admin][events][audit]") {
  Admin admin;
  const auto over_tcp = [&admin](const std::string& bytes) {
    FakeTransport& transport = admin.connect(admin.server.remote());
    transport.give(bytes);
    admin.rig.settle();
    return transport.sent;
  };
  for (const std::string& bytes : {std::string("GET /v1/audit HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                                   events_request(""), events_request("?follow=false")}) {
    const std::string refused = over_tcp(bytes);
    CHECK(refused.find(" 403 ") != std::string::npos);
    CHECK(refused.find("local_only") != std::string::npos);
  }
  CHECK(admin.rig.store.audit_asked.empty());
  FakeTransport& local = admin.connect();
  local.give(events_request(""));
  admin.rig.settle();
  CHECK(local.sent.find(" 200 ") != std::string::npos);
}

TEST_CASE("admin: one look at the audit at a time, also when who asked has left",
          "[admin][audit]") {
  Admin admin;
  const std::string request = "GET /v1/audit HTTP/1.1\r\nHost: sluice\r\n\r\n";
  FakeTransport& first = admin.connect();
  FakeTransport& second = admin.connect();
  FakeTransport& third = admin.connect();
  first.give(request);
  second.give(request);
  third.give(request);
  admin.rig.settle();
  CHECK(first.sent.find(" 200 ") != std::string::npos);
  for (FakeTransport* refused : {&second, &third}) {
    CHECK(refused->sent.find(" 503 ") != std::string::npos);
    CHECK(refused->sent.find("\"busy\"") != std::string::npos);
  }
  CHECK(admin.rig.store.audit_asked.size() == 1);
  CHECK(admin.get("/v1/audit").status == 200);
}

// ---- explain ----

TEST_CASE("admin: explain has exactly the members of the contract", "[admin][explain]") {
  Admin admin;
  admin.post("/v1/services/shop/split", R"({"percent":"20%","salt":"shop-2026"})");
  const Answer answer = admin.post("/v1/services/shop/explain", R"({"user":"user-2"})");
  CHECK(answer.status == 200);
  const json told = answer.content();
  CHECK(keys(told) == std::vector<std::string>{"answer", "before_fallback", "bucket", "endpoints",
                                               "explanation", "generation", "identity", "pin",
                                               "pool", "reason", "request", "routing", "service"});
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
