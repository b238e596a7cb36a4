#include "cli/sse_reader.hpp"

namespace sluice::cli {

namespace {
constexpr std::size_t kLineMax = 1024 * 1024;
}  // namespace

bool SseReader::feed(std::string_view bytes, const std::function<void(const ServerEvent&)>& take) {
  rest_ += bytes;
  std::string_view left = rest_;
  for (std::size_t end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
    std::string_view line = left.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    read_line(line, take);
    left.remove_prefix(end + 1);
  }
  rest_.erase(0, rest_.size() - left.size());
  return rest_.size() <= kLineMax;
}

void SseReader::read_line(std::string_view line,
                          const std::function<void(const ServerEvent&)>& take) {
  if (line.empty()) {
    if (!event_.data.empty()) take(event_);
    event_.event.clear();
    event_.data.clear();
    return;
  }
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "id") event_.id = value;
  if (name == "event") event_.event = value;
  if (name == "data") event_.data += (event_.data.empty() ? "" : "\n") + std::string(value);
}

}  // namespace sluice::cli
