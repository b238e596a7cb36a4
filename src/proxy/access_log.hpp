#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/log_queue.hpp"
#include "sluice/core/clock.hpp"

namespace sluice::proxy {

/// What one line of the access log says (behaviour.md §5). Absent views (data() == nullptr) and
/// absent optionals are null.
struct LogRecord {
  core::WallTime time;
  std::string_view request_id;
  std::string_view client;
  std::string_view method;
  std::string_view host;
  std::string_view path;        // without the query
  std::uint16_t status = 0;     // 0: none was sent; 499: the client left first
  std::uint64_t bytes_in = 0;   // of the request body, from the client
  std::uint64_t bytes_out = 0;  // of the answer's body, to the client
  core::Nanos duration{0};
  std::optional<core::Nanos>
      connect;  // of the last connection opened for it; absent on a reused one
  std::optional<core::Nanos> first_byte;  // from the request to the first byte of the answer's head
  std::string_view service;
  std::string_view pool;
  std::string_view endpoint;
  std::string_view reason;
  std::optional<std::uint16_t> bucket;
  std::optional<std::uint64_t> generation;
  unsigned retries = 0;
  std::string_view rescued_from;  // the pool that failed it
  std::string_view user_agent;
  std::string_view referer;     // of `combined` only
  std::string_view protocol;    // as the client named it; of `combined` only
  std::string_view limited_by;  // the rate limit that refused it; `shadow:NAME`: that would have
  std::string_view breaker;     // `open`: one turned it away; `probe`: one tried its pool with it
  std::string_view shed;        // `memory`, `loop`, `adaptive_concurrency`: refused for that
  std::string_view error;       // why an own answer or a cut, in words
};

/// One JSON object and '\n', appended to `out`, which is reused: steady lines allocate nothing.
/// Bytes that are not UTF-8 become U+FFFD. Names in the order of behaviour.md §5.
void format_json(const LogRecord& record, std::string& out);

/// The Common Log Format with referer and user agent, as Apache and nginx write it: times in UTC,
/// the path without the query; what could break a line or a quoted string is written as \xHH.
void format_combined(const LogRecord& record, std::string& out);

enum class LogFormat : std::uint8_t { Json, Combined };

/// A copy of a record that does not depend on the request's memory; for tunnels.
class OwnedLogRecord {
 public:
  OwnedLogRecord() = default;
  explicit OwnedLogRecord(const LogRecord& record);
  OwnedLogRecord(const OwnedLogRecord&) = delete;
  OwnedLogRecord& operator=(const OwnedLogRecord&) = delete;
  LogRecord& record() { return record_; }

 private:
  std::string backing_;
  LogRecord record_;
};

/// The worker's end of the access log: formats and queues, never blocks.
class AccessLog {
 public:
  /// `queue` nullptr: no access log.
  AccessLog(LogQueue* queue, LogFormat format) : queue_(queue), format_(format) {}
  bool is_on() const { return queue_ != nullptr; }
  LogFormat format() const { return format_; }
  /// False: dropped.
  bool write(const LogRecord& record);

 private:
  LogQueue* queue_;
  LogFormat format_;
  std::string line_;
};

}  // namespace sluice::proxy
