#pragma once

namespace sluice::core {

/// Prints `file:line: invariant broken: expression (note)` on stderr and aborts. Never returns.
[[noreturn]] void ensure_failed(const char* expression, const char* note, const char* file,
                                int line);

/// Marks a point that an exhaustive switch can't reach.
[[noreturn]] inline void unreachable(const char* file = __builtin_FILE(),
                                     int line = __builtin_LINE()) {
  ensure_failed("unreachable", "", file, line);
}

}  // namespace sluice::core

/// A broken invariant is a bug of ours: always checked, aborts with its state. Never for input or
/// the network.
#define ENSURE(condition, note)                                            \
  do {                                                                     \
    if (!(condition)) [[unlikely]]                                         \
      ::sluice::core::ensure_failed(#condition, note, __FILE__, __LINE__); \
  } while (false)

/// As ENSURE, in debug and sanitizer builds only: for checks that would cost on the data path.
#if defined(SLUICE_DEBUG) || defined(SLUICE_SANITIZED)
#define DEBUG_ENSURE(condition, note) ENSURE(condition, note)
#else
#define DEBUG_ENSURE(condition, note) static_cast<void>(0)
#endif
