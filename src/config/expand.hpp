#pragma once
#include "config/node.hpp"
#include "config/reader.hpp"
#include "sluice/config/parse.hpp"

namespace sluice::config {

/// Replaces ${NAME}, ${NAME:-default} and $$ in the scalar values (not the keys) of `node`, after
/// parsing, so that a value can't change the structure. An unset or empty variable takes the
/// default; unset without one is reported.
void expand(Reader& in, Node& node, const Environment& environment);

}  // namespace sluice::config
