#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/core/clock.hpp"
#include "sluice/core/result.hpp"

namespace sluice::core {

/// `250ms`, `1.5s`, `30s`, `5m`, `1h30m`, `30d`: decimals with units ms s m h d, largest first, no
/// sign, no spaces.
Result<Millis> parse_duration(std::string_view text, std::string_view where);
/// `30s`, `1h30m`, `250ms`: parse_duration() of it gives the same value.
std::string format_duration(Millis duration);

/// `512B`, `16KiB`, `8MiB`, `1GiB`: whole or decimal numbers with a unit.
Result<std::uint64_t> parse_size(std::string_view text, std::string_view where);
std::string format_size(std::uint64_t bytes);

/// RFC 3339 with milliseconds in UTC: `2026-01-31T12:00:00.000Z`.
std::string format_rfc3339(WallTime time);
/// The same without a string: for each line of the access log.
std::string_view write_rfc3339(WallTime time, std::array<char, 24>& out);
/// As logs of the Common Log Format have it, in UTC: `31/Jan/2026:12:00:00 +0000`.
std::string_view write_log_time(WallTime time, std::array<char, 26>& out);
/// IMF-fixdate of RFC 9110 §5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`.
std::string format_http_date(WallTime time);
/// The same without a string: for the data path.
std::string_view write_http_date(WallTime time, std::array<char, 29>& out);

}  // namespace sluice::core
