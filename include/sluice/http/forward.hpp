#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "sluice/core/address.hpp"
#include "sluice/core/rng.hpp"
#include "sluice/http/h1_writer.hpp"
#include "sluice/http/message.hpp"

/// What is sent on: which received fields pass, which are dropped, which Sluice adds (behaviour.md
/// §2, §4; conventions.md C7; RFC 9110 §7.6, RFC 7239, RFC 9209). Pure.
namespace sluice::http {

/// Who the client is. `address` is empty for a Unix-socket peer without a believed X-Forwarded-For
/// (its text is "unix:").
struct ClientIdentity {
  std::optional<core::IpAddress> address;
  bool peer_is_trusted = false;  // its forwarding fields are believed, kept and extended
};

/// As find_client(), with the walk through the fields.
ClientIdentity find_client_behind(const HeaderBlock& fields,
                                  const std::optional<core::IpAddress>& peer, bool unix_is_trusted,
                                  std::span<const core::Network> trusted);
/// The right-most X-Forwarded-For element that is not a trusted proxy, when the peer is one; a
/// malformed element ends the walk at the last good one. `peer` is nullopt for a Unix-socket peer,
/// which is trusted when `unix_is_trusted`.
inline ClientIdentity find_client(const HeaderBlock& fields,
                                  const std::optional<core::IpAddress>& peer, bool unix_is_trusted,
                                  std::span<const core::Network> trusted) {
  if (peer && trusted.empty()) return {.address = peer, .peer_is_trusted = false};
  return find_client_behind(fields, peer, unix_is_trusted, trusted);
}

/// 32 lower-case hex digits in the form of a UUID version 4 are written into `out` (36 bytes).
std::string_view make_request_id(core::Rng& rng, std::array<char, 36>& out);
/// A client's X-Request-Id is kept only from a trusted peer and when it is 1–128 visible ASCII
/// characters.
bool is_sane_request_id(std::string_view value);
/// 32 lower-case hex digits: the value of a minted identity cookie.
std::string_view make_identity(core::Rng& rng, std::array<char, 32>& out);

struct RequestForwarding {
  ClientIdentity client;
  std::optional<core::IpAddress> peer;  // appended to X-Forwarded-For; nullopt: a Unix-socket peer
  std::string_view peer_text;           // the same, where it is written already; else empty
  std::string_view scheme = "http";
  std::string_view request_id;
  std::string_view pool;     // value of Sluice-Pool
  std::string_view upgrade;  // non-empty: ask for this protocol (Connection: upgrade)
  /// Host of an HTTP/1.0 request that named none: endpoints get HTTP/1.1, which needs one (RFC 9112
  /// §3.3: a default of ours).
  std::string_view default_host = "localhost";
  bool adds_via = true;
  std::uint64_t span_id = 1;     // parent id of our span in traceparent, not 0
  std::uint64_t trace_high = 0;  // used when a new trace is started
  std::uint64_t trace_low = 1;
};

/// The whole request head as it goes to an endpoint: request line, Host first, the fields that
/// pass, what Sluice adds, one framing field, the empty line. Dropped: hop-by-hop and
/// Connection-listed fields, framing, `Proxy`, `Sluice-*`, and from peers that are not trusted
/// every forwarding field and its twins. `TE: trailers` passes as itself. Expect passes.
void write_request_head(HeadWriter& out, const RequestHead& head, const RequestForwarding& with);

/// Max-Forwards of an OPTIONS or TRACE, which alone heed it (RFC 9110 §7.6.2). At 0 the request
/// ends here and Sluice answers it; above, write_request_head() counts it down by one.
std::optional<std::uint32_t> max_forwards(const RequestHead& head);

/// How a response body goes to the client.
enum class BodyCoding : std::uint8_t { None, Length, Chunked, UntilClose };

struct ResponseForwarding {
  BodyCoding coding = BodyCoding::None;
  std::uint64_t length = 0;  // of Length
  // Answers to HEAD and 304: an own Content-Length of the endpoint passes
  bool keep_content_length = false;
  std::optional<std::uint64_t> head_length{};  // that length
  bool closes = false;                         // adds Connection: close
  bool says_keep_alive = false;                // Connection: keep-alive, for 1.0 clients
  bool adds_via = true;
  std::string_view date{};        // added when the endpoint sent none
  std::string_view request_id{};  // answers carry X-Request-Id
  std::string_view upgrade{};     // on a 101
  std::string_view set_cookie{};  // whole value of a minted cookie; then Cache-Control: private is
                                  // added when needed
  /// RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers).
  struct RateLimits {
    std::string_view policies{};  // whole value; empty: neither field
    std::string_view tightest{};  // its name as a quoted string; empty: no RateLimit
    std::uint64_t left = 0;
    std::uint64_t until_more_s = 0;
  } rate_limits{};
  /// The endpoint's own words to caches are replaced by `Cache-Control: no-store`.
  bool forbids_storing = false;
  struct Exposed {  // each is written when not empty
    std::string_view pool, generation, reason, bucket, endpoint, rescued;
  };
  const Exposed* exposed = nullptr;  // nullptr: none
};

/// The endpoint's own Content-Length, also where no body follows (HEAD, 304): the value for
/// `head_length`.
std::optional<std::uint64_t> content_length(const ResponseHead& head);

/// The whole response head as it goes to the client. Dropped: hop-by-hop and Connection-listed
/// fields, framing, `Sluice-*`, Upgrade outside a 101. For 1xx other than 101 nothing but the
/// passing fields is written.
void write_response_head(HeadWriter& out, const ResponseHead& head, const ResponseForwarding& with);

/// Trailer lines without the empty line.
void write_trailers(HeadWriter& out, const HeaderBlock& trailers);

}  // namespace sluice::http
