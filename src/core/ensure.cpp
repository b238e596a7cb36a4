#include "sluice/core/ensure.hpp"

#include <cstdio>
#include <cstdlib>

namespace sluice::core {

// stdio and no formatting library: the heap may be what is broken.
void ensure_failed(const char* expression, const char* note, const char* file, int line) {
  const bool has_note = note != nullptr && *note != '\0';
  std::fprintf(stderr, "%s:%d: invariant broken: %s%s%s%s\n", file, line, expression,
               has_note ? " (" : "", has_note ? note : "", has_note ? ")" : "");
  std::fflush(stderr);
  std::abort();
}

}  // namespace sluice::core
