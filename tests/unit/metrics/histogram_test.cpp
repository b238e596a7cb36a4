#include "sluice/metrics/histogram.hpp"

#include "support/catch.hpp"

using namespace std::chrono_literals;
using sluice::metrics::Histogram;

TEST_CASE("histogram: a bound belongs to its bucket, one nanosecond more to the next one",
          "[metrics][histogram]") {
  for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i) {
    Histogram histogram;
    histogram.observe(Histogram::kBounds[i]);
    CHECK(histogram.in_bucket(i) == 1);
    histogram.observe(Histogram::kBounds[i] + 1ns);
    CHECK(histogram.in_bucket(i) == 1);
    CHECK(histogram.in_bucket(i + 1) == 1);
    CHECK(histogram.count() == 2);
  }
}

TEST_CASE("histogram: what is longer than all bounds counts, and the total is exact",
          "[metrics][histogram]") {
  Histogram histogram;
  histogram.observe(0ns);
  histogram.observe(24h);
  histogram.observe(7ns);
  CHECK(histogram.in_bucket(0) == 2);
  CHECK(histogram.in_bucket(Histogram::kBuckets - 1) == 1);
  CHECK(histogram.total() == 24h + 7ns);
}

TEST_CASE("histogram: the edges that objectives are written for are bounds",
          "[metrics][histogram]") {
  for (const auto edge : {100ms, 500ms, 2'000ms, 3'000ms, 5'000ms, 10'000ms}) {
    CHECK(std::ranges::find(Histogram::kBounds, sluice::core::Nanos(edge)) !=
          Histogram::kBounds.end());
  }
}
