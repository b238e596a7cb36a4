#include <fmt/format.h>

#include "cli/exit_status.hpp"
#include "cli/verbs.hpp"

namespace sluice::cli {

int run_version(const VersionOptions& options, const std::string& version, const Console& console) {
  // A version holds nothing that JSON would escape.
  console.print(options.as_json ? fmt::format("{{\"version\":\"{}\"}}\n", version)
                                : fmt::format("sluice {}\n", version));
  return kDone;
}

}  // namespace sluice::cli
