#pragma once
#include <string>
#include <vector>

#include "sluice/model/rate_limits.hpp"

namespace sluice::config {

/// What a limit means, for people, a line each: `login: 5/min, burst 5: 5 at once, then one every
/// 12 s`, whom it counts, and what its memory is.
std::vector<std::string> limit_words(const model::LimitRule& rule);

}  // namespace sluice::config
