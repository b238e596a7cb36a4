#pragma once
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "net/transport.hpp"
#include "sluice/core/ensure.hpp"
#include "sluice/core/limits.hpp"

namespace sluice::proxy {

/// Collects what one event wants to write to one connection and hands it over in one system call: a
/// head, chunk lines and body views leave together. One per worker. Views must stay valid until
/// flush(), which every outermost callback makes before it returns (EventScope); starting on
/// another connection flushes the one before.
class Gather {
 public:
  Gather() : scratch_(std::make_unique_for_overwrite<char[]>(kScratchSize)) {}

  /// From now on for `transport`.
  void begin(net::Transport& transport) {
    if (transport_ != &transport) {
      flush();
      transport_ = &transport;
    }
  }
  /// Room to compose a head of at most kHeadMax bytes; commit() what was written.
  std::span<char> head_room() {
    if (kScratchSize - used_ < kHeadMax || count_ == parts_.size()) flush_parts();
    return {scratch_.get() + used_, kHeadMax};
  }
  void commit(std::size_t size) { add_written(size); }
  /// By reference, unless they are few and join what waits: one part costs the kernel less than
  /// two.
  void view(std::string_view bytes) {
    if (bytes.empty()) return;
    if (bytes.size() <= kJoinedMax && count_ != 0) return copy(bytes);
    if (count_ == parts_.size()) flush_parts();
    add_view(bytes);
  }
  /// By copy, for chunk lines.
  void copy(std::string_view small);
  /// Requires nothing; does nothing when nothing waits.
  void flush() {
    if (count_ != 0) flush_parts();
    transport_ = nullptr;
  }
  /// The connection is about to be closed: what waits for it is sent first.
  void flush_for(const net::Transport& transport) {
    if (transport_ == &transport) flush();
  }

 private:
  static constexpr std::size_t kHeadMax =
      core::limits::kResponseHeadMax + core::limits::kHeadAdditionsMax + core::limits::kTrailersMax;
  static constexpr std::size_t kScratchSize = kHeadMax + 4096;
  static constexpr std::size_t kJoinedMax = 1024;

  void add_view(std::string_view bytes) { parts_[count_++] = bytes; }
  /// As one part with what was written there right before.
  void add_written(std::size_t size) {
    const char* const begin = scratch_.get() + used_;
    used_ += size;
    if (count_ != 0 && parts_[count_ - 1].end() == begin) {
      parts_[count_ - 1] = {begin - parts_[count_ - 1].size(), parts_[count_ - 1].size() + size};
    } else {
      add_view({begin, size});
    }
  }
  void flush_parts();

  net::Transport* transport_ = nullptr;
  std::size_t count_ = 0;
  std::size_t used_ = 0;
  std::array<std::string_view, 32> parts_;
  std::unique_ptr<char[]> scratch_;
};

/// Held by every outermost callback of the data path.
class EventScope {
 public:
  explicit EventScope(Gather& gather) : gather_(gather) {}
  EventScope(const EventScope&) = delete;
  EventScope& operator=(const EventScope&) = delete;
  ~EventScope() { gather_.flush(); }

 private:
  Gather& gather_;
};

}  // namespace sluice::proxy
