#pragma once
#include <string>

#include "net/descriptor_reserve.hpp"

namespace sluice::app {

/// All of a small file such as those of /proc, with a descriptor that may be made by `use`. Empty:
/// it can't be read.
std::string read_small_file(const std::string& path, const net::DescriptorUse& use);

}  // namespace sluice::app
