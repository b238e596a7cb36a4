#include "config/keys.hpp"

#include <algorithm>
#include <array>

#include "config/names.hpp"

namespace sluice::config {

namespace {

constexpr std::string_view kNetworks = "a list of networks such as 10.0.0.0/8";
constexpr std::string_view kNetwork = "a network such as 10.0.0.0/8, an address, or unix:";
constexpr std::string_view kName =
    "letters, digits, '.', '_' and '-', at most 64, beginning with a letter or digit";
constexpr std::string_view kHeaderName = "the name of a header field, at most 64 characters";
constexpr std::string_view kCookieName = "the name of a cookie, at most 64 characters";
constexpr std::string_view kTarget = "blue, green, live or candidate";
constexpr std::string_view kTimeout = "a duration from 1ms to 24h such as 30s";
constexpr std::string_view kTimeoutOrOff = "a duration from 1ms to 24h such as 30s, or off";

/// A key of a later version.
constexpr Key later(std::string_view name, std::string_view about) {
  return {.name = name, .expects = "", .about = about, .support = Support::Later};
}

constexpr Key kTopKeys[] = {
    {.name = "workers",
     .expects = "auto or a number from 1 to 64",
     .about = "event loops",
     .fallback = "auto"},
    {.name = "limits", .expects = "a map of limits", .about = "bounds of the whole process"},
    {.name = "listeners",
     .expects = "a list of 1 to 64 listeners",
     .about = "addresses that accept clients",
     .item = "a map with 'bind'"},
    {.name = "admin",
     .expects = "a map with 'socket' and 'http'",
     .about = "where commands and metrics are served"},
    {.name = "state_dir",
     .expects = "the path of a directory",
     .about = "where the traffic state and its lock live",
     .fallback = "/var/lib/sluice"},
    {.name = "access_log",
     .expects = "a map with 'path', or off",
     .about = "one JSON line per request",
     .fallback = "off"},
    {.name = "trusted_proxies",
     .expects = kNetworks,
     .about = "whose X-Forwarded-* fields are believed",
     .fallback = "[]",
     .item = kNetwork},
    {.name = "services",
     .expects = "a list of 1 to 1024 services",
     .about = "the applications behind the proxy",
     .item = "a map with 'name' and 'pools'"},
};

constexpr Key kProcessLimitsKeys[] = {
    {.name = "connections",
     .expects = "auto or a number from 1 to 10000000",
     .about = "clients at once; auto: what the descriptor limit allows",
     .fallback = "auto"},
    {.name = "connections_per_address",
     .expects = "off or a number from 1 to 10000000",
     .about = "clients at once from one address",
     .fallback = "off"},
};

constexpr Key kListenerKeys[] = {
    {.name = "name",
     .expects = kName,
     .about = "by which services list it",
     .fallback = "listener-1, ..."},
    {.name = "bind",
     .expects = "an address and port such as 0.0.0.0:8080 or \"[::]:8080\"",
     .about = "where to listen"},
    {.name = "mode",
     .expects = "octal permissions such as \"0660\"",
     .about = "of a Unix socket: who may connect",
     .fallback = "\"0660\""},
    later("tls", "certificates and versions"),
    later("proxy_protocol_from", "who sends PROXY headers"),
};

constexpr Key kAdminKeys[] = {
    {.name = "socket",
     .expects = "a map with 'path' and 'mode'",
     .about = "the Unix socket that takes commands"},
    {.name = "http",
     .expects = "a map with 'bind', or off",
     .about = "status and metrics, read-only",
     .fallback = "off"},
};

constexpr Key kAdminSocketKeys[] = {
    {.name = "path",
     .expects = "a path of at most 90 bytes",
     .about = "of the socket; its directory must exist",
     .fallback = "/run/sluice/admin.sock"},
    {.name = "mode",
     .expects = "octal permissions such as \"0660\"",
     .about = "who may connect",
     .fallback = "\"0660\""},
};

constexpr Key kAdminHttpKeys[] = {
    {.name = "bind",
     .expects = "an address and port such as 127.0.0.1:9901",
     .about = "where to listen"},
    later("token_file", "who may change things"),
};

constexpr Key kAccessLogKeys[] = {
    {.name = "path",
     .expects = "the path of a file, or \"-\" for stdout",
     .about = "where the lines go"},
    {.name = "format", .expects = "json", .about = "form of the lines", .fallback = "json"},
};

constexpr Key kServiceKeys[] = {
    {.name = "name", .expects = kName, .about = "of the service, in commands, logs and metrics"},
    {.name = "hosts",
     .expects = "a list of host names",
     .about = "names that it answers to, without port; none: any",
     .fallback = "[]",
     .item = "a host name such as shop.example.com or \"*.example.com\", without port"},
    {.name = "path_prefix",
     .expects = "a path such as / or /app",
     .about = "whole segments that a path must begin with",
     .fallback = "/"},
    {.name = "listeners",
     .expects = "a list of names of listeners",
     .about = "where it answers; none: everywhere",
     .fallback = "[]",
     .item = "the name of a listener"},
    {.name = "salt",
     .expects = kSaltWanted,
     .about = "chooses who is first in the split; counts at the very first start",
     .fallback = "the service's name"},
    {.name = "identity",
     .expects = "a list of at least one identity source",
     .about = "who a user is; the first source that is present wins",
     .fallback = "[client_address]",
     .item =
         "client_address, mint_cookie, or one of 'cookie: NAME', 'header: NAME', 'query: NAME'"},
    {.name = "pools",
     .expects = "a map with 'blue' and 'green'",
     .about = "the two versions of the application"},
    {.name = "initial",
     .expects = "a map with 'live' and 'split'",
     .about = "traffic state of the very first start"},
    {.name = "drain",
     .expects = "a map with 'deadline' and 'websockets'",
     .about = "how the old pool ends"},
    {.name = "pins",
     .expects = "a list of at most 256 pins",
     .about = "rules that decide before the split",
     .fallback = "[]",
     .item = "a map with 'header', 'cookie', 'identity_in' or 'segment'"},
    {.name = "via",
     .expects = "on or off",
     .about = "whether a Via field is added",
     .fallback = "on"},
    {.name = "expose",
     .expects = "a list of pool, generation, reason, bucket, endpoint",
     .about = "Sluice-* fields that clients see",
     .fallback = "[]",
     .item = "one of pool, generation, reason, bucket, endpoint"},
    {.name = "timeouts", .expects = "a map of timeouts", .about = "bounds in time"},
    {.name = "limits", .expects = "a map of limits", .about = "bounds in size"},
    later("health_check", "active checks of endpoints"),
    later("circuit_breaker", "bounds on a failing pool"),
    later("retry", "when a request is sent again"),
    later("rate_limits", "bounds on clients"),
};

constexpr Key kIdentityKeys[] = {
    {.name = "cookie", .expects = kCookieName, .about = "the value of a cookie"},
    {.name = "header", .expects = kHeaderName, .about = "the value of a header field"},
    {.name = "query",
     .expects = "the name of a query parameter, at most 64 characters",
     .about = "the value of a query parameter"},
    {.name = "client_address",
     .expects = "no value: write '- client_address'",
     .about = "the address of the client"},
    {.name = "mint_cookie",
     .expects = "a map with 'name' and 'max_age'",
     .about = "a cookie that is set for users who bring nothing else"},
};

constexpr Key kMintCookieKeys[] = {
    {.name = "name", .expects = kCookieName, .about = "of the cookie", .fallback = "sluice_id"},
    {.name = "max_age",
     .expects = "a duration of whole seconds from 1s to 3650d such as 30d",
     .about = "how long browsers keep it",
     .fallback = "30d"},
};

constexpr Key kPoolsKeys[] = {
    {.name = "blue",
     .expects = "a map with 'endpoints'",
     .about = "one version of the application"},
    {.name = "green",
     .expects = "a map with 'endpoints'",
     .about = "another version of the application"},
};

constexpr Key kPoolKeys[] = {
    {.name = "endpoints",
     .expects = "a list of 1 to 256 addresses",
     .about = "where the application runs",
     .item = "an address and port such as 127.0.0.1:9001 or \"[::1]:9001\""},
    later("tls", "encryption towards endpoints"),
};

constexpr Key kInitialKeys[] = {
    {.name = "live",
     .expects = "blue or green",
     .about = "the pool that everyone gets",
     .fallback = "blue"},
    {.name = "split",
     .expects = "a percentage from 0% to 100% with at most two decimals",
     .about = "share of users that gets the other pool",
     .fallback = "0%"},
};

constexpr Key kDrainKeys[] = {
    {.name = "deadline",
     .expects = "a duration from 1ms to 24h such as 30s",
     .about = "when requests on the old pool are cut",
     .fallback = "30s"},
    {.name = "websockets",
     .expects = "drain, keep or close",
     .about = "tunnels on the old pool: closed at the deadline, kept, closed at once",
     .fallback = "drain"},
};

constexpr Key kPinKeys[] = {
    {.name = "header", .expects = kHeaderName, .about = "the header field that pins"},
    {.name = "cookie", .expects = kCookieName, .about = "the cookie that pins"},
    {.name = "values",
     .expects = "a map of 1 to 256 values to blue, green, live or candidate",
     .about = "which value of the field or cookie selects which pool",
     .item = kTarget},
    {.name = "from",
     .expects = "a list of at least one network such as 10.0.0.0/8",
     .about = "clients whose field or cookie counts",
     .item = kNetwork},
    {.name = "identity_in",
     .expects = "the path of a file with one identity per line",
     .about = "users by their identity; read again when it changes"},
    {.name = "segment",
     .expects = "a map of conditions: 'header' and 'value', 'path_prefix', 'network', 'percent' "
                "and 'salt'",
     .about = "requests that meet all of these conditions"},
    {.name = "pool", .expects = kTarget, .about = "where those of identity_in or segment go"},
};

constexpr Key kSegmentKeys[] = {
    {.name = "header", .expects = kHeaderName, .about = "a header field ..."},
    {.name = "value",
     .expects = "text of at most 1024 bytes without control characters",
     .about = "... that has this value"},
    {.name = "path_prefix",
     .expects = "a path such as /admin",
     .about = "whole segments that the path begins with"},
    {.name = "network",
     .expects = "a list of at least one network such as 10.0.0.0/8",
     .about = "where the client is",
     .item = kNetwork},
    {.name = "percent",
     .expects = "a percentage from 0.01% to 100% with at most two decimals",
     .about = "a share of the users, by their identity ..."},
    {.name = "salt", .expects = kSaltWanted, .about = "... hashed with this salt"},
};

constexpr Key kTimeoutsKeys[] = {
    {.name = "connect",
     .expects = kTimeout,
     .about = "to open a connection to an endpoint",
     .fallback = "1s"},
    {.name = "request_header",
     .expects = kTimeout,
     .about = "from a request's first byte to the end of its head",
     .fallback = "10s"},
    {.name = "request_body_idle",
     .expects = kTimeoutOrOff,
     .about = "without a byte of a request body",
     .fallback = "30s"},
    {.name = "response_header",
     .expects = kTimeoutOrOff,
     .about = "from the request sent to the head of its answer",
     .fallback = "30s"},
    {.name = "response_body_idle",
     .expects = kTimeoutOrOff,
     .about = "without a byte of an answer's body",
     .fallback = "30s"},
    {.name = "keep_alive_idle",
     .expects = kTimeout,
     .about = "of a client's idle connection",
     .fallback = "60s"},
    {.name = "endpoint_idle",
     .expects = kTimeout,
     .about = "of an endpoint's idle connection",
     .fallback = "4s"},
    {.name = "tunnel_idle",
     .expects = "a duration from 1ms to 30d such as 1h, or off",
     .about = "without a byte in an upgraded connection",
     .fallback = "1h"},
};

constexpr Key kServiceLimitsKeys[] = {
    {.name = "header_bytes",
     .expects = "a size from 1KiB to 16KiB",
     .about = "of a request's head",
     .fallback = "16KiB"},
    {.name = "header_count",
     .expects = "a number from 1 to 128",
     .about = "field lines of a request's head",
     .fallback = "100"},
    {.name = "target_bytes",
     .expects = "a size from 64B to 15KiB",
     .about = "of a request's target: path and query",
     .fallback = "8KiB"},
    {.name = "body_bytes",
     .expects = "a size of at least 1B such as 8MiB, or unlimited",
     .about = "of a request's body",
     .fallback = "unlimited"},
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
constinit const Table kIdentity{"services[].identity[]", kIdentityKeys};
constinit const Table kMintCookie{"services[].identity[].mint_cookie", kMintCookieKeys};
constinit const Table kPools{"services[].pools", kPoolsKeys};
constinit const Table kPool{"services[].pools.blue|green", kPoolKeys};
constinit const Table kInitial{"services[].initial", kInitialKeys};
constinit const Table kDrain{"services[].drain", kDrainKeys};
constinit const Table kPin{"services[].pins[]", kPinKeys};
constinit const Table kSegment{"services[].pins[].segment", kSegmentKeys};
constinit const Table kTimeouts{"services[].timeouts", kTimeoutsKeys};
constinit const Table kServiceLimits{"services[].limits", kServiceLimitsKeys};
}  // namespace tables

std::span<const Table* const> all_tables() {
  using namespace tables;
  static constexpr std::array<const Table*, 18> kAll{
      &kTop,       &kProcessLimits, &kListener, &kAdmin,      &kAdminSocket, &kAdminHttp,
      &kAccessLog, &kService,       &kIdentity, &kMintCookie, &kPools,       &kPool,
      &kInitial,   &kDrain,         &kPin,      &kSegment,    &kTimeouts,    &kServiceLimits};
  return kAll;
}

}  // namespace sluice::config
