#pragma once
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/change_view.hpp"
#include "cli/session.hpp"

/// What switch, split, rollback and endpoint have in common: send one change, show its answer.
namespace sluice::cli {

enum class Wait { No, UntilDrained };

/// `POST /v1/services/SERVICE/VERB`.
int change_service(const Session& session, Verb verb, const std::string& service,
                   const std::string& body, Wait wait);

/// `POST /v1/changes` over every service that the proxy has: all of them in one generation, or
/// none.
int change_all(const Session& session, Verb verb, ChangesBody body);

}  // namespace sluice::cli
