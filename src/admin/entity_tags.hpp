#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/core/ids.hpp"
#include "sluice/core/result.hpp"

/// Entity tags of the traffic state are its generations: `"43"` (RFC 9110 §8.8.3). Pure.
namespace sluice::admin {

std::string entity_tag(core::Generation generation);

/// The generations that an If-Match names; nullopt: `*`, which every state matches. A weak tag, or
/// one that is no generation, matches nothing (RFC 9110 §13.1.1: strong comparison) and is left
/// out. Errors: BadInput for what is no list of entity tags.
core::Result<std::optional<std::vector<std::uint64_t>>> parse_if_match(std::string_view text);

}  // namespace sluice::admin
