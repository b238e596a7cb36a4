#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/names.hpp"
#include "config/sections.hpp"
#include "config/values.hpp"

/// `health_check` and `outlier_detection` of a service.
namespace sluice::config {

namespace {

using policy::HealthCheck;
using policy::OutlierPolicy;

constexpr std::uint16_t kJitterMost = 5000;  // basis points: intervals keep their order
constexpr std::uint16_t kMemoryLeast = 100;

void read_type(Reader& in, Value value, HealthCheck::Type& type) {
  if (value.is_word()) {
    type = value.is("tcp") ? HealthCheck::Type::Tcp : HealthCheck::Type::Http;
  } else {
    report_bad_word(in, value);
  }
}

void read_method(Reader& in, Value value, std::string& method) {
  if (value.is_word()) {
    method = value.text();
  } else {
    report_bad_word(in, value);
  }
}

/// It goes into a request line as it is.
void read_check_path(Reader& in, Value value, std::string& path) {
  const auto is_plain = [](char c) { return c > ' ' && c < 0x7F && c != '#'; };
  const bool is_path = value.is_scalar() && value.text().starts_with('/') &&
                       value.text().size() <= value.key->range.most &&
                       std::ranges::all_of(value.text(), is_plain);
  if (is_path) {
    path = value.text();
  } else {
    report_bad(in, value);
  }
}

void read_check_host(Reader& in, Value value, std::string& host) {
  const auto found = value.is_scalar() ? normal_host(value.text()) : std::nullopt;
  if (found && !found->starts_with('*')) {
    host = *found;
  } else {
    report_bad(in, value);
  }
}

/// Three digits, 200 to 599: a check that is answered by a 1xx has not been answered yet.
std::optional<std::uint16_t> parse_status(std::string_view text) {
  const auto number = text.size() == 3 ? parse_whole_number(text) : std::nullopt;
  if (!number || *number < 200 || *number > 599) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

void read_status(Reader& in, Value value, HealthCheck& check) {
  const std::string_view text = value.is_scalar() ? value.text() : std::string_view();
  const std::size_t dash = text.find('-');
  const auto least = parse_status(text.substr(0, dash));
  const auto most = dash == text.npos ? least : parse_status(text.substr(dash + 1));
  if (!least || !most || *least > *most) return report_bad(in, value);
  check.status_least = *least;
  check.status_most = *most;
}

void read_jitter(Reader& in, Value value, core::BasisPoints& jitter) {
  core::BasisPoints read;
  if (!read_percent(in, value, read)) return;
  if (read.count() > kJitterMost) return report_bad(in, value);
  jitter = read;
}

void read_memory_limit(Reader& in, Value value, std::optional<core::BasisPoints>& limit) {
  if (value.is_word()) {
    limit = std::nullopt;
    return;
  }
  core::BasisPoints read;
  if (!read_percent(in, value, read)) return;
  if (read.count() < kMemoryLeast) return report_bad(in, value);
  limit = read;
}

void read_hook(Reader& in, Value list, std::vector<std::string>& hook) {
  for (const Value item : items_of(in, list)) {
    std::string word;
    if (!read_text(in, item, word)) continue;
    if (hook.empty() && !word.starts_with('/')) {
      report_bad(in, item, "; the program is named by its absolute path");
      return;
    }
    hook.push_back(std::move(word));
  }
}

void read_request(Reader& in, const Section& section, HealthCheck& check) {
  if (const auto v = section.get("type")) read_type(in, *v, check.type);
  constexpr std::array<std::string_view, 5> kOfHttp{"method", "path", "host", "expect_status",
                                                    "expect_body"};
  for (const std::string_view name : kOfHttp) {
    const auto v = section.get(name);
    if (!v || check.type == HealthCheck::Type::Http) continue;
    in.report(v->node->key_at,
              fmt::format("'{}' is of a request, expected it only with 'type: http'", name));
  }
  if (const auto v = section.get("method")) read_method(in, *v, check.method);
  if (const auto v = section.get("path")) read_check_path(in, *v, check.path);
  if (const auto v = section.get("host")) read_check_host(in, *v, check.host);
  if (const auto v = section.get("expect_status")) read_status(in, *v, check);
  if (const auto v = section.get("expect_body")) {
    read_text(in, *v, check.body);
    if (check.method == "HEAD")
      in.report(v->node->key_at, "the answer to a HEAD has no body, expected 'method: GET'");
  }
}

void read_times(Reader& in, const Section& section, HealthCheck& check) {
  if (const auto v = section.get("interval")) read_duration(in, *v, check.interval);
  check.fast_interval = std::min(check.fast_interval, check.interval);  // the default
  if (const auto v = section.get("fast_interval")) {
    core::Millis fast{};
    if (read_duration(in, *v, fast)) {
      if (fast > check.interval) {
        report_bad(in, *v, "; it is above 'interval', than which it is to be shorter");
      } else {
        check.fast_interval = fast;
      }
    }
  }
  if (const auto v = section.get("jitter")) read_jitter(in, *v, check.jitter);
  if (const auto v = section.get("timeout")) read_duration(in, *v, check.timeout);
}

}  // namespace

void read_health_check(Reader& in, Value value, const std::string& service_label,
                       HealthCheck& check) {
  if (value.is_word()) return;
  const Section section(in, value, tables::kHealthCheck,
                        fmt::format("'health_check' of {}", service_label));
  check.is_on = true;
  read_request(in, section, check);
  read_times(in, section, check);
  if (const auto v = section.get("healthy_after")) read_number(in, *v, check.healthy_after);
  if (const auto v = section.get("unhealthy_after")) read_number(in, *v, check.unhealthy_after);
  if (const auto v = section.get("memory_limit")) read_memory_limit(in, *v, check.memory_limit);
  if (const auto v = section.get("recycle_on")) read_dependencies(in, *v, check.recycle_on);
  if (const auto v = section.get("hook")) read_hook(in, *v, check.hook);
  if (const auto v = section.get("hook_timeout")) read_duration(in, *v, check.hook_timeout);
}

void read_outliers(Reader& in, Value value, const std::string& service_label,
                   OutlierPolicy& outliers) {
  if (value.is_word()) return;
  const Section section(in, value, tables::kOutliers,
                        fmt::format("'outlier_detection' of {}", service_label));
  outliers.consecutive_failures = 5;
  if (const auto v = section.get("consecutive_failures"))
    read_number(in, *v, outliers.consecutive_failures);
  if (const auto v = section.get("base_ejection_time")) read_duration(in, *v, outliers.base_time);
  outliers.max_time = std::max(outliers.max_time, outliers.base_time);  // the default
  if (const auto v = section.get("max_ejection_time")) {
    core::Millis most{};
    if (read_duration(in, *v, most)) {
      if (most < outliers.base_time) {
        report_bad(in, *v, "; it is below 'base_ejection_time'");
      } else {
        outliers.max_time = most;
      }
    }
  }
  if (const auto v = section.get("max_ejected")) read_percent(in, *v, outliers.max_ejected);
}

}  // namespace sluice::config
