#include "admin/change_bodies.hpp"

#include "support/catch.hpp"

namespace {

using namespace sluice;
using namespace sluice::admin;
using control::Action;
using control::ChangeRequest;

std::string error_of(const core::Result<ChangeRequest>& parsed) {
  return parsed ? "accepted" : parsed.error().text();
}

}  // namespace

TEST_CASE("bodies: a switch with everything", "[admin][bodies]") {
  const auto request = parse_switch(
      R"({"pool":"green","wait":true,"drain":"1m30s","force":true,"reason":"r\u00e9lease","if_generation":42})");
  REQUIRE(request);
  CHECK(request->scope == control::Scope::Service);
  CHECK(request->orders.at(0).action == Action::Switch);
  CHECK(request->orders.at(0).pool == core::PoolName::Green);
  CHECK(request->answer == control::AnswerWhen::Drained);
  CHECK(request->check == control::SafetyCheck::Skipped);
  CHECK(request->drain == core::Millis(90'000));
  CHECK(request->reason == "r\xC3\xA9lease");
  CHECK(request->if_generation == 42);
}

TEST_CASE("bodies: a switch with nothing but its pool", "[admin][bodies]") {
  const auto request = parse_switch(R"({"pool":"blue"})");
  REQUIRE(request);
  CHECK(request->answer == control::AnswerWhen::Adopted);
  CHECK(request->check == control::SafetyCheck::Required);
  CHECK_FALSE(request->drain);
  CHECK_FALSE(request->if_generation);
}

TEST_CASE("bodies: a split and its percent", "[admin][bodies]") {
  const auto request = parse_split(R"({"percent":"12.5%","salt":"new"})");
  REQUIRE(request);
  CHECK(request->orders.at(0).split.count() == 1250);
  CHECK(request->orders.at(0).salt == "new");
  for (const char* percent : {"-1", "100.01", "1.234", "", "12,5", "1e1", "ten"}) {
    INFO(percent);
    CHECK_FALSE(parse_split("{\"percent\":\"" + std::string(percent) + "\"}"));
  }
  CHECK(error_of(parse_split(R"({"percent":12})")) == "percent is a string");
  CHECK(error_of(parse_split("{}")) == "percent is missing");
}

TEST_CASE("bodies: a rollback needs no body", "[admin][bodies]") {
  CHECK(parse_rollback(""));
  CHECK(parse_rollback("{}"));
  CHECK(parse_rollback(R"({"reason":"bad release"})")->reason == "bad release");
  CHECK_FALSE(parse_rollback(R"({"if_generation":1})"));
}

TEST_CASE("bodies: a list of changes", "[admin][bodies]") {
  const auto request = parse_changes(
      R"({"changes":[{"service":"shop","action":"switch","pool":"green"},{"service":"blog","action":"rollback"}],"reason":"r"})");
  REQUIRE(request);
  CHECK(request->scope == control::Scope::List);
  REQUIRE(request->orders.size() == 2);
  CHECK(request->orders[0].service == "shop");
  CHECK(request->orders[1].action == Action::Rollback);

  CHECK_FALSE(parse_changes(R"({"changes":{}})"));
  CHECK_FALSE(parse_changes("{}"));
  CHECK_FALSE(parse_changes(R"({"changes":["shop"]})"));
  CHECK_FALSE(parse_changes(R"({"changes":[{"service":"shop","action":"split"}]})"));
  CHECK_FALSE(parse_changes(R"({"changes":[{"service":"shop","action":"switch"}]})"));
  CHECK_FALSE(
      parse_changes(R"({"changes":[{"service":"shop","action":"rollback","pool":"blue"}]})"));
  CHECK_FALSE(parse_changes(R"({"changes":[{"service":"shop","action":"rollback","extra":1}]})"));
}

TEST_CASE("bodies: unknown members are named beside the known ones", "[admin][bodies]") {
  CHECK(error_of(parse_switch(R"({"pool":"blue","Wait":true})")) ==
        "unknown member \"Wait\"; there is: pool, wait, drain, force, dry_run, reason, "
        "if_generation");
}

TEST_CASE("bodies: repeated members are refused", "[admin][bodies]") {
  CHECK_FALSE(parse_switch(R"({"pool":"blue","pool":"green"})"));
  CHECK_FALSE(parse_changes(R"({"changes":[{"service":"a","service":"b","action":"rollback"}]})"));
  CHECK(parse_changes(
      R"({"changes":[{"service":"a","action":"rollback"},{"service":"b","action":"rollback"}]})"));
}

TEST_CASE("bodies: wrong types and values", "[admin][bodies]") {
  for (const char* body : {"",
                           "{}",
                           "[]",
                           "null",
                           "1",
                           "{",
                           "{\"pool\":\"blue\"}}",
                           "{\"pool\":\"blue\"} x",
                           "{\"pool\":\"Blue\"}",
                           "{\"pool\":1}",
                           "{\"pool\":null}",
                           "{\"pool\":\"blue\",\"wait\":1}",
                           "{\"pool\":\"blue\",\"force\":\"yes\"}",
                           "{\"pool\":\"blue\",\"drain\":30}",
                           "{\"pool\":\"blue\",\"drain\":\"30\"}",
                           "{\"pool\":\"blue\",\"drain\":\"-1s\"}",
                           "{\"pool\":\"blue\",\"if_generation\":-1}",
                           "{\"pool\":\"blue\",\"if_generation\":1.5}",
                           "{\"pool\":\"blue\",\"if_generation\":\"1\"}",
                           "{\"pool\":\"blue\",\"if_generation\":18446744073709551616}",
                           "{\"pool\":\"blue\",\"reason\":{}}",
                           "{\"pool\":\"blue\",\"reason\":\"\xFF\"}"}) {
    INFO(body);
    CHECK_FALSE(parse_switch(body));
  }
}

TEST_CASE("bodies: deep nesting ends as an error, not as a crash", "[admin][bodies]") {
  const std::string deep = "{\"pool\":" + std::string(30'000, '[') + std::string(30'000, ']') + "}";
  CHECK_FALSE(parse_switch(deep));
  CHECK_FALSE(parse_switch("{\"pool\":" + std::string(60'000, '[')));
}

TEST_CASE("bodies: endpoint", "[admin][bodies]") {
  const auto request = admin::parse_endpoint(
      R"({"endpoint":"blue/127.0.0.1:9001","force":true,"reason":"disk","if_generation":7})",
      model::EndpointMode::Draining);
  REQUIRE(request);
  CHECK(request->orders.front().action == control::Action::Endpoint);
  CHECK(request->orders.front().endpoint == "blue/127.0.0.1:9001");
  CHECK(request->orders.front().mode == model::EndpointMode::Draining);
  CHECK(request->check == control::SafetyCheck::Skipped);
  CHECK(request->reason == "disk");
  CHECK(request->if_generation == 7U);
  for (const char* wrong :
       {"", "{}", R"({"endpoint":1})", R"({"endpoint":"x","pool":"blue"})",
        R"({"endpoint":"x","force":1})", R"({"endpoint":"x","endpoint":"y"})"}) {
    INFO(wrong);
    CHECK_FALSE(admin::parse_endpoint(wrong, model::EndpointMode::Draining));
  }
}

TEST_CASE("bodies: a question about a user", "[admin][bodies]") {
  const auto asked = parse_explain(
      R"({"user":"user-1","host":"a.example","path":"/x?y","from":"2001:db8::1","listener":"main"})");
  REQUIRE(asked);
  CHECK(asked->user == "user-1");
  CHECK(asked->host == "a.example");
  CHECK(asked->path == "/x?y");
  CHECK(asked->from->text() == "2001:db8::1");
  CHECK(asked->listener == "main");
  CHECK_FALSE(asked->request);
  CHECK(parse_explain(R"({"user":""})")->user == "");
  CHECK(parse_explain(R"({"user":"u"})")->from->text() == "127.0.0.1");
  CHECK_FALSE(parse_explain(R"({"user":"u","from":"unix:"})")->from);
}

TEST_CASE("bodies: a question about a request, as bytes", "[admin][bodies]") {
  CHECK(parse_explain(R"({"request":"R0VUIC8NCgD/"})")->request ==
        std::string("GET /\r\n\0\xFF", 9));
  CHECK(parse_explain(R"({"request":""})")->request == "");
}

TEST_CASE("bodies: questions that are refused", "[admin][bodies]") {
  const auto error = [](std::string_view body) {
    const auto asked = parse_explain(body);
    return asked ? "accepted" : asked.error().text();
  };
  CHECK(error("{}") == "user or request is missing");
  CHECK(error(R"({"user":"u","request":""})") == "user or request, not both");
  CHECK(error(R"({"request":"","path":"/"})") == "host and path stand in the request");
  CHECK(error(R"({"request":"","host":"a"})") == "host and path stand in the request");
  CHECK(error(R"({"request":"A"})") == "request is not base64");
  CHECK(error(R"({"user":7})") == "user is a string");
  CHECK(error(R"({"user":"u","from":"here"})") == "from is an IP address, or \"unix:\"");
  CHECK(error(R"({"user":"u","uid":1})") ==
        "unknown member \"uid\"; there is: user, host, path, request, from, listener");
}

TEST_CASE("bodies: base64 as RFC 4648 has it, and nothing else", "[admin][bodies]") {
  CHECK(base64_decoded("") == "");
  CHECK(base64_decoded("Zg==") == "f");
  CHECK(base64_decoded("Zm8=") == "fo");
  CHECK(base64_decoded("Zm9v") == "foo");
  CHECK(base64_decoded("Zm9vYmFy") == "foobar");
  CHECK(base64_decoded("+/+/") == "\xFB\xFF\xBF");
  for (const char* bad : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "A===", "Zm=v", "Zm9v\n",
                          "Zm 9", "-_-_", "Zm9vZg==Zm9v"}) {
    INFO(bad);
    CHECK_FALSE(base64_decoded(bad));
  }
}
