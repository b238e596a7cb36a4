#include <fmt/format.h>

#include "cli/exit_status.hpp"
#include "cli/verbs.hpp"

namespace sluice::cli {

int run_version(const std::string& version, const Console& console) {
  console.print(fmt::format("sluice {}\n", version));
  return kDone;
}

}  // namespace sluice::cli
