#include <algorithm>

#include "http/char_class.hpp"
#include "http/passing_fields.hpp"
#include "http/trace_context.hpp"
#include "sluice/http/forward.hpp"

// The request as an endpoint gets it (behaviour.md §2, §4; conventions.md C7). Whatever is written
// here must be read by scan_request_head() as exactly the message that was decided on:
// tests/fuzz/forward_differential_fuzz.cpp.
namespace sluice::http {
namespace {

/// Never copied: of this hop only, or written by Sluice from what it decided.
constexpr FieldIds kNeverCopied{
    FieldId::Connection, FieldId::ContentLength, FieldId::Expect,         FieldId::Forwarded,
    FieldId::Host,       FieldId::KeepAlive,     FieldId::Proxy,          FieldId::ProxyConnection,
    FieldId::Te,         FieldId::Traceparent,   FieldId::SluicePrefixed, FieldId::TransferEncoding,
    FieldId::Upgrade,    FieldId::XRequestId};
/// Believed, and so passed on, from trusted peers only.
constexpr FieldIds kTrustedOnly{FieldId::XForwardedHost, FieldId::XForwardedPrefixed,
                                FieldId::XForwardedProto};

/// X_Forwarded_For, X.Forwarded.For and their like reach a CGI-like application under the name of
/// the true field. No proxy writes them, so from a trusted one they were brought by its client.
bool is_twin(const Field& field) {
  return field.id == FieldId::XForwardedPrefixed &&
         field.name.find_first_of("!#$%&'*+.^_`|~") != std::string_view::npos;
}

bool heeds_max_forwards(Method method) {
  return method == Method::Options || method == Method::Trace;
}

/// RFC 9112 §3.2.1, §3.2.4: an endpoint is an origin server and gets the origin form. The bytes of
/// path and query are those that were received.
void write_request_line(HeadWriter& out, const RequestHead& head) {
  if (head.form != TargetForm::Absolute) return out.request_line(head.method_text, head.target);
  const std::size_t authority = head.target.find("://") + 3;
  const std::size_t path = head.target.find_first_of("/?", authority);
  const std::string_view rest =
      path == std::string_view::npos ? std::string_view{} : head.target.substr(path);
  if (rest.starts_with('/')) return out.request_line(head.method_text, rest);
  if (rest.empty())
    return out.request_line(head.method_text, head.method == Method::Options ? "*" : "/");
  out.put(head.method_text, " /", rest, " HTTP/1.1\r\n");
}

/// RFC 9110 §10.1.4. Only the exact `trailers` passes; it tells the endpoint that its trailers
/// reach someone.
bool takes_trailers(const RequestHead& head) {
  if (head.version == Version::Http10) return false;
  unsigned lines = 0;
  bool is_trailers = false;
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    const Field field = head.fields[i];
    if (field.id != FieldId::Te) continue;
    ++lines;
    is_trailers = iequals(field.value, "trailers");
  }
  return lines == 1 && is_trailers;
}

void write_passing_fields(HeadWriter& out, const RequestHead& head, const RequestForwarding& with,
                          const TraceContext& trace, std::optional<std::uint32_t> hops) {
  FieldIds dropped = kNeverCopied;
  if (!with.client.peer_is_trusted) dropped.add(kTrustedOnly);
  // A Unix-socket peer has no address to append, so what it may say is said already.
  if (with.peer || !with.client.peer_is_trusted) dropped.add(FieldId::XForwardedFor);
  if (!trace.keeps_state) dropped.add(FieldId::Tracestate);
  if (head.framing.kind != BodyKind::Chunked) dropped.add(FieldId::Trailer);
  if (hops) dropped.add(FieldId::MaxForwards);

  const ListedNames listed(head.fields);
  PassingFields passing(out);
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    if (dropped.has(head.fields.id_at(i))) continue;
    const Field field = head.fields[i];
    if (!is_twin(field) && !listed.has(field)) passing.pass(field);
  }
  passing.finish();
}

/// RFC 7239 §4: for, host and proto of this hop, behind what a trusted peer said. Colons and
/// brackets need quotes.
void write_forwarded(HeadWriter& out, const RequestHead& head, const RequestForwarding& with,
                     std::string_view peer) {
  out.begin_field("Forwarded");
  if (with.client.peer_is_trusted && head.fields.has(FieldId::Forwarded)) {
    put_values(out, head.fields, FieldId::Forwarded);
  }
  if (peer.empty()) {
    out.put("for=unknown");
  } else if (with.peer->is_v6()) {
    out.put("for=\"[", peer, "]\"");
  } else {
    out.put("for=", peer);
  }
  if (!head.authority.empty()) {
    // A port or an IPv6 literal has colons; one byte more than the host is a trailing dot.
    const bool has_colon =
        head.authority.front() == '[' || head.authority.size() > head.host.size() + 1;
    const std::string_view quote = has_colon ? "\"" : "";
    out.put(";host=", quote, head.authority, quote);
  }
  out.put(";proto=", with.scheme, "\r\n");
}

void write_forwarding_fields(HeadWriter& out, const RequestHead& head,
                             const RequestForwarding& with) {
  std::array<char, 46> scratch;
  const bool is_written = !with.peer || !with.peer_text.empty();
  const std::string_view peer = is_written ? with.peer_text : with.peer->write(scratch);
  const bool is_trusted = with.client.peer_is_trusted;
  if (!peer.empty()) {
    out.begin_field("X-Forwarded-For");
    if (is_trusted && head.fields.has(FieldId::XForwardedFor)) {
      put_values(out, head.fields, FieldId::XForwardedFor);
    }
    out.put(peer, "\r\n");
  }
  if (!is_trusted || !head.fields.has(FieldId::XForwardedProto)) {
    out.field("X-Forwarded-Proto", with.scheme);
  }
  if ((!is_trusted || !head.fields.has(FieldId::XForwardedHost)) && !head.authority.empty()) {
    out.field("X-Forwarded-Host", head.authority);
  }
  write_forwarded(out, head, with, peer);
}

void write_connection(HeadWriter& out, const RequestHead& head, const RequestForwarding& with) {
  const bool asks_trailers = head.fields.has(FieldId::Te) && takes_trailers(head);
  if (!with.upgrade.empty()) {
    out.put(asks_trailers ? "Connection: upgrade, TE\r\n" : "Connection: upgrade\r\n");
    out.field("Upgrade", with.upgrade);
  } else if (asks_trailers) {
    out.put("Connection: TE\r\n");
  }
  if (asks_trailers) out.put("TE: trailers\r\n");
}

void write_framing(HeadWriter& out, const Framing& framing) {
  if (framing.kind == BodyKind::Length) out.field("Content-Length", framing.length);
  if (framing.kind == BodyKind::Chunked) out.put("Transfer-Encoding: chunked\r\n");
}

}  // namespace

std::optional<std::uint32_t> max_forwards(const RequestHead& head) {
  if (!heeds_max_forwards(head.method) || !head.fields.has(FieldId::MaxForwards)) return {};
  constexpr std::uint32_t kMost = 1'000'000;  // RFC 9110 §7.6.2: the most that Sluice supports
  const std::string_view digits = *head.fields.find(FieldId::MaxForwards);
  if (digits.empty()) return {};
  std::uint32_t count = 0;
  for (const char c : digits) {
    if (!is_in(kDigit, c)) return {};
    count = std::min(count * 10 + static_cast<std::uint32_t>(c - '0'), kMost);
  }
  return count;
}

void write_request_head(HeadWriter& out, const RequestHead& head, const RequestForwarding& with) {
  const TraceContext trace = read_trace_context(head.fields);
  const std::optional<std::uint32_t> hops = max_forwards(head);
  write_request_line(out, head);
  out.field("Host", head.authority.empty() ? with.default_host : head.authority);
  write_passing_fields(out, head, with, trace, hops);
  if (hops) {
    out.field("Max-Forwards", std::uint64_t{*hops > 0 ? *hops - 1 : 0});
  }
  write_forwarding_fields(out, head, with);
  if (!with.request_id.empty()) out.field("X-Request-Id", with.request_id);
  write_traceparent(out, trace, {with.trace_high, with.trace_low}, with.span_id);
  if (with.adds_via) {
    // RFC 9110 §7.6.3: the version received, not the one sent.
    out.put(head.version == Version::Http10 ? "Via: 1.0 sluice\r\n" : "Via: 1.1 sluice\r\n");
  }
  if (!with.pool.empty()) out.field("Sluice-Pool", with.pool);
  if (head.expect == Expectation::Continue) out.put("Expect: 100-continue\r\n");
  write_connection(out, head, with);
  write_framing(out, head.framing);
  out.end_head();
}

}  // namespace sluice::http
