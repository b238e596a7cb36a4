#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace sluice::cli {

struct ServerEvent {
  std::string id;     // the newest one so far
  std::string event;  // its type
  std::string data;
};

/// Bytes of a text/event-stream in, whole events out (HTML Living Standard §9.2.6; lines end with
/// LF or CRLF). Comments and unknown fields are passed over. Pure.
class SseReader {
 public:
  /// Calls `take` for each event that ends in these bytes. False when a line is longer than any of
  /// ours: the stream is then of no use.
  bool feed(std::string_view bytes, const std::function<void(const ServerEvent&)>& take);

 private:
  void read_line(std::string_view line, const std::function<void(const ServerEvent&)>& take);

  std::string rest_;
  ServerEvent event_;
};

}  // namespace sluice::cli
