#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/core/result.hpp"

namespace sluice::app {

/// Where the access log goes: takes bytes, as many as it can. Used by one thread.
class LogTarget {
 public:
  enum class Then : std::uint8_t {
    GoesOn,
    NotNow,  // full; what was not taken is to be offered again
    Never,   // nobody will ever read what was not taken
  };
  struct Taken {
    std::size_t bytes = 0;
    Then then = Then::GoesOn;
    int error = 0;  // errno; 0: merely slower than we are
  };

  virtual ~LogTarget() = default;
  /// Some bytes of `first`, and behind all of it of `second`. Does not wait for a reader.
  virtual Taken take(std::string_view first, std::string_view second) = 0;
  /// Takes the last `bytes` that were taken out again. False: it can't.
  virtual bool cut(std::size_t bytes) = 0;
  /// What was taken last is not there any more: somebody has truncated the file.
  virtual bool is_truncated() const = 0;
  /// Until it may take more, at most `longest`; false: it can't tell.
  virtual bool wait_for_room(std::chrono::milliseconds longest) = 0;
  /// Both lead to the same file or pipe.
  virtual bool is_same_as(const LogTarget& other) const = 0;
};

/// `path` for appending (`-`: standard output); a FIFO needs no reader yet. A file that ends within
/// a line, as after a power cut, gets an end of line before the first byte. Error: Io, names the
/// path.
core::Result<std::unique_ptr<LogTarget>> open_log_target(const std::string& path);

}  // namespace sluice::app
