#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/core/keyed_hash.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/core/units.hpp"
#include "sluice/http/message.hpp"
#include "sluice/metrics/counter.hpp"
#include "sluice/model/pins.hpp"
#include "sluice/model/service_table.hpp"
#include "sluice/policy/in_flight_table.hpp"
#include "sluice/policy/rate_table.hpp"

/// Rate limits of a service: rules, the tables behind them, and which key of a limit a request has
/// (behaviour.md §2).
namespace sluice::model {

/// One thing that makes requests count together.
struct LimitKeyPart {
  enum class Kind : std::uint8_t {
    Identity,
    ClientAddress,
    Header,
    Cookie,
    Method,
    PathPrefix,
    Service,
    Pool
  };
  Kind kind = Kind::Identity;
  std::string name;            // of Header and Cookie
  std::uint32_t segments = 1;  // of PathPrefix: so many leading segments of the path

  friend bool operator==(const LimitKeyPart&, const LimitKeyPart&) = default;
};
std::string_view text(LimitKeyPart::Kind kind);

/// What a refusal says, for people.
inline constexpr std::string_view kRateUsedUp = "too many requests: the rate limit is used up";
inline constexpr std::string_view kTooManyAtATime = "too many requests at a time";

/// What one key may have. At least one of the two.
struct Allowance {
  std::optional<policy::RatePolicy> rate;
  std::uint32_t in_flight_max = 0;  // 0: not bounded
};

/// `5/min, burst 5`, `100/s, burst 200, 20 in progress`, `4 in progress`.
std::string text(const Allowance& allowance);

enum class LimitMode : std::uint8_t { Enforce, Shadow };  // Shadow: counts and marks, but admits

/// What the configuration says of a limit.
struct LimitRule {
  std::string name;
  std::vector<LimitKeyPart> key;
  std::uint32_t ipv6_prefix = 64;  // bits of an IPv6 client address that make the key
  Allowance live;
  std::optional<Allowance>
      candidate;  // of requests for the candidate, counted apart; nullopt: `live`
  std::optional<std::string> path_prefix;  // as ServiceMatch::path_prefix; nullopt: any path
  std::vector<std::string> methods;        // empty: any
  LimitMode mode = LimitMode::Enforce;
  ClientSet exempt;
  bool is_announced = true;  // in RateLimit fields of answers
  std::uint32_t keys = 65'536;

  const Allowance& allowance(bool is_candidate) const {
    return is_candidate && candidate ? *candidate : live;
  }
};

std::string_view text(LimitMode mode);
/// Memory of the tables behind it.
std::size_t table_bytes(const LimitRule& rule);

/// What one worker has counted of a limit. Written by that worker only.
struct alignas(64) LimitCounters {
  metrics::Counter admitted;
  metrics::Counter refused;
  metrics::Counter shadowed;  // would have been refused
  metrics::Counter exempt;
  metrics::Counter keyless;    // had no key
  metrics::Counter evicted;    // keys that were forgotten for others
  metrics::Counter uncounted;  // admitted without a place among those in flight
};

/// The tables of one allowance.
struct LimitTables {
  LimitTables(const Allowance& allowance, std::size_t keys);

  std::optional<policy::Rate> rate_of;  // whose ticks the table holds
  std::optional<policy::RateTable> rate;
  std::optional<policy::InFlightTable> in_flight;
};

/// Live state of one limit, the same in every snapshot that contains it: budgets survive a switch,
/// and new addresses. Shared by all workers; owned by the snapshots that contain it, and by the
/// tunnels that it counts.
struct LimitCell {
  LimitCell(const LimitRule& rule, core::HashKey hash_key, std::size_t workers);

  /// Whether the rule can go on with these tables.
  bool fits(const LimitRule& rule) const;
  LimitTables& tables(bool is_candidate) { return is_candidate && candidate ? *candidate : live; }

  const core::HashKey hash_key;
  const std::size_t keys;
  LimitTables live;
  std::optional<LimitTables> candidate;
  std::vector<LimitCounters> counters;  // by worker
};

struct RateLimit {
  LimitRule rule;
  std::shared_ptr<LimitCell> cell;  // never nullptr in a snapshot
  std::string log_name;             // `login`, in shadow mode `shadow:login`
  /// What its budgets are called in fields, by the part that the pool plays: `"login"`,
  /// `"login#candidate"`.
  std::array<std::string, 2> names;
  /// Items of the RateLimit-Policy field, by the part that the pool plays: `"login";q=5;w=60`.
  std::array<std::string, 2> policy_items;
  bool is_for_all = false;  // any method and path, nobody exempt: not asked for each request
};
RateLimit make_limit(LimitRule rule, std::shared_ptr<LimitCell> cell);

/// The limits of one service; all of them must admit a request.
struct RateLimits {
  explicit RateLimits(std::vector<RateLimit> limits);

  std::vector<RateLimit> list;
  std::uint16_t announced = 0;  // bit by position: those that answers name
  /// RateLimit-Policy of an answer that names all of them, by the part that the pool plays.
  std::array<std::string, 2> policies;
};
/// RateLimit-Policy of an answer that names those of a bit set: `put(text)` for each part of it.
template <typename Put>
void put_policies(const RateLimits& limits, std::uint16_t which, bool is_candidate, Put put) {
  bool is_first = true;
  for (std::size_t i = 0; i < limits.list.size(); ++i) {
    if ((which & (1U << i)) == 0) continue;
    if (!is_first) put(", ");
    is_first = false;
    put(limits.list[i].policy_items[is_candidate ? 1 : 0]);
  }
}

/// One request, as limits look at it. Borrows all of it. Made once per request: its path is
/// normalised at most once.
class LimitedRequest {
 public:
  struct Parts {
    const http::RequestHead& head;
    const std::optional<core::IpAddress>& client;
    std::optional<std::string_view> identity;  // nullopt also when it is minted for this request
    std::string_view service;
    core::PoolName pool = core::PoolName::Blue;
    bool is_candidate = false;
  };
  /// `parts` must outlive this.
  explicit LimitedRequest(const Parts& parts) : parts_(parts) {}
  explicit LimitedRequest(Parts&&) = delete;

  bool is_candidate() const { return parts_.is_candidate; }
  /// By path and method.
  bool is_matched(const LimitRule& rule) {
    return (rule.methods.empty() || has_method_of(rule)) &&
           (!rule.path_prefix || covers_path(*rule.path_prefix, path()));
  }
  bool is_exempt(const LimitRule& rule) const {
    return !rule.exempt.is_nobody() && rule.exempt.contains(parts_.client);
  }
  /// nullopt: a part of the key is absent, and the limit says nothing of the request.
  std::optional<std::uint64_t> key_hash(const LimitRule& rule, core::HashKey hash_key);
  /// The key for people: `identity user-1, method GET`. Empty: as nullopt above.
  std::string key_text(const LimitRule& rule);

 private:
  bool has_method_of(const LimitRule& rule) const;
  std::optional<std::uint64_t> part_hash(const LimitKeyPart& part, const LimitRule& rule,
                                         core::HashKey hash_key);
  std::optional<std::uint64_t> rare_part_hash(const LimitKeyPart& part, const LimitRule& rule,
                                              core::HashKey hash_key);
  std::optional<std::uint64_t> joined_hash(const LimitRule& rule, core::HashKey hash_key);
  /// Empty: absent.
  std::string_view octets(const LimitKeyPart& part, const LimitRule& rule,
                          std::array<std::uint8_t, 16>& buffer);
  std::string_view path();

  const Parts& parts_;
  std::string_view path_;  // empty: not asked for yet
  std::array<char, core::limits::kRequestHeadMax> scratch_;
};

}  // namespace sluice::model
