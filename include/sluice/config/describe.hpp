#pragma once
#include <string>

#include "sluice/config/schema.hpp"

namespace sluice::config {

/// The effective configuration as YAML with every key of this version: what `check --print` shows.
/// parse() of it gives the same values; places, comments, anchors and variables of the original are
/// gone.
std::string describe(const Config& config);

}  // namespace sluice::config
