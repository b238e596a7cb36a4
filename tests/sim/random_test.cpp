#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "sim/random_run.hpp"
#include "support/catch.hpp"

namespace sluice::sim {
namespace {

// As many as fit into the time, and never fewer: two runs on one day begin with the same ones.
#ifdef SLUICE_SANITIZED
constexpr std::uint64_t kSeedsLeast = 200;
constexpr std::chrono::seconds kSeedsTime{0};
#else
constexpr std::uint64_t kSeedsLeast = 500;
constexpr std::chrono::seconds kSeedsTime{10};
#endif

std::uint64_t environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

void check_seed(std::uint64_t seed) {
  INFO("replay: ./dev sim --seed " << seed);
  RandomRun run(seed);
  const std::vector<std::string> findings = run.run();
  INFO(join(findings));
  CHECK(findings.empty());
}

}  // namespace

TEST_CASE("sim: every seed that ever failed keeps all invariants", "[sim]") {
  std::ifstream file(SLUICE_SIM_SEED_FILE);
  REQUIRE(file.is_open());
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty() || line.front() == '#') continue;
    check_seed(std::strtoull(line.c_str(), nullptr, 10));
  }
}

TEST_CASE("sim: random runs keep all invariants", "[sim][random]") {
  // Without a wish from the day's number on, so that each day looks elsewhere. `./dev sim` sets the
  // two wishes.
  const auto today =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::hours>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count() /
                                 24);
  const std::uint64_t first = environment("SLUICE_SIM_SEED", today * 1'000'000);
  const std::uint64_t wanted = environment("SLUICE_SIM_SEEDS", 0);
  const auto start = std::chrono::steady_clock::now();
  const auto is_enough = [&](std::uint64_t done) {
    if (wanted != 0) return done == wanted;
    return done >= kSeedsLeast && std::chrono::steady_clock::now() - start >= kSeedsTime;
  };
  std::uint64_t done = 0;
  for (; !is_enough(done); ++done) check_seed(first + done);
  std::printf("sim: %llu seeds from %llu on\n", static_cast<unsigned long long>(done),
              static_cast<unsigned long long>(first));
}

TEST_CASE("sim: one seed replays one run", "[sim]") {
  RandomRun first(4711);
  first.run();
  RandomRun second(4711);
  second.run();
  CHECK(first.world().scheduler().steps() == second.world().scheduler().steps());
  CHECK(first.world().now() == second.world().now());
  CHECK(first.world().ledger().lines == second.world().ledger().lines);
}

}  // namespace sluice::sim
