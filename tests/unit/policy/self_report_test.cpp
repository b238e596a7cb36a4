#include "sluice/policy/self_report.hpp"

#include "support/catch.hpp"

using namespace sluice;
using policy::parse_self_report;
using Word = policy::SelfReport::Word;

TEST_CASE("self report: one word, and what stands behind it", "[policy][health]") {
  CHECK(parse_self_report("ready") == policy::SelfReport{});
  CHECK(parse_self_report("drain")->word == Word::Drain);
  CHECK(parse_self_report("down")->word == Word::Down);
  const auto whole = parse_self_report("ready; memory=91; database=down;cache=up");
  REQUIRE(whole);
  CHECK(whole->word == Word::Ready);
  CHECK(whole->memory_percent == 91);
  REQUIRE(whole->dependencies.size() == 2);
  CHECK(whole->dependencies[0] == policy::SelfReport::Dependency{"database", false});
  CHECK(whole->dependencies[1] == policy::SelfReport::Dependency{"cache", true});
  CHECK(parse_self_report(" \tready \t;\tmemory=0 ")->memory_percent == 0);
  CHECK(parse_self_report("ready;memory=100")->memory_percent == 100);
}

TEST_CASE("self report: anything else is nothing", "[policy][health]") {
  for (const char* bad : {"",
                          " ",
                          ";",
                          "Ready",
                          "READY",
                          "ready ready",
                          "ready,drain",
                          "drain down",
                          "up",
                          "ready;",
                          "ready;;memory=1",
                          "memory=91",
                          "; memory=91",
                          "ready; memory",
                          "ready; memory=",
                          "ready; memory=101",
                          "ready; memory=256",
                          "ready; memory=-1",
                          "ready; memory=+1",
                          "ready; memory=01",
                          "ready; memory=9.5",
                          "ready; memory=91%",
                          "ready; memory= 91",
                          "ready; memory =91",
                          "ready; memory=1; memory=1",
                          "ready; database=maybe",
                          "ready; database=DOWN",
                          "ready; Database=down",
                          "ready; =down",
                          "ready; 1db=down",
                          "ready; data base=down",
                          "ready; database=down; database=up",
                          "ready\n",
                          "ready; a=up\r"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_self_report(bad));
  }
  CHECK_FALSE(parse_self_report(std::string_view("ready\0", 6)));
}

TEST_CASE("self report: names and how many of them are bounded", "[policy][health]") {
  const std::string longest(32, 'a');
  CHECK(parse_self_report("ready; " + longest + "=up"));
  CHECK_FALSE(parse_self_report("ready; " + longest + "a=up"));
  std::string many = "ready; memory=5";
  for (char c = 'a'; c < 'i'; ++c) many += std::string("; ") + c + "=up";
  CHECK(parse_self_report(many)->dependencies.size() == 8);
  CHECK_FALSE(parse_self_report(many + "; i=up"));
}
