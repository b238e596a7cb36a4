// The admin server over connections in memory: paths, callers over TCP, connections.
#include "unit/admin/admin_rig.hpp"

namespace {

using namespace sluice;
using namespace std::chrono_literals;
using test::Admin;
using test::Answer;
using test::check_problem;
using test::FakeTransport;
using test::take_answer;

}  // namespace

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
