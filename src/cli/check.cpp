#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "cli/config_view.hpp"
#include "cli/exit_status.hpp"
#include "cli/verbs.hpp"
#include "sluice/config/describe.hpp"
#include "sluice/config/parse.hpp"

namespace sluice::cli {
namespace {

// What is printed can be read again.
std::string as_comments(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    const std::size_t size = std::min(lines.find('\n'), lines.size() - 1) + 1;
    out += "# " + std::string(lines.substr(0, size));
    lines.remove_prefix(size);
  }
  return out;
}

}  // namespace

int run_check(const CheckOptions& options, const Console& console) {
  const config::Loaded loaded = config::load(options.config_file, config::process_environment());
  for (const config::Problem& problem : loaded.problems)
    console.complain(harmless(problem.text()) + "\n");
  if (!loaded.config) {
    const std::size_t count = loaded.problems.size();
    console.complain(fmt::format("sluice check: {}: {} mistake{}\n", harmless(options.config_file),
                                 count, count == 1 ? "" : "s"));
    return kFailed;
  }
  const std::string notes = harmless_lines(state_notes(*loaded.config));
  if (options.prints) {
    console.print(as_comments(notes) + config::describe(*loaded.config));
    return kDone;
  }
  console.print(fmt::format("{}: good\n", harmless(options.config_file)));
  console.print(notes);
  return kDone;
}

}  // namespace sluice::cli
