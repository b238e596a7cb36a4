#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/http/h1_writer.hpp"
#include "sluice/http/message.hpp"
#include "sluice/metrics/block.hpp"

namespace sluice::proxy {

/// An answer that Sluice makes itself: small, text or JSON as the client accepts, with Proxy-Status
/// (RFC 9209).
struct LocalReply {
  std::uint16_t status = 502;
  std::string_view detail{};   // static text, one sentence for a person
  std::string_view error{};    // Proxy-Status error type of RFC 9209 §2.3; empty: no Proxy-Status
  std::string_view allow{};    // of a 405
  unsigned retry_after_s = 0;  // 0: none
  bool wants_json = false;
  bool is_head = false;          // the answer to HEAD: no body
  bool closes = false;           // Connection: close
  bool says_keep_alive = false;  // to HTTP/1.0 clients that asked
  std::string_view date{};
  std::string_view request_id{};
  const std::string* page = nullptr;  // HTML for people, instead of the words; nullptr: none
  // Of a 429
  std::string_view violated{};  // the name of the policy, in quotes; empty: not told
  std::string_view rate_limit{};
  std::string_view rate_limit_policy{};
};

/// The Proxy-Status error type (RFC 9209 §2.3) of a refusal.
std::string_view proxy_status_error(metrics::Refusal refusal);

/// The refusal that a status stands for which the request alone has earned.
metrics::Refusal refusal_of(std::uint16_t status);

/// Head and body, whole. At most 1 KiB, and the page or what the fields of a 429 say. Returns the
/// bytes of the body.
std::size_t write_local_reply(http::HeadWriter& out, const LocalReply& reply);

/// Whether an Accept field prefers JSON to plain text: names application/json or
/// application/problem+json, or a +json type, before any text type. No quality arithmetic: two
/// bodies that say the same do not deserve it.
bool prefers_json(const http::HeaderBlock& fields);

}  // namespace sluice::proxy
