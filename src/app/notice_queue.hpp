#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace sluice::app {

/// Lines on their way to a reader who may be slow: bounded, and a gap says how many are missing
/// where they would have stood.
class NoticeQueue {
 public:
  explicit NoticeQueue(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void push(std::string line);
  /// nullopt: nothing waits, and nothing is missing.
  std::optional<std::string> pop();

 private:
  bool has_room_for(std::size_t bytes) const { return bytes <= bytes_max_ - bytes_; }
  void append(std::string line);
  std::string end_of_gap();

  const std::size_t bytes_max_;
  std::deque<std::string> lines_;
  std::size_t bytes_ = 0;      // of lines_
  std::uint64_t missing_ = 0;  // behind the last of lines_
};

}  // namespace sluice::app
