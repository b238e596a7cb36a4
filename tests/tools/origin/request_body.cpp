#include "origin/request_body.hpp"

#include <algorithm>
#include <charconv>

namespace tools {

void RequestBody::begin(const Head& head) {
  remaining_ = 0;
  if (head.says("transfer-encoding", "chunked")) {
    part_ = Part::Size;
    state_ = State::Reading;
    return;
  }
  part_ = Part::Length;
  remaining_ = head.content_length().value_or(0);
  state_ = remaining_ == 0 ? State::Done : State::Reading;
}

std::size_t RequestBody::feed(std::string_view bytes, const Sink& sink) {
  std::size_t used = 0;
  while (state_ == State::Reading && used < bytes.size()) {
    const std::string_view rest = bytes.substr(used);
    if (part_ == Part::Length || part_ == Part::Data) {
      const std::size_t take =
          static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, rest.size()));
      sink(rest.substr(0, take));
      used += take;
      remaining_ -= take;
      if (remaining_ == 0 && part_ == Part::Length) state_ = State::Done;
      if (remaining_ == 0) part_ = Part::DataEnd;
      continue;
    }
    const std::size_t line = feed_line(rest);
    if (line == 0) break;
    used += line;
  }
  return used;
}

std::size_t RequestBody::feed_line(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view line = bytes.substr(0, end);
  if (part_ == Part::Size) {
    const auto [stop, error] =
        std::from_chars(line.data(), line.data() + line.size(), remaining_, 16);
    if (error != std::errc{} || stop == line.data()) state_ = State::Broken;
    part_ = remaining_ == 0 ? Part::Trailer : Part::Data;
  } else if (part_ == Part::DataEnd) {
    if (!line.empty()) state_ = State::Broken;
    part_ = Part::Size;
  } else if (line.empty()) {
    state_ = State::Done;
  }
  return end + 2;
}

}  // namespace tools
