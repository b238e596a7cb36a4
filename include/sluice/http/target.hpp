#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "sluice/http/message.hpp"

namespace sluice::http {

/// The copy of a path that is used for matching (behaviour.md §3): unreserved characters decoded,
/// dot segments resolved (RFC 3986 §6.2.2.2, §5.2.4). Written into `scratch` only when it differs
/// from `path`. Refusal (400): it holds a malformed escape, or climbs above the root. Requires:
/// scratch.size() >= path.size().
std::optional<Refusal> normalize_path(std::string_view path, std::span<char> scratch,
                                      std::string_view& out);

}  // namespace sluice::http
