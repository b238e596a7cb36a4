#include <cstdlib>

#include "cli/explain_view.hpp"
#include "support/catch.hpp"

using namespace sluice::cli;

namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

ExplainAnswer user_2() {
  ExplainAnswer answer;
  answer.explanation = "user-2 is in bucket 1364 of 10000, below the split of 20 %, so green";
  answer.client = "127.0.0.1";
  answer.is_routing_told = true;
  answer.routed_to = answer.service = "shop";
  answer.host = "shop.example.com";
  answer.path_prefix = "/";
  answer.listener = "main";
  answer.live = "blue";
  answer.candidate = "green";
  answer.salt = "shop-2026";
  answer.is_candidate_open = true;
  answer.split_basis_points = 2000;
  answer.identity = "user-2";
  answer.identity_source = "cookie";
  answer.identity_name = "uid";
  answer.bucket = 1364;
  answer.pool = "green";
  answer.reason = "split";
  answer.endpoints = {{"green", {"127.0.0.1:9003", "penalty", 3}, 1250}};
  return answer;
}

}  // namespace

TEST_CASE("explain view: the sentence first, then what it rests on", "[cli]") {
  CHECK(explain_text(user_2(), {}) ==
        "user-2 is in bucket 1364 of 10000, below the split of 20 %, so green\n"
        "\n"
        "service    shop (host shop.example.com, path /, listener main)\n"
        "client     127.0.0.1\n"
        "identity   user-2 (cookie uid)\n"
        "salt       shop-2026\n"
        "bucket     1364 of 10000\n"
        "pin        none matches\n"
        "split      20 % to green, which is open\n"
        "pool       green, reason split\n"
        "endpoints  127.0.0.1:9003           penalty (1.2 s left) 3 in flight\n");
}

TEST_CASE("explain view: limits with what is left", "[cli]") {
  ExplainAnswer answer = user_2();
  answer.limits = {
      {"user", "enforce", "5/min, burst 5", "identity user-2", "admits", 3, {}, 0},
      {"login", "enforce", "5/min, burst 5, 2 in progress", "method GET", "refuses", 0, 1, 8040},
      {"try", "shadow", "2 in progress", "method GET", "refuses", {}, 2, 0},
      {"key", "enforce", "1/s, burst 1", "", "no_key", {}, {}, 0},
      {"in", "enforce", "1/s, burst 1", "pool blue", "exempt", {}, {}, 0}};
  const std::string text = explain_text(answer, {});
  INFO(text);
  CHECK(
      has(text,
          "limits     user (5/min, burst 5): 3 left of identity user-2\n"
          "           login (5/min, burst 5, 2 in progress): 0 left, 1 in progress of method GET, "
          "next in 8.0 s; refuses it\n"
          "           try (2 in progress): 2 in progress of method GET; would refuse it (shadow)\n"
          "           key (1/s, burst 1): the request has no key for it\n"
          "           in (1/s, burst 1): the client is exempt\n"
          "endpoints"));
}

TEST_CASE("explain view: overload only where there is one", "[cli]") {
  ExplainAnswer answer = user_2();
  answer.overload = {.level = "normal", .users = "known"};
  CHECK_FALSE(has(explain_text(answer, {}), "overload"));
  CHECK_FALSE(has(explain_text(answer, {}), "breakers"));
  answer.ceilings = {"green max_requests"};
  answer.breakers = {{.pool = "blue", .route = "/reports", .state = "open", .admits = false},
                     {.pool = "blue", .route = "", .state = "closed"}};
  CHECK(has(explain_text(answer, {}),
            "ceiling    green max_requests: reached; refuses it\n"
            "breakers   blue /reports: open; refuses it\n"
            "           blue: closed\n"));
  answer.overload.level = "no_keep_alive";
  CHECK(has(explain_text(answer, {}), "overload   the connection ends with the answer\n"));
  answer.overload = {.level = "shedding", .cause = "memory", .users = "known"};
  CHECK(has(explain_text(answer, {}), "overload   memory: no known users are refused\n"));
  answer.overload.refused_basis_points = 1250;
  CHECK(has(explain_text(answer, {}),
            "overload   memory: 12.5 % of the known users are refused, this one is not\n"));
  answer.overload.refuses = true;
  CHECK(has(explain_text(answer, {}), "known users are refused, and this one is\n"));
  answer.overload = {.level = "shedding",
                     .cause = "loop",
                     .users = "new",
                     .refused_basis_points = 4000,
                     .refuses = false};
  CHECK(has(explain_text(answer, {}),
            "overload   loop: 40 % of the requests of new users are refused\n"));
}

TEST_CASE("explain view: pins, and services that were named", "[cli]") {
  ExplainAnswer answer = user_2();
  answer.pin_number = 2;
  answer.pin_name = "header X-Pool";
  answer.pin_pool = "green";
  CHECK(has(explain_text(answer, {}), "pin        2 (header X-Pool) to green\n"));
  answer.is_pin_ignored = true;
  CHECK(has(explain_text(answer, {}), "2 (header X-Pool) to green, ignored: it is closed\n"));
  answer.routed_to = "blog";
  CHECK(has(explain_text(answer, {}),
            "shop (as named; by host, path and listener main it would go to blog)"));
  answer.routed_to = "";
  CHECK(has(explain_text(answer, {}), "it would go to no service)"));
  answer.is_routing_told = false;
  CHECK(has(explain_text(answer, {}), "service    shop\n"));
}

TEST_CASE("explain view: an answer of Sluice itself comes without what was not decided", "[cli]") {
  ExplainAnswer answer;
  answer.explanation = "Sluice answers 404 itself: no service answers for this host and path";
  answer.answer_status = 404;
  answer.client = "127.0.0.1";
  answer.listener = "main";
  CHECK(explain_text(answer, {}) ==
        "Sluice answers 404 itself: no service answers for this host and path\n"
        "\n"
        "service    none (listener main)\n"
        "client     127.0.0.1\n");
}

TEST_CASE("explain view: what came from outside does not reach the terminal as it is", "[cli]") {
  ExplainAnswer answer = user_2();
  answer.explanation = answer.identity = "\x1b[2J";
  CHECK_FALSE(has(explain_text(answer, {}), "\x1b"));
}

TEST_CASE("explain view: what a request file may lack", "[cli]") {
  CHECK(request_hint("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "f").empty());
  CHECK(request_hint("GET / HTTP/1.1\nHost: a\n\n", "f") ==
        "lines of HTTP end with CR LF: sed 's/$/\\r/' f | sluice explain --request -");
  CHECK(has(request_hint("\n", "-"), "sed 's/$/\\r/' FILE |"));
  CHECK(request_hint("GET / HTTP/1.1\r\n", "f") == "a request head ends with an empty line");
  CHECK(request_hint("", "f") == "a request head ends with an empty line");
}

TEST_CASE("wire: base64 has the vectors of RFC 4648", "[cli][wire]") {
  CHECK(base64("").empty());
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foob") == "Zm9vYg==");
  CHECK(base64(std::string_view("\0\xFF\xFE", 3)) == "AP/+");
}

TEST_CASE("wire: a question says only what was given", "[cli][wire]") {
  CHECK(write_body(ExplainBody{.user = "u"}) == R"({"user":"u"})");
  CHECK(write_body(ExplainBody{.request = "foo", .from = "unix:", .listener = "main"}) ==
        R"({"from":"unix:","listener":"main","request":"Zm9v"})");
}

TEST_CASE("wire: an explanation with nothing decided", "[cli][wire]") {
  const auto answer = read_explain(
      R"({"explanation":"x","routing":{"service":null,"listener":"main"},"service":null,"pool":null,
          "bucket":null,"identity":null,"pin":null,"endpoints":[],"answer":{"status":404}})");
  REQUIRE(answer);
  CHECK(answer->is_routing_told);
  CHECK(answer->routed_to.empty());
  CHECK(answer->service.empty());
  CHECK_FALSE(answer->bucket);
  CHECK(answer->answer_status == 404);
  CHECK_FALSE(read_explain("[]"));
  CHECK_FALSE(read_explain(R"({"explanation":7})"));
}
