#pragma once
#include <atomic>
#include <cstdint>
#include <utility>

#include "sluice/core/take_place.hpp"

namespace sluice::proxy {

/// Tunnels at once over all workers (`limits.tunnels`). Thread-safe, exact.
class TunnelLimit {
 public:
  explicit TunnelLimit(std::uint32_t most) : most_(most) {}
  bool enter() { return core::take_place(open_, most_); }
  void leave() { open_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  const std::uint32_t most_;
  std::atomic<std::uint32_t> open_{0};
};

/// The place of one tunnel, from the request that asks for it, as what was asked for may be granted
/// at any time after that, to its end. Empty when there is no limit. Move-only.
class TunnelPlace {
 public:
  TunnelPlace() = default;
  /// Requires: `limit` let it enter.
  explicit TunnelPlace(TunnelLimit& limit) : limit_(&limit) {}
  TunnelPlace(TunnelPlace&& from) noexcept : limit_(std::exchange(from.limit_, nullptr)) {}
  TunnelPlace& operator=(TunnelPlace&& from) noexcept {
    std::swap(limit_, from.limit_);
    return *this;
  }
  ~TunnelPlace() {
    if (limit_ != nullptr) limit_->leave();
  }

 private:
  TunnelLimit* limit_ = nullptr;
};

}  // namespace sluice::proxy
