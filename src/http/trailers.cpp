#include <algorithm>
#include <array>

#include "http/field_lines.hpp"
#include "sluice/http/head_scanner.hpp"

namespace sluice::http {
namespace {

/// RFC 9110 §6.5.1: fields for framing, routing, authentication, request modifiers, response
/// control and content format may not be trailers, since a reader who merges them into the head
/// would act on them after it has decided.
constexpr std::array<std::string_view, 39> kForbidden{"Authorization",
                                                      "Proxy-Authorization",
                                                      "WWW-Authenticate",
                                                      "Proxy-Authenticate",
                                                      "Authentication-Info",
                                                      "Proxy-Authentication-Info",
                                                      "Set-Cookie",
                                                      "Content-Encoding",
                                                      "Content-Type",
                                                      "Content-Range",
                                                      "Content-Location",
                                                      "Content-Disposition",
                                                      "Content-Language",
                                                      "Age",
                                                      "Expires",
                                                      "Location",
                                                      "Retry-After",
                                                      "Vary",
                                                      "Warning",
                                                      "Pragma",
                                                      "Range",
                                                      "Accept-Ranges",
                                                      "If-Match",
                                                      "If-None-Match",
                                                      "If-Modified-Since",
                                                      "If-Unmodified-Since",
                                                      "If-Range",
                                                      "Last-Modified",
                                                      "Allow",
                                                      "Alt-Svc",
                                                      "Strict-Transport-Security",
                                                      "Content-Security-Policy",
                                                      "Origin",
                                                      "Referer",
                                                      "Accept-Encoding",
                                                      "Set-Cookie2",
                                                      "Cookie2",
                                                      "HTTP2-Settings",
                                                      "X-Real-IP"};

bool may_be_trailer(const Field& field) {
  // Every name that Sluice knows by an id concerns framing, routing, the connection or the head;
  // none of them may come late.
  if (field.id != FieldId::Other) return false;
  return std::none_of(kForbidden.begin(), kForbidden.end(),
                      [&field](std::string_view name) { return iequals(field.name, name); });
}

}  // namespace

std::optional<Refusal> scan_trailers(std::string_view bytes, HeaderBlock& out) {
  out.reset(bytes.data());
  if (bytes.size() > core::limits::kTrailersMax) return Refusal{431, "trailer section too large"};
  HeaderBlock all;
  all.reset(bytes.data());
  if (const std::optional<Refusal> refusal =
          scan_field_lines(bytes, core::limits::kFieldCountMax, all))
    return refusal;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Field field = all[i];
    if (may_be_trailer(field)) out.add(field.name, field.value, field.id);
  }
  return {};
}

}  // namespace sluice::http
