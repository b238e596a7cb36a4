#pragma once
#include <optional>
#include <string_view>

#include "sluice/http/head_scanner.hpp"
#include "sluice/http/message.hpp"

namespace sluice::http {

/// The strict scan and then llhttp over the same bytes: a head counts only when both read the same
/// method or status, version, framing and number of fields. Disagreement is a Refusal (400, for
/// responses the caller says 502).
std::optional<Refusal> parse_request_head(std::string_view bytes, const HeadLimits& limits,
                                          RequestHead& out);
/// Where a request head stands of which `received` bytes are there and HeadEnd found `size`. One
/// that is Oversized is answered with oversized_request_head().
enum class HeadProgress { Partial, Whole, Oversized };
inline HeadProgress head_progress(std::optional<std::size_t> size, std::size_t received,
                                  const HeadLimits& limits) {
  if (size) return *size <= limits.head_bytes ? HeadProgress::Whole : HeadProgress::Oversized;
  return received < limits.head_bytes ? HeadProgress::Partial : HeadProgress::Oversized;
}

std::optional<Refusal> parse_response_head(std::string_view bytes, Method method,
                                           ResponseHead& out);

}  // namespace sluice::http
