#include "sluice/core/take_place.hpp"

#include <thread>
#include <vector>

#include "support/catch.hpp"

using sluice::core::take_place;

TEST_CASE("take_place: one more only below the most", "[core]") {
  std::atomic<std::uint32_t> counted{2};
  CHECK_FALSE(take_place(counted, 2));
  CHECK(counted == 2);
  CHECK(take_place(counted, 3));
  CHECK(counted == 3);
  CHECK_FALSE(take_place(counted, 0));
}

TEST_CASE("take_place: threads never have more than the most between them", "[core]") {
  constexpr std::uint32_t kMost = 3;
  std::atomic<std::uint32_t> counted{0};
  std::atomic<std::uint32_t> inside{0};
  std::atomic<bool> was_over{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 20'000; ++turn) {
        if (!take_place(counted, kMost)) continue;
        if (inside.fetch_add(1) >= kMost) was_over = true;
        inside.fetch_sub(1);
        counted.fetch_sub(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(was_over);
  CHECK(counted == 0);
}
