#pragma once
#include <optional>
#include <string_view>

namespace sluice::http {

/// The host of `host[:port]`, without the port and without one trailing dot, case as given; nullopt
/// when malformed or empty. Narrower than RFC 3986: names hold letters, digits and "-._~" only.
/// Percent escapes and sub-delims (`a,b`, `a%2eb`) are valid there but no DNS name, and two readers
/// of them can route the same request differently. An IPv6 literal is checked and keeps its
/// brackets. A port is 1–65535, at most five digits, and not empty behind its colon.
std::optional<std::string_view> host_of(std::string_view authority);

}  // namespace sluice::http
