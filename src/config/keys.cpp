#include "config/keys.hpp"

#include <algorithm>
#include <array>

#include "config/key_words.hpp"
#include "config/names.hpp"
#include "sluice/core/clock.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::config {

namespace {

namespace limits = core::limits;
using std::string_view;

constexpr Key kTopKeys[] = {
    {.name = "workers",
     .expects = "auto or a number from 1 to 64",
     .about = "event loops, each one thread; `auto`: one per core, no more than "
              "`limits.connections`",
     .form = Form::Number,
     .range = {1, limits::kWorkersMax},
     .words = kAuto,
     .fallback = "auto"},
    {.name = "limits",
     .expects = "a map of limits",
     .about = "bounds of the whole process",
     .form = Form::Map},
    {.name = "listeners",
     .expects = "a list of 1 to 64 listeners",
     .about = "addresses that accept clients",
     .form = Form::Map,
     .item = "a map with 'bind'",
     .items = {1, limits::kListenersMax},
     .presence = Presence::Required},
    {.name = "admin",
     .expects = "a map with 'socket' and 'http'",
     .about = "where commands and metrics are served",
     .form = Form::Map},
    {.name = "state_dir",
     .expects = "the path of a directory",
     .about = "the traffic state, its lock and the audit file; made when missing (the last "
              "component)",
     .form = Form::Text,
     .range = {1, kPathMax},
     .fallback = "/var/lib/sluice"},
    {.name = "access_log",
     .expects = "a map with 'path', or off",
     .about = "one JSON line per request",
     .form = Form::Map,
     .words = kOff,
     .fallback = "off"},
    {.name = "trusted_proxies",
     .expects = kNetworks,
     .about = "peers whose `X-Forwarded-*`, `Forwarded`, `X-Request-Id` and trace fields are "
              "believed; `unix:` stands for peers on a Unix socket",
     .form = Form::Network,
     .fallback = "[]",
     .item = kNetwork},
    {.name = "services",
     .expects = "a list of 1 to 1024 services",
     .about = "the applications behind the proxy",
     .form = Form::Map,
     .item = "a map with 'name' and 'pools'",
     .items = {1, limits::kServicesMax},
     .presence = Presence::Required},
};

constexpr Key kProcessLimitsKeys[] = {
    {.name = "connections",
     .expects = "auto or a number from 1 to 10000000",
     .about = "clients at once, at least one for each worker; `auto`: what the descriptor limit "
              "allows",
     .form = Form::Number,
     .range = kConnections,
     .words = kAuto,
     .fallback = "auto"},
    {.name = "connections_per_address",
     .expects = "off or a number from 1 to 10000000",
     .about = "clients at once from one address; more are closed at once and counted",
     .form = Form::Number,
     .range = kConnections,
     .words = kOff,
     .fallback = "off"},
    {.name = "requests_per_connection",
     .expects = "off or a number from 1 to 10000000",
     .about = "after so many answers a client's connection ends; the last answer says so",
     .form = Form::Number,
     .range = kConnections,
     .words = kOff,
     .fallback = "off"},
    {.name = "tunnels",
     .expects = "off or a number from 1 to 10000000",
     .about = "upgraded connections (WebSocket) at once; a request for one more gets a 503",
     .form = Form::Number,
     .range = kConnections,
     .words = kOff,
     .fallback = "off"},
    {.name = "memory",
     .expects = "auto, off, or a size of at least 16MiB such as 512MiB",
     .about = "of the process: at 85 % of it connections end with their answers, from 92 % on "
              "requests are refused; `auto`: the limit of the control group, if it has one, and "
              "what the group uses",
     .form = Form::Size,
     .range = {16ULL << 20U, kSizeMax},
     .words = kAutoOrOff,
     .fallback = "auto"},
};

constexpr Key kListenerKeys[] = {
    {.name = "name",
     .expects = kName,
     .about = "by which services list it",
     .form = Form::Name,
     .fallback_words = "`listener-1`, `listener-2`, ..."},
    {.name = "bind",
     .expects = "an address and port such as 0.0.0.0:8080 or \"[::]:8080\"",
     .about = "where to listen; port 0 takes a free one, which `sluice status` shows; an IPv6 "
              "address takes IPv6 only; `unix:` and an absolute path of at most 90 bytes is a Unix "
              "socket",
     .form = Form::AddressOrPath,
     .range = {0, kSocketPathMax},
     .presence = Presence::Required},
    {.name = "mode",
     .expects = "octal permissions such as \"0660\"",
     .about = "of a Unix socket, and of nothing else: who may connect",
     .form = Form::Mode,
     .fallback = "\"0660\""},
    later("tls", "certificates and versions"),
    later("proxy_protocol_from", "who sends PROXY headers"),
};

constexpr Key kAdminKeys[] = {
    {.name = "socket",
     .expects = "a map with 'path' and 'mode'",
     .about = "the Unix socket that takes commands",
     .form = Form::Map},
    {.name = "http",
     .expects = "a map with 'bind', or off",
     .about = "status and metrics over TCP, read-only",
     .form = Form::Map,
     .words = kOff,
     .fallback = "off"},
};

constexpr Key kAdminSocketKeys[] = {
    {.name = "path",
     .expects = "a path of at most 90 bytes",
     .about = "of the socket; its directory must exist",
     .form = Form::Text,
     .range = {1, kSocketPathMax},
     .fallback = "/run/sluice/admin.sock"},
    {.name = "mode",
     .expects = "octal permissions such as \"0660\"",
     .about = "who may connect",
     .form = Form::Mode,
     .fallback = "\"0660\""},
};

constexpr Key kAdminHttpKeys[] = {
    {.name = "bind",
     .expects = "an address and port such as 127.0.0.1:9901",
     .about = "where to listen",
     .form = Form::Address,
     .presence = Presence::Required},
    later("token_file", "who may change things"),
};

constexpr Key kAccessLogKeys[] = {
    {.name = "path",
     .expects = "the path of a file, or \"-\" for stdout",
     .about = "where the lines go; opened for appending; a FIFO needs no reader yet",
     .form = Form::Text,
     .range = {1, kPathMax},
     .presence = Presence::Required},
    {.name = "format",
     .expects = "json or combined",
     .about =
         "form of the lines: one JSON object each, or the `combined` format of Apache and nginx",
     .form = Form::Word,
     .words = kFormats,
     .fallback = "json"},
};

constexpr Key kServiceKeys[] = {
    {.name = "name",
     .expects = kName,
     .about = "of the service, in commands, logs and metrics",
     .form = Form::Name,
     .presence = Presence::Required},
    {.name = "hosts",
     .expects = "a list of host names",
     .about = "names that it answers to, without port, case does not matter; `\"*.example.com\"` "
              "matches one or more labels, not the bare name; none: any host",
     .form = Form::Host,
     .fallback = "[]",
     .item = "a host name such as shop.example.com or \"*.example.com\", without port"},
    {.name = "path_prefix",
     .expects = "a path such as / or /app",
     .about = "whole segments that a path must begin with: `/app` matches `/app` and `/app/x`, "
              "not `/apple`",
     .form = Form::Path,
     .fallback = "/"},
    {.name = "listeners",
     .expects = "a list of names of listeners",
     .about = "where the service answers; none: everywhere",
     .form = Form::Name,
     .fallback = "[]",
     .item = "the name of a listener"},
    {.name = "salt",
     .expects = kSaltWanted,
     .about = "chooses who is first in the split; counts at the very first start",
     .form = Form::Text,
     .range = {1, limits::kSaltMax},
     .fallback_words = "the service's name"},
    {.name = "identity",
     .expects = "a list of at least one identity source",
     .about = "who a user is; the first source that is present wins; `- client_address` and "
              "`- mint_cookie` stand alone, the others have the name of a field",
     .form = Form::Map,
     .words = kBareSources,
     .fallback = "[client_address]",
     .item = "client_address, mint_cookie, or one of 'cookie: NAME', 'header: NAME', 'query: NAME'",
     .items = {1, 0}},
    {.name = "pools",
     .expects = "a map with 'blue' and 'green'",
     .about = "the two versions of the application; the one that is live at the first start must "
              "be there, the other one may be left out",
     .form = Form::Map,
     .presence = Presence::Required},
    {.name = "initial",
     .expects = "a map with 'live' and 'split'",
     .about = "traffic state of the very first start; afterwards the saved state rules",
     .form = Form::Map},
    {.name = "drain",
     .expects = "a map with 'deadline' and 'websockets'",
     .about = "how the old pool ends",
     .form = Form::Map},
    {.name = "pins",
     .expects = "a list of at most 256 pins",
     .about = "rules that decide before the split",
     .form = Form::Map,
     .fallback = "[]",
     .item = "a map with 'header', 'cookie', 'identity_in' or 'segment'",
     .items = {0, limits::kPinsPerServiceMax}},
    {.name = "via",
     .expects = "on or off",
     .about = "a `Via` field on requests and answers",
     .form = Form::Word,
     .words = kOnOff,
     .fallback = "on"},
    {.name = "expose",
     .expects = "a list of pool, generation, reason, bucket, endpoint, rescued",
     .about = "answers carry `Sluice-Pool`, `Sluice-Generation`, ... for clients to see",
     .form = Form::Word,
     .words = kExposed,
     .fallback = "[]",
     .item = "one of pool, generation, reason, bucket, endpoint, rescued"},
    {.name = "timeouts",
     .expects = "a map of timeouts",
     .about = "bounds in time",
     .form = Form::Map},
    {.name = "limits", .expects = "a map of limits", .about = "bounds in size", .form = Form::Map},
    {.name = "retry",
     .expects = "a map of rules of retries",
     .about = "when a request is sent again to its pool",
     .form = Form::Map},
    {.name = "rescue",
     .expects = "a map with 'when' and 'budget'",
     .about = "when the live pool answers what the candidate failed to answer",
     .form = Form::Map},
    {.name = "circuit_breaker",
     .expects = "a map of ceilings and rates, or off",
     .about = "bounds on the load of a pool, and no requests for one that fails too often",
     .form = Form::Map,
     .words = kOff},
    {.name = "routes",
     .expects = "a list of at most 64 routes",
     .about = "paths with circuit breakers of their own",
     .form = Form::Map,
     .fallback = "[]",
     .item = "a map with 'path_prefix' and 'circuit_breaker'",
     .items = {0, limits::kRoutesPerServiceMax}},
    {.name = "adaptive_concurrency",
     .expects = "a map of bounds, or off",
     .about = "how many requests a pool may have in flight is found from their latency; "
              "`adaptive_concurrency: {}` with the values below",
     .form = Form::Map,
     .words = kOff,
     .fallback = "off"},
    {.name = "health_check",
     .expects = "a map of checks, or off",
     .about = "both pools are asked all the time whether they are well; `health_check: {}` with "
              "the values below",
     .form = Form::Map,
     .words = kOff,
     .fallback = "off"},
    {.name = "outlier_detection",
     .expects = "a map of thresholds, or off",
     .about = "an endpoint that fails request after request is left out for a while",
     .form = Form::Map,
     .words = kOff,
     .fallback = "off"},
    {.name = "slow_start",
     .expects = "a duration from 1ms to 1h such as 10s, or off",
     .about = "over which an endpoint that was out gets its whole share again",
     .form = Form::Duration,
     .range = {1, kHour},
     .words = kOff,
     .fallback = "10s"},
    {.name = "on_pool_down",
     .expects = "fallback or fail",
     .about = "users of a candidate without a usable endpoint: the live pool takes them, or they "
              "get a 503",
     .form = Form::Word,
     .words = kOnPoolDown,
     .fallback = "fallback"},
    {.name = "rate_limits",
     .expects = "a list of at most 16 limits",
     .about = "how many requests a user, an address or another key may send; all limits that match "
              "a request must admit it",
     .form = Form::Map,
     .fallback = "[]",
     .item = "a map with 'name', 'key' and 'rate'",
     .items = {0, limits::kRateLimitsPerServiceMax}},
};

constexpr Key kIdentityKeys[] = {
    {.name = "cookie",
     .expects = kCookieName,
     .about = "the value of a cookie",
     .form = Form::Token},
    {.name = "header",
     .expects = kHeaderName,
     .about = "the value of a header field; not `Sluice-*`, which are removed from requests first",
     .form = Form::Token},
    {.name = "query",
     .expects = "the name of a query parameter, at most 64 characters",
     .about = "the value of a query parameter",
     .form = Form::QueryName},
    {.name = "client_address",
     .expects = "no value: write '- client_address'",
     .about = "the address of the client; after it only `mint_cookie` may stand",
     .form = Form::Nothing},
    {.name = "mint_cookie",
     .expects = "a map with 'name' and 'max_age'",
     .about = "a cookie that Sluice sets for users who bring nothing else; always the last",
     .form = Form::Map},
};

constexpr Key kMintCookieKeys[] = {
    {.name = "name",
     .expects = kCookieName,
     .about = "of the cookie",
     .form = Form::Token,
     .fallback = "sluice_id"},
    {.name = "max_age",
     .expects = "a duration of whole seconds from 1s to 3650d such as 30d",
     .about = "how long browsers keep it",
     .form = Form::Duration,
     .range = {kSecond, 3650 * kDay},
     .fallback = "30d"},
};

constexpr Key kPoolsKeys[] = {
    {.name = "blue",
     .expects = "a map with 'endpoints'",
     .about = "one version of the application",
     .form = Form::Map},
    {.name = "green",
     .expects = "a map with 'endpoints'",
     .about = "another version of the application",
     .form = Form::Map},
};

constexpr Key kPoolKeys[] = {
    {.name = "endpoints",
     .expects = "a list of 1 to 256 addresses",
     .about = "where the application runs; each address of a host name is an endpoint, and names "
              "are looked up every 30 s; `unix:` and an absolute path of at most 107 bytes is a "
              "Unix socket",
     .form = Form::Endpoint,
     .range = {0, kUnixPathMax},
     .item = "an address or host name with a port such as 127.0.0.1:9001, \"[::1]:9001\" or "
             "app.internal:9001",
     .items = {1, limits::kEndpointsPerPoolMax},
     .presence = Presence::Required},
    later("tls", "encryption towards endpoints"),
};

constexpr Key kInitialKeys[] = {
    {.name = "live",
     .expects = "blue or green",
     .about = "the pool that everyone gets",
     .form = Form::Word,
     .words = kPoolNames,
     .fallback = "blue"},
    {.name = "split",
     .expects = kPercentage,
     .about = "share of users that gets the other pool",
     .form = Form::Percent,
     .fallback = "0%"},
};

constexpr Key kDrainKeys[] = {
    {.name = "deadline",
     .expects = "a duration from 1ms to 24h such as 30s",
     .about = "when what still runs on the old pool is cut and counted",
     .form = Form::Duration,
     .range = {1, milliseconds(limits::kDrainDeadlineMax)},
     .fallback = "30s"},
    {.name = "websockets",
     .expects = "drain, keep or close",
     .about = "tunnels on the old pool: ended at the deadline, kept, or ended at once (spread over "
              "one second)",
     .form = Form::Word,
     .words = kTunnelPolicies,
     .fallback = "drain"},
};

constexpr Key kPinKeys[] = {
    {.name = "header",
     .expects = kHeaderName,
     .about = "its value selects the pool; not `Sluice-*`",
     .form = Form::Token},
    {.name = "cookie",
     .expects = kCookieName,
     .about = "its value selects the pool",
     .form = Form::Token},
    {.name = "values",
     .expects = "a map of 1 to 256 values to blue, green, live or candidate",
     .about = "which value of the field or cookie selects which pool, compared exactly; other "
              "values match nothing",
     .form = Form::PoolMap,
     .words = kTargets,
     .item = kTarget,
     .items = {1, limits::kPinValuesMax}},
    {.name = "from",
     .expects = "a list of at least one network such as 10.0.0.0/8",
     .about = "clients whose field or cookie counts; `[0.0.0.0/0, \"::/0\"]` says everyone on "
              "purpose",
     .form = Form::Network,
     .item = kNetwork,
     .items = {1, 0}},
    {.name = "identity_in",
     .expects = "the path of a file with one identity per line",
     .about =
         "users whose identity stands in the file; read again when it changes; a relative path "
         "begins where the configuration is",
     .form = Form::Text,
     .range = {1, kPathMax}},
    {.name = "segment",
     .expects = "a map of conditions: 'header' and 'value', 'path_prefix', 'network', 'percent' "
                "and 'salt'",
     .about = "requests that meet all of these conditions",
     .form = Form::Map},
    {.name = "pool",
     .expects = kTarget,
     .about = "where those of `identity_in` or `segment` go; `live` and `candidate` are whichever "
              "pool that is at the moment",
     .form = Form::Word,
     .words = kTargets},
};
constexpr string_view kOfHeader[] = {"header", "values", "from"};
constexpr string_view kOfCookie[] = {"cookie", "values", "from"};
constexpr string_view kOfIdentityIn[] = {"identity_in", "pool"};
constexpr string_view kOfSegment[] = {"segment", "pool"};
constexpr KeySet kPinSets[] = {kOfHeader, kOfCookie, kOfIdentityIn, kOfSegment};

constexpr Key kSegmentKeys[] = {
    {.name = "header", .expects = kHeaderName, .about = "a header field ...", .form = Form::Token},
    {.name = "value",
     .expects = "text of at most 1024 bytes without control characters",
     .about = "... that has this value",
     .form = Form::Text,
     .range = {1, limits::kIdentityMax}},
    {.name = "path_prefix",
     .expects = "a path such as /admin",
     .about = "whole segments that the path begins with",
     .form = Form::Path},
    {.name = "network",
     .expects = "a list of at least one network such as 10.0.0.0/8",
     .about = "where the client is",
     .form = Form::Network,
     .item = kNetwork,
     .items = {1, 0}},
    {.name = "percent",
     .expects = "a percentage from 0.01% to 100% with at most two decimals",
     .about = "a share of the users, by their identity ...",
     .form = Form::Percent},
    {.name = "salt",
     .expects = kSaltWanted,
     .about = "... hashed with this salt",
     .form = Form::Text,
     .range = {1, limits::kSaltMax}},
};
constexpr string_view kHeaderIs[] = {"header", "value"};
constexpr string_view kShare[] = {"percent", "salt"};
constexpr KeySet kSegmentPairs[] = {kHeaderIs, kShare};

/// `off` is refused where nothing else would bound a hostile client or a dead endpoint, or where it
/// could be read both ways.
constexpr Key kTimeoutsKeys[] = {
    {.name = "connect",
     .expects = kTimeout,
     .about = "to open a connection to an endpoint",
     .form = Form::Duration,
     .range = kTimeoutRange,
     .fallback = "1s"},
    {.name = "request_header",
     .expects = kTimeout,
     .about = "from a request's first byte to the end of its head",
     .form = Form::Duration,
     .range = kTimeoutRange,
     .fallback = "10s"},
    {.name = "request_body_idle",
     .expects = kTimeoutOrOff,
     .about = "without a byte of a request's body",
     .form = Form::Duration,
     .range = kTimeoutRange,
     .words = kOff,
     .fallback = "30s"},
    {.name = "request_body",
     .expects = kTimeoutOrOff,
     .about = "from a request's first byte to its last, however fast it comes",
     .form = Form::Duration,
     .range = kTimeoutRange,
     .words = kOff,
     .fallback = "off"},
    {.name = "response_header",
     .expects = kTimeoutOrOff,
     .about = "from the request sent to the head of its answer",
     .form = Form::Duration,
     .range = kTimeoutRange,
     .words = kOff,
     .fallback = "30s"},
    {.name = "response_body_idle",
     .expects = kTimeoutOrOff,
     .about = "without a byte of an answer's body",
     .form = Form::Duration,
     .range = kTimeoutRange,
     .words = kOff,
     .fallback = "30s"},
    {.name = "response_body",
     .expects = kTimeoutOrOff,
     .about = "from the head of an answer to its last byte, however fast it goes",
     .form = Form::Duration,
     .range = kTimeoutRange,
     .words = kOff,
     .fallback = "off"},
    {.name = "keep_alive_idle",
     .expects = kTimeout,
     .about = "of a client's idle connection",
     .form = Form::Duration,
     .range = kTimeoutRange,
     .fallback = "60s"},
    {.name = "endpoint_idle",
     .expects = kTimeout,
     .about = "of an idle connection to an endpoint; keep it below the endpoint's own (Node: 5 s)",
     .form = Form::Duration,
     .range = kTimeoutRange,
     .fallback = "4s"},
    {.name = "tunnel_idle",
     .expects = "a duration from 1ms to 30d such as 1h, or off",
     .about = "without a byte in an upgraded connection (WebSocket)",
     .form = Form::Duration,
     .range = {1, 30 * kDay},
     .words = kOff,
     .fallback = "1h"},
};

constexpr Key kServiceLimitsKeys[] = {
    {.name = "header_bytes",
     .expects = "a size from 1KiB to 16KiB",
     .about = "of a request's head; beyond it 431",
     .form = Form::Size,
     .range = {1024, limits::kRequestHeadMax},
     .fallback = "16KiB"},
    {.name = "header_count",
     .expects = "a number from 1 to 128",
     .about = "field lines of a request's head; beyond it 431",
     .form = Form::Number,
     .range = {1, limits::kFieldCountMax},
     .fallback = "100"},
    {.name = "target_bytes",
     .expects = "a size from 64B to 15KiB",
     .about = "of a request's target, path and query; beyond it 414; not above `header_bytes`",
     .form = Form::Size,
     .range = {64, limits::kTargetMax},
     .fallback = "8KiB"},
    {.name = "body_bytes",
     .expects = "a size of at least 1B such as 8MiB, or unlimited",
     .about = "of a request's body; beyond it 413",
     .form = Form::Size,
     .range = {1, kSizeMax},
     .words = kUnlimited,
     .fallback = "unlimited"},
    {.name = "min_request_rate",
     .expects = kDataRate,
     .about = "of a request's body: each byte buys the time it takes at this rate, at most "
              "`request_body_idle` in advance",
     .form = Form::DataRate,
     .range = kDataRateRange,
     .words = kOff,
     .fallback = "256B/s"},
    {.name = "min_response_rate",
     .expects = kDataRate,
     .about = "of a client that lets an answer wait, likewise with `response_body_idle`",
     .form = Form::DataRate,
     .range = kDataRateRange,
     .words = kOff,
     .fallback = "256B/s"},
};

}  // namespace

const Key* Table::find(std::string_view name) const {
  const auto found = std::ranges::find(keys, name, &Key::name);
  return found == keys.end() ? nullptr : &*found;
}

namespace tables {
constinit const Table kTop{"", kTopKeys};
constinit const Table kProcessLimits{"limits", kProcessLimitsKeys};
constinit const Table kListener{"listeners[]", kListenerKeys};
constinit const Table kAdmin{"admin", kAdminKeys};
constinit const Table kAdminSocket{"admin.socket", kAdminSocketKeys};
constinit const Table kAdminHttp{"admin.http", kAdminHttpKeys};
constinit const Table kAccessLog{"access_log", kAccessLogKeys};
constinit const Table kService{"services[]", kServiceKeys};
constinit const Table kIdentity{"services[].identity[]", kIdentityKeys, {1, 1}};
constinit const Table kMintCookie{"services[].identity[].mint_cookie", kMintCookieKeys};
constinit const Table kPools{"services[].pools", kPoolsKeys, {1, 2}};
constinit const Table kPool{"services[].pools.blue|green", kPoolKeys};
constinit const Table kInitial{"services[].initial", kInitialKeys};
constinit const Table kDrain{"services[].drain", kDrainKeys};
constinit const Table kPin{"services[].pins[]", kPinKeys, {}, kPinSets};
constinit const Table kSegment{
    "services[].pins[].segment", kSegmentKeys, {1, 0}, {}, kSegmentPairs};
constinit const Table kTimeouts{"services[].timeouts", kTimeoutsKeys};
constinit const Table kServiceLimits{"services[].limits", kServiceLimitsKeys};
}  // namespace tables

std::span<const Table* const> all_tables() {
  using namespace tables;
  static constexpr std::array<const Table*, 31> kAll{&kTop,
                                                     &kProcessLimits,
                                                     &kListener,
                                                     &kAdmin,
                                                     &kAdminSocket,
                                                     &kAdminHttp,
                                                     &kAccessLog,
                                                     &kService,
                                                     &kIdentity,
                                                     &kMintCookie,
                                                     &kPools,
                                                     &kPool,
                                                     &kInitial,
                                                     &kDrain,
                                                     &kPin,
                                                     &kSegment,
                                                     &kTimeouts,
                                                     &kServiceLimits,
                                                     &kRetry,
                                                     &kRescue,
                                                     &kCircuitBreaker,
                                                     &kEndpointBreaker,
                                                     &kRoute,
                                                     &kRouteBreaker,
                                                     &kAdaptive,
                                                     &kHealthCheck,
                                                     &kOutliers,
                                                     &kRateLimit,
                                                     &kLimitKey,
                                                     &kLimitCandidate,
                                                     &kLimitMatch};
  return kAll;
}

}  // namespace sluice::config
