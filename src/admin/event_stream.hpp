#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "admin/message.hpp"
#include "control/events.hpp"

namespace sluice::admin {

/// The event log as server-sent events (HTML Living Standard §9.2): one place in the log, moved on
/// as the caller reads. Whoever falls so far behind that events have left the log gets `lost` with
/// their number in their place. Loop thread only.
class EventStream final : public BodyStream, private control::EventReader {
 public:
  enum class End : std::uint8_t { Never, AtNewest };  // as of now
  /// What the caller has seen already.
  struct Seen {
    std::string last_event_id;  // of an event of this stream; empty: `recent` counts
    std::uint64_t recent = 0;   // begin with so many that came before
  };

  /// nullptr: too many follow already. The log outlives the stream.
  static std::shared_ptr<EventStream> open(control::EventLog& log, const Seen& seen, End end);
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;
  ~EventStream() override;

  std::string next() override;
  bool has_ended() const override { return last_ && next_ > *last_ && preamble_.empty(); }
  std::string_view heartbeat() const override { return ":\n\n"; }
  void set_wake(std::function<void()> wake) override { wake_ = std::move(wake); }

 private:
  EventStream(control::EventLog& log, const Seen& seen);
  void on_events() override;
  void resume_behind(std::string_view last_event_id);
  std::string written(const control::Event& event) const;

  control::EventLog& log_;
  std::uint64_t next_ = 0;             // the event to be sent next
  std::optional<std::uint64_t> last_;  // nullopt: never ends
  std::string preamble_;
  bool has_joined_ = false;
  std::function<void()> wake_;
};

}  // namespace sluice::admin
