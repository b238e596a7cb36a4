#pragma once
#include <limits>
#include <string_view>

#include "config/keys.hpp"
#include "sluice/core/clock.hpp"
#include "sluice/core/limits.hpp"

/// Expectations, words and ranges that keys of several sections share.
namespace sluice::config {

inline constexpr std::string_view kNetworks = "a list of networks such as 10.0.0.0/8";
inline constexpr std::string_view kNetwork = "a network such as 10.0.0.0/8, an address, or unix:";
inline constexpr std::string_view kName =
    "letters, digits, '.', '_' and '-', at most 64, beginning with a letter or digit";
inline constexpr std::string_view kHeaderName = "the name of a header field, at most 64 characters";
inline constexpr std::string_view kCookieName = "the name of a cookie, at most 64 characters";
inline constexpr std::string_view kTarget = "blue, green, live or candidate";
inline constexpr std::string_view kTimeout = "a duration from 1ms to 24h such as 30s";
inline constexpr std::string_view kTimeoutOrOff = "a duration from 1ms to 24h such as 30s, or off";
inline constexpr std::string_view kPercentage =
    "a percentage from 0% to 100% with at most two decimals";
inline constexpr std::string_view kDataRate =
    "a size per second from 1B/s to 1GiB/s such as 256B/s, or off";

inline constexpr std::string_view kDependency =
    "a name such as database: a letter and up to 31 letters, digits, '_' or '-', lower case";

inline constexpr std::string_view kAuto[] = {"auto"};
inline constexpr std::string_view kOff[] = {"off"};
inline constexpr std::string_view kAutoOrOff[] = {"auto", "off"};
inline constexpr std::string_view kUnlimited[] = {"unlimited"};
inline constexpr std::string_view kOnOff[] = {"on", "off"};
inline constexpr std::string_view kFormats[] = {"json", "combined"};
inline constexpr std::string_view kPoolNames[] = {"blue", "green"};
inline constexpr std::string_view kTargets[] = {"blue", "green", "live", "candidate"};
inline constexpr std::string_view kTunnelPolicies[] = {"drain", "keep", "close"};
inline constexpr std::string_view kOnPoolDown[] = {"fallback", "fail"};
inline constexpr std::string_view kBreakerFallbacks[] = {"live", "fail"};
inline constexpr std::string_view kCheckTypes[] = {"http", "tcp"};
inline constexpr std::string_view kCheckMethods[] = {"GET", "HEAD", "OPTIONS"};
inline constexpr std::string_view kExposed[] = {"pool",   "generation", "reason",
                                                "bucket", "endpoint",   "rescued"};
inline constexpr std::string_view kFailureWords[] = {
    "connect_failure", "reset_before_response", "timeout", "500", "502", "503", "504"};
inline constexpr std::span<const std::string_view> kRescueWords =
    std::span(kFailureWords).subspan(1);
inline constexpr std::string_view kFailureList =
    "a list of connect_failure, reset_before_response, timeout, 500, 502, 503, 504";
inline constexpr std::string_view kFailureItem =
    "one of connect_failure, reset_before_response, timeout, 500, 502, 503, 504";
inline constexpr std::string_view kUsualFailures =
    "[connect_failure, reset_before_response, timeout, 502, 503, 504]";
inline constexpr std::string_view kBareSources[] = {"client_address", "mint_cookie"};
inline constexpr std::string_view kModes[] = {"enforce", "shadow"};
inline constexpr std::string_view kBareParts[] = {"identity", "client_address", "method", "service",
                                                  "pool"};
inline constexpr std::string_view kRate =
    "a number from 1 to 1000000 per s, min, h or d such as 100/s or 5/min";
inline constexpr std::string_view kAmount = "a number from 1 to 1000000";

inline constexpr std::uint64_t milliseconds(core::Millis duration) {
  return static_cast<std::uint64_t>(duration.count());
}
inline constexpr std::uint64_t kSecond = 1'000;
inline constexpr std::uint64_t kHour = 3'600 * kSecond;
inline constexpr std::uint64_t kDay = 24 * kHour;
inline constexpr Range kTimeoutRange{1, kDay};
inline constexpr Range kDataRateRange{1, 1ULL << 30U};
inline constexpr Range kConnections{1, 10'000'000};
inline constexpr std::uint64_t kPathMax = 4096;  // PATH_MAX of Linux
// sun_path holds 107 bytes (unix(7)); the socket is made under a temporary name that is a little
// longer.
inline constexpr std::uint64_t kSocketPathMax = 90;
inline constexpr std::uint64_t kUnixPathMax = 107;
inline constexpr std::uint64_t kSizeMax = std::numeric_limits<std::int64_t>::max();

/// A key of a later version.
inline constexpr Key later(std::string_view name, std::string_view about) {
  return {.name = name, .expects = "", .about = about, .support = Support::Later};
}

}  // namespace sluice::config
