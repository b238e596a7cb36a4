#include "app/startup_pages.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <memory>

namespace sluice::app {

void release_startup_pages() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> maps(std::fopen("/proc/self/maps", "re"),
                                                             std::fclose);
  if (maps == nullptr) return;
  char line[4352];  // a path and what is in front of it
  while (std::fgets(line, sizeof line, maps.get()) != nullptr) {
    std::uintptr_t begin = 0, end = 0;
    char mode[5] = {};
    char path = 0;
    // Code that a file holds: nobody has written to it, so nothing is lost.
    const int found = std::sscanf(line, "%lx-%lx %4s %*s %*s %*s %c", &begin, &end, mode, &path);
    if (found != 4 || path != '/' || mode[1] == 'w' || mode[2] != 'x') continue;
    // An address that was read as text. NOLINTNEXTLINE(performance-no-int-to-ptr)
    static_cast<void>(::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED));
  }
}

}  // namespace sluice::app
