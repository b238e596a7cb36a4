#pragma once
#include <string>
#include <string_view>

namespace sluice::control {

inline constexpr std::size_t kDigestHexSize = 64;

/// SHA-256 as 64 lower-case hex digits: the checksum of the state file and the links of the audit
/// chain.
std::string sha256_hex(std::string_view bytes);

}  // namespace sluice::control
