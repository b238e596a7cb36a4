#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

#include "sluice/http/message.hpp"

/// The one strict scan of request heads, response heads and trailer sections (behaviour.md §4, RFC
/// 9112 §2–§7). Pure: bytes in, verdict out, no allocation. It decides the framing; llhttp's view
/// of the same bytes must agree.
namespace sluice::http {

struct HeadLimits {
  std::size_t head_bytes = core::limits::kRequestHeadMax;
  std::size_t field_count = 100;
  std::size_t target_bytes = 8 * 1024;
};

/// Finds where a head ends without reading any byte twice, however small the pieces arrive.
class HeadEnd {
 public:
  /// `all` is everything received so far, beginning with the first byte of the head (leading empty
  /// lines included, at most two are tolerated before a request line). Returns the size of the head
  /// with its empty line, as soon as it is there. A bare LF counts as a line end here, so that the
  /// scan can refuse it by name.
  std::optional<std::size_t> find(std::string_view all);
  void reset() { scanned_ = 0; }

 private:
  std::size_t scanned_ = 0;
};

/// Scans one whole request head, as HeadEnd delimited it. On success `out` holds views into
/// `bytes`. Refusals: 400 ambiguous or malformed, 405 CONNECT, 414 target too long, 417 unknown
/// expectation, 431 too many or too large fields, 501 a transfer coding that is not chunked, 505
/// another well-formed version. A refused head may leave `out` partly filled: `method`,
/// `method_text`, `target`, `version` and `fields` are then those that were understood (for the log
/// and for `Accept`), else empty.
std::optional<Refusal> scan_request_head(std::string_view bytes, const HeadLimits& limits,
                                         RequestHead& out);

/// What to answer when a head can't be completed within the limit: 414 when not even the request
/// line ended, else 431.
Refusal oversized_request_head(std::string_view bytes);

/// Scans one whole response head to a request with `method`. Any Refusal means 502. A 101 is
/// accepted here; whether it was asked for is the exchange's business.
std::optional<Refusal> scan_response_head(std::string_view bytes, Method method, ResponseHead& out);

/// Scans a trailer section: field lines up to and including the empty line. Forbidden trailer
/// fields (framing, routing, authentication, hop-by-hop, `Sluice-*`: RFC 9110 §6.5.1) are left out
/// of `out`; malformed ones are refused.
std::optional<Refusal> scan_trailers(std::string_view bytes, HeaderBlock& out);

}  // namespace sluice::http
