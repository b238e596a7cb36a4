#include "http/field_lines.hpp"

#include <algorithm>

#include "http/char_class.hpp"
#include "http/wide_skip.hpp"

namespace sluice::http {
namespace {

/// Requires: an LF is at or behind `at`, so that a CR is never the last octet.
bool is_crlf(const char* at) {
  return at[0] == '\r' && at[1] == '\n';
}

Refusal bad_line_start(const char* at, const char* end, bool is_first) {
  if (is_blank(*at))
    return {400, is_first ? "whitespace before the first field" : "folded field line"};
  if (*at == ':') return {400, "empty field name"};
  return is_in(kValue, *at) ? Refusal{400, "field name is not a token"} : bad_octet(at, end);
}

Refusal bad_name_end(const char* at, const char* end) {
  if (is_blank(*at)) return {400, "whitespace in or behind a field name"};
  if (is_crlf(at)) return {400, "field line without a colon"};
  return is_in(kValue, *at) ? Refusal{400, "field name is not a token"} : bad_octet(at, end);
}

}  // namespace

Refusal bad_octet(const char* at, const char* end) {
  if (at == end) return {400, "incomplete head"};
  switch (*at) {
    case '\r':
      return {400, "bare CR"};
    case '\n':
      return {400, "bare LF"};
    case '\0':
      return {400, "NUL"};
    default:
      return {400, "control byte"};
  }
}

std::optional<Refusal> scan_field_lines(std::string_view lines, std::size_t count_max,
                                        HeaderBlock& out) {
  // An LF is neither in a name nor in a value, so with one at the end no loop below needs to look
  // for the end.
  if (!lines.ends_with('\n')) return Refusal{400, "incomplete head"};
  const char* const begin = lines.data();
  const char* const end = begin + lines.size();
  const char* at = begin;
  count_max = std::min(count_max, core::limits::kFieldCountMax);
  while (at != end && !is_crlf(at)) {
    const char* const name = at;
    at = wide::skip_token(begin, at, end);
    if (at == name) return bad_line_start(at, end, out.size() == 0);
    if (*at != ':') return bad_name_end(at, end);
    const std::string_view name_text(name, static_cast<std::size_t>(at - name));

    ++at;
    while (is_blank(*at)) ++at;
    const char* const value = at;
    at = wide::skip_value(begin, at, end);
    if (!is_crlf(at)) return bad_octet(at, end);
    const char* value_end = at;
    while (value_end != value && is_blank(value_end[-1])) --value_end;
    at += 2;

    if (out.size() >= count_max) return Refusal{431, "too many fields"};
    out.add(name_text, {value, static_cast<std::size_t>(value_end - value)}, field_id(name_text));
  }
  if (at == end) return Refusal{400, "incomplete head"};
  if (at + 2 != end) return Refusal{400, "bytes behind the head"};
  return {};
}

}  // namespace sluice::http
