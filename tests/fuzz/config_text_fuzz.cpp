#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "sluice/config/describe.hpp"
#include "sluice/config/parse.hpp"

/// Any bytes as a configuration: a result or problems, never a crash, a hang or an exception; and
/// what loads can be printed and loaded again without a change.
namespace {

using namespace sluice;

constexpr std::size_t kInputMax =
    16 * 1024;  // longer inputs find nothing that these do not, more slowly

[[noreturn]] void fail(const char* what, std::string_view detail) {
  std::fprintf(stderr, "%s\n%.*s\n", what, static_cast<int>(detail.size()), detail.data());
  std::abort();
}

void check_problems(const config::Loaded& loaded) {
  if (loaded.config.has_value() != loaded.problems.empty())
    fail("a configuration or problems, not both", "");
  const config::Problem* before = nullptr;
  for (const config::Problem& problem : loaded.problems) {
    const bool is_ordered =
        before == nullptr || before->at.line < problem.at.line ||
        (before->at.line == problem.at.line && before->at.column <= problem.at.column);
    if (!is_ordered) fail("problems out of file order", problem.text());
    before = &problem;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > kInputMax) return 0;
  const config::Environment empty = [](std::string_view) { return std::nullopt; };
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const config::Loaded loaded = config::parse(text, "fuzz.yaml", empty);
  check_problems(loaded);
  if (!loaded.config) return 0;
  const std::string described = config::describe(*loaded.config);
  const config::Loaded again = config::parse(described, "described.yaml", empty);
  if (!again.config) fail(again.problems.front().text().c_str(), described);
  if (config::describe(*again.config) != described) fail("describes itself differently", described);
  return 0;
}
