#include <fmt/format.h>

#include "cli/config_view.hpp"
#include "cli/exit_status.hpp"
#include "cli/verbs.hpp"
#include "sluice/config/describe.hpp"
#include "sluice/config/parse.hpp"

namespace sluice::cli {

int run_check(const CheckOptions& options, const Console& console) {
  const config::Loaded loaded = config::load(options.config_file, config::process_environment());
  for (const config::Problem& problem : loaded.problems) console.complain(problem.text() + "\n");
  if (!loaded.config) {
    const std::size_t count = loaded.problems.size();
    console.complain(fmt::format("sluice check: {}: {} mistake{}\n", options.config_file, count,
                                 count == 1 ? "" : "s"));
    return kFailed;
  }
  if (options.prints) {
    console.print(config::describe(*loaded.config));
    return kDone;
  }
  console.print(fmt::format("{}: good\n", options.config_file));
  console.print(state_notes(*loaded.config));
  return kDone;
}

}  // namespace sluice::cli
