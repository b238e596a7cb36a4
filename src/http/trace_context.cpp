#include "http/trace_context.hpp"

#include <algorithm>
#include <array>

#include "http/hex.hpp"

namespace sluice::http {
namespace {

constexpr std::size_t kSize = 55;  // 00-<32>-<16>-<2>
constexpr std::size_t kTraceAt = 3;
constexpr std::size_t kSpanAt = 36;
constexpr std::size_t kFlagsAt = 53;
constexpr std::size_t kStateMembersMax = 32;
constexpr std::uint8_t kSampled = 1;
constexpr std::uint8_t kRandom = 2;  // level 2: "the trace id is random", to be passed on
constexpr std::string_view kDigits = "0123456789abcdef";

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view text) {
  return is_lower_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

unsigned hex_value(char lower) {
  return static_cast<unsigned>(lower <= '9' ? lower - '0' : lower - 'a' + 10);
}

/// §3.2.2: version ff is invalid, 00 has nothing behind the flags, a later one is read by its first
/// 55 characters.
bool is_traceparent(std::string_view value) {
  if (value.size() < kSize || value[2] != '-' || value[kSpanAt - 1] != '-' ||
      value[kFlagsAt - 1] != '-')
    return false;
  const std::string_view version = value.substr(0, 2);
  if (!is_lower_hex(version) || version == "ff") return false;
  if (value.size() > kSize && (version == "00" || value[kSize] != '-')) return false;
  return is_id(value.substr(kTraceAt, 32)) && is_id(value.substr(kSpanAt, 16)) &&
         is_lower_hex(value.substr(kFlagsAt, 2));
}

std::size_t state_members(const HeaderBlock& fields) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field field = fields[i];
    if (field.id != FieldId::Tracestate) continue;
    count += 1 + static_cast<std::size_t>(std::count(field.value.begin(), field.value.end(), ','));
  }
  return count;
}

std::size_t traceparents(const HeaderBlock& fields) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < fields.size(); ++i)
    count += fields[i].id == FieldId::Traceparent ? 1 : 0;
  return count;
}

}  // namespace

TraceContext read_trace_context(const HeaderBlock& fields) {
  if (!fields.has(FieldId::Traceparent) || traceparents(fields) != 1) return {};
  const std::string_view value = *fields.find(FieldId::Traceparent);
  if (!is_traceparent(value)) return {};
  const std::uint8_t known = value.starts_with("00") ? kSampled | kRandom : kSampled;
  const unsigned flags = hex_value(value[kFlagsAt]) << 4U | hex_value(value[kFlagsAt + 1]);
  const bool has_state = fields.has(FieldId::Tracestate);
  return {value.substr(kTraceAt, 32), static_cast<std::uint8_t>(flags & known),
          has_state && state_members(fields) <= kStateMembersMax};
}

void write_traceparent(HeadWriter& out, const TraceContext& context, NewTrace fresh,
                       std::uint64_t span) {
  const bool is_new = context.trace_id.empty();
  std::array<char, 32> new_id;
  if (is_new) put_hex(put_hex(new_id.data(), fresh.high), fresh.low);
  const std::string_view trace_id =
      is_new ? std::string_view(new_id.data(), new_id.size()) : context.trace_id;
  std::array<char, 16> parent;
  put_hex(parent.data(), span);
  // A trace that begins here is marked as sampled: applications with the usual parent-based sampler
  // would otherwise stop recording on the day a proxy is put before them.
  const std::string_view flags = kDigits.substr(is_new ? kSampled : context.flags, 1);
  out.put("traceparent: 00-", trace_id, "-", std::string_view(parent.data(), parent.size()), "-0",
          flags, "\r\n");
}

}  // namespace sluice::http
