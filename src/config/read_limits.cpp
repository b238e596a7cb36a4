#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/sections.hpp"
#include "config/values.hpp"
#include "sluice/core/limits.hpp"

/// `timeouts` and `limits` of a service.
namespace sluice::config {

namespace {

using model::Timeouts;

constexpr core::Millis kTimeoutMin{1};
constexpr core::Millis kTimeoutMax = std::chrono::hours(24);
constexpr core::Millis kTunnelIdleMax = std::chrono::hours(30 * 24);
constexpr std::uint64_t kHeaderBytesMin = 1024;
constexpr std::uint64_t kTargetBytesMin = 64;

/// `off` is refused where nothing else would bound a hostile client or a dead endpoint, or where it
/// could be read both ways.
struct TimeoutKey {
  std::string_view name;
  core::Millis Timeouts::*member;
  Off off;
  core::Millis most;
};
constexpr std::array<TimeoutKey, 8> kTimeoutKeys{{
    {"connect", &Timeouts::connect, Off::Refused, kTimeoutMax},
    {"request_header", &Timeouts::request_header, Off::Refused, kTimeoutMax},
    {"request_body_idle", &Timeouts::request_body_idle, Off::Allowed, kTimeoutMax},
    {"response_header", &Timeouts::response_header, Off::Allowed, kTimeoutMax},
    {"response_body_idle", &Timeouts::response_body_idle, Off::Allowed, kTimeoutMax},
    {"keep_alive_idle", &Timeouts::keep_alive_idle, Off::Refused, kTimeoutMax},
    {"endpoint_idle", &Timeouts::endpoint_idle, Off::Refused, kTimeoutMax},
    {"tunnel_idle", &Timeouts::tunnel_idle, Off::Allowed, kTunnelIdleMax},
}};

void read_bytes(Reader& in, Value value, NumberRange range, std::size_t& target) {
  std::uint64_t bytes = 0;
  if (read_size(in, value, range, bytes)) target = static_cast<std::size_t>(bytes);
}

void read_target_bytes(Reader& in, Value value, http::HeadLimits& head) {
  std::uint64_t bytes = 0;
  if (!read_size(in, value, {kTargetBytesMin, core::limits::kTargetMax}, bytes)) return;
  if (bytes > head.head_bytes) {
    report_bad(in, value, "; it is above 'header_bytes', of which it is a part");
    return;
  }
  head.target_bytes = static_cast<std::size_t>(bytes);
}

void read_body_bytes(Reader& in, Value value, std::optional<std::uint64_t>& target) {
  if (value.is("unlimited")) {
    target = std::nullopt;
    return;
  }
  std::uint64_t bytes = 0;
  if (read_size(in, value, {1, ~std::uint64_t{0}}, bytes)) target = bytes;
}

}  // namespace

void read_timeouts(Reader& in, Value value, const std::string& service_label, Timeouts& timeouts) {
  const Section section(in, value, tables::kTimeouts,
                        fmt::format("'timeouts' of {}", service_label));
  for (const TimeoutKey& key : kTimeoutKeys) {
    const auto v = section.get(key.name);
    if (v) read_duration(in, *v, {kTimeoutMin, key.most}, key.off, timeouts.*(key.member));
  }
}

void read_service_limits(Reader& in, Value value, const std::string& service_label,
                         Service& service) {
  using namespace core::limits;
  const Section section(in, value, tables::kServiceLimits,
                        fmt::format("'limits' of {}", service_label));
  http::HeadLimits& head = service.head_limits;
  if (const auto v = section.get("header_bytes")) {
    read_bytes(in, *v, {kHeaderBytesMin, kRequestHeadMax}, head.head_bytes);
  }
  if (const auto v = section.get("header_count")) {
    std::uint32_t count = 0;
    if (read_number(in, *v, {1, kFieldCountMax}, count)) head.field_count = count;
  }
  head.target_bytes = std::min(head.target_bytes, head.head_bytes);  // the default in a small head
  if (const auto v = section.get("target_bytes")) read_target_bytes(in, *v, head);
  if (const auto v = section.get("body_bytes")) read_body_bytes(in, *v, service.body_bytes_max);
}

}  // namespace sluice::config
