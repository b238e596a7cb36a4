#pragma once
#include <cstddef>
#include <string>

#include "sluice/core/result.hpp"

namespace sluice::config {

enum class FileKind { Any, Regular };  // Any: also a pipe (`-c /dev/stdin`)

/// The whole file; of a longer one the first bytes, more than `most` of them. Error: Io, without
/// `where`.
core::Result<std::string> read_file(const std::string& path, std::size_t most, FileKind kind);

}  // namespace sluice::config
