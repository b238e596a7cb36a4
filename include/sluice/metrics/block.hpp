#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "sluice/metrics/counter.hpp"
#include "sluice/metrics/histogram.hpp"
#include "sluice/metrics/seen_users.hpp"

namespace sluice::metrics {

/// Position of a pool in the counters; None: answered before a pool was chosen.
enum class PoolLabel : std::uint8_t { Blue = 0, Green = 1, None = 2 };
inline constexpr std::size_t kPoolLabels = 3;
/// 1xx..5xx, then everything else (a status of 600 or more of an endpoint, 499, a request that was
/// cut).
inline constexpr std::size_t kCodeClasses = 6;
std::size_t code_class(unsigned status);

/// Where a request's identity came from; Minted: made for it now, MintCookie: the client brought a
/// minted one back.
enum class IdentityLabel : std::uint8_t {
  Cookie,
  Header,
  Query,
  ClientAddress,
  MintCookie,
  Minted,
  None
};
inline constexpr std::size_t kIdentityLabels = 7;
std::string_view text(IdentityLabel label);

/// Why Sluice answered itself instead of an endpoint.
enum class Refusal : std::uint8_t {
  BadRequest,         // 400, and 501 and 505: what the request says can't be done
  RequestTimeout,     // 408: its head or body did not come
  TooLarge,           // 413, 414, 431: beyond a limit of the configuration
  NotAllowed,         // 405
  ExpectationFailed,  // 417
  NoService,          // 404
  RateLimited,        // 429
  NoEndpoint,         // 503: none of the live pool could be reached
  LocalResources,     // 503: no descriptor, port or memory for a connection
  OverloadMemory,     // 503: the process is at its limit of memory
  OverloadLoop,       // 503: the worker's loop does not keep up
  TunnelLimit,        // 503: limits.tunnels
  PendingLimit,       // 503: circuit_breaker.max_pending
  PendingNew,         // 503: of that, what users may take who are not known
  ConnectionLimit,    // 503: circuit_breaker.max_connections
  RequestLimit,       // 503: circuit_breaker.max_requests
  BreakerOpen,        // 503: a circuit breaker
  AdaptiveLimit,      // 503: adaptive_concurrency
  Cut,                // 503: by a drain or a stop
  EndpointLost,       // 502: it closed before its answer
  EndpointProtocol,   // 502: its answer is not valid
  EndpointTimeout,    // 504
};
inline constexpr std::size_t kRefusals = 22;
std::string_view text(Refusal refusal);

/// At least as many as there are policy::Reason words (asserted where they are counted).
inline constexpr std::size_t kReasonsMax = 12;
/// Likewise of policy::Failure.
inline constexpr std::size_t kFailuresMax = 8;
/// And of policy::AssetOutcome.
inline constexpr std::size_t kAssetOutcomesMax = 6;

/// Requests are counted by their durations.
using PoolHistograms = std::array<Histogram, kPoolLabels - 1>;  // None is not counted

struct ServiceCounters {
  /// From the whole head to the end of the answer; of a tunnel: to its 101.
  std::array<std::array<Histogram, kCodeClasses>, kPoolLabels> durations;
  PoolHistograms endpoint_connects;     // from the attempt to the connection
  PoolHistograms endpoint_first_bytes;  // from the request's head to the answer's
  std::array<std::array<Counter, kReasonsMax>, kPoolLabels - 1> choices;  // by policy::Reason
  std::array<Counter, kIdentityLabels> identities;
  std::array<Counter, kRefusals> refusals;
  std::array<Counter, kPoolLabels> in_flight;          // gauge
  std::array<Counter, kPoolLabels> tunnels;            // gauge
  std::array<Counter, kPoolLabels> endpoint_failures;  // attempts that ended without an answer
  SeenUsers users;                                     // whose pool the hash decided
  /// Attempts that failed, whatever became of the request; by policy::Failure.
  std::array<std::array<Counter, kFailuresMax>, kPoolLabels> attempt_failures;
  /// 404s for a path of `rescue.assets`, by the pool that had no such file and
  /// policy::AssetOutcome.
  std::array<std::array<Counter, kAssetOutcomesMax>, kPoolLabels> asset_rescues;
  Counter retries;
  std::array<Counter, kPoolLabels> retries_over_budget;  // not made
  Counter rescues;  // answered by the live pool instead of the candidate
  std::array<Counter, kPoolLabels> rescues_over_budget;  // by the pool that failed
  Counter fallbacks;                                     // candidate → live
  Counter breaker_fallbacks;  // of those: because of a circuit breaker or a ceiling
  Counter identities_too_long;
  Counter cut_requests;  // by a drain or a stop
  Counter cut_tunnels;
  /// Ended before they were complete: truncated, or the client stopped reading.
  Counter broken_answers;
};

/// Everything that one worker counts. Aligned, written by that worker only, read by control
/// (architecture.md §7 "Counters").
struct alignas(64) Block {
  explicit Block(std::size_t service_count) : services(service_count) {}

  std::vector<ServiceCounters> services;          // by ServiceId; never resized
  std::array<Histogram, kCodeClasses> unmatched;  // answered before a service was known
  std::array<Counter, kRefusals> unmatched_refusals;
  Counter connections_accepted;
  Counter connections_open;     // gauge
  Counter connections_idle;     // gauge: those without a request on them
  Counter connections_refused;  // per-address limit
  Counter endpoint_connections_opened;
  Counter endpoint_connections_reused;
  Counter endpoint_connections_idle;  // gauge
  Counter answers_not_taken;          // complete ones whose last bytes the client did not read
  Counter log_lines_dropped;
};

}  // namespace sluice::metrics
