#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/names.hpp"
#include "config/sections.hpp"
#include "config/values.hpp"

/// `retry` and `rescue` of a service.
namespace sluice::config {

namespace {

void read_failures(Reader& in, Value list, policy::FailureSet& target) {
  policy::FailureSet failures;
  for (const Value item : items_of(in, list)) {
    const auto failure = std::ranges::find_if(
        policy::kAllFailures, [&](policy::Failure f) { return item.is(policy::text(f)); });
    if (failure == policy::kAllFailures.end() || !item.is_word()) {
      report_bad_word(in, item);
    } else if (failures.has(*failure)) {
      report_listed_twice(in, item, policy::text(*failure));
    } else {
      failures.add(*failure);
    }
  }
  target = failures;
}

void read_assets(Reader& in, Value list, std::vector<policy::PathPattern>& target) {
  std::vector<policy::PathPattern> patterns;
  for (const Value item : items_of(in, list)) {
    if (!item.is_scalar() || !is_path_pattern(item.text())) {
      report_bad(in, item);
    } else if (policy::PathPattern pattern(item.text());
               std::ranges::count(patterns, pattern) > 0) {
      report_listed_twice(in, item, item.text());
    } else {
      patterns.push_back(std::move(pattern));
    }
  }
  target = std::move(patterns);
}

}  // namespace

void read_retry(Reader& in, Value value, const std::string& service_label,
                model::Repeats& repeats) {
  const Section section(in, value, tables::kRetry, fmt::format("'retry' of {}", service_label));
  policy::RetryRule& rule = repeats.retry;
  if (const auto v = section.get("attempts")) read_number(in, *v, rule.retries_max);
  if (const auto v = section.get("budget")) read_percent(in, *v, repeats.retry_budget.share);
  if (const auto v = section.get("when")) read_failures(in, *v, rule.when);
  if (const auto v = section.get("per_try_timeout")) read_duration(in, *v, rule.per_try_timeout);
  if (const auto v = section.get("back_off")) read_duration(in, *v, rule.back_off);
  if (const auto v = section.get("idempotency_key")) {
    read_on_off(in, *v, repeats.trusts_idempotency_key);
  }
}

void read_rescue(Reader& in, Value value, const std::string& service_label,
                 model::Repeats& repeats) {
  const Section section(in, value, tables::kRescue, fmt::format("'rescue' of {}", service_label));
  if (const auto v = section.get("when")) read_failures(in, *v, repeats.rescue);
  if (const auto v = section.get("budget")) read_percent(in, *v, repeats.rescue_budget.share);
  if (const auto v = section.get("assets")) read_assets(in, *v, repeats.assets);
  if (const auto v = section.get("assets_of_closed"))
    read_on_off(in, *v, repeats.asks_closed_for_assets);
}

}  // namespace sluice::config
