#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "control/change.hpp"
#include "control/explain.hpp"
#include "sluice/core/result.hpp"

/// The bodies of changes and of questions (behaviour.md §5): JSON text → request. Unknown and
/// repeated members, wrong types and values are errors, each in words. Pure; no exception leaves
/// these functions.
namespace sluice::admin {

/// `actor`, and `service` of the orders except for a list, are left to the caller.
core::Result<control::ChangeRequest> parse_switch(std::string_view body);
core::Result<control::ChangeRequest> parse_split(std::string_view body);
core::Result<control::ChangeRequest> parse_rollback(std::string_view body);
core::Result<control::ChangeRequest> parse_endpoint(std::string_view body,
                                                    model::EndpointMode mode);
core::Result<control::ChangeRequest> parse_changes(std::string_view body);

/// `service` is left to the caller. `request` is base64 (RFC 4648 §4): a head is bytes, JSON is
/// UTF-8.
core::Result<control::ExplainRequest> parse_explain(std::string_view body);

/// Padding is required, line breaks are not allowed; nullopt: it is no base64.
std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace sluice::admin
