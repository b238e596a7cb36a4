#pragma once

namespace sluice::cli {

/// What scripts rely on (product.md §3).
enum ExitStatus : int { kDone = 0, kFailed = 1, kUsage = 2, kUnreachable = 3 };

}  // namespace sluice::cli
