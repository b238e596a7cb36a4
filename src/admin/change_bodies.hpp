#pragma once
#include <string_view>

#include "control/change.hpp"
#include "sluice/core/result.hpp"

/// The bodies of changes (behaviour.md §5): JSON text → request. Unknown and repeated members,
/// wrong types and values are errors, each in words. Pure; no exception leaves these functions.
namespace sluice::admin {

/// `actor`, and `service` of the orders except for a list, are left to the caller.
core::Result<control::ChangeRequest> parse_switch(std::string_view body);
core::Result<control::ChangeRequest> parse_split(std::string_view body);
core::Result<control::ChangeRequest> parse_rollback(std::string_view body);
core::Result<control::ChangeRequest> parse_endpoint(std::string_view body,
                                                    model::EndpointMode mode);
core::Result<control::ChangeRequest> parse_changes(std::string_view body);

}  // namespace sluice::admin
