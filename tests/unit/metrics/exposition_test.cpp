#include "sluice/metrics/exposition.hpp"

#include "support/catch.hpp"

using namespace sluice::metrics;

TEST_CASE("exposition: families with their samples", "[metrics][exposition]") {
  Exposition out;
  out.family({"sluice_requests_total", MetricType::Counter, "Requests."});
  out.sample({{"service", "shop"}, {"code", "2xx"}}, 7);
  out.sample({}, 18'446'744'073'709'551'615U);
  out.family({"sluice_up", MetricType::Gauge, "Up."});
  out.sample(1);
  CHECK(out.text() ==
        "# HELP sluice_requests_total Requests.\n"
        "# TYPE sluice_requests_total counter\n"
        "sluice_requests_total{service=\"shop\",code=\"2xx\"} 7\n"
        "sluice_requests_total 18446744073709551615\n"
        "# HELP sluice_up Up.\n"
        "# TYPE sluice_up gauge\n"
        "sluice_up 1\n");
}

TEST_CASE("exposition: labels are escaped as the format asks", "[metrics][exposition]") {
  CHECK(escaped_label("plain") == "plain");
  CHECK(escaped_label("a\\b\"c\nd") == "a\\\\b\\\"c\\nd");
  CHECK(escaped_label("") == "");
}

TEST_CASE("exposition: only well-formed UTF-8 leaves", "[metrics][exposition]") {
  const std::string kMark = "\xEF\xBF\xBD";
  for (const char* good : {"\xC3\xB6", "\xE2\x82\xAC", "\xF0\x9F\x99\x82", "\x7F", "\xED\x9F\xBF",
                           "\xF4\x8F\xBF\xBF"}) {
    CHECK(escaped_label(good) == good);
  }
  CHECK(escaped_label("\xFF") == kMark);
  CHECK(escaped_label("\xC0\x80") == kMark + kMark);                          // overlong
  CHECK(escaped_label("\xE0\x80\x80") == kMark + kMark + kMark);              // overlong
  CHECK(escaped_label("\xED\xA0\x80") == kMark + kMark + kMark);              // a surrogate
  CHECK(escaped_label("\xF4\x90\x80\x80") == kMark + kMark + kMark + kMark);  // above U+10FFFF
  CHECK(escaped_label("a\xC3") == "a" + kMark);                               // cut short
  CHECK(escaped_label("\x80z") == kMark + "z");
}

TEST_CASE("exposition: seconds and ratios are the shortest decimals", "[metrics][exposition]") {
  using namespace std::chrono_literals;
  Exposition out;
  out.family({"t", MetricType::Gauge, "T."});
  out.sample_seconds({}, 1'500ms);
  out.sample_seconds({}, 1ns);
  out.sample_seconds({}, 0ns);
  out.sample_ratio({{"of", "x"}}, 0.1);
  out.sample_ratio({}, 1);
  CHECK(out.text() == "# HELP t T.\n# TYPE t gauge\nt 1.5\nt 1e-09\nt 0\nt{of=\"x\"} 0.1\nt 1\n");
}

TEST_CASE("exposition: the buckets of a histogram add up", "[metrics][exposition]") {
  using namespace std::chrono_literals;
  Exposition out;
  out.family({"h", MetricType::Histogram, "H."});
  const std::array<sluice::core::Nanos, 2> bounds{5ms, 1s};
  out.histogram({}, bounds, std::array<std::uint64_t, 3>{1, 2, 4}, 9s);
  out.histogram({{"a", "b"}}, bounds, std::array<std::uint64_t, 3>{0, 0, 0}, 0s);
  CHECK(out.text() ==
        "# HELP h H.\n# TYPE h histogram\n"
        "h_bucket{le=\"0.005\"} 1\nh_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 7\n"
        "h_sum 9\nh_count 7\n"
        "h_bucket{a=\"b\",le=\"0.005\"} 0\nh_bucket{a=\"b\",le=\"1\"} 0\n"
        "h_bucket{a=\"b\",le=\"+Inf\"} 0\nh_sum{a=\"b\"} 0\nh_count{a=\"b\"} 0\n");
}
