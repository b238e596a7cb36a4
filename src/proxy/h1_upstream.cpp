#include "proxy/h1_upstream.hpp"

#include <algorithm>

#include "proxy/upstream_pool.hpp"
#include "sluice/http/h1_parser.hpp"

namespace sluice::proxy {

H1Upstream::H1Upstream(Context& context, net::Transport& transport, IdleUpstreams& siblings,
                       core::Millis idle_timeout, ConnectionPlace place)
    : context_(context),
      transport_(&transport),
      siblings_(siblings),
      place_(std::move(place)),
      era_(siblings.era),
      idle_timeout_(idle_timeout),
      first_look_(std::min<core::Millis>(idle_timeout, core::limits::kIdleLook)) {
  transport_->set_events(*this);
}

void H1Upstream::attach(UpstreamEvents& events) {
  events_ = &events;
  deadline_ = core::Instant::max();
  ++exchanges_;
  attached_in_ = context_.loop.turns();
  state_ = State::AwaitHead;
  request_ended_ = response_began_ = may_keep_alive_ = has_surplus_ = false;
  // A reused one reads already, and the head before has left nothing behind.
  if (!was_reused()) transport_->read(net::ReadMode::On);
}

// ---- request ----

void H1Upstream::send_head(const http::RequestHead& head, const http::RequestForwarding& with) {
  method_ = head.method;
  request_body_ = head.framing.kind;
  context_.gather.begin(*transport_);
  http::HeadWriter writer(context_.gather.head_room());
  http::write_request_head(writer, head, with);
  ENSURE(!writer.overflowed(), "a scanned head and our additions fit (limits.hpp)");
  context_.gather.commit(writer.written().size());
}

void H1Upstream::send_body(std::string_view bytes) {
  if (bytes.empty()) return;
  Gather& gather = context_.gather;
  gather.begin(*transport_);
  if (request_body_ != http::BodyKind::Chunked) {
    gather.view(bytes);
    return;
  }
  std::array<char, 20> line;
  gather.copy(http::chunk_line(bytes.size(), line));
  gather.view(bytes);
  gather.view(http::kChunkEnd);
}

void H1Upstream::finish(const http::HeaderBlock* trailers) {
  request_ended_ = true;
  if (request_body_ != http::BodyKind::Chunked) return;
  Gather& gather = context_.gather;
  gather.begin(*transport_);
  if (trailers == nullptr || trailers->size() == 0) {
    gather.view(http::kLastChunk);
    return;
  }
  http::HeadWriter writer(gather.head_room());
  writer.put(http::kLastChunkLine);
  http::write_trailers(writer, *trailers);
  writer.end_head();
  gather.commit(writer.written().size());
}

void H1Upstream::pause_response(Flow flow) {
  transport_->read(flow == Flow::Pause ? net::ReadMode::Off : net::ReadMode::On);
}

// ---- response ----

void H1Upstream::on_read(std::string_view bytes) {
  const EventScope scope(context_.gather);
  if (events_ == nullptr)
    return close_idle();  // bytes that nobody asked for: RFC 9112 §9.2 forbids to keep them
  if (is_older_than_request())
    return lose(UpstreamLoss::Closed, "the endpoint sent bytes that nobody asked for");
  response_began_ = true;
  consume(bytes);
  if (events_ == &discarding_) return close();
  context_.gather.flush();
  if (events_ != nullptr && state_ == State::Body) events_->on_response_flushed();
}

/// What is read in one turn was ready before any of its events was handled: on a connection that
/// went back to work in this very turn it can't be the answer, but would be taken for it. What a
/// crowded turn does not tell is seen by UpstreamPool::take_idle(); what arrives between that and
/// the request looks like its answer to any HTTP/1.1 proxy.
bool H1Upstream::is_older_than_request() const {
  return attached_in_ == context_.loop.turns() && exchanges_ > 1;
}

void H1Upstream::consume(std::string_view bytes) {
  while (events_ != nullptr && !bytes.empty()) {
    switch (state_) {
      case State::AwaitHead:
        bytes = read_head(bytes);
        break;
      case State::Body:
        bytes = read_body(bytes);
        break;
      case State::Ended:
      case State::Idle:
      case State::Closed:
        return;
    }
  }
}

/// Returns what is left behind the head; parses in place when the head came in one piece.
std::string_view H1Upstream::read_head(std::string_view bytes) {
  if (head_buffer_.empty()) {
    if (const auto end = head_end_.find(bytes)) {
      const std::string_view head_bytes(bytes.data(), *end);
      bytes.remove_prefix(*end);
      return take_head(head_bytes, bytes);
    }
  }
  head_buffer_.append(bytes);
  const auto end = head_end_.find(head_buffer_);
  if (end && *end <= core::limits::kResponseHeadMax) {
    const std::size_t rest = head_buffer_.size() - *end;
    const std::string whole = std::move(head_buffer_);
    head_buffer_.clear();
    return take_head(std::string_view(whole).substr(0, *end), bytes.substr(bytes.size() - rest));
  }
  if (head_buffer_.size() > core::limits::kResponseHeadMax)
    lose(UpstreamLoss::Malformed, "the response head is too large");
  return {};
}

std::string_view H1Upstream::take_head(std::string_view head_bytes, std::string_view rest) {
  http::ResponseHead head;
  head_end_.reset();
  if (const auto refusal = http::parse_response_head(head_bytes, method_, head)) {
    lose(UpstreamLoss::Malformed, refusal->reason);
    return {};
  }
  if (head.status == 101) {
    unread_ = rest;
    state_ = State::Ended;
    events_->on_response_head(head);
    return {};
  }
  if (head.status < 200) {
    events_->on_response_head(head);
    return rest;
  }
  response_body_ = head.framing.kind;
  remaining_ = head.framing.length;
  may_keep_alive_ = head.keep_alive && head.framing.kind != http::BodyKind::UntilClose;
  if (head.keep_alive_timeout_s) {
    // One second before the endpoint gives up (behaviour.md §4); a promise of 0 or 1 s can't be
    // used.
    const core::Millis promised =
        std::chrono::seconds(*head.keep_alive_timeout_s) - std::chrono::seconds(1);
    if (promised <= core::Millis::zero()) may_keep_alive_ = false;
    limit_idle(std::max(promised, core::Millis::zero()));
  }
  if (response_body_ == http::BodyKind::Chunked) decoder_.reset();
  const bool has_body = response_body_ != http::BodyKind::None &&
                        !(response_body_ == http::BodyKind::Length && remaining_ == 0);
  state_ = has_body ? State::Body : State::Ended;
  if (!has_body) has_surplus_ = !rest.empty();
  events_->on_response_head(head);
  if (!has_body && events_ != nullptr) end_response(nullptr);
  return rest;
}

std::string_view H1Upstream::read_body(std::string_view bytes) {
  switch (response_body_) {
    case http::BodyKind::Length:
      return read_length_body(bytes);
    case http::BodyKind::Chunked:
      return read_chunked_body(bytes);
    case http::BodyKind::UntilClose:
      events_->on_response_body(bytes);
      return {};
    case http::BodyKind::None:
      break;
  }
  core::unreachable();
}

std::string_view H1Upstream::read_length_body(std::string_view bytes) {
  const std::size_t take =
      static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
  remaining_ -= take;
  has_surplus_ = take < bytes.size();
  events_->on_response_body({bytes.data(), take});
  if (events_ != nullptr && remaining_ == 0) end_response(nullptr);
  bytes.remove_prefix(take);
  return bytes;
}

std::string_view H1Upstream::read_chunked_body(std::string_view bytes) {
  const http::ChunkDecoder::Step step = decoder_.next(bytes);
  bytes.remove_prefix(step.consumed);
  switch (step.event) {
    case http::ChunkDecoder::Event::NeedMore:
      return {};
    case http::ChunkDecoder::Event::Data:
      events_->on_response_body(step.data);
      return bytes;
    case http::ChunkDecoder::Event::End:
      has_surplus_ = !bytes.empty();
      end_response(decoder_.trailers());
      return {};
    case http::ChunkDecoder::Event::Bad:
      lose(UpstreamLoss::Malformed, step.reason);
      return {};
  }
  core::unreachable();
}

void H1Upstream::end_response(const http::HeaderBlock* trailers) {
  state_ = State::Ended;
  events_->on_response_end(trailers);
}

void H1Upstream::on_eof() {
  const EventScope scope(context_.gather);
  if (events_ == nullptr) return close_idle();
  if (state_ == State::Body && response_body_ == http::BodyKind::UntilClose)
    return end_response(nullptr);
  lose(UpstreamLoss::Closed, response_began_ ? "the endpoint closed before its answer was complete"
                                             : "the endpoint closed without an answer");
}

void H1Upstream::on_drained() {
  const EventScope scope(context_.gather);
  if (events_ != nullptr) events_->on_upstream_drained();
}

void H1Upstream::on_error(net::TransportError error) {
  const EventScope scope(context_.gather);
  if (events_ == nullptr) return close_idle();
  lose(UpstreamLoss::Reset, error == net::TransportError::TimedOut
                                ? "the connection to the endpoint timed out"
                                : "the endpoint reset the connection");
}

/// Closes first, so that whatever the exchange does next can't come back to this connection.
void H1Upstream::lose(UpstreamLoss loss, std::string_view reason) {
  UpstreamEvents* const events = events_;
  close();
  events->on_upstream_lost(loss, reason);
}

// ---- end of an exchange ----

void H1Upstream::limit_idle(core::Millis timeout) {
  idle_timeout_ = std::min(idle_timeout_, timeout);
  first_look_ = std::min(idle_timeout_, first_look_);
}

bool H1Upstream::is_reusable() const {
  return state_ == State::Ended && era_ == siblings_.era && may_keep_alive_ && request_ended_ &&
         !has_surplus_ && transport_->queued() == 0 && !context_.is_stopping &&
         idle_timeout_ > core::Millis::zero();
}

void H1Upstream::release() {
  context_.gather.flush_for(*transport_);
  if (!is_reusable() || place_.is_wanted()) return close();
  events_ = nullptr;
  state_ = State::Idle;
  transport_->read(net::ReadMode::On);
  idle_since_ = context_.loop.now();
  context_.loop.timers().arm(timer_, idle_since_ + first_look_);
  context_.upstreams.put_idle(*this);
}

void H1Upstream::abort() {
  close();
}

ReleasedUpstream H1Upstream::release_transport() {
  context_.gather.flush_for(*transport_);
  ReleasedUpstream released{*std::exchange(transport_, nullptr), std::move(place_)};
  close();
  return released;
}

void H1Upstream::close_idle() {
  if (state_ == State::Idle && core::ListNode<IdleUpstreamTag>::is_linked())
    context_.upstreams.remove_idle(*this);
  close();
}

void H1Upstream::close() {
  if (state_ == State::Closed) return;
  state_ = State::Closed;
  events_ = nullptr;
  context_.loop.timers().disarm(timer_);
  if (transport_ != nullptr) {
    context_.gather.flush_for(*transport_);
    std::exchange(transport_, nullptr)->close();
  }
  place_.give_back();
  context_.loop.retire(*this);
}

/// One timer for idle times and deadlines, armed from the first of them on: moving one later is a
/// store, linking and unlinking are not.
void H1Upstream::set_deadline(core::Instant deadline) {
  deadline_ = deadline;
  if (deadline != core::Instant::max()) context_.loop.timers().arm(timer_, deadline);
}

void H1Upstream::on_timer() {
  const core::Instant now = context_.loop.now();
  if (state_ == State::Idle) {
    if (now >= idle_until() || place_.is_wanted_while_idle()) return close_idle();
    const core::Instant next_look = now + core::limits::kIdleLook;
    context_.loop.timers().arm(timer_, std::min(idle_until(), next_look));
  } else if (now >= deadline_ && events_ != nullptr) {
    deadline_ = core::Instant::max();
    events_->on_upstream_deadline();
  }
}

void H1Upstream::reap() {
  context_.upstreams.destroy(*this);
}

}  // namespace sluice::proxy
