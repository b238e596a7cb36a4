#include <fmt/format.h>

#include <algorithm>

#include "config/sections.hpp"
#include "config/values.hpp"

/// `adaptive_concurrency` of a service.
namespace sluice::config {

namespace {

constexpr std::uint16_t kToleranceLeast = 100;

void read_tolerance(Reader& in, Value value, core::BasisPoints& tolerance) {
  core::BasisPoints read;
  if (!read_percent(in, value, read)) return;
  if (read.count() < kToleranceLeast) return report_bad(in, value);
  tolerance = read;
}

}  // namespace

void read_adaptive(Reader& in, Value value, const std::string& service_label,
                   policy::AdaptivePolicy& adaptive) {
  if (value.is_word()) return;
  const Section section(in, value, tables::kAdaptive,
                        fmt::format("'adaptive_concurrency' of {}", service_label));
  adaptive.is_on = true;
  const auto least = section.get("min_limit");
  if (least) read_number(in, *least, adaptive.least);
  adaptive.most = std::max(adaptive.most, adaptive.least);  // the default
  if (const auto v = section.get("max_limit")) {
    std::uint32_t most = 0;
    if (read_number(in, *v, most)) {
      if (!least) adaptive.least = std::min(adaptive.least, most);  // likewise
      if (most < adaptive.least) {
        report_bad(in, *v, "; it is below 'min_limit'");
      } else {
        adaptive.most = most;
      }
    }
  }
  if (const auto v = section.get("tolerance")) read_tolerance(in, *v, adaptive.tolerance);
}

}  // namespace sluice::config
