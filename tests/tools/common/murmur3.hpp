#pragma once
#include <cstdint>
#include <string_view>

namespace tools {

/// Written from the published algorithm, apart from src/core/hash.cpp on purpose: the load judges
/// the proxy with it.
std::uint32_t murmur3(std::string_view bytes);
/// 0..9999, of `salt:identity`.
unsigned bucket_of(std::string_view salt, std::string_view identity);

}  // namespace tools
