#pragma once
#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "sluice/core/rng.hpp"
#include "sluice/http/forward.hpp"
#include "sluice/http/message.hpp"
#include "sluice/model/snapshot.hpp"
#include "sluice/policy/balance.hpp"
#include "sluice/policy/identity.hpp"

/// The decisions about one request, each a pure function of the held snapshot and the request
/// (behaviour.md §2, §3). The data path takes them, and explain() shows them.
namespace sluice::model {

/// Host and path → service. Refusal: 400 when the path has no normal form, 404 when nothing
/// matches.
struct Route {
  const Service* service = nullptr;
  std::optional<http::Refusal> refusal;
};
Route route(const Snapshot& snapshot, std::size_t listener, const http::RequestHead& head);

/// The path that services and segments are matched by. Refusal and `scratch`: as normalize_path().
std::optional<http::Refusal> matching_path(const http::RequestHead& head, std::span<char> scratch,
                                           std::string_view& out);

/// The service's own limits, which can be narrower than those the head was parsed with: 431, 414;
/// and 413 for a declared length above `body_bytes`.
inline std::optional<http::Refusal> check_limits(const ServiceSettings& settings,
                                                 const http::RequestHead& head,
                                                 std::size_t head_bytes) {
  const http::HeadLimits& limits = settings.head_limits;
  if (head.target.size() > limits.target_bytes)
    return http::Refusal{414, "the request target is too long"};
  if (head_bytes > limits.head_bytes) return http::Refusal{431, "the request head is too large"};
  if (head.fields.size() > limits.field_count) return http::Refusal{431, "too many header fields"};
  if (settings.body_bytes_max && head.framing.kind == http::BodyKind::Length &&
      head.framing.length > *settings.body_bytes_max) {
    return http::Refusal{413, "the request body is too large"};
  }
  return std::nullopt;
}

/// What Sluice answers itself because Max-Forwards ends here (RFC 9110 §7.6.2): 200, to TRACE 405.
std::optional<http::Refusal> last_hop_of(const http::RequestHead& head);
inline std::optional<http::Refusal> last_hop(const http::RequestHead& head) {
  if (!head.fields.has(http::FieldId::MaxForwards)) return std::nullopt;  // nearly always
  return last_hop_of(head);
}

/// Text forms that a decision refers to; lives as long as the exchange.
struct IdentityBuffers {
  std::array<char, 46> address;
  std::array<char, 32> minted;
};

/// Who the user is. A missing mint_cookie identity is minted here.
policy::Identity identify(const ServiceSettings& settings, const http::RequestHead& head,
                          const http::ClientIdentity& client, core::Rng& rng,
                          IdentityBuffers& buffers);

/// What the choice among the endpoints of a pool looks at, before any has been tried.
inline policy::EndpointView view_of(const Endpoint& endpoint) {
  const policy::HealthWord health = endpoint.health();
  return {.is_usable = endpoint.is_in_use() && health.is_usable(),
          .in_flight = endpoint.cell->in_flight.load(std::memory_order_relaxed),
          .penalty_until =
              policy::Penalty(endpoint.cell->penalty.load(std::memory_order_relaxed)).until(),
          .share = health.share()};
}

/// Requests and tunnels on the endpoints of a pool, all workers: what the budgets of repetitions
/// are shares of.
inline std::uint32_t requests_in_flight(const Pool& pool) {
  std::uint32_t sum = 0;
  for (const Endpoint& endpoint : pool.endpoints)
    sum += endpoint.cell->in_flight.load(std::memory_order_relaxed);
  return sum;
}

/// How the endpoints of a pool are ranked: where the candidate's users have nowhere else to go, a
/// penalty only ranks, as in the live pool (behaviour.md §2).
inline policy::PoolRole role_of(const Service& service, core::PoolName pool) {
  const bool has_fallback =
      pool != service.live && service.settings->on_pool_down == OnPoolDown::Fallback;
  return has_fallback ? policy::PoolRole::Candidate : policy::PoolRole::Live;
}

/// Of a head that never becomes whole.
inline constexpr http::Refusal kHeadTimeout{408, "the request head did not arrive in time"};
/// With 503, when the live pool has none left, or the candidate and its users stay with it.
inline constexpr std::string_view kNoEndpointLeft = "no endpoint of the live pool could be reached";
inline constexpr std::string_view kNoCandidateLeft =
    "no endpoint of the candidate could be reached, and on_pool_down is fail";

}  // namespace sluice::model
