#pragma once
#include <string_view>

namespace tools {

/// The endless body: byte i of it is pattern()[i % pattern().size()]. 65,521 bytes, a prime, so
/// that a shift shows.
std::string_view pattern();

}  // namespace tools
