#include "net/chunk_pool.hpp"

#include <utility>

#include "sluice/core/ensure.hpp"

namespace sluice::net {

void ChunkReturn::operator()(Chunk* chunk) const {
  pool->give_back(chunk);
}

ChunkPool::~ChunkPool() {
  DEBUG_ENSURE(in_use_ == 0, "a chunk outlives its pool");
  while (free_ != nullptr) delete std::exchange(free_, free_->next);
}

ChunkPtr ChunkPool::take() {
  Chunk* chunk = free_;
  if (chunk != nullptr) {
    free_ = chunk->next;
    --kept_;
    chunk->next = nullptr;
    chunk->begin = chunk->end = 0;
  } else {
    chunk = new Chunk;  // not value-initialised: 16 KiB need no zeros
  }
  ++in_use_;
  return {chunk, ChunkReturn{this}};
}

void ChunkPool::give_back(Chunk* chunk) {
  --in_use_;
#ifndef SLUICE_SANITIZED
  if (kept_ < kKeptMax) {
    ++kept_;
    chunk->next = std::exchange(free_, chunk);
    return;
  }
#endif
  delete chunk;
}

}  // namespace sluice::net
