#pragma once
#include <optional>
#include <string_view>

#include "sluice/http/message.hpp"

namespace sluice::http {

/// Value of the first cookie called `name` over all Cookie fields: the octets between `=` and `;`,
/// outer spaces and tabs removed, quotes kept (behaviour.md §2). Names compare with case. An empty
/// value is returned as empty.
std::optional<std::string_view> find_cookie(const HeaderBlock& fields, std::string_view name);

/// Value of the first `name=` between `&` in a query, not decoded (behaviour.md §2).
std::optional<std::string_view> find_query_parameter(std::string_view query, std::string_view name);

/// 1–128 cookie-octets of RFC 6265 §4.1.1: what Sluice accepts back as a minted identity.
bool is_minted_cookie_value(std::string_view value);

}  // namespace sluice::http
