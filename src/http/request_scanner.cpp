#include <algorithm>
#include <cstring>

#include "http/char_class.hpp"
#include "http/field_lines.hpp"
#include "http/framing.hpp"
#include "http/host.hpp"
#include "http/list.hpp"
#include "http/wide_skip.hpp"
#include "sluice/http/head_scanner.hpp"

// The strict scan of a request head: request line, field lines, then what the fields mean together.
// Sources: RFC 9112 §2.2, §3, §5, §6.3, §9.3; RFC 9110 §4.2, §7.2, §7.8, §10.1.1; behaviour.md §4.
namespace sluice::http {
namespace {

using MaybeRefusal = std::optional<Refusal>;

void clear(RequestHead& out, const char* base) {
  out.method = Method::Other;
  out.version = Version::Http11;
  out.form = TargetForm::Origin;
  out.expect = Expectation::None;
  out.keep_alive = false;
  out.method_text = out.target = out.path = out.query = out.host = out.authority = out.upgrade = {};
  out.framing = {};
  // Not `out = {}`: that writes 1.3 KiB of entries which nobody reads.
  out.fields.reset(base);
}

/// Requires: the sizes are the same, as that is a comparison of one or two words then.
template <std::size_t Size>
bool is(std::string_view text, const char (&method)[Size]) {
  return std::memcmp(text.data(), method, Size - 1) == 0;
}

Method method_of(std::string_view text) {
  switch (text.size()) {
    case 3:
      if (is(text, "GET")) return Method::Get;
      return is(text, "PUT") ? Method::Put : Method::Other;
    case 4:
      if (is(text, "POST")) return Method::Post;
      return is(text, "HEAD") ? Method::Head : Method::Other;
    case 5:
      if (is(text, "PATCH")) return Method::Patch;
      return is(text, "TRACE") ? Method::Trace : Method::Other;
    case 6:
      return is(text, "DELETE") ? Method::Delete : Method::Other;
    case 7:
      if (is(text, "OPTIONS")) return Method::Options;
      return is(text, "CONNECT") ? Method::Connect : Method::Other;
    default:
      return Method::Other;
  }
}

/// `rest` begins behind the empty lines that RFC 9112 §2.2 tolerates.
MaybeRefusal skip_leading_lines(std::string_view& rest) {
  if (!rest.starts_with('\r')) return {};
  for (unsigned line = 0; line < 2 && rest.starts_with("\r\n"); ++line) rest.remove_prefix(2);
  if (rest.starts_with("\r\n")) return Refusal{400, "empty request line"};
  return {};
}

MaybeRefusal take_method(std::string_view& rest, RequestHead& out) {
  const char* const end = rest.data() + rest.size();
  const char* const stop = wide::skip_token(rest.data(), rest.data(), end);
  const auto size = static_cast<std::size_t>(stop - rest.data());
  if (size == 0 && !rest.empty() && is_blank(rest.front())) {
    return Refusal{400, "whitespace before the request line"};
  }
  if (std::string_view(stop, static_cast<std::size_t>(end - stop)).starts_with("\r\n")) {
    return Refusal{400, "request line without a target"};
  }
  if (stop == end || !is_in(kValue, *stop)) return bad_octet(stop, end);
  if (size == 0 || *stop != ' ') return Refusal{400, "malformed method"};
  out.method_text = {rest.data(), size};
  out.method = method_of(out.method_text);
  rest.remove_prefix(size + 1);
  return {};
}

MaybeRefusal take_target(std::string_view& rest, const HeadLimits& limits, RequestHead& out) {
  const char* const end = rest.data() + rest.size();
  const char* const stop = wide::skip_target(rest.data(), rest.data(), end);
  const auto size = static_cast<std::size_t>(stop - rest.data());
  if (size > limits.target_bytes) return Refusal{414, "request target too long"};
  if (stop == end) return bad_octet(stop, end);
  if (*stop == '#') return Refusal{400, "fragment in the request target"};
  if (end - stop >= 2 && stop[0] == '\r' && stop[1] == '\n')
    return Refusal{400, "HTTP/0.9 request"};
  if (*stop != ' ') {
    return is_in(kValue, *stop) ? Refusal{400, "octet not allowed in the request target"}
                                : bad_octet(stop, end);
  }
  if (size == 0) return Refusal{400, "empty request target"};
  out.target = {rest.data(), size};
  rest.remove_prefix(size + 1);
  return {};
}

/// The version and the CRLF behind it. Well-formed others are 505, but 0.9 never had a version to
/// write (RFC 1945 §4.1).
MaybeRefusal take_version(std::string_view& rest, RequestHead& out) {
  constexpr std::string_view kUsual = "HTTP/1.1\r\n";
  if (rest.starts_with(kUsual)) {
    rest.remove_prefix(kUsual.size());
    return {};  // clear() has set this version
  }
  constexpr std::size_t kSize = 8;  // HTTP/d.d
  const std::string_view text = rest.substr(0, kSize);
  const bool is_version = text.size() == kSize && text.starts_with("HTTP/") &&
                          is_in(kDigit, text[5]) && text[6] == '.' && is_in(kDigit, text[7]);
  if (!is_version || !rest.substr(kSize).starts_with("\r\n")) {
    const char* const end = rest.data() + rest.size();
    const char* const stop = wide::skip_value(rest.data(), rest.data(), end);
    const bool is_line = end - stop >= 2 && stop[0] == '\r' && stop[1] == '\n';
    return is_line ? Refusal{400, "malformed HTTP version"} : bad_octet(stop, end);
  }
  if (text[5] == '0') return Refusal{400, "HTTP/0.x request"};
  if (text[5] != '1' || text[7] > '1') return Refusal{505, "HTTP version not supported"};
  out.version = text[7] == '0' ? Version::Http10 : Version::Http11;
  rest.remove_prefix(kSize + 2);
  return {};
}

void split_query(std::string_view path_and_query, RequestHead& out) {
  // A short one by hand: memchr costs 90 instructions to begin.
  constexpr std::size_t kShort = 24;
  std::size_t mark = 0;
  if (path_and_query.size() > kShort) {
    mark = path_and_query.find('?');
  } else {
    while (mark < path_and_query.size() && path_and_query[mark] != '?') ++mark;
    if (mark == path_and_query.size()) mark = std::string_view::npos;
  }
  out.path = path_and_query.substr(0, mark);
  if (mark != std::string_view::npos) out.query = path_and_query.substr(mark + 1);
}

/// Behind "http://" or "https://"; 0 when the target has neither.
std::size_t scheme_size(std::string_view target) {
  if (target.size() >= 7 && iequals(target.substr(0, 7), "http://")) return 7;
  return target.size() >= 8 && iequals(target.substr(0, 8), "https://") ? 8 : 0;
}

/// Sets form, path, query and, for the absolute form, authority.
MaybeRefusal read_target(RequestHead& out) {
  if (out.method == Method::Connect) return {};  // authority form: refused as a whole later
  if (out.target.front() == '/') {
    split_query(out.target, out);
    return {};
  }
  if (out.target == "*") {
    // RFC 9112 §3.2.4: only OPTIONS has it.
    if (out.method != Method::Options) return Refusal{400, "asterisk target without OPTIONS"};
    out.form = TargetForm::Asterisk;
    out.path = out.target;
    return {};
  }
  const std::size_t scheme = scheme_size(out.target);
  if (scheme == 0) return Refusal{400, "malformed request target"};
  const std::string_view rest = out.target.substr(scheme);
  const std::size_t end = rest.find_first_of("/?");
  out.form = TargetForm::Absolute;
  out.authority = rest.substr(0, end);
  if (end != std::string_view::npos) split_query(rest.substr(end), out);
  if (out.path.empty()) out.path = "/";
  return {};
}

/// RFC 9112 §3.2: exactly one valid Host in HTTP/1.1. Different from the absolute form's authority:
/// 400, a named deviation from §3.2.2, which lets the target win (behaviour.md §4).
MaybeRefusal read_host(const ControlFields& fields, RequestHead& out) {
  if (fields.hosts > 1) return Refusal{400, "repeated Host"};
  if (fields.hosts == 0 && out.version == Version::Http11) return Refusal{400, "missing Host"};
  if (fields.hosts == 1) {
    if (out.form == TargetForm::Absolute && !iequals(out.authority, fields.host)) {
      return Refusal{400, "Host differs from the request target"};
    }
    out.authority = fields.host;
  } else if (out.form != TargetForm::Absolute) {
    return {};  // HTTP/1.0 without any host
  }
  const std::optional<std::string_view> host = host_of(out.authority);
  if (!host) {
    out.authority = {};
    return Refusal{400, "invalid Host"};
  }
  out.host = *host;
  return {};
}

bool has_body(const Framing& framing) {
  return framing.kind == BodyKind::Chunked || framing.length > 0;
}

/// RFC 9110 §10.1.1. Without a body there is nothing to wait for, so the expectation is dropped.
MaybeRefusal read_expect(const ControlFields& fields, RequestHead& out) {
  if (fields.expectations == 0 || out.version == Version::Http10) return {};
  if (!fields.expects_only_continue) return Refusal{417, "unknown expectation"};
  if (has_body(out.framing)) out.expect = Expectation::Continue;
  return {};
}

/// token ["/" token] (RFC 9110 §7.8), and none that would change how this connection is read.
/// HTTP/2 by upgrade (h2c) lets a client tunnel requests past every rule here, as published against
/// several proxies.
bool may_pass(std::string_view protocol) {
  const std::size_t slash = protocol.find('/');
  const std::string_view name = protocol.substr(0, slash);
  const char* const name_end = name.data() + name.size();
  if (name.empty() || skip(kToken, name.data(), name_end) != name_end) return false;
  if (slash != std::string_view::npos) {
    const std::string_view version = protocol.substr(slash + 1);
    const char* const version_end = version.data() + version.size();
    if (version.empty() || skip(kToken, version.data(), version_end) != version_end) return false;
  }
  return !iequals(name, "h2c") && !iequals(name, "h2") && !iequals(name, "HTTP") &&
         !iequals(name, "TLS");
}

std::string_view passing_upgrade(const HeaderBlock& fields) {
  std::string_view found;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field field = fields[i];
    if (field.id != FieldId::Upgrade) continue;
    for_each_element(field.value, [&found](std::string_view protocol) {
      if (found.empty() && may_pass(protocol)) found = protocol;
    });
  }
  return found;
}

MaybeRefusal scan_request_line(std::string_view& rest, const HeadLimits& limits, RequestHead& out) {
  if (const MaybeRefusal refusal = skip_leading_lines(rest)) return refusal;
  if (const MaybeRefusal refusal = take_method(rest, out)) return refusal;
  if (const MaybeRefusal refusal = take_target(rest, limits, out)) return refusal;
  if (const MaybeRefusal refusal = take_version(rest, out)) return refusal;
  return read_target(out);
}

/// What the fields mean together. All of them have been read, so that a refusal can still be logged
/// with its fields.
MaybeRefusal judge(RequestHead& out) {
  const ControlFields fields = collect(out.fields);
  if (out.method == Method::Connect) return Refusal{405, "CONNECT"};
  if (const MaybeRefusal refusal = read_host(fields, out)) return refusal;
  if (const MaybeRefusal refusal = judge_framing(fields, out.version, BodyKind::None, out.framing))
    return refusal;
  if (out.method == Method::Trace && has_body(out.framing)) {
    return Refusal{400, "TRACE with a body"};  // RFC 9110 §9.3.8: we must not send one either
  }
  if (fields.other_options > core::limits::kConnectionOptionsMax) {
    return Refusal{400, "too many Connection options"};
  }
  out.keep_alive = wants_keep_alive(fields, out.version);
  if (fields.says_upgrade && out.version == Version::Http11 && out.fields.has(FieldId::Upgrade)) {
    out.upgrade = passing_upgrade(out.fields);
  }
  return read_expect(fields, out);
}

}  // namespace

std::optional<Refusal> scan_request_head(std::string_view bytes, const HeadLimits& limits,
                                         RequestHead& out) {
  clear(out, bytes.data());
  const std::size_t head_max = std::min(limits.head_bytes, core::limits::kRequestHeadMax);
  std::string_view rest = bytes.substr(0, core::limits::kRequestHeadMax);
  if (const MaybeRefusal refusal = scan_request_line(rest, limits, out)) return refusal;
  if (bytes.size() > head_max) return Refusal{431, "request head too large"};
  if (const MaybeRefusal refusal = scan_field_lines(rest, limits.field_count, out.fields))
    return refusal;
  return judge(out);
}

}  // namespace sluice::http
