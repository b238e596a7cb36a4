#include <algorithm>
#include <array>

#include "http/framing.hpp"
#include "http/list.hpp"
#include "http/passing_fields.hpp"
#include "sluice/http/forward.hpp"

// The response as the client gets it (behaviour.md §2, §4).
namespace sluice::http {
namespace {

/// Never copied: of this hop only, or written by Sluice from what it decided. An offer to upgrade
/// is the endpoint's, not ours to pass on (behaviour.md §4).
constexpr FieldIds kNeverCopied{
    FieldId::Connection, FieldId::ContentLength,    FieldId::KeepAlive,
    FieldId::Proxy,      FieldId::ProxyConnection,  FieldId::SluicePrefixed,
    FieldId::Te,         FieldId::TransferEncoding, FieldId::Upgrade};

bool is_interim(std::uint16_t status) {
  return status < 200 && status != 101;
}

/// What tells caches how long they may keep an answer: `Cache-Control` and its targeted kin
/// (RFC 9213, such as CDN-Cache-Control), and what came before them.
bool is_for_caches(std::string_view name) {
  constexpr std::string_view kCacheControl = "Cache-Control";
  constexpr std::array<std::string_view, 4> kOlder{"Expires", "Surrogate-Control", "Edge-Control",
                                                   "X-Accel-Expires"};
  const bool is_targeted = name.size() >= kCacheControl.size() &&
                           iequals(name.substr(name.size() - kCacheControl.size()), kCacheControl);
  return is_targeted ||
         std::ranges::any_of(kOlder, [name](std::string_view each) { return iequals(name, each); });
}

template <typename IsDropped>
void write_fields(HeadWriter& out, const ResponseHead& head, FieldIds dropped,
                  IsDropped is_dropped) {
  const ListedNames listed(head.fields);
  PassingFields passing(out);
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    if (dropped.has(head.fields.id_at(i))) continue;
    const Field field = head.fields[i];
    if (!listed.has(field) && !is_dropped(field)) passing.pass(field);
  }
  passing.finish();
}

void write_passing_fields(HeadWriter& out, const ResponseHead& head,
                          const ResponseForwarding& with) {
  FieldIds dropped = kNeverCopied;
  if (with.coding != BodyCoding::Chunked) dropped.add(FieldId::Trailer);
  if (!with.request_id.empty()) dropped.add(FieldId::XRequestId);
  if (!with.forbids_storing) [[likely]]
    return write_fields(out, head, dropped, [](const Field&) { return false; });
  write_fields(out, head, dropped, [](const Field& field) { return is_for_caches(field.name); });
}

/// Whether a directive that keeps shared caches away stands outside of quotes: in `x="a, private"`
/// it does not, and a qualified `private="Set-Cookie"` only covers that field (RFC 9111 §5.2.2.7).
bool is_private(std::string_view cache_control) {
  bool in_quotes = false;
  bool found = false;
  for_each_element(cache_control, [&](std::string_view element) {
    if (!in_quotes && (iequals(element, "private") || iequals(element, "no-store"))) found = true;
    for (std::size_t i = 0; i < element.size(); ++i) {
      if (in_quotes && element[i] == '\\') {
        ++i;
      } else if (element[i] == '"') {
        in_quotes = !in_quotes;
      }
    }
  });
  return found;
}

bool is_private(const HeaderBlock& fields) {
  if (!fields.has(FieldId::CacheControl)) return false;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field field = fields[i];
    if (field.id == FieldId::CacheControl && is_private(field.value)) return true;
  }
  return false;
}

void write_exposed(HeadWriter& out, const ResponseForwarding::Exposed& exposed) {
  if (!exposed.pool.empty()) out.field("Sluice-Pool", exposed.pool);
  if (!exposed.generation.empty()) out.field("Sluice-Generation", exposed.generation);
  if (!exposed.reason.empty()) out.field("Sluice-Reason", exposed.reason);
  if (!exposed.bucket.empty()) out.field("Sluice-Bucket", exposed.bucket);
  if (!exposed.endpoint.empty()) out.field("Sluice-Endpoint", exposed.endpoint);
  if (!exposed.rescued.empty()) out.field("Sluice-Rescued", exposed.rescued);
}

void write_rate_limits(HeadWriter& out, const ResponseForwarding::RateLimits& limits) {
  if (limits.tightest.empty()) return out.field("RateLimit-Policy", limits.policies);
  const Decimal left(limits.left);
  const Decimal wait(limits.until_more_s);
  out.put("RateLimit: ", limits.tightest, ";r=", left.text(), ";t=", wait.text(),
          "\r\nRateLimit-Policy: ", limits.policies, "\r\n");
}

void write_own_fields(HeadWriter& out, const ResponseHead& head, const ResponseForwarding& with) {
  if (!with.date.empty() && !head.fields.has(FieldId::Date)) out.field("Date", with.date);
  if (with.adds_via)
    out.put(head.version == Version::Http10 ? "Via: 1.0 sluice\r\n" : "Via: 1.1 sluice\r\n");
  if (!with.request_id.empty()) out.field("X-Request-Id", with.request_id);
  if (!with.set_cookie.empty()) {
    out.field("Set-Cookie", with.set_cookie);
    if (!with.forbids_storing && !is_private(head.fields)) out.put("Cache-Control: private\r\n");
  }
  if (with.forbids_storing) out.put("Cache-Control: no-store\r\n");
  if (!with.rate_limits.policies.empty()) write_rate_limits(out, with.rate_limits);
  if (with.exposed != nullptr) write_exposed(out, *with.exposed);
}

void write_connection(HeadWriter& out, const ResponseHead& head, const ResponseForwarding& with) {
  if (head.status == 101) {
    out.put("Connection: upgrade\r\n");
    out.field("Upgrade", with.upgrade);
  } else if (with.closes) {
    out.put("Connection: close\r\n");
  } else if (with.says_keep_alive) {
    out.put("Connection: keep-alive\r\n");
  }
}

void write_framing(HeadWriter& out, const ResponseForwarding& with) {
  switch (with.coding) {
    case BodyCoding::Length:
      return out.field("Content-Length", with.length);
    case BodyCoding::Chunked:
      return out.put("Transfer-Encoding: chunked\r\n");
    case BodyCoding::UntilClose:
      return;
    case BodyCoding::None:
      if (with.keep_content_length && with.head_length)
        out.field("Content-Length", *with.head_length);
      return;
  }
}

}  // namespace

std::optional<std::uint64_t> content_length(const ResponseHead& head) {
  const std::optional<std::string_view> value = head.fields.find(FieldId::ContentLength);
  return value ? parse_length(*value) : std::nullopt;
}

void write_response_head(HeadWriter& out, const ResponseHead& head,
                         const ResponseForwarding& with) {
  out.status_line(head.status, head.reason.empty() ? reason_phrase(head.status) : head.reason);
  write_passing_fields(out, head, with);
  if (!is_interim(head.status)) {
    write_own_fields(out, head, with);
    write_connection(out, head, with);
    if (head.status != 101) write_framing(out, with);
  }
  out.end_head();
}

void write_trailers(HeadWriter& out, const HeaderBlock& trailers) {
  PassingFields passing(out);
  for (std::size_t i = 0; i < trailers.size(); ++i) passing.pass(trailers[i]);
  passing.finish();
}

}  // namespace sluice::http
