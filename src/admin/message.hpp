#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/change_record.hpp"
#include "sluice/http/message.hpp"

/// One admin request and its answer, as values: no sockets here.
namespace sluice::admin {

/// Where a request came from decides what it may do.
enum class Origin : std::uint8_t {
  Local,   // the Unix socket, whose mode says who may use it
  Remote,  // TCP: read-only until it has tokens (behaviour.md §5)
};

struct Request {
  Origin origin = Origin::Local;
  control::Actor actor;
  http::Method method = http::Method::Get;
  std::string host;  // without port
  std::string path;
  std::string query;
  std::string body;
  std::optional<std::string> if_match;  // all lines of If-Match, joined by commas
  std::string last_event_id;            // Last-Event-ID; empty: none
  bool keep_alive = true;
};

/// A body that goes on: the connection pulls it whenever the caller can take more, and drops it
/// when the caller has gone.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  /// More of the body, a piece of moderate size; empty: nothing now.
  virtual std::string next() = 0;
  /// next() gives nothing any more.
  virtual bool has_ended() const = 0;
  /// Sent when nothing else was for kEventHeartbeat.
  virtual std::string_view heartbeat() const = 0;
  /// `wake` runs, on the loop, when next() may have something again; nullptr: nobody asks any more.
  virtual void set_wake(std::function<void()> wake) = 0;
};

struct Response {
  std::uint16_t status = 200;
  std::string_view content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> fields;  // Allow, Retry-After
  std::shared_ptr<BodyStream> stream = nullptr;                  // instead of `body`
};

/// Takes the answer, once, now or later; does nothing when the caller has gone.
using Responder = std::function<void(Response)>;

}  // namespace sluice::admin
