#pragma once
#include <optional>
#include <span>
#include <string_view>

namespace sluice::http {

/// The copy of a path that is used for matching (behaviour.md §3): unreserved characters decoded,
/// dot segments resolved (RFC 3986 §6.2.2.2, §5.2.4). Written into `scratch` only when it differs
/// from `path`. nullopt: it climbs above the root or holds a malformed escape. Requires:
/// scratch.size() >= path.size().
std::optional<std::string_view> normalize_path(std::string_view path, std::span<char> scratch);

}  // namespace sluice::http
