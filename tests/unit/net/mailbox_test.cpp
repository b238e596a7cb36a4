#include "net/mailbox.hpp"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using sluice::net::Mailbox;

TEST_CASE("mailbox: runs in the order of posting and wakes for each", "[net][mailbox]") {
  unsigned woken = 0;
  Mailbox box([&] { ++woken; });
  std::vector<int> ran;
  CHECK(box.post([&] { ran.push_back(1); }));
  CHECK(box.post([&] { ran.push_back(2); }));
  CHECK(woken == 2);
  CHECK(box.run() == 2);
  CHECK(ran == std::vector{1, 2});
  CHECK(box.run() == 0);
}

TEST_CASE("mailbox: work posted by work waits for the next run", "[net][mailbox]") {
  Mailbox box([] {});
  unsigned ran = 0;
  box.post([&] {
    ++ran;
    box.post([&] { ran += 10; });
  });
  CHECK(box.run() == 1);
  CHECK(ran == 1);
  CHECK(box.run() == 1);
  CHECK(ran == 11);
}

TEST_CASE("mailbox: after close nothing is taken and what waited is dropped", "[net][mailbox]") {
  Mailbox box([] {});
  const auto token = std::make_shared<int>(1);
  box.post([token] {});
  CHECK(token.use_count() == 2);
  box.close();
  CHECK(token.use_count() == 1);
  CHECK_FALSE(box.post([] {}));
  CHECK(box.run() == 0);
}

TEST_CASE("mailbox: many threads post, each sees its own order kept, nothing is lost", "[net]") {
  constexpr unsigned kThreads = 4;
  constexpr unsigned kPosts = 2000;
  std::atomic<unsigned> wakes{0};
  Mailbox box([&] { wakes.fetch_add(1, std::memory_order_release); });
  std::vector<std::vector<unsigned>> seen(kThreads);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < kPosts; ++i) box.post([&seen, t, i] { seen[t].push_back(i); });
    });
  }
  std::size_t ran = 0;
  while (wakes.load(std::memory_order_acquire) < kThreads * kPosts) ran += box.run();
  for (std::thread& thread : threads) thread.join();
  ran += box.run();
  CHECK(ran == kThreads * kPosts);
  for (const auto& order : seen) {
    REQUIRE(order.size() == kPosts);
    for (unsigned i = 0; i < kPosts; ++i) REQUIRE(order[i] == i);
  }
}
