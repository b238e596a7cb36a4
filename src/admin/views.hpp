#pragma once
#include <string>
#include <string_view>

#include "control/audit_files.hpp"
#include "control/change.hpp"
#include "control/events.hpp"
#include "control/explain.hpp"
#include "control/status.hpp"

/// The JSON shapes of behaviour.md §5. Pure.
namespace sluice::admin {

std::string status_json(const control::StatusView& status, std::string_view version);
/// One change for Scope::Service, the list with its `services` for Scope::List.
std::string change_json(const control::ChangeAnswer& answer);
std::string explain_json(const control::ExplainAnswer& answer);
/// `records` as they stand in the file; a line that is no record is `{"unreadable": "its text"}`.
std::string audit_json(const control::AuditTail& tail);
/// One line, without its break.
std::string event_json(const control::Event& event);

}  // namespace sluice::admin
