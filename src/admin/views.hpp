#pragma once
#include <string>
#include <string_view>

#include "control/change.hpp"
#include "control/status.hpp"

/// The JSON shapes of behaviour.md §5. Pure.
namespace sluice::admin {

std::string status_json(const control::StatusView& status, std::string_view version);
/// One change for Scope::Service, the list with its `services` for Scope::List.
std::string change_json(const control::ChangeAnswer& answer);

}  // namespace sluice::admin
