#pragma once
#include <cstdint>
#include <optional>

#include "net/chunk_pool.hpp"
#include "net/reaper.hpp"
#include "net/slab.hpp"
#include "net/timer_wheel.hpp"
#include "net/transport.hpp"
#include "proxy/client_stream.hpp"
#include "proxy/context.hpp"
#include "proxy/exchange.hpp"
#include "sluice/http/chunked.hpp"
#include "sluice/http/h1_parser.hpp"

namespace sluice::proxy {

class H1Session;
struct SessionTag;

/// What a session needs only while a request is on it: an idle connection holds none of it. Lives
/// in a slab of the worker.
struct H1Request final : net::Reapable {
  H1Request(Context& context, H1Session& session, net::Slab<H1Request>& slab);
  void on_turn_end();
  void reap() override { slab.destroy(this); }

  net::Slab<H1Request>& slab;
  H1Session& session;
  net::ChunkPtr chunk;           // the head, then body or pipelined bytes that wait: at most 16 KiB
  std::uint32_t head_bytes = 0;  // at the front of the chunk; the exchange's views point there
  http::HeadEnd head_end;
  http::ChunkDecoder decoder;
  std::uint64_t remaining = 0;  // of a body with a length
  bool is_body_complete = false;
  bool is_upload_open = false;
  Flow upload_flow = Flow::Run;
  Exchange exchange;
  net::MemberDeferred<H1Request, &H1Request::on_turn_end> turn_end{*this};
};

/// The client side of HTTP/1: one connection, one request at a time. Reads heads and bodies, writes
/// what the exchange says.
///
///   Idle ──first byte──► Head ──whole head──► Busy ──complete──► Sending ──sent──► Idle or Head
///     │ timeout, FIN       │ 408, FIN          │ complete, closes
///     ▼                    ▼                   ▼
///   Closed ◄───────────────┴─── Lingering ◄─ Flushing
///
/// Aborts and tunnels leave from Busy at once. Head follows Sending when a request was pipelined.
/// The next request begins when the answer before it has left our queue: an abort of the later one
/// would take it along.
///
/// Owns its transport until it closes or gives it away. Worker thread only; reaped by its loop.
class H1Session final : public ClientStream,
                        public net::TransportEvents,
                        public net::Reapable,
                        public core::ListNode<SessionTag> {
 public:
  using List = core::IntrusiveList<H1Session, SessionTag>;
  /// Places and lists of one worker; a session moves itself between them. `idle` and `slow_heads`:
  /// the one that waits longest first.
  struct Home {
    net::Slab<H1Session> sessions;
    net::Slab<H1Request> requests;
    List idle;
    List slow_heads;  // what came first was not the whole head
    List busy;
  };

  H1Session(Context& context, Home& home, net::Transport& transport, ConnectionTicket ticket);

  const Origin& origin() const { return ticket_.origin(); }
  /// No request is on it. Since when: for eviction at the connection limit.
  bool is_idle() const { return state_ == State::Idle; }
  /// Idle, or with a head that has begun and not ended: since when.
  core::Instant waits_since() const { return waits_since_; }
  /// Closes if no request is on it.
  void close_idle();
  /// One of `slow_heads`: answers 408 and closes without waiting for more, as its place is needed.
  void refuse_slow_head();
  /// The proxy stops: an idle one closes now, a fresh one has a second to send its request, others
  /// end with their answer.
  void begin_stop();
  /// Closes whatever is going on; the request counts as left by its client.
  void give_up();
  /// For H1Request: the end of a turn in which the exchange ended or opened its upload.
  void on_turn_end();

  // ClientStream
  void send_informational(const http::ResponseHead& head,
                          const http::ResponseForwarding& with) override;
  void send_head(const http::ResponseHead& head, const http::ResponseForwarding& with) override;
  void send_body(std::string_view bytes) override;
  void finish(const http::HeaderBlock* trailers) override;
  std::size_t send_local(const LocalReply& reply) override;
  void abort() override;
  void open_upload(Flow flow) override;
  std::size_t queued() const override { return transport_ == nullptr ? 0 : transport_->queued(); }
  std::size_t untaken() const override { return transport_ == nullptr ? 0 : transport_->untaken(); }
  std::string_view unread() const override;
  ReleasedClient release_transport() override;

  // net::TransportEvents
  void on_read(std::string_view bytes) override;
  void on_eof() override;
  void on_drained() override;
  void on_error(net::TransportError error) override;

  void reap() override { home_.sessions.destroy(this); }

 private:
  enum class State : std::uint8_t { Idle, Head, Busy, Sending, Flushing, Lingering, Closed };
  enum class Ending : std::uint8_t { KeepAlive, Close, Abort };

  void enter_idle();
  void begin_request();
  void take_head(std::string_view bytes);
  void on_head(std::size_t head_size, std::string_view rest);
  void wait_for_head();
  void move_to(List& list);
  void start_body();
  void take_body(std::string_view bytes);
  void take_more();
  bool may_deliver() const;
  void pump_upload();
  std::size_t deliver(std::string_view bytes);
  std::size_t deliver_length(std::string_view bytes);
  std::size_t deliver_chunked(std::string_view bytes);
  void complete_body(const http::HeaderBlock* trailers);
  void store(std::string_view bytes);
  void update_reading();
  void end_exchange(Ending ending);
  void await_sending();
  void next_request();
  void await_taking(State state);
  void check_taking();
  void start_flushing();
  bool may_send_no_more() const;
  void start_lingering();
  void close();
  void end_idle();
  void on_timeout();
  void arm(core::Millis timeout);

  Context& context_;
  Home& home_;
  net::Transport* transport_;  // nullptr once closed or given away
  H1Request* request_ = nullptr;
  core::Instant waits_since_{};
  std::uint32_t flush_timeout_ms_ = 0;  // of the last request's service ...
  std::uint32_t flush_rate_ = 0;        // ... how slowly its answer may be taken
  // Sending, Flushing, Idle for long: bytes not taken at the last check, 0 before the first.
  // Lingering: bytes discarded.
  std::uint32_t progress_ = 0;
  std::uint32_t served_ = 0;  // requests that were answered, and the connection went on
  State state_ = State::Idle;
  Ending ending_ = Ending::KeepAlive;
  http::BodyCoding coding_ = http::BodyCoding::None;
  bool closes_ = false;           // the head that was sent says so
  bool is_in_event_ = false;      // an upload opened now is pumped when the event returns
  bool has_peer_ended_ = false;   // its FIN was read, and with it everything before
  bool is_last_request_ = false;  // the client said so, and all that it has sent was read
  bool is_own_answer_ = false;    // of the last request: Sluice answered it, no endpoint
  ConnectionTicket ticket_;
  net::MemberTimer<H1Session, &H1Session::on_timeout> timer_{*this};
};

// With its transport an idle connection costs at most 360 bytes (architecture.md §7 "Allocation").
static_assert(sizeof(H1Session) <= 248);

}  // namespace sluice::proxy
