#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "admin/handlers.hpp"

namespace sluice::admin {

/// Finds the handler of a request and calls it, or answers why there is none: 404 for the path, 405
/// with Allow for the method, 403 for a change over TCP or a foreign Host there.
void route(const Context& context, const Request& request, const Responder& respond);

/// `%41` → `A`; nullopt for a malformed escape.
std::optional<std::string> percent_decoded(std::string_view segment);

}  // namespace sluice::admin
