#pragma once
#include <cstdint>
#include <string_view>

#include "net/acceptor.hpp"
#include "net/transport.hpp"
#include "proxy/connection_ticket.hpp"
#include "proxy/local_reply.hpp"
#include "sluice/http/forward.hpp"
#include "sluice/http/message.hpp"

namespace sluice::proxy {

enum class Flow : std::uint8_t { Run, Pause };

/// A client connection on its way from a session to a tunnel.
struct ReleasedClient {
  net::Transport& transport;
  ConnectionTicket ticket;
};

/// Client side of one exchange: an HTTP/1 session, later one HTTP/2 stream. Called by the exchange
/// only, and never calls it back from inside such a call.
class ClientStream {
 public:
  /// 1xx, not 101. The caller knows that the client can take it.
  virtual void send_informational(const http::ResponseHead& head,
                                  const http::ResponseForwarding& with) = 0;
  virtual void send_head(const http::ResponseHead& head, const http::ResponseForwarding& with) = 0;
  /// Framed as the head said. The view may be sent at the end of the event, not later.
  virtual void send_body(std::string_view bytes) = 0;
  /// The answer is complete; trailers only when it is chunked. Then the client goes on, or is
  /// closed if the head said so.
  virtual void finish(const http::HeaderBlock* trailers) = 0;
  /// A whole answer of Sluice's own. Returns the bytes of its body.
  virtual std::size_t send_local(const LocalReply& reply) = 0;
  /// The answer can't be completed: the client must see a broken transfer.
  virtual void abort() = 0;
  /// The request body may now be delivered; Pause and Run afterwards as the endpoint takes it.
  virtual void open_upload(Flow flow) = 0;
  /// Bytes that wait for the client.
  virtual std::size_t queued() const = 0;
  /// The same with what is under way and not acknowledged. Asks the kernel.
  virtual std::size_t untaken() const = 0;
  /// Bytes that arrived behind the request, for a tunnel. Valid until the end of the turn.
  virtual std::string_view unread() const = 0;
  /// After a 101 was sent: gives the connection away. The stream ends without touching it.
  virtual ReleasedClient release_transport() = 0;

 protected:
  ~ClientStream() = default;
};

}  // namespace sluice::proxy
