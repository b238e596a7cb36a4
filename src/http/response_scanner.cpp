#include "http/char_class.hpp"
#include "http/field_lines.hpp"
#include "http/framing.hpp"
#include "http/list.hpp"
#include "http/wide_skip.hpp"
#include "sluice/http/head_scanner.hpp"

// The strict scan of a response head (RFC 9112 §4, §6.3). Every Refusal here is a 502 to the
// client; the status in it is that of the same fault in a request and only for the log.
namespace sluice::http {
namespace {

using MaybeRefusal = std::optional<Refusal>;

void clear(ResponseHead& out, const char* base) {
  out.status = 0;
  out.version = Version::Http11;
  out.keep_alive = false;
  out.keep_alive_timeout_s = {};
  out.reason = out.upgrade = {};
  out.framing = {};
  out.fields.reset(base);
}

/// `HTTP/1.x SP ddd [SP reason] CRLF`. Nothing that is not exactly this is taken for an old version
/// of HTTP.
MaybeRefusal take_status_line(std::string_view& rest, ResponseHead& out) {
  constexpr std::size_t kReasonAt = 12;  // HTTP/d.d SP ddd
  if (!rest.starts_with("HTTP/1.0 ") && !rest.starts_with("HTTP/1.1 "))
    return Refusal{400, "malformed status line"};
  if (rest.size() < kReasonAt + 2) return Refusal{400, "malformed status line"};
  out.version = rest[7] == '0' ? Version::Http10 : Version::Http11;
  unsigned status = 0;
  for (std::size_t i = 9; i < kReasonAt; ++i) {
    if (!is_in(kDigit, rest[i])) return Refusal{400, "malformed status"};
    status = status * 10 + static_cast<unsigned>(rest[i] - '0');
  }
  if (status < 100) return Refusal{400, "malformed status"};
  // RFC 9112 §4: the space is required even before an empty reason. Some servers leave it out; it
  // decides nothing.
  const char* const end = rest.data() + rest.size();
  const char* reason = rest.data() + kReasonAt;
  const char* const stop = wide::skip_value(rest.data(), reason, end);
  if (stop != reason && *reason != ' ') return Refusal{400, "malformed status"};
  if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n') return bad_octet(stop, end);
  if (stop != reason) ++reason;
  out.status = static_cast<std::uint16_t>(status);
  out.reason = {reason, static_cast<std::size_t>(stop - reason)};
  rest.remove_prefix(static_cast<std::size_t>(stop + 2 - rest.data()));
  return {};
}

bool is_informational(std::uint16_t status) {
  return status < 200;
}

/// RFC 9112 §6.3 with the rules that RFC 9110 §8.6 and RFC 9112 §6.1 put on servers taken at their
/// word.
MaybeRefusal read_framing(const ControlFields& fields, Method method, ResponseHead& out) {
  Framing framing;
  if (const MaybeRefusal refusal =
          judge_framing(fields, out.version, BodyKind::UntilClose, framing))
    return refusal;
  if (is_informational(out.status) || out.status == 204) {
    if (framing.kind == BodyKind::Chunked) return Refusal{400, "Transfer-Encoding on a 1xx or 204"};
    if (framing.kind == BodyKind::Length && framing.length > 0)
      return Refusal{400, "body on a 1xx or 204"};
  }
  const bool has_no_body = method == Method::Head || is_informational(out.status) ||
                           out.status == 204 || out.status == 304;
  out.framing = has_no_body ? Framing{} : framing;
  return {};
}

/// `timeout=N` of Keep-Alive (RFC 2068 §19.7.1.1, still what servers send).
std::optional<std::uint32_t> timeout_of(std::string_view keep_alive) {
  std::optional<std::uint32_t> timeout;
  for_each_element(keep_alive, [&timeout](std::string_view parameter) {
    constexpr std::string_view kName = "timeout=";
    if (parameter.size() <= kName.size() || !iequals(parameter.substr(0, kName.size()), kName))
      return;
    const std::string_view digits = parameter.substr(kName.size());
    std::uint32_t seconds = 0;
    for (const char c : digits) {
      if (!is_in(kDigit, c) || digits.size() > 9) return;
      seconds = seconds * 10 + static_cast<std::uint32_t>(c - '0');
    }
    if (!timeout) timeout = seconds;
  });
  return timeout;
}

MaybeRefusal judge(Method method, ResponseHead& out) {
  const ControlFields fields = collect(out.fields);
  if (const MaybeRefusal refusal = read_framing(fields, method, out)) return refusal;
  if (fields.other_options > core::limits::kConnectionOptionsMax) {
    return Refusal{400, "too many Connection options"};
  }
  out.keep_alive =
      wants_keep_alive(fields, out.version) && out.framing.kind != BodyKind::UntilClose;
  if (const auto keep_alive = out.fields.find(FieldId::KeepAlive))
    out.keep_alive_timeout_s = timeout_of(*keep_alive);
  if (out.status == 101)
    out.upgrade = out.fields.find(FieldId::Upgrade).value_or(std::string_view{});
  return {};
}

}  // namespace

std::optional<Refusal> scan_response_head(std::string_view bytes, Method method,
                                          ResponseHead& out) {
  clear(out, bytes.data());
  if (bytes.size() > core::limits::kResponseHeadMax) return Refusal{431, "response head too large"};
  std::string_view rest = bytes;
  if (const MaybeRefusal refusal = take_status_line(rest, out)) return refusal;
  if (const MaybeRefusal refusal = scan_field_lines(rest, core::limits::kFieldCountMax, out.fields))
    return refusal;
  return judge(method, out);
}

}  // namespace sluice::http
