#pragma once
#include <cstdint>
#include <string>

#include "net/reaper.hpp"
#include "net/timer_wheel.hpp"
#include "net/transport.hpp"
#include "proxy/context.hpp"
#include "proxy/upstream_stream.hpp"
#include "sluice/core/ids.hpp"
#include "sluice/http/chunked.hpp"
#include "sluice/http/head_scanner.hpp"

namespace sluice::proxy {

class H1Upstream;
struct IdleUpstreamTag;

/// Idle connections to one endpoint. Owned by the pool, as long as there is a connection to it.
struct IdleUpstreams {
  core::EndpointId endpoint;
  core::IntrusiveList<H1Upstream, IdleUpstreamTag> connections;  // most recent first
  std::size_t count = 0;                                         // of them
  std::size_t all = 0;                                           // with those that work
  std::uint32_t era = 0;  // grows when those that are there shall not be used again
  core::Epoch seen_in{};  // keep_only() has found the endpoint in the snapshot of that
};

/// One HTTP/1.1 connection to an endpoint: idle in its pool, or working for one exchange. Owned by
/// the UpstreamPool.
///
///   Idle ──take──► AwaitHead ──final head──► Body ──last byte──► Ended ──release──► Idle
///     │                │  ▲ 1xx                │                    │ not reusable
///     └── FIN, bytes,  └──┴──── FIN, RST ──────┴────────────────────┴──► Closed (reaped)
///         timeout
class H1Upstream final : public UpstreamStream,
                         public net::TransportEvents,
                         public net::Reapable,
                         public core::ListNode<IdleUpstreamTag> {
 public:
  H1Upstream(Context& context, net::Transport& transport, IdleUpstreams& siblings,
             core::Millis idle_timeout, ConnectionPlace place);

  /// Those idle to the same endpoint.
  IdleUpstreams& siblings() { return siblings_; }
  /// Begins work for one exchange. Requires: taken from the pool or just opened.
  void attach(UpstreamEvents& events);
  void close_idle();
  /// Of an idle one: bytes or an end that the loop has not told of yet.
  bool has_unasked_input() const { return transport_->has_input(); }
  /// When an idle one ends by itself.
  core::Instant idle_until() const { return idle_since_ + idle_timeout_; }

  // UpstreamStream
  void send_head(const http::RequestHead& head, const http::RequestForwarding& with) override;
  void send_body(std::string_view bytes) override;
  void finish(const http::HeaderBlock* trailers) override;
  void pause_response(Flow flow) override;
  void set_deadline(core::Instant deadline) override;
  std::size_t queued() const override { return transport_->queued(); }
  bool was_reused() const override { return exchanges_ > 1; }
  bool response_began() const override { return response_began_; }
  void release() override;
  void abort() override;
  void discard() override { events_ = &discarding_; }
  ReleasedUpstream release_transport() override;
  std::string_view unread() const override { return unread_; }

  // net::TransportEvents
  void on_read(std::string_view bytes) override;
  void on_eof() override;
  void on_drained() override;
  void on_error(net::TransportError error) override;

  void reap() override;

 private:
  enum class State : std::uint8_t { Idle, AwaitHead, Body, Ended, Closed };
  /// Takes the place of an exchange that does not want the rest of an answer.
  class Discarding final : public UpstreamEvents {
   public:
    explicit Discarding(H1Upstream& owner) : owner_(owner) {}
    void on_response_head(const http::ResponseHead&) override {}
    void on_response_body(std::string_view) override {}
    void on_response_end(const http::HeaderBlock*) override { owner_.release(); }
    void on_upstream_lost(UpstreamLoss, std::string_view) override {}
    void on_response_flushed() override {}
    void on_upstream_drained() override {}
    void on_upstream_deadline() override {}

   private:
    H1Upstream& owner_;
  };

  void consume(std::string_view bytes);
  bool is_older_than_request() const;
  std::string_view read_head(std::string_view bytes);
  std::string_view take_head(std::string_view head_bytes, std::string_view rest);
  std::string_view read_body(std::string_view bytes);
  std::string_view read_length_body(std::string_view bytes);
  std::string_view read_chunked_body(std::string_view bytes);
  void end_response(const http::HeaderBlock* trailers);
  void lose(UpstreamLoss loss, std::string_view reason);
  void limit_idle(core::Millis timeout);
  bool is_reusable() const;
  void close();
  void on_timer();

  Context& context_;
  net::Transport* transport_;         // nullptr once given away or closed
  UpstreamEvents* events_ = nullptr;  // nullptr: no exchange
  Discarding discarding_{*this};
  IdleUpstreams& siblings_;
  ConnectionPlace place_;    // until it is closed or given away
  const std::uint32_t era_;  // of its siblings when it was opened
  core::Millis idle_timeout_;
  core::Millis first_look_;  // of an idle one, after so long
  core::Instant idle_since_{};
  core::Instant deadline_ = core::Instant::max();  // of the exchange
  net::MemberTimer<H1Upstream, &H1Upstream::on_timer> timer_{*this};

  // Of the exchange that it works for:
  State state_ = State::Idle;
  http::Method method_ = http::Method::Get;
  http::BodyKind request_body_ = http::BodyKind::None;
  http::BodyKind response_body_ = http::BodyKind::None;
  bool request_ended_ = false;
  bool response_began_ = false;
  bool may_keep_alive_ = false;
  bool has_surplus_ = false;  // bytes behind the answer: never reused
  std::uint32_t exchanges_ = 0;
  std::uint64_t attached_in_ = 0;  // turn of the loop
  std::uint64_t remaining_ = 0;
  http::ChunkDecoder decoder_;
  http::HeadEnd head_end_;
  std::string head_buffer_;  // a head that came in pieces; empty otherwise
  std::string_view unread_;
};

}  // namespace sluice::proxy
