#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/histogram.hpp"
#include "common/sockets.hpp"

namespace tools {

/// Why a request counts as failed.
enum class Failure {
  Connect,
  Closed,
  Reset,
  Timeout,
  Status,
  Body,
  WrongPool,
  OldGeneration,
  UnknownGeneration,
  Lost
};
inline constexpr std::array<std::string_view, 10> kFailureNames{
    "connect",    "closed",        "reset",
    "timeout",    "status",        "body",
    "wrong_pool", "late_old_pool", "unknown_generation",
    "lost"};

/// Everything that one run counts; also used for the interval of a live line.
struct Counts {
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  std::uint64_t reconnects = 0;
  std::array<std::uint64_t, 2> pools{};  // blue, green
  std::uint64_t rescued = 0;             // answered by the live pool instead of the candidate
  std::array<std::uint64_t, kFailureNames.size()> failures{};
  Histogram latency;
  std::uint64_t changes_sent = 0;
  std::uint64_t changes_made = 0;  // with "changed": true
  std::uint64_t changes_failed = 0;
  Histogram change_latency;  // without the time of the sync
  Histogram change_total;

  void fail(Failure why) { ++failures[static_cast<std::size_t>(why)]; }
  std::uint64_t failed() const;
};

/// In words, for the first of its kind; empty: none.
struct Findings {
  std::string_view trouble;
  std::string_view reconnect;
};
std::string report_json(const Counts& counts, double seconds, double change_seconds,
                        const Findings& first);
std::string live_json(const Counts& total, const Counts& interval, double at,
                      double interval_seconds, std::uint64_t generation);

}  // namespace tools
