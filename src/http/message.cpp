#include "sluice/http/message.hpp"

#include <bit>
#include <cstring>

namespace sluice::http {
namespace {

template <std::size_t Size>
struct KnownName {
  std::array<char, Size> lower{};
  std::array<char, Size> case_bits{};  // 0x20 where a letter stands
};

/// From a literal with its NUL.
template <std::size_t Size>
constexpr KnownName<Size - 1> known(const char (&text)[Size]) {
  KnownName<Size - 1> name;
  for (std::size_t i = 0; i + 1 < Size; ++i) {
    name.lower[i] = text[i];
    name.case_bits[i] = text[i] >= 'a' && text[i] <= 'z' ? '\x20' : '\0';
  }
  return name;
}

template <typename Word>
Word load(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// Octets that differ in more than the case of a letter, from `at` on.
template <typename Word, std::size_t Size>
Word differs(const char* text, const KnownName<Size>& name, std::size_t at) {
  return static_cast<Word>((load<Word>(text + at) ^ load<Word>(name.lower.data() + at)) &
                           static_cast<Word>(~load<Word>(name.case_bits.data() + at)));
}

/// Words that overlap at the end, so that a comparison is two or three loads instead of a loop.
/// Requires: text has the size of the name.
template <std::size_t Size>
bool is(std::string_view given, const KnownName<Size>& name) {
  const char* text = given.data();
  if constexpr (Size > 16) {
    static_assert(Size <= 24);
    return (differs<std::uint64_t>(text, name, 0) | differs<std::uint64_t>(text, name, 8) |
            differs<std::uint64_t>(text, name, Size - 8)) == 0;
  } else if constexpr (Size >= 8) {
    return (differs<std::uint64_t>(text, name, 0) | differs<std::uint64_t>(text, name, Size - 8)) ==
           0;
  } else if constexpr (Size >= 4) {
    return (differs<std::uint32_t>(text, name, 0) | differs<std::uint32_t>(text, name, Size - 4)) ==
           0;
  } else {
    return (differs<std::uint16_t>(text, name, 0) | differs<std::uint16_t>(text, name, Size - 2)) ==
           0;
  }
}

constexpr auto kAccept = known("accept");
constexpr auto kCacheControl = known("cache-control");
constexpr auto kConnection = known("connection");
constexpr auto kContentLength = known("content-length");
constexpr auto kCookie = known("cookie");
constexpr auto kDate = known("date");
constexpr auto kExpect = known("expect");
constexpr auto kForwarded = known("forwarded");
constexpr auto kHost = known("host");
constexpr auto kKeepAlive = known("keep-alive");
constexpr auto kMaxForwards = known("max-forwards");
constexpr auto kProxy = known("proxy");
constexpr auto kProxyConnection = known("proxy-connection");
constexpr auto kServer = known("server");
constexpr auto kTe = known("te");
constexpr auto kTraceparent = known("traceparent");
constexpr auto kTracestate = known("tracestate");
constexpr auto kTrailer = known("trailer");
constexpr auto kTransferEncoding = known("transfer-encoding");
constexpr auto kUpgrade = known("upgrade");
constexpr auto kUserAgent = known("user-agent");
constexpr auto kVia = known("via");
constexpr auto kXForwardedFor = known("x-forwarded-for");
constexpr auto kXForwardedHost = known("x-forwarded-host");
constexpr auto kXForwardedProto = known("x-forwarded-proto");
constexpr auto kXRequestId = known("x-request-id");

/// Whether a CGI-like application sees `wanted` (a small letter or a hyphen) in `c`:
/// HTTP_X_FORWARDED_FOR stands for X-Forwarded-For, X_Forwarded-For and, behind a server that makes
/// an underscore of everything else, X.Forwarded~For.
bool folds_to(char c, char wanted) {
  const char lower = static_cast<char>(c | 0x20);
  if (wanted != '-') return lower == wanted;
  const bool is_kept = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
  return !is_kept;
}

bool folds_to_begin_with(std::string_view name, std::string_view prefix) {
  if (name.size() < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i) {
    if (!folds_to(name[i], prefix[i])) return false;
  }
  return true;
}

FieldId exact_id(std::string_view name) {
  switch (name.size()) {
    case 2:
      return is(name, kTe) ? FieldId::Te : FieldId::Other;
    case 3:
      return is(name, kVia) ? FieldId::Via : FieldId::Other;
    case 4:
      if (is(name, kHost)) return FieldId::Host;
      return is(name, kDate) ? FieldId::Date : FieldId::Other;
    case 5:
      return is(name, kProxy) ? FieldId::Proxy : FieldId::Other;
    case 6:
      if (is(name, kAccept)) return FieldId::Accept;
      if (is(name, kCookie)) return FieldId::Cookie;
      if (is(name, kServer)) return FieldId::Server;
      return is(name, kExpect) ? FieldId::Expect : FieldId::Other;
    case 7:
      if (is(name, kTrailer)) return FieldId::Trailer;
      return is(name, kUpgrade) ? FieldId::Upgrade : FieldId::Other;
    case 9:
      return is(name, kForwarded) ? FieldId::Forwarded : FieldId::Other;
    case 10:
      if (is(name, kUserAgent)) return FieldId::UserAgent;
      if (is(name, kConnection)) return FieldId::Connection;
      if (is(name, kTracestate)) return FieldId::Tracestate;
      return is(name, kKeepAlive) ? FieldId::KeepAlive : FieldId::Other;
    case 11:
      return is(name, kTraceparent) ? FieldId::Traceparent : FieldId::Other;
    case 12:
      if (is(name, kXRequestId)) return FieldId::XRequestId;
      return is(name, kMaxForwards) ? FieldId::MaxForwards : FieldId::Other;
    case 13:
      return is(name, kCacheControl) ? FieldId::CacheControl : FieldId::Other;
    case 14:
      return is(name, kContentLength) ? FieldId::ContentLength : FieldId::Other;
    case 15:
      return is(name, kXForwardedFor) ? FieldId::XForwardedFor : FieldId::Other;
    case 16:
      if (is(name, kXForwardedHost)) return FieldId::XForwardedHost;
      return is(name, kProxyConnection) ? FieldId::ProxyConnection : FieldId::Other;
    case 17:
      if (is(name, kTransferEncoding)) return FieldId::TransferEncoding;
      return is(name, kXForwardedProto) ? FieldId::XForwardedProto : FieldId::Other;
    default:
      return FieldId::Other;
  }
}

/// Names that count by their beginning, and the twins (other marks for the hyphens) of names that
/// are not believed from everyone.
FieldId prefixed_id(std::string_view name) {
  if (folds_to_begin_with(name, "sluice-")) return FieldId::SluicePrefixed;
  if (folds_to_begin_with(name, "x-forwarded-")) return FieldId::XForwardedPrefixed;
  constexpr std::string_view kRequestId = "x-request-id";
  const bool is_twin = name.size() == kRequestId.size() && folds_to_begin_with(name, kRequestId);
  return is_twin ? FieldId::XForwardedPrefixed : FieldId::Other;
}

}  // namespace

bool is_safe(Method method) {
  return method == Method::Get || method == Method::Head || method == Method::Options ||
         method == Method::Trace;
}

bool is_idempotent(Method method) {
  return is_safe(method) || method == Method::Put || method == Method::Delete;
}

std::string_view text(Version version) {
  return version == Version::Http10 ? "1.0" : "1.1";
}

FieldId field_id(std::string_view name) {
  const FieldId exact = exact_id(name);
  if (exact != FieldId::Other || name.size() < 7) return exact;
  // Nearly every name ends here: it begins with neither s nor x.
  const char first = static_cast<char>(name.front() | 0x20);
  return first == 's' || first == 'x' ? prefixed_id(name) : FieldId::Other;
}

bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  if (a == b) return true;  // the usual case: senders agree on the spelling of names
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<unsigned char>(a[i]);
    const auto y = static_cast<unsigned char>(b[i]);
    if (x == y) continue;
    const unsigned lower = x | 0x20U;
    if ((x ^ y) != 0x20U || lower < 'a' || lower > 'z') return false;
  }
  return true;
}

std::optional<std::string_view> HeaderBlock::find(FieldId id) const {
  if (!has(id)) return {};
  for (std::size_t i = 0; i < count_; ++i) {
    if (entries_[i].id == id) return (*this)[i].value;
  }
  return {};
}

std::optional<std::string_view> HeaderBlock::find(std::string_view name) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (entries_[i].name_size == name.size() && iequals((*this)[i].name, name))
      return (*this)[i].value;
  }
  return {};
}

}  // namespace sluice::http
