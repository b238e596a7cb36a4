#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/core/address.hpp"
#include "sluice/core/clock.hpp"
#include "sluice/core/rng.hpp"
#include "sluice/http/message.hpp"
#include "sluice/model/snapshot.hpp"
#include "sluice/policy/overload.hpp"
#include "sluice/policy/split.hpp"

/// Why a request gets the pool that it gets: the decisions of the data path (decision.hpp), taken
/// once more and told. Pure; counts nothing, charges no limit, takes no lease.
namespace sluice::model {

struct ExplainInput {
  std::string_view bytes;    // a request as received; what follows the head counts for nothing
  std::size_t listener = 0;  // where it came in
  std::optional<core::IpAddress> peer{};   // from whom; nullopt: a Unix socket
  const Service* named = nullptr;          // routed there, whatever its host and path
  std::optional<std::string_view> user{};  // the identity, whatever the request carries
  core::Instant now{};                     // for penalties
  policy::OverloadWord overload{};         // of the worker that refuses most
};

struct Explanation {
  /// What Sluice answers itself, and then no endpoint sees the request: a refusal, or the end of
  /// Max-Forwards. What is below is as far as the decisions came.
  std::optional<http::Refusal> answer{};

  std::string method{}, host{}, path{};     // as the parser understood them
  std::optional<core::IpAddress> client{};  // nullopt: a Unix-socket peer that named none

  const Service* service = nullptr;  // of the snapshot
  /// Where host, path and listener lead; nullopt: nowhere. With `named` it may be elsewhere.
  struct Routing {
    core::ServiceId service;
    std::string host;  // as configured; empty: any
    std::string path_prefix;
    bool names_listeners = false;
  };
  std::optional<Routing> routing{};

  std::string identity{};                          // octets; empty: none
  const policy::IdentitySource* source = nullptr;  // of the service; nullptr: given, or none
  bool is_identity_given = false;
  bool was_too_long = false;  // one over kIdentityMax counted as absent
  bool would_mint = false;    // a new cookie would be: a user that nobody knows yet

  struct MatchedPin {
    std::size_t number = 0;  // from 1, as in the file
    std::string name;        // `header X-Pool`, `cookie beta`, `identity list`, `segment`
    policy::PinTarget target = policy::PinTarget::Candidate;
    core::PoolName pool = core::PoolName::Blue;  // that the target means now
    bool is_ignored = false;                     // the candidate is closed
  };
  std::optional<MatchedPin> pin{};

  /// What overload does with such a request now; nullopt: it was not looked whose it is.
  struct AskedOverload {
    policy::OverloadWord word{};
    policy::Standing standing = policy::Standing::New;
    policy::Strain of_thousand = 0;  // so many are refused
    bool refuses = false;  // this one; of users who are not known: whether all of them are
  };
  std::optional<AskedOverload> overload{};

  /// What a limit of the service would say of the request now, and what its key has left.
  struct AskedLimit {
    enum class Standing : std::uint8_t { Admits, Refuses, Exempt, Keyless };
    const RateLimit* limit = nullptr;  // of the snapshot
    Standing standing = Standing::Admits;
    std::string key{};                          // as LimitedRequest::key_text()
    std::optional<policy::RateVerdict> rate{};  // `left` with the request itself
    std::uint32_t in_flight = 0;
    bool is_candidate = false;  // its budget for the candidate
  };
  std::vector<AskedLimit> limits{};         // that are about the request, in the order of the file
  std::optional<std::size_t> refused_by{};  // of `limits`, the one that the answer names

  /// The circuit breaker that it has to pass in a pool: of the pool, or of the path in it.
  struct AskedBreaker {
    core::PoolName pool = core::PoolName::Blue;
    std::string route{};  // empty: of the pool
    policy::Breaker::State state = policy::Breaker::State::Closed;
    bool admits = true;
  };
  struct Ceiling {
    core::PoolName pool = core::PoolName::Blue;
    std::string_view key{};  // `max_requests`, `adaptive_concurrency`
  };
  std::vector<Ceiling> reached{};        // of the pools that were asked for it, in that order
  std::vector<AskedBreaker> breakers{};  // of the pools that were asked for it, in that order

  /// nullopt: no decision was reached, or (would_mint) it depends on the new user's bucket.
  std::optional<policy::PoolChoice> choice{};
  /// The pool was chosen by `choice`, but its breaker is open, or none of its endpoints can take a
  /// request: now it is the live one, reason fallback.
  std::optional<policy::PoolChoice> before_fallback{};
};

/// `edition` is only borrowed: the explanation points into its snapshot, and not into its lists.
/// `rng` as the data path's: it breaks ties between endpoints. Linear in the request and the pins.
Explanation explain(const Edition& edition, const ExplainInput& input, core::Rng& rng);

std::string_view text(Explanation::AskedLimit::Standing standing);

/// The explanation in one sentence for a person: `user-2 is in bucket 1364 of 10000, below the
/// split of 20 %, so green`. Octets of the client appear as they came, at most 64 of them in a row.
std::string sentence_of(const Explanation& explained);

}  // namespace sluice::model
