#include "sluice/policy/health.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sluice/core/ensure.hpp"

namespace sluice::policy {

namespace {

std::string expected_status(const HealthCheck& check) {
  if (check.status_least == check.status_most) return fmt::format("{}", check.status_least);
  return fmt::format("{}-{}", check.status_least, check.status_most);
}

bool is_above(std::uint8_t memory_percent, core::BasisPoints limit) {
  return memory_percent * 100U > limit.count();
}

}  // namespace

std::string_view text(Health::State state) {
  switch (state) {
    case Health::State::Unknown:
      return "unknown";
    case Health::State::Up:
      return "up";
    case Health::State::Down:
      return "down";
    case Health::State::Draining:
      return "draining";
  }
  core::unreachable();
}

Health after_finding(Health health, Finding finding, const HealthCheck& check) {
  using State = Health::State;
  switch (finding) {
    case Finding::Pass:
      health.failures = 0;
      health.passes = std::min(health.passes + 1, check.healthy_after);
      if (health.state == State::Unknown || health.passes >= check.healthy_after)
        health.state = State::Up;
      return health;
    case Finding::Fail:
      health.passes = 0;
      health.failures = std::min(health.failures + 1, check.unhealthy_after);
      if (health.failures >= check.unhealthy_after) health.state = State::Down;
      return health;
    case Finding::Drain:
      return {.state = State::Draining};
    case Finding::Down:
      return {.state = State::Down, .passes = 0, .failures = check.unhealthy_after};
    case Finding::Skipped:
      return health;
  }
  core::unreachable();
}

bool is_in_doubt(const Health& health) {
  switch (health.state) {
    case Health::State::Unknown:
      return true;
    case Health::State::Up:
      return health.failures > 0;
    case Health::State::Down:
      return health.passes > 0;
    case Health::State::Draining:
      return health.passes > 0 || health.failures > 0;
  }
  core::unreachable();
}

core::Millis next_check_in(const Health& health, const HealthCheck& check, core::Rng& rng) {
  const core::Millis base =
      is_in_doubt(health) ? std::min(check.fast_interval, check.interval) : check.interval;
  const core::Millis jitter = base * check.jitter.count() / core::BasisPoints::kAll;
  const auto span = static_cast<std::uint32_t>(2 * jitter.count() + 1);
  return std::max(core::Millis(1), base - jitter + core::Millis(rng.below(span)));
}

core::Millis first_check_in(const HealthCheck& check, core::Rng& rng) {
  const core::Millis within = std::min(check.fast_interval, check.interval);
  return core::Millis(rng.below(static_cast<std::uint32_t>(within.count())));
}

CheckResult judge(const HealthCheck& check, const CheckAnswer& answer) {
  CheckResult result;
  if (answer.report_lines == 1) result.report = parse_self_report(answer.report);
  result.is_report_unreadable = answer.report_lines > 0 && !result.report;
  if (result.report) {
    const SelfReport& report = *result.report;
    if (report.word == SelfReport::Word::Down) {
      result.finding = Finding::Down;
      result.why = "it says that it is down";
      return result;
    }
    if (report.word == SelfReport::Word::Drain) {
      result.finding = Finding::Drain;
      result.why = "it asks for no new requests";
      return result;
    }
    if (report.memory_percent && check.memory_limit &&
        is_above(*report.memory_percent, *check.memory_limit)) {
      result.finding = Finding::Drain;
      result.why = fmt::format("its memory is at {}%, above the limit of {}",
                               *report.memory_percent, check.memory_limit->percent());
      return result;
    }
  }
  if (answer.status < check.status_least || answer.status > check.status_most) {
    result.finding = Finding::Fail;
    result.why = fmt::format("status {}, expected {}", answer.status, expected_status(check));
  } else if (!answer.has_body_text) {
    result.finding = Finding::Fail;
    result.why = "the body lacks the expected text";
  }
  return result;
}

std::uint32_t slow_start_share(core::Nanos back_for, core::Millis slow_start) {
  if (back_for >= slow_start) return HealthWord::kWhole;
  const core::Nanos whole(slow_start);
  const auto grown = static_cast<std::uint32_t>(std::max(core::Nanos(0), back_for).count() *
                                                HealthWord::kWhole / whole.count());
  return std::max(grown, core::limits::kSlowStartLeast);
}

}  // namespace sluice::policy
