#pragma once
#include <cstddef>
#include <span>
#include <string_view>

#include "net/chunk_pool.hpp"

namespace sluice::net {

/// Bytes that wait to be written, in chunks of one worker's pool. Owns its chunks. Not thread-safe.
class ByteQueue {
 public:
  explicit ByteQueue(ChunkPool& pool) : pool_(&pool) {}
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;
  ~ByteQueue() { clear(); }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void append(std::string_view bytes);
  /// Views of the first bytes, at most parts.size() of them; returns how many were filled.
  std::size_t front(std::span<std::string_view> parts) const;
  /// Requires: count <= size(). Chunks go back as they empty.
  void consume(std::size_t count);
  void clear();

 private:
  ChunkPool* pool_;
  Chunk* head_ = nullptr;
  Chunk* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sluice::net
