#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sluice/core/clock.hpp"

/// How many users a service had lately, and which share of them has some property: estimated from a
/// sample of 512 of their hashes, in 6 KiB whatever their number.
namespace sluice::metrics {

/// Users that are each drawn with the same chance, by the hashes that decide the split. Of every
/// hash that was seen the sample keeps, in the slot that its low bits name, the one that comes
/// first in a fixed random order: so a user counts once, however often it comes by (P. Flajolet's
/// stochastic averaging, with whole hashes instead of their ranks, as they are asked for later).
class UserSample {
 public:
  static constexpr std::size_t kSlots = 512;

  /// 0 is no user: one hash in four billion is never seen.
  static constexpr std::uint32_t rank_of(std::uint32_t hash) { return hash * kMultiplier; }
  static constexpr std::size_t slot_of(std::uint32_t hash) { return hash % kSlots; }

  void merge(std::size_t slot, std::uint32_t rank) {
    if (rank > ranks_[slot]) ranks_[slot] = rank;
  }

  /// How many there were: within two or three for some dozens, within 10 % (two standard
  /// deviations) for any number.
  double estimate() const;
  /// Of those sampled, the share for which `has(hash)` is true; 0 when there was nobody.
  template <typename Has>
  double share(const Has& has) const {
    std::size_t all = 0, with = 0;
    for (const std::uint32_t rank : ranks_) {
      if (rank == 0) continue;
      ++all;
      if (has(rank * kInverse)) ++with;
    }
    return all == 0 ? 0 : static_cast<double>(with) / static_cast<double>(all);
  }

 private:
  static constexpr std::uint32_t kMultiplier = 0x9E3779B1;
  static constexpr std::uint32_t kInverse = 0x0E8B2F51;
  static_assert(kMultiplier * kInverse == 1);
  std::array<std::uint32_t, kSlots> ranks_{};
};

/// The users of the last minute, one service and one worker: written by that worker, read by any
/// thread. Relaxed: a reader may miss a user that comes by while it reads.
class SeenUsers {
 public:
  static constexpr core::Nanos kWindow = std::chrono::seconds(20);
  static constexpr std::size_t kWindows = 3;  // the newest is being filled: 40 to 60 seconds

  /// A few instructions, no more on the path of each request. `now` never goes back.
  void see(std::uint32_t hash, core::Instant now) {
    if (now >= window_end_) [[unlikely]]
      turn_to(now);
    std::atomic<std::uint32_t>& place = windows_[current_].ranks[UserSample::slot_of(hash)];
    const std::uint32_t rank = UserSample::rank_of(hash);
    if (rank > place.load(std::memory_order_relaxed)) place.store(rank, std::memory_order_relaxed);
  }

  /// Those of the windows that began after `since`.
  void add_to(UserSample& sample, core::Instant now, core::Instant since) const;

 private:
  struct Window {
    std::atomic<std::int64_t> number{-1};  // in the order of time; -1: never filled
    std::array<std::atomic<std::uint32_t>, UserSample::kSlots> ranks{};
  };
  void turn_to(core::Instant now);

  std::array<Window, kWindows> windows_;
  std::size_t current_ = 0;
  core::Instant window_end_{};
};

}  // namespace sluice::metrics
