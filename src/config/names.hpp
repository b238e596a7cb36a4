#pragma once
#include <optional>
#include <string>
#include <string_view>

/// What may be a name in a configuration. Pure.
namespace sluice::config {

/// Of services and listeners: letters, digits, `.`, `_`, `-`, at most limits::kNameMax, beginning
/// with a letter or digit, so that it stands in URLs, labels and command lines as it is.
bool is_object_name(std::string_view text);

/// Of a service, in the file and in a change: well-formed, without control characters, at most
/// limits::kSaltMax bytes. kSaltWanted says so.
bool is_salt(std::string_view text);
inline constexpr std::string_view kSaltWanted = "text of 1 to 256 bytes without control characters";

/// RFC 9110 §5.6.2 token of at most limits::kNameMax: names of header fields and cookies.
bool is_token(std::string_view text);

/// A parameter that can stand in a query before `=`.
bool is_query_name(std::string_view text);

/// As model::ServiceMatch wants it: lower case, no trailing dot. Names (RFC 1123, `_` tolerated),
/// IPv4, `[IPv6]`, and
/// `*.name`; nullopt for anything else, ports included.
std::optional<std::string> normal_host(std::string_view text);

/// A name to look up, in lower case: RFC 1123, `_` tolerated; a trailing dot, which keeps the
/// resolver from trying it in its search domains, stays. nullopt for anything else, and for what
/// resolvers take for a number: an IP address that is none, such as 10.0.0.256.
std::optional<std::string> normal_lookup_name(std::string_view text);

/// As model::ServiceMatch wants it: no trailing `/`. nullopt: it could never match a normalised
/// path (dot segments, empty segments, escapes of plain characters), or is no path.
std::optional<std::string> normal_path_prefix(std::string_view text);

/// A path, or one with a `*` in the place of any part of it; of at most limits::kAssetPatternMax
/// bytes. False: it could never match a normalised path, or is none.
bool is_path_pattern(std::string_view text);

bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace sluice::config
