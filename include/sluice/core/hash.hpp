#pragma once
#include <cstdint>
#include <string_view>

namespace sluice::core {

/// MurmurHash3 x86_32 with seed 0 (A. Appleby, public domain algorithm). The one hash that decides
/// about users; its vectors are in behaviour.md §2 and docs/guide/hash.md.
std::uint32_t murmur3_x86_32(std::string_view bytes);

}  // namespace sluice::core
