#pragma once
#include <cstdint>
#include <string_view>

#include "sluice/http/h1_writer.hpp"
#include "sluice/http/message.hpp"

/// W3C Trace Context (Recommendation of 2021-11-23): which trace a request belongs to.
namespace sluice::http {

struct TraceContext {
  // 32 lower-case hex digits; empty: none that is valid, a new trace begins
  std::string_view trace_id;
  std::uint8_t flags = 0;
  bool keeps_state = false;  // tracestate passes
};

/// Exactly one valid traceparent is continued, from every peer: a trace id opens nothing, so it is
/// no matter of trust.
TraceContext read_trace_context(const HeaderBlock& fields);

struct NewTrace {
  std::uint64_t high = 0, low = 1;  // of the trace id, not both 0
};
/// The traceparent line with `span` as the parent of what follows.
void write_traceparent(HeadWriter& out, const TraceContext& context, NewTrace fresh,
                       std::uint64_t span);

}  // namespace sluice::http
