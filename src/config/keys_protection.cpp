#include "config/key_words.hpp"

/// The keys of what protects users and pools: retries, breakers, health, limits.
namespace sluice::config {

namespace {

namespace limits = core::limits;
using std::string_view;

constexpr Key kRetryKeys[] = {
    {.name = "attempts",
     .expects = "a number from 0 to 10",
     .about = "times that a request may be sent again; connects that fail are not counted",
     .form = Form::Number,
     .range = {0, 10},
     .fallback = "1"},
    {.name = "budget",
     .expects = kPercentage,
     .about = "of the requests in flight in the pool may be repetitions; three always may",
     .form = Form::Percent,
     .fallback = "20%"},
    {.name = "when",
     .expects = kFailureList,
     .about = "after which failures; `timeout` is that of `per_try_timeout`",
     .form = Form::Word,
     .words = kFailureWords,
     .fallback = kUsualFailures,
     .item = kFailureItem},
    {.name = "per_try_timeout",
     .expects = kTimeoutOrOff,
     .about = "from the request sent to the head of its answer, while it may be sent again; "
              "otherwise it has `timeouts.response_header`",
     .form = Form::Duration,
     .range = kTimeoutRange,
     .words = kOff,
     .fallback = "off"},
    {.name = "back_off",
     .expects = "a duration from 1ms to 10s such as 25ms, or off",
     .about = "longest pause before a second attempt at the same endpoint; doubles each time, a "
              "random part of it is waited",
     .form = Form::Duration,
     .range = {1, 10 * kSecond},
     .words = kOff,
     .fallback = "25ms"},
    {.name = "idempotency_key",
     .expects = "on or off",
     .about = "`on`: the application knows requests by their `Idempotency-Key`, so that any method "
              "with one is safe to repeat",
     .form = Form::Word,
     .words = kOnOff,
     .fallback = "off"},
};

constexpr Key kRescueKeys[] = {
    {.name = "when",
     .expects = "a list of reset_before_response, timeout, 500, 502, 503, 504",
     .about = "after which failures of the candidate; safe methods only. What can't be connected "
              "falls back anyway",
     .form = Form::Word,
     .words = kRescueWords,
     .fallback = "[reset_before_response, timeout, 502, 503, 504]",
     .item = "one of reset_before_response, timeout, 500, 502, 503, 504"},
    {.name = "budget",
     .expects = kPercentage,
     .about = "of the requests in flight in both pools may be rescued ones; three always may",
     .form = Form::Percent,
     .fallback = "100%"},
    {.name = "assets",
     .expects = "a list of at most 32 paths with at most one *, such as /assets/* or \"*.js\"",
     .about = "files that one version may not have: a 404 for them is tried on the other pool, "
              "once, and no cache may store it. `*` stands for anything, `/` included",
     .form = Form::PathPattern,
     .fallback = "[]",
     .item = "a path with at most one *, beginning with / or *, at most 256 bytes",
     .items = {0, limits::kAssetPatternsMax}},
    {.name = "assets_of_closed",
     .expects = "on or off",
     .about = "`on`: a candidate that a switch or a rollback has closed is asked for assets too",
     .form = Form::Word,
     .words = kOnOff,
     .fallback = "off"},
};

constexpr Key ceiling_key(string_view name, string_view about, string_view fallback) {
  return {.name = name,
          .expects = "off or a number from 1 to 10000000",
          .about = about,
          .form = Form::Number,
          .range = kConnections,
          .words = kOff,
          .fallback = fallback};
}
constexpr Key kMaxPending =
    ceiling_key("max_pending", "requests that wait for a connection; one more gets a 503", "off");
constexpr Key kMaxRequests =
    ceiling_key("max_requests", "requests in flight; one more gets a 503", "off");
constexpr Key kMaxRetries =
    ceiling_key("max_retries", "requests in flight that are sent again; one more is not", "off");

// What makes a breaker open and close: of a pool, an endpoint, or a route.
constexpr Key kWindow{.name = "window",
                      .expects = "a duration of 1s to 10s in whole seconds such as 10s",
                      .about = "over which requests and failures are counted",
                      .form = Form::Duration,
                      .range = {kSecond, limits::kBreakerWindowMax* kSecond},
                      .fallback = "10s"};
constexpr Key min_requests_key(string_view fallback) {
  return {.name = "min_requests",
          .expects = "a number from 1 to 1000000",
          .about = "in the window, before it is judged",
          .form = Form::Number,
          .range = {1, 1'000'000},
          .fallback = fallback};
}
constexpr Key kMinRequests = min_requests_key("20");
constexpr Key kErrorRate{
    .name = "error_rate",
    .expects = "a percentage from 0.01% to 100% with at most two decimals, or off",
    .about =
        "of failures that opens it: no connection, no answer in time, a broken one, status 5xx",
    .form = Form::Percent,
    .words = kOff,
    .fallback = "50%"};
constexpr Key kSlowCall{.name = "slow_call",
                        .expects = kTimeoutOrOff,
                        .about =
                            "from the whole request to the head of its answer: what takes "
                            "longer is slow",
                        .form = Form::Duration,
                        .range = kTimeoutRange,
                        .words = kOff,
                        .fallback = "5s"};
constexpr Key kSlowRate{
    .name = "slow_rate",
    .expects = "a percentage from 0.01% to 100% with at most two decimals, or off",
    .about = "of slow answers that opens it",
    .form = Form::Percent,
    .words = kOff,
    .fallback = "50%"};
constexpr Key kOpenFor{
    .name = "open_for",
    .expects = "a duration from 1s to 1h such as 5s",
    .about = "how long it turns requests away; doubles each time it opens again soon after",
    .form = Form::Duration,
    .range = {kSecond, kHour},
    .fallback = "5s"};
constexpr Key kMaxOpenFor{.name = "max_open_for",
                          .expects = "a duration from 1s to 1h such as 1m",
                          .about = "no longer than that; not below `open_for`",
                          .form = Form::Duration,
                          .range = {kSecond, kHour},
                          .fallback = "1m"};
constexpr Key kHalfOpenProbes{
    .name = "half_open_probes",
    .expects = "a number from 1 to 63",
    .about = "requests that are let through then; it closes when so many have gone well",
    .form = Form::Number,
    .range = {1, limits::kBreakerProbesMax},
    .fallback = "3"};
constexpr Key kProbeTimeout{.name = "probe_timeout",
                            .expects = "a duration from 1s to 1h such as 30s",
                            .about = "one of them that is not answered by then has failed",
                            .form = Form::Duration,
                            .range = {kSecond, kHour},
                            .fallback = "30s"};
constexpr Key kBreakerFallback{
    .name = "fallback",
    .expects = "live or fail",
    .about =
        "the candidate's users while its breaker turns them away: the live pool takes them, "
        "or they get a 503",
    .form = Form::Word,
    .words = kBreakerFallbacks,
    .fallback = "live"};

constexpr Key kDependsOn{.name = "depends_on",
                         .expects = "a list of at most 8 names of dependencies",
                         .about =
                             "while all endpoints that speak of one of these in `Sluice-Health` "
                             "say that it is down, it is held open",
                         .form = Form::Dependency,
                         .fallback = "[]",
                         .item = kDependency,
                         .items = {0, limits::kDependenciesMax}};

constexpr Key kCircuitBreakerKeys[] = {
    ceiling_key("max_connections",
                "connections to the endpoints of one pool, with idle ones and tunnels; a request "
                "that would need one more gets a 503",
                "1024"),
    kMaxPending,
    kMaxRequests,
    kMaxRetries,
    kWindow,
    kMinRequests,
    kErrorRate,
    kSlowCall,
    kSlowRate,
    kOpenFor,
    kMaxOpenFor,
    kHalfOpenProbes,
    kProbeTimeout,
    kDependsOn,
    kBreakerFallback,
    {.name = "page",
     .expects = "the path of a file of at most 8KiB",
     .about = "HTML that people see instead of the words of a 503 of breakers and ceilings; read "
              "at the start",
     .form = Form::Text,
     .range = {1, kPathMax},
     .fallback_words = "none"},
    {.name = "endpoint",
     .expects = "a map of ceilings and rates, or off",
     .about =
         "the same for each endpoint by itself; its breaker never takes the last one of a pool",
     .form = Form::Map,
     .words = kOff},
};

constexpr Key kEndpointBreakerKeys[] = {
    ceiling_key("max_connections", "connections to it, with idle ones and tunnels", "off"),
    kMaxPending,
    kMaxRequests,
    kMaxRetries,
    kWindow,
    min_requests_key("5"),
    kErrorRate,
    kSlowCall,
    kSlowRate,
    kOpenFor,
    kMaxOpenFor,
    kHalfOpenProbes,
    kProbeTimeout,
};

constexpr Key kRouteKeys[] = {
    {.name = "path_prefix",
     .expects = "a path that begins with '/'",
     .about = "whole segments, as `path_prefix` of a service; of two that match the longer decides",
     .form = Form::Path,
     .presence = Presence::Required},
    {.name = "circuit_breaker",
     .expects = "a map of rates",
     .about = "instead of the pool's: what fails here does not count there",
     .form = Form::Map,
     .presence = Presence::Required},
};

constexpr Key kRouteBreakerKeys[] = {
    kWindow,     kMinRequests,    kErrorRate,    kSlowCall,  kSlowRate,        kOpenFor,
    kMaxOpenFor, kHalfOpenProbes, kProbeTimeout, kDependsOn, kBreakerFallback,
};

constexpr Key kAdaptiveKeys[] = {
    {.name = "min_limit",
     .expects = "a number from 1 to 10000000",
     .about = "requests that may always be in flight",
     .form = Form::Number,
     .range = kConnections,
     .fallback = "4"},
    {.name = "max_limit",
     .expects = "a number from 1 to 10000000",
     .about = "requests in flight at most; not below `min_limit`",
     .form = Form::Number,
     .range = kConnections,
     .fallback = "1000"},
    {.name = "tolerance",
     .expects = "a percentage from 1% to 100%",
     .about = "latency that is so much above that of a pool without a queue is no sign of one",
     .form = Form::Percent,
     .fallback = "50%"},
};

constexpr Key kHealthCheckKeys[] = {
    {.name = "type",
     .expects = "http or tcp",
     .about = "what an endpoint must do: answer a request, or only accept a connection",
     .form = Form::Word,
     .words = kCheckTypes,
     .fallback = "http"},
    {.name = "method",
     .expects = "GET, HEAD or OPTIONS",
     .about = "of the request",
     .form = Form::Word,
     .words = kCheckMethods,
     .fallback = "GET"},
    {.name = "path",
     .expects = "a path such as /healthz?full=1, at most 1024 bytes",
     .about = "of the request, with its query",
     .form = Form::Target,
     .range = {1, limits::kHealthPathMax},
     .fallback = "/healthz"},
    {.name = "host",
     .expects = "a host name such as shop.internal, or an address",
     .about = "`Host` of the request",
     .form = Form::Host,
     .fallback_words = "the endpoint's address and port"},
    {.name = "expect_status",
     .expects = "a status such as 200, or a range such as 200-299",
     .about = "of a good answer, from 200 to 599",
     .form = Form::Statuses,
     .fallback = "200-299"},
    {.name = "expect_body",
     .expects = "text of at most 256 bytes without control characters",
     .about = "stands somewhere in the first 64 KiB of a good answer's body",
     .form = Form::Text,
     .range = {1, limits::kHealthTextMax}},
    {.name = "interval",
     .expects = "a duration from 100ms to 24h such as 5s",
     .about = "from one check of an endpoint to the next",
     .form = Form::Duration,
     .range = {100, kDay},
     .fallback = "5s"},
    {.name = "fast_interval",
     .expects = "a duration from 100ms to 24h such as 1s",
     .about = "the same while it is in doubt: not checked yet, failing or coming back; no longer "
              "than `interval`",
     .form = Form::Duration,
     .range = {100, kDay},
     .fallback = "1s"},
    {.name = "jitter",
     .expects = "a percentage from 0% to 50%",
     .about = "by which an interval is shorter or longer at random, so that checks do not come all "
              "at once",
     .form = Form::Percent,
     .fallback = "10%"},
    {.name = "timeout",
     .expects = "a duration from 10ms to 1m such as 2s",
     .about = "of one check, the connect included",
     .form = Form::Duration,
     .range = {10, 60 * kSecond},
     .fallback = "2s"},
    {.name = "healthy_after",
     .expects = "a number from 1 to 100",
     .about = "good checks in a row that bring an endpoint back; the very first needs one",
     .form = Form::Number,
     .range = {1, 100},
     .fallback = "2"},
    {.name = "unhealthy_after",
     .expects = "a number from 1 to 100",
     .about = "bad checks in a row that take an endpoint out",
     .form = Form::Number,
     .range = {1, 100},
     .fallback = "3"},
    {.name = "memory_limit",
     .expects = "a percentage from 1% to 100%, or off",
     .about = "an endpoint that reports more (`Sluice-Health: ready; memory=91`) gets no new "
              "requests",
     .form = Form::Percent,
     .words = kOff,
     .fallback = "90%"},
    {.name = "recycle_on",
     .expects = "a list of at most 8 names of dependencies",
     .about = "when an endpoint says that one of these is down, its kept connections are closed, "
              "those in use are not kept, and the hook is run",
     .form = Form::Dependency,
     .fallback = "[]",
     .item = kDependency,
     .items = {0, limits::kDependenciesMax}},
    {.name = "hook",
     .expects = "a list of 1 to 32 words, the first an absolute path",
     .about = "program that is run, without a shell, when an endpoint is taken out: by its checks, "
              "by its own word or for its memory",
     .form = Form::Text,
     .range = {1, limits::kHookWordMax},
     .item = "text of at most 4096 bytes without control characters",
     .items = {1, limits::kHookWordsMax}},
    {.name = "hook_timeout",
     .expects = "a duration from 100ms to 1h such as 30s",
     .about = "after which a hook that still runs is killed",
     .form = Form::Duration,
     .range = {100, kHour},
     .fallback = "30s"},
};

constexpr Key kOutlierKeys[] = {
    {.name = "consecutive_failures",
     .expects = "a number from 1 to 1000",
     .about = "failures in a row that take an endpoint out: no connection, no answer in time, an "
              "answer that breaks off, status 5xx",
     .form = Form::Number,
     .range = {1, 1000},
     .fallback = "5"},
    {.name = "base_ejection_time",
     .expects = "a duration from 100ms to 24h such as 10s",
     .about = "how long it is out; each time it fails again soon after it came back twice as long",
     .form = Form::Duration,
     .range = {100, kDay},
     .fallback = "10s"},
    {.name = "max_ejection_time",
     .expects = "a duration from 100ms to 24h such as 5m",
     .about = "no longer than that; not below `base_ejection_time`",
     .form = Form::Duration,
     .range = {100, kDay},
     .fallback = "5m"},
    {.name = "max_ejected",
     .expects = "a percentage from 0% to 100% with at most two decimals",
     .about = "of a pool's endpoints, rounded down, that may be out like this at once; the last "
              "usable one always stays",
     .form = Form::Percent,
     .fallback = "50%"},
};

constexpr Key rate_key(string_view about) {
  return {.name = "rate", .expects = kRate, .about = about, .form = Form::Rate};
}
constexpr Key burst_key(string_view fallback_words) {
  return {.name = "burst",
          .expects = kAmount,
          .about = "requests that a key may send at once after a pause",
          .form = Form::Number,
          .range = {1, limits::kRateMax},
          .fallback_words = fallback_words};
}
constexpr Key max_in_flight_key(string_view fallback_words) {
  return {.name = "max_in_flight",
          .expects = kAmount,
          .about = "requests and tunnels of a key that may run at a time",
          .form = Form::Number,
          .range = {1, limits::kRateMax},
          .fallback_words = fallback_words};
}

constexpr Key kRateLimitKeys[] = {
    {.name = "name",
     .expects = kName,
     .about = "of the limit, in answers, logs and metrics; each once in a service",
     .form = Form::Name,
     .presence = Presence::Required},
    {.name = "key",
     .expects = "1 to 4 parts of a key such as identity or [client_address, method]",
     .about =
         "which requests count together; one part may stand without a list; a request that has "
         "not all of the parts is not bounded by the limit",
     .form = Form::Map,
     .words = kBareParts,
     .item = "identity, client_address, method, service, pool, or one of 'header: NAME', 'cookie: "
             "NAME', 'path_prefix: SEGMENTS'",
     .items = {1, limits::kLimitKeyPartsMax},
     .may_stand_alone = true,
     .presence = Presence::Required},
    rate_key("requests per time of each key"),
    burst_key("the number of `rate`"),
    max_in_flight_key("not bounded"),
    {.name = "candidate",
     .expects = "a map of 'rate', 'burst', 'max_in_flight'",
     .about = "a budget of its own for requests that go to the candidate; what it leaves out is as "
              "above",
     .form = Form::Map,
     .fallback_words = "one budget for both pools"},
    {.name = "match",
     .expects = "a map of 'path_prefix', 'methods'",
     .about = "requests that the limit is about",
     .form = Form::Map,
     .fallback_words = "all"},
    {.name = "mode",
     .expects = "enforce or shadow",
     .about = "`shadow` counts and logs what it would refuse, and admits it",
     .form = Form::Word,
     .words = kModes,
     .fallback = "enforce"},
    {.name = "exempt",
     .expects = kNetworks,
     .about = "clients that the limit does not bound",
     .form = Form::Network,
     .fallback = "[]",
     .item = kNetwork},
    {.name = "ipv6_prefix",
     .expects = "a number from 1 to 128",
     .about = "bits of an IPv6 address that count in the key `client_address`: who has one address "
              "usually has the whole /64",
     .form = Form::Number,
     .range = {1, 128},
     .fallback = "64"},
    {.name = "announce",
     .expects = "on or off",
     .about = "whether answers carry the limit in `RateLimit` and `RateLimit-Policy`",
     .form = Form::Word,
     .words = kOnOff,
     .fallback = "on"},
    {.name = "keys",
     .expects = "a number from 64 to 4194304",
     .about = "how many keys can owe something at a time; 16 bytes each, rounded up to a power of "
              "two, and as much again for `max_in_flight` and for `candidate`",
     .form = Form::Number,
     .range = {limits::kLimitKeysLeast, limits::kLimitKeysMax},
     .fallback = "65536"},
};
constexpr string_view kBounds[] = {"rate", "max_in_flight"};

constexpr Key kLimitKeyKeys[] = {
    {.name = "header",
     .expects = kHeaderName,
     .about = "the value of a header field; not `Sluice-*`",
     .form = Form::Token},
    {.name = "cookie",
     .expects = kCookieName,
     .about = "the value of a cookie",
     .form = Form::Token},
    {.name = "path_prefix",
     .expects = "a number from 1 to 8",
     .about = "so many leading segments of the path",
     .form = Form::Number,
     .range = {1, limits::kLimitSegmentsMax}},
};

constexpr Key kLimitCandidateKeys[] = {
    rate_key("requests per time of each key"),
    burst_key("the number of this `rate`; without one as above"),
    max_in_flight_key("as above"),
};

constexpr Key kLimitMatchKeys[] = {
    {.name = "path_prefix",
     .expects = "a path such as /login",
     .about = "whole segments that the path begins with",
     .form = Form::Path},
    {.name = "methods",
     .expects = "a list of 1 to 16 methods such as [POST, PUT]",
     .about = "as the client writes them: case matters",
     .form = Form::Token,
     .item = "a method such as POST",
     .items = {1, limits::kLimitMethodsMax}},
};

}  // namespace

namespace tables {
constinit const Table kRetry{"services[].retry", kRetryKeys};
constinit const Table kRescue{"services[].rescue", kRescueKeys};
constinit const Table kCircuitBreaker{"services[].circuit_breaker", kCircuitBreakerKeys};
constinit const Table kEndpointBreaker{"services[].circuit_breaker.endpoint", kEndpointBreakerKeys};
constinit const Table kRoute{"services[].routes[]", kRouteKeys};
constinit const Table kRouteBreaker{"services[].routes[].circuit_breaker", kRouteBreakerKeys};
constinit const Table kAdaptive{"services[].adaptive_concurrency", kAdaptiveKeys};
constinit const Table kHealthCheck{"services[].health_check", kHealthCheckKeys};
constinit const Table kOutliers{"services[].outlier_detection", kOutlierKeys};
constinit const Table kRateLimit{"services[].rate_limits[]", kRateLimitKeys, {}, {}, {}, kBounds};
constinit const Table kLimitKey{"services[].rate_limits[].key[]", kLimitKeyKeys, {1, 1}};
constinit const Table kLimitCandidate{
    "services[].rate_limits[].candidate", kLimitCandidateKeys, {1, 0}};
constinit const Table kLimitMatch{"services[].rate_limits[].match", kLimitMatchKeys, {1, 0}};
}  // namespace tables

}  // namespace sluice::config
