#include "sluice/core/units.hpp"

#include "support/catch.hpp"

using sluice::core::BasisPoints;
using sluice::core::PoolName;

TEST_CASE("basis points: accept 0 to 10000 and nothing beyond", "[core][units]") {
  CHECK(BasisPoints::make(0, "x").value().count() == 0);
  CHECK(BasisPoints::make(10'000, "x").value().count() == 10'000);
  CHECK_FALSE(BasisPoints::make(-1, "x").has_value());
  CHECK_FALSE(BasisPoints::make(10'001, "x").has_value());
  CHECK_FALSE(BasisPoints::make(65'536, "x").has_value());  // would be 0 after a careless narrowing
  CHECK_FALSE(BasisPoints::make(INT64_MAX, "x").has_value());
}

TEST_CASE("basis points: an error names where the number stood", "[core][units]") {
  CHECK(BasisPoints::make(12'000, "services[2].split").error().text() ==
        "services[2].split: 12000 is not in 0..10000");
}

TEST_CASE("percentages: each written form has its exact value", "[core][units]") {
  struct Row {
    const char* text;
    unsigned count;
  };
  const Row rows[] = {{"0", 0},         {"0%", 0},       {"12", 1200},        {"12%", 1200},
                      {"12.5", 1250},   {"12.5%", 1250}, {"0.01%", 1},        {"0.1", 10},
                      {"12.50", 1250},  {"100", 10'000}, {"100.00%", 10'000}, {"99.99", 9999},
                      {"33.33%", 3333}, {"0.00", 0}};
  for (const Row& row : rows) {
    INFO(row.text);
    const auto parsed = BasisPoints::parse_percent(row.text, "x");
    REQUIRE(parsed.has_value());
    CHECK(parsed->count() == row.count);
  }
}

TEST_CASE("percentages: everything else is refused", "[core][units]") {
  for (const char* text : {"",     "%",   ".",   ".5", "5.",    "5.%",  "12.345", "100.01", "101",
                           "1000", "-1",  "+1",  " 1", "1 ",    "1%%",  "1 %",    "1e1",    "0x1",
                           "nan",  "1,5", "010", "00", "1.2.3", "1.-2", "12.5 %", "١"}) {
    INFO("'" << text << "'");
    CHECK_FALSE(BasisPoints::parse_percent(text, "x").has_value());
  }
}

TEST_CASE("percentages: what is written reads back for all 10001 values", "[core][units]") {
  for (int raw = 0; raw <= BasisPoints::kAll; ++raw) {
    const BasisPoints share = BasisPoints::make(raw, "x").value();
    const auto back = BasisPoints::parse_percent(share.percent(), "x");
    if (!back.has_value() || back->count() != raw) FAIL(share.percent());
  }
  CHECK(BasisPoints::make(1250, "x")->percent() == "12.5%");
  CHECK(BasisPoints::make(1, "x")->percent() == "0.01%");
  CHECK(BasisPoints::make(10'000, "x")->percent() == "100%");
  CHECK(BasisPoints::make(0, "x")->percent() == "0%");
}

TEST_CASE("pools: the other of the other is the same", "[core][units]") {
  CHECK(other(PoolName::Blue) == PoolName::Green);
  CHECK(other(other(PoolName::Blue)) == PoolName::Blue);
  CHECK(text(PoolName::Blue) == "blue");
  CHECK(text(PoolName::Green) == "green");
}
