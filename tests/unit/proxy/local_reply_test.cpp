#include "proxy/local_reply.hpp"

#include <array>
#include <string>

#include "support/catch.hpp"

namespace sluice::proxy {
namespace {

std::string written(const LocalReply& reply) {
  std::array<char, 2048> buffer;
  http::HeadWriter out(buffer);
  const std::size_t body = write_local_reply(out, reply);
  REQUIRE_FALSE(out.overflowed());
  const std::string answer(out.written());
  CHECK(answer.size() == answer.find("\r\n\r\n") + 4 + body);
  return answer;
}

std::size_t declared_length(const std::string& answer) {
  return std::stoul(answer.substr(answer.find("Content-Length: ") + 16));
}
std::string body(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

TEST_CASE("own answers: length, date, server, Proxy-Status", "[proxy][reply]") {
  const std::string answer = written({.status = 503,
                                      .detail = "no endpoint",
                                      .error = "destination_unavailable",
                                      .retry_after_s = 1,
                                      .closes = true,
                                      .date = "Sun, 06 Nov 1994 08:49:37 GMT",
                                      .request_id = "r-1"});
  CHECK(answer.rfind("HTTP/1.1 503 Service Unavailable\r\n", 0) == 0);
  CHECK(answer.find("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n") != std::string::npos);
  CHECK(answer.find("\r\nServer: sluice\r\n") != std::string::npos);
  CHECK(answer.find("\r\nRetry-After: 1\r\n") != std::string::npos);
  CHECK(answer.find("\r\nProxy-Status: sluice; error=destination_unavailable\r\n") !=
        std::string::npos);
  CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(answer.find("\r\nX-Request-Id: r-1\r\n") != std::string::npos);
  CHECK(declared_length(answer) == body(answer).size());
  CHECK(body(answer) == "503 Service Unavailable\nno endpoint\n");
}

TEST_CASE("own answers: problem details when JSON is preferred, none to HEAD", "[proxy][reply]") {
  const std::string json = written({.status = 404, .detail = "nobody", .wants_json = true});
  CHECK(json.find("Content-Type: application/problem+json\r\n") != std::string::npos);
  CHECK(
      body(json) ==
      "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"nobody\"}\n");
  const std::string head = written({.status = 404, .detail = "nobody", .is_head = true});
  CHECK(body(head).empty());
  CHECK(declared_length(head) > 0);
}

TEST_CASE("own answers: a 429 says which quota, and when there is more", "[proxy][reply]") {
  const LocalReply reply{.status = 429,
                         .detail = "too many",
                         .retry_after_s = 12,
                         .wants_json = true,
                         .violated = R"("login")",
                         .rate_limit = R"("login";r=0;t=12)",
                         .rate_limit_policy = R"("login";q=5;w=60)"};
  const std::string answer = written(reply);
  CHECK(answer.rfind("HTTP/1.1 429 Too Many Requests\r\n", 0) == 0);
  CHECK(answer.find("\r\nRetry-After: 12\r\nRateLimit: \"login\";r=0;t=12\r\nRateLimit-Policy: "
                    "\"login\";q=5;w=60\r\n") != std::string::npos);
  CHECK(body(answer) ==
        R"({"type":"https://iana.org/assignments/http-problem-types#quota-exceeded",)"
        R"("title":"Too Many Requests","status":429,"detail":"too many",)"
        R"("violated-policies":["login"]})"
        "\n");
  CHECK(written({.status = 429, .detail = "a"}).find("RateLimit") == std::string::npos);
}

TEST_CASE("own answers: Accept decides between text and JSON", "[proxy][reply]") {
  const auto prefers = [](std::string_view accept) {
    const std::string bytes = "Accept" + std::string(accept);
    http::HeaderBlock fields;
    fields.reset(bytes.data());
    fields.add(std::string_view(bytes).substr(0, 6), std::string_view(bytes).substr(6),
               http::FieldId::Accept);
    return prefers_json(fields);
  };
  CHECK(prefers("application/json"));
  CHECK(prefers("application/problem+json, text/plain"));
  CHECK_FALSE(prefers("text/html,application/xhtml+xml,application/json"));
  CHECK_FALSE(prefers("*/*"));
  http::HeaderBlock none;
  none.reset("");
  CHECK_FALSE(prefers_json(none));
}

}  // namespace
}  // namespace sluice::proxy
