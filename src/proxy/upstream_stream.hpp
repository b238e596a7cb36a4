#pragma once
#include <cstdint>
#include <string_view>

#include "net/transport.hpp"
#include "proxy/client_stream.hpp"
#include "proxy/connection_place.hpp"
#include "sluice/http/forward.hpp"
#include "sluice/http/message.hpp"

namespace sluice::proxy {

/// Why an attempt ended without a whole answer.
enum class UpstreamLoss : std::uint8_t {
  Closed,  // FIN before the answer was complete
  Reset,
  Malformed,  // the endpoint does not speak HTTP as we accept it
};

/// A connection to an endpoint that its stream has given away.
struct ReleasedUpstream {
  net::Transport& transport;
  ConnectionPlace place;
};

/// What the endpoint side tells the exchange. Each may end the exchange; the stream then touches
/// nothing more.
class UpstreamEvents {
 public:
  /// Any status; 1xx may come several times. `head` is valid during the call.
  virtual void on_response_head(const http::ResponseHead& head) = 0;
  virtual void on_response_body(std::string_view bytes) = 0;
  virtual void on_response_end(const http::HeaderBlock* trailers) = 0;
  /// `reason` is static text for the log.
  virtual void on_upstream_lost(UpstreamLoss loss, std::string_view reason) = 0;
  /// What was read is handed on and flushed: the moment to compare queues with watermarks.
  virtual void on_response_flushed() = 0;
  /// Queued request bytes fell to the low watermark.
  virtual void on_upstream_drained() = 0;
  /// That of set_deadline() has come.
  virtual void on_upstream_deadline() = 0;

 protected:
  ~UpstreamEvents() = default;
};

/// Endpoint side of one exchange: an HTTP/1 connection, later one HTTP/2 stream. Called by the
/// exchange only, and never calls it back from inside such a call.
class UpstreamStream {
 public:
  virtual void send_head(const http::RequestHead& head, const http::RequestForwarding& with) = 0;
  /// Framed as the head said.
  virtual void send_body(std::string_view bytes) = 0;
  virtual void finish(const http::HeaderBlock* trailers) = 0;
  virtual void pause_response(Flow flow) = 0;
  /// When on_upstream_deadline() comes, once; a later call moves it. Instant::max(): never, as at
  /// the beginning of each exchange.
  virtual void set_deadline(core::Instant deadline) = 0;
  virtual std::size_t queued() const = 0;
  virtual bool was_reused() const = 0;
  /// Any byte of an answer has arrived.
  virtual bool response_began() const = 0;
  /// The exchange has ended well: the connection is kept if both sides agree and nothing is left
  /// over, else closed.
  virtual void release() = 0;
  /// The exchange has ended otherwise: the connection is closed now.
  virtual void abort() = 0;
  /// From within on_response_head(): the answer is not wanted. The connection is kept as by
  /// release() when the rest of it has come already, else closed.
  virtual void discard() = 0;
  /// After a 101: gives the connection away, with what was read behind the head.
  virtual ReleasedUpstream release_transport() = 0;
  virtual std::string_view unread() const = 0;

 protected:
  ~UpstreamStream() = default;
};

}  // namespace sluice::proxy
