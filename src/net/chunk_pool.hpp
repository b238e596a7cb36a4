#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "sluice/core/limits.hpp"

namespace sluice::net {

class ChunkPool;

/// 16 KiB of bytes: a request head, or a piece of a queue.
struct Chunk {
  Chunk* next = nullptr;  // for the owner
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  char data[core::limits::kChunkSize];

  std::string_view bytes() const { return {data + begin, end - begin}; }
  std::size_t room() const { return sizeof data - end; }
};

struct ChunkReturn {
  ChunkPool* pool = nullptr;
  void operator()(Chunk* chunk) const;
};
using ChunkPtr = std::unique_ptr<Chunk, ChunkReturn>;

/// Free list of chunks of one worker. Keeps at most kKeptMax free ones, the rest go back to the
/// allocator. Sanitizer builds keep none, so that misuse is seen. Not thread-safe.
class ChunkPool {
 public:
  static constexpr std::size_t kKeptMax = 64;  // 1 MiB: what a burst needs again at once

  ChunkPool() = default;
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;
  ~ChunkPool();

  ChunkPtr take();
  std::size_t in_use() const { return in_use_; }

 private:
  friend struct ChunkReturn;
  void give_back(Chunk* chunk);
  Chunk* free_ = nullptr;
  std::size_t kept_ = 0;
  std::size_t in_use_ = 0;
};

}  // namespace sluice::net
