#pragma once

namespace sluice::cli {

/// What scripts rely on (product.md §3).
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kUnreachable = 3;

}  // namespace sluice::cli
