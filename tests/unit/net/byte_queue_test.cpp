#include "net/byte_queue.hpp"

#include <array>
#include <limits>
#include <string>
#include <vector>

#include "sluice/core/rng.hpp"
#include "support/catch.hpp"

namespace {

using sluice::core::limits::kChunkSize;
using sluice::net::ByteQueue;
using sluice::net::ChunkPool;
using sluice::net::ChunkPtr;

std::string pattern(std::size_t count, char first = 'a') {
  std::string bytes(count, '\0');
  for (std::size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<char>(first + static_cast<int>(i % 23));
  return bytes;
}

std::string contents(const ByteQueue& queue) {
  std::array<std::string_view, 64> parts;
  std::string all;
  for (std::size_t i = 0, n = queue.front(parts); i < n; ++i) all += parts[i];
  return all;
}

}  // namespace

TEST_CASE("chunk pool: counts what is in use and takes it back", "[net][buffer]") {
  ChunkPool pool;
  {
    const ChunkPtr one = pool.take();
    const ChunkPtr two = pool.take();
    CHECK(pool.in_use() == 2);
    CHECK(one->bytes().empty());
    CHECK(one->room() == kChunkSize);
  }
  CHECK(pool.in_use() == 0);
}

TEST_CASE("chunk pool: a chunk that comes back is handed out empty", "[net][buffer]") {
  ChunkPool pool;
  {
    const ChunkPtr chunk = pool.take();
    chunk->begin = 3;
    chunk->end = 9;
    chunk->next = chunk.get();
  }
  const ChunkPtr again = pool.take();
  CHECK(again->begin == 0);
  CHECK(again->end == 0);
  CHECK(again->next == nullptr);
}

TEST_CASE("chunk pool: more than the kept number may be taken and given back", "[net][buffer]") {
  ChunkPool pool;
  std::vector<ChunkPtr> chunks;
  for (std::size_t i = 0; i < ChunkPool::kKeptMax + 3; ++i) chunks.push_back(pool.take());
  CHECK(pool.in_use() == ChunkPool::kKeptMax + 3);
  chunks.clear();
  CHECK(pool.in_use() == 0);
}

TEST_CASE("byte queue: keeps the order over chunk borders", "[net][buffer]") {
  const std::size_t count = GENERATE(std::size_t{1}, kChunkSize - 1, kChunkSize, kChunkSize + 1,
                                     2 * kChunkSize, 3 * kChunkSize + 7);
  ChunkPool pool;
  ByteQueue queue(pool);
  const std::string bytes = pattern(count);
  queue.append(bytes);
  CHECK(queue.size() == count);
  CHECK(contents(queue) == bytes);
  CHECK(pool.in_use() == (count + kChunkSize - 1) / kChunkSize);
}

TEST_CASE("byte queue: holds no chunk when empty", "[net][buffer]") {
  ChunkPool pool;
  ByteQueue queue(pool);
  queue.append("");
  CHECK(pool.in_use() == 0);
  queue.append(pattern(kChunkSize));
  queue.consume(kChunkSize);
  CHECK(queue.empty());
  CHECK(pool.in_use() == 0);
  queue.append("again");
  CHECK(contents(queue) == "again");
  queue.clear();
  CHECK(pool.in_use() == 0);
}

TEST_CASE("byte queue: chunks go back as they empty", "[net][buffer]") {
  ChunkPool pool;
  ByteQueue queue(pool);
  queue.append(pattern(2 * kChunkSize + 5));
  CHECK(pool.in_use() == 3);
  queue.consume(kChunkSize - 1);
  CHECK(pool.in_use() == 3);
  queue.consume(1);
  CHECK(pool.in_use() == 2);
}

TEST_CASE("byte queue: front fills no more parts than it is given", "[net][buffer]") {
  ChunkPool pool;
  ByteQueue queue(pool);
  queue.append(pattern(3 * kChunkSize));
  std::array<std::string_view, 2> parts;
  CHECK(queue.front(parts) == 2);
  CHECK(queue.front({}) == 0);
  ByteQueue empty(pool);
  CHECK(empty.front(parts) == 0);
}

TEST_CASE("byte queue: agrees with a string over random histories", "[net][buffer]") {
  const auto seed = GENERATE(take(10, random(0U, std::numeric_limits<unsigned>::max())));
  INFO("seed " << seed);
  sluice::core::Rng rng(seed);
  ChunkPool pool;
  {
    ByteQueue queue(pool);
    std::string model;
    for (unsigned step = 0; step < 300; ++step) {
      if (rng.below(2) == 0) {
        const std::string bytes =
            pattern(rng.below(40'000), static_cast<char>('0' + rng.below(40)));
        queue.append(bytes);
        model += bytes;
      } else {
        const std::size_t count = rng.below(static_cast<std::uint32_t>(model.size()) + 1);
        queue.consume(count);
        model.erase(0, count);
      }
      REQUIRE(queue.size() == model.size());
      if (model.size() < 50 * kChunkSize) REQUIRE(contents(queue) == model);
    }
  }
  CHECK(pool.in_use() == 0);
}
