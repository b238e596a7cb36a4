#include "net/byte_queue.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sluice/core/ensure.hpp"

namespace sluice::net {

void ByteQueue::append(std::string_view bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (tail_ == nullptr || tail_->room() == 0) {
      Chunk* fresh = pool_->take().release();
      (tail_ == nullptr ? head_ : tail_->next) = fresh;
      tail_ = fresh;
    }
    const std::size_t count = std::min(bytes.size(), tail_->room());
    std::memcpy(tail_->data + tail_->end, bytes.data(), count);
    tail_->end += static_cast<std::uint32_t>(count);
    bytes.remove_prefix(count);
  }
}

std::size_t ByteQueue::front(std::span<std::string_view> parts) const {
  std::size_t filled = 0;
  for (const Chunk* chunk = head_; chunk != nullptr && filled < parts.size(); chunk = chunk->next) {
    parts[filled++] = chunk->bytes();
  }
  return filled;
}

void ByteQueue::consume(std::size_t count) {
  ENSURE(count <= size_, "more consumed than queued");
  size_ -= count;
  while (head_ != nullptr) {
    const std::size_t step = std::min(count, head_->bytes().size());
    head_->begin += static_cast<std::uint32_t>(step);
    count -= step;
    if (!head_->bytes().empty()) return;
    // The last chunk goes back as well: an idle connection holds none.
    ChunkReturn{pool_}(std::exchange(head_, head_->next));
  }
  tail_ = nullptr;
}

void ByteQueue::clear() {
  if (size_ > 0) consume(size_);
}

}  // namespace sluice::net
