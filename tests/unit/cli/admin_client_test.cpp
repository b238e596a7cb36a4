#include "cli/admin_client.hpp"

#include "fake_admin.hpp"
#include "support/catch.hpp"

using namespace sluice;
using cli::ask_admin;

TEST_CASE("admin client: sends one request and reads the answer by its length", "[cli]") {
  FakeAdmin admin([](const std::string&) { return FakeAdmin::json(200, R"({"a":1})"); });
  const auto answer =
      ask_admin(admin.path(), {"POST", "/v1/services/shop/switch", R"({"pool":"green"})"});
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->body == R"({"a":1})");
  CHECK(admin.requests().at(0).starts_with("POST /v1/services/shop/switch HTTP/1.1\r\nHost: "));
  CHECK(admin.requests().at(0).ends_with("\r\n\r\n{\"pool\":\"green\"}"));
}

TEST_CASE("admin client: reads chunked answers and those that end with the connection", "[cli]") {
  FakeAdmin admin([](const std::string& request) -> std::string {
    if (request.starts_with("GET /chunked")) {
      return "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
             "chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n";
    }
    return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"b\":2}";
  });
  CHECK(ask_admin(admin.path(), {.path = "/chunked", .body = ""})->body == R"({"a":1})");
  CHECK(ask_admin(admin.path(), {.path = "/close", .body = ""})->body == R"({"b":2})");
}

TEST_CASE("admin client: a socket that nobody serves is unavailable", "[cli]") {
  CHECK(ask_admin("/nonexistent/admin.sock", {.path = "/", .body = ""}).error().code ==
        core::ErrorCode::Unavailable);
  const auto too_long = ask_admin("/" + std::string(120, 'x'), {.path = "/", .body = ""});
  CHECK(too_long.error().code == core::ErrorCode::Unavailable);
  CHECK(too_long.error().what.find("longer than") != std::string::npos);
}

TEST_CASE(
    "admin client: an answer that is missing, broken off or no HTTP is an error, not a result",
    "[cli]") {
  const std::string answer =
      GENERATE(as<std::string>{}, "", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
               "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  INFO(answer);
  FakeAdmin admin([&](const std::string&) { return answer; });
  CHECK(ask_admin(admin.path(), {.path = "/", .body = ""}).error().code == core::ErrorCode::Io);
}
