#include "sluice/core/duration.hpp"

#include <chrono>

#include "sluice/core/rng.hpp"
#include "support/catch.hpp"

using namespace std::chrono_literals;
using sluice::core::format_duration;
using sluice::core::format_http_date;
using sluice::core::format_rfc3339;
using sluice::core::format_size;
using sluice::core::Millis;
using sluice::core::parse_duration;
using sluice::core::parse_size;
using sluice::core::Rng;
using sluice::core::WallTime;

TEST_CASE("duration: each written form has its exact value", "[core][duration]") {
  struct Row {
    const char* text;
    Millis value;
  };
  const Row rows[] = {{"250ms", 250ms},
                      {"0s", 0ms},
                      {"0ms", 0ms},
                      {"1.5s", 1500ms},
                      {"30s", 30s},
                      {"5m", 5min},
                      {"1h30m", 90min},
                      {"30d", 24h * 30},
                      {"24h", 24h},
                      {"0.001s", 1ms},
                      {"1d2h3m4s5ms", 26h + 3min + 4s + 5ms},
                      {"0.5h", 30min},
                      {"1m500ms", 60500ms},
                      {"36500d", 24h * 36500}};
  for (const Row& row : rows) {
    INFO(row.text);
    const auto parsed = parse_duration(row.text, "x");
    REQUIRE(parsed.has_value());
    CHECK(*parsed == row.value);
  }
}

TEST_CASE("duration: everything else is refused", "[core][duration]") {
  for (const char* text : {"",
                           "0",
                           "30",
                           "s",
                           "-1s",
                           "+1s",
                           " 1s",
                           "1s ",
                           "1 s",
                           "1S",
                           "1sec",
                           "1us",
                           "1w",
                           "30m1h",
                           "1h1h",
                           "1s1s",
                           ".5s",
                           "5.s",
                           "1.5ms",
                           "0.0001s",
                           "1e3s",
                           "1h30",
                           "36501d",
                           "36500d1ms",
                           "99999999999999999999s",
                           "999999999999999999d",
                           "1.0000000000s",
                           "1,5s",
                           "1s,",
                           "infinity"}) {
    INFO("'" << text << "'");
    const auto parsed = parse_duration(text, "timeouts.idle");
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().where == "timeouts.idle");
  }
}

TEST_CASE("duration: what is written reads back", "[core][duration]") {
  CHECK(format_duration(30s) == "30s");
  CHECK(format_duration(90min) == "1h30m");
  CHECK(format_duration(250ms) == "250ms");
  CHECK(format_duration(0ms) == "0s");
  const std::uint64_t seed = GENERATE(11U, 12U);
  INFO("seed " << seed);
  Rng rng(seed);
  for (int round = 0; round < 2'000; ++round) {
    const Millis value{static_cast<Millis::rep>(rng.next() >> (23 + rng.below(41)))};
    INFO(value.count());
    REQUIRE(parse_duration(format_duration(value), "x").value() == value);
  }
}

TEST_CASE("size: each written form has its exact value, with its limits", "[core][duration]") {
  CHECK(parse_size("512B", "x").value() == 512);
  CHECK(parse_size("0B", "x").value() == 0);
  CHECK(parse_size("16KiB", "x").value() == 16'384);
  CHECK(parse_size("8MiB", "x").value() == 8'388'608);
  CHECK(parse_size("1GiB", "x").value() == 1'073'741'824);
  CHECK(parse_size("1.5KiB", "x").value() == 1'536);
  CHECK(parse_size("9223372036854775807B", "x").has_value() ==
        false);  // 19 digits: use a larger unit
  CHECK(parse_size("8589934591GiB", "x").has_value());
  CHECK_FALSE(parse_size("8589934592GiB", "x").has_value());  // 2^63
  for (const char* text : {"", "16", "KiB", "16kib", "16KB", "16K", "16 KiB", "-1B", "+1B", "1.5B",
                           "0.0001KiB", "1KiB1B", ".5MiB", "0x10B"}) {
    INFO("'" << text << "'");
    CHECK_FALSE(parse_size(text, "x").has_value());
  }
}

TEST_CASE("size: written with the largest unit that is exact", "[core][duration]") {
  CHECK(format_size(0) == "0B");
  CHECK(format_size(512) == "512B");
  CHECK(format_size(1'536) == "1536B");
  CHECK(format_size(16'384) == "16KiB");
  CHECK(format_size(3ULL << 30U) == "3GiB");
}

namespace {

WallTime at(std::chrono::sys_seconds time, Millis more = 0ms) {
  return WallTime{time.time_since_epoch()} + more;
}

}  // namespace

TEST_CASE("dates: RFC 3339 and the HTTP date of known instants", "[core][duration]") {
  using namespace std::chrono;
  const auto rfc_example = at(sys_days{year{1994} / 11 / 6} + 8h + 49min + 37s);
  CHECK(format_http_date(rfc_example) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(format_rfc3339(rfc_example) == "1994-11-06T08:49:37.000Z");
  CHECK(format_rfc3339(WallTime{}) == "1970-01-01T00:00:00.000Z");
  CHECK(format_http_date(WallTime{}) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(format_rfc3339(at(sys_days{year{2024} / 2 / 29} + 23h + 59min + 59s, 999ms)) ==
        "2024-02-29T23:59:59.999Z");
  CHECK(format_http_date(at(sys_days{year{2026} / 12 / 31})) == "Thu, 31 Dec 2026 00:00:00 GMT");
  CHECK(format_rfc3339(WallTime{} - 1ms) ==
        "1969-12-31T23:59:59.999Z");  // a clock set wrong must not print nonsense
  CHECK(format_rfc3339(WallTime{} + 1'999'999ns) == "1970-01-01T00:00:00.001Z");
}
