#include "admin/event_stream.hpp"

#include <algorithm>
#include <charconv>

#include "admin/views.hpp"

namespace sluice::admin {

namespace {

/// One write: many small events go out together.
constexpr std::size_t kPiece = 16 * 1024;
/// Browsers and libraries that lose the connection come back after two seconds.
constexpr std::string_view kPreamble = "retry: 2000\n\n";

struct EventId {
  std::uint64_t epoch = 0;
  std::uint64_t id = 0;
};

std::optional<EventId> parse_id(std::string_view text) {
  EventId out;
  const char* const end = text.data() + text.size();
  const auto epoch = std::from_chars(text.data(), end, out.epoch);
  if (epoch.ec != std::errc{} || epoch.ptr == end || *epoch.ptr != '-') return std::nullopt;
  const auto id = std::from_chars(epoch.ptr + 1, end, out.id);
  if (id.ec != std::errc{} || id.ptr != end) return std::nullopt;
  return out;
}

std::string lost(std::uint64_t count) {
  return "event: lost\ndata: {\"event\":\"lost\",\"count\":" + std::to_string(count) + "}\n\n";
}

/// The id is of another process, or of none: how many came since nobody knows.
constexpr std::string_view kRestarted =
    "event: lost\ndata: {\"event\":\"lost\",\"count\":null,\"restarted\":true}\n\n";

}  // namespace

std::shared_ptr<EventStream> EventStream::open(control::EventLog& log, const Seen& seen, End end) {
  std::shared_ptr<EventStream> stream(new EventStream(log, seen));
  if (end == End::AtNewest) {
    stream->last_ = log.newest();
    return stream;
  }
  stream->has_joined_ = log.join(*stream);
  return stream->has_joined_ ? stream : nullptr;
}

EventStream::EventStream(control::EventLog& log, const Seen& seen)
    : log_(log), preamble_(kPreamble) {
  const std::uint64_t kept = log.newest() + 1 - log.oldest();
  next_ = log.newest() + 1 - std::min(seen.recent, kept);
  if (!seen.last_event_id.empty()) resume_behind(seen.last_event_id);
}

EventStream::~EventStream() {
  if (has_joined_) log_.leave(*this);
}

void EventStream::resume_behind(std::string_view last_event_id) {
  const auto last = parse_id(last_event_id);
  if (last && last->epoch == log_.epoch() && last->id <= log_.newest()) {
    next_ = last->id + 1;
    return;
  }
  preamble_ += kRestarted;
  next_ = log_.oldest();
}

void EventStream::on_events() {
  if (wake_) wake_();
}

std::string EventStream::next() {
  std::string text = std::exchange(preamble_, {});
  if (next_ < log_.oldest()) {
    text += lost(log_.oldest() - next_);
    next_ = log_.oldest();
  }
  const std::uint64_t last = last_.value_or(log_.newest());
  while (next_ <= last && text.size() < kPiece) text += written(log_.at(next_++));
  return text;
}

std::string EventStream::written(const control::Event& event) const {
  return "id: " + std::to_string(log_.epoch()) + "-" + std::to_string(event.id) +
         "\nevent: " + std::string(control::text(event.kind)) + "\ndata: " + event_json(event) +
         "\n\n";
}

}  // namespace sluice::admin
