#include "proxy/log_queue.hpp"

#include <string>
#include <thread>

#include "support/catch.hpp"

namespace sluice::proxy {
namespace {

std::string drain(LogQueue& queue) {
  const LogQueue::Waiting waiting = queue.peek();
  std::string all(waiting.first);
  all += waiting.second;
  queue.consume(waiting);
  return all;
}

TEST_CASE("log queue: lines come out in order, also over the wrap", "[proxy][log]") {
  LogQueue queue(10, 100);
  CHECK(queue.push("abcde\n"));
  CHECK(drain(queue) == "abcde\n");
  CHECK(queue.push("fghijk\n"));  // wraps: 4 + 3
  CHECK(drain(queue) == "fghijk\n");
  CHECK(drain(queue).empty());
}

TEST_CASE("log queue: exactly full is accepted, one byte more is dropped", "[proxy][log]") {
  LogQueue queue(8, 100);
  CHECK(queue.push("1234567\n"));
  CHECK_FALSE(queue.push("\n"));
  CHECK(drain(queue) == "1234567\n");
  CHECK_FALSE(queue.push("12345678\n"));
  CHECK(queue.push("x\n"));
}

TEST_CASE("log queue: the line bound holds, and consumed lines make room", "[proxy][log]") {
  LogQueue queue(1000, 2);
  CHECK(queue.push("a\n"));
  CHECK(queue.push("b\n"));
  CHECK_FALSE(queue.push("c\n"));
  CHECK(queue.peek().lines == 2);
  CHECK(drain(queue) == "a\nb\n");
  CHECK(queue.push("c\n"));
}

TEST_CASE("log queue: what finds it empty begins at the front, so memory stays untouched",
          "[proxy][log]") {
  constexpr std::size_t kBytes = 1'000;
  LogQueue queue(kBytes, 100);
  const std::string line(99, 'x');
  const char* front = nullptr;
  for (int i = 0; i < 50; ++i) {
    REQUIRE(queue.push(line + "\n"));
    const LogQueue::Waiting waiting = queue.peek();
    REQUIRE(waiting.first == line + "\n");
    REQUIRE(waiting.second.empty());
    if (front == nullptr) front = waiting.first.data();
    // A quarter of the ring and the line that began before its end.
    CHECK(waiting.first.data() - front <= 300);
    queue.consume(waiting);
  }
  // Full at any position, also right behind a skip.
  for (int i = 0; i < 10; ++i) REQUIRE(queue.push(line + "\n"));
  CHECK_FALSE(queue.push("\n"));
  CHECK(drain(queue).size() == kBytes);
  CHECK(queue.push(std::string(kBytes - 1, 'y') + "\n"));
  CHECK_FALSE(queue.push("\n"));
  CHECK(drain(queue).size() == kBytes);
  CHECK(drain(queue).empty());
}

TEST_CASE("log queue: one writer and one reader lose nothing and mix nothing", "[proxy][log]") {
  LogQueue queue(257, 64);
  constexpr int kLines = 20'000;
  std::thread producer([&queue] {
    for (int i = 0; i < kLines; ++i) {
      const std::string line = std::to_string(i) + "\n";
      while (!queue.push(line)) std::this_thread::yield();
    }
  });
  std::string all;
  std::string expected;
  for (int i = 0; i < kLines; ++i) expected += std::to_string(i) + "\n";
  while (all.size() < expected.size()) {
    all += drain(queue);
    std::this_thread::yield();
  }
  producer.join();
  CHECK(all == expected);
}

}  // namespace
}  // namespace sluice::proxy
