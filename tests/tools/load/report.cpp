#include "load/report.hpp"

#include <nlohmann/json.hpp>
#include <numeric>

namespace tools {
namespace {

using Json = nlohmann::ordered_json;

Json latency_json(const Histogram& h) {
  return {{"p50", h.percentile(0.50)},
          {"p90", h.percentile(0.90)},
          {"p99", h.percentile(0.99)},
          {"p999", h.percentile(0.999)},
          {"max", h.max()}};
}

double per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

}  // namespace

std::uint64_t Counts::failed() const {
  return std::accumulate(failures.begin(), failures.end(), std::uint64_t{0}) + changes_failed;
}

std::string report_json(const Counts& counts, double seconds, double change_seconds,
                        const Findings& first) {
  Json failures = Json::object();
  for (std::size_t i = 0; i < kFailureNames.size(); ++i)
    failures[std::string(kFailureNames[i])] = counts.failures[i];
  Json report;
  report["seconds"] = seconds;
  report["sent"] = counts.sent;
  report["answered"] = counts.answered;
  report["failed"] = counts.failed();
  report["failures"] = failures;
  report["first_trouble"] = first.trouble;
  report["first_reconnect"] = first.reconnect;
  report["reconnects"] = counts.reconnects;
  report["rate"] = per_second(counts.answered, seconds);
  report["latency_us"] = latency_json(counts.latency);
  report["pools"] = {{"blue", counts.pools[0]}, {"green", counts.pools[1]}};
  report["rescued"] = counts.rescued;
  report["changes"] = {{"sent", counts.changes_sent},
                       {"made", counts.changes_made},
                       {"failed", counts.changes_failed},
                       {"rate", per_second(counts.changes_sent, change_seconds)},
                       {"latency_us", latency_json(counts.change_latency)},
                       {"with_sync_us", latency_json(counts.change_total)}};
  return Json{{"report", report}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string live_json(const Counts& total, const Counts& interval, double at,
                      double interval_seconds, std::uint64_t generation) {
  const Json live = {{"at", at},
                     {"answered", total.answered},
                     {"failed", total.failed()},
                     {"rate", per_second(interval.answered, interval_seconds)},
                     {"blue", interval.pools[0]},
                     {"green", interval.pools[1]},
                     {"rescued", total.rescued},
                     {"p50", interval.latency.percentile(0.50)},
                     {"p99", interval.latency.percentile(0.99)},
                     {"generation", generation}};
  return Json{{"live", live}}.dump();
}

}  // namespace tools
