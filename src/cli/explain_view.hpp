#pragma once
#include <string>
#include <string_view>

#include "cli/console.hpp"
#include "cli/wire.hpp"

namespace sluice::cli {

/// What `sluice explain` shows a person: the reason as a sentence, then what it rests on. Pure.
std::string explain_text(const ExplainAnswer& answer, const Dress& dress);

/// What to do about a request file that a client would hardly have sent so: lines that end with LF
/// alone, or no empty line; empty text: nothing is known to be wrong. `file` as it was typed.
std::string request_hint(std::string_view bytes, std::string_view file);

}  // namespace sluice::cli
