#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/sections.hpp"
#include "config/values.hpp"

/// `timeouts` and `limits` of a service.
namespace sluice::config {

namespace {

using model::Timeouts;

struct TimeoutKey {
  std::string_view name;
  core::Millis Timeouts::*member;
};
constexpr std::array<TimeoutKey, 10> kTimeoutKeys{{
    {"connect", &Timeouts::connect},
    {"request_header", &Timeouts::request_header},
    {"request_body_idle", &Timeouts::request_body_idle},
    {"request_body", &Timeouts::request_body},
    {"response_header", &Timeouts::response_header},
    {"response_body_idle", &Timeouts::response_body_idle},
    {"response_body", &Timeouts::response_body},
    {"keep_alive_idle", &Timeouts::keep_alive_idle},
    {"endpoint_idle", &Timeouts::endpoint_idle},
    {"tunnel_idle", &Timeouts::tunnel_idle},
}};

void read_header_bytes(Reader& in, Value value, http::HeadLimits& head) {
  std::uint64_t bytes = 0;
  if (read_size(in, value, bytes)) head.head_bytes = static_cast<std::size_t>(bytes);
}

void read_target_bytes(Reader& in, Value value, http::HeadLimits& head) {
  std::uint64_t bytes = 0;
  if (!read_size(in, value, bytes)) return;
  if (bytes > head.head_bytes) {
    report_bad(in, value, "; it is above 'header_bytes', of which it is a part");
    return;
  }
  head.target_bytes = static_cast<std::size_t>(bytes);
}

void read_body_bytes(Reader& in, Value value, std::optional<std::uint64_t>& target) {
  if (value.is_word()) {
    target = std::nullopt;
    return;
  }
  std::uint64_t bytes = 0;
  if (read_size(in, value, bytes)) target = bytes;
}

void read_min_rate(Reader& in, std::optional<Value> value, core::Millis idle,
                   std::string_view idle_key, std::uint32_t& target) {
  if (!value || !read_data_rate(in, *value, target)) return;
  if (target == 0 || idle != core::Millis{0}) return;
  report_bad(in, *value,
             fmt::format("; '{}' is off, and a client may as well send nothing", idle_key));
}

}  // namespace

void read_timeouts(Reader& in, Value value, const std::string& service_label, Timeouts& timeouts) {
  const Section section(in, value, tables::kTimeouts,
                        fmt::format("'timeouts' of {}", service_label));
  for (const TimeoutKey& key : kTimeoutKeys) {
    if (const auto v = section.get(key.name)) read_duration(in, *v, timeouts.*(key.member));
  }
}

void read_service_limits(Reader& in, Value value, const std::string& service_label,
                         Service& service) {
  const Section section(in, value, tables::kServiceLimits,
                        fmt::format("'limits' of {}", service_label));
  read_min_rate(in, section.get("min_request_rate"), service.timeouts.request_body_idle,
                "request_body_idle", service.min_rates.request);
  read_min_rate(in, section.get("min_response_rate"), service.timeouts.response_body_idle,
                "response_body_idle", service.min_rates.response);
  http::HeadLimits& head = service.head_limits;
  if (const auto v = section.get("header_bytes")) read_header_bytes(in, *v, head);
  if (const auto v = section.get("header_count")) {
    std::uint32_t count = 0;
    if (read_number(in, *v, count)) head.field_count = count;
  }
  head.target_bytes = std::min(head.target_bytes, head.head_bytes);  // the default in a small head
  if (const auto v = section.get("target_bytes")) read_target_bytes(in, *v, head);
  if (const auto v = section.get("body_bytes")) read_body_bytes(in, *v, service.body_bytes_max);
}

void settle_min_rates(Service& service) {
  if (service.timeouts.request_body_idle == core::Millis{0}) service.min_rates.request = 0;
  if (service.timeouts.response_body_idle == core::Millis{0}) service.min_rates.response = 0;
}

}  // namespace sluice::config
