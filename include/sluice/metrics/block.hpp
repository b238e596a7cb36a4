#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace sluice::metrics {

/// One writer, many readers: a load and a store suffice, no read-modify-write (2.5 ns against 22).
class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Position of a pool in the counters; None: answered before a pool was chosen.
enum class PoolLabel : std::uint8_t { Blue = 0, Green = 1, None = 2 };
inline constexpr std::size_t kPoolLabels = 3;
/// 1xx..5xx, then everything else (a status of 600 or more of an endpoint, 499, a request that was
/// cut).
inline constexpr std::size_t kCodeClasses = 6;
std::size_t code_class(unsigned status);

struct ServiceCounters {
  std::array<std::array<Counter, kCodeClasses>, kPoolLabels> requests;
  std::array<Counter, kPoolLabels> in_flight;          // gauge
  std::array<Counter, kPoolLabels> tunnels;            // gauge
  std::array<Counter, kPoolLabels> endpoint_failures;  // attempts that ended without an answer
  Counter retries;
  Counter fallbacks;  // candidate → live
  Counter identities_too_long;
  Counter identities_absent;
  Counter cut_requests;  // by a drain or a stop
  Counter cut_tunnels;
};

/// Everything that one worker counts. Aligned, written by that worker only, read by control
/// (architecture.md §7 "Counters").
struct alignas(64) Block {
  explicit Block(std::size_t service_count) : services(service_count) {}

  std::vector<ServiceCounters> services;        // by ServiceId; never resized
  std::array<Counter, kCodeClasses> unmatched;  // answered before a service was known
  Counter connections_accepted;
  Counter connections_open;     // gauge
  Counter connections_refused;  // per-address limit
  Counter endpoint_connections_opened;
  Counter endpoint_connections_reused;
  Counter endpoint_connections_idle;  // gauge
  Counter log_lines_dropped;
};

}  // namespace sluice::metrics
