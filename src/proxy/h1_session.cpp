#include "proxy/h1_session.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::proxy {

H1Request::H1Request(Context& context, H1Session& owner, net::Slab<H1Request>& place)
    : slab(place),
      session(owner),
      chunk(context.loop.chunks().take()),
      exchange(context, owner, owner.origin()) {}

void H1Request::on_turn_end() {
  session.on_turn_end();
}

H1Session::H1Session(Context& context, Home& home, net::Transport& transport,
                     ConnectionTicket ticket)
    : context_(context), home_(home), transport_(&transport), ticket_(std::move(ticket)) {
  transport_->set_events(*this);
  home_.busy.push_back(*this);  // enter_idle() moves it
  enter_idle();
  // A new connection owes a request sooner than a kept one.
  arm(context_.slot.peek().request_header_timeout);
}

// ================ reading a request ================

void H1Session::enter_idle() {
  state_ = State::Idle;
  waits_since_ = context_.loop.now();
  progress_ = 0;
  move_to(home_.idle);
  context_.metrics.connections_idle.add();
  arm(context_.slot.peek().keep_alive_idle);
  update_reading();
}

void H1Session::on_read(std::string_view bytes) {
  const EventScope scope(context_.gather);
  switch (state_) {
    case State::Idle:
      begin_request();
      return take_head(bytes);
    case State::Head:
      return take_head(bytes);
    case State::Busy:
    case State::Sending:
      break;
    case State::Flushing:
      return;  // discarded; the timer looks at what the client reads
    case State::Lingering:
      progress_ += static_cast<std::uint32_t>(bytes.size());
      if (progress_ > core::limits::kLingerBytesMax) close();
      return;
    case State::Closed:
      return;
  }
  // The answer has ended the exchange and the connection in this very turn: the rest of the request
  // is not wanted.
  if (request_->exchange.is_finished() && ending_ != Ending::KeepAlive) return;
  take_body(bytes);
}

void H1Session::begin_request() {
  if (state_ == State::Idle) context_.metrics.connections_idle.subtract();
  state_ = State::Head;
  move_to(home_.busy);
  request_ = home_.requests.make(context_, *this, home_.requests);
  is_own_answer_ = false;
  arm(context_.slot.peek().request_header_timeout);
}

/// A head that comes in one read is all that is copied to the request's chunk: its body goes on
/// from where it was read. The read limit sees to it that the chunk has room for all of it.
void H1Session::take_head(std::string_view bytes) {
  const bool is_first = request_->chunk->bytes().empty();
  if (!is_first) store(bytes);
  const http::HeadLimits& limits = context_.slot.peek().head_limits;
  const std::string_view all = is_first ? bytes : request_->chunk->bytes();
  const auto size = request_->head_end.find(all);
  switch (http::head_progress(size, all.size(), limits)) {
    case http::HeadProgress::Whole:
      if (!is_first) {
        move_to(home_.busy);
        return on_head(*size, {});
      }
      store(bytes.substr(0, *size));
      return on_head(*size, bytes.substr(*size));
    case http::HeadProgress::Partial:
      if (is_first) {
        store(bytes);
        wait_for_head();
      }
      return update_reading();
    case http::HeadProgress::Oversized:
      break;
  }
  move_to(home_.busy);
  state_ = State::Busy;
  context_.loop.timers().disarm(timer_);
  request_->exchange.on_refused_head(
      http::oversized_request_head(all.substr(0, limits.head_bytes)));
}

void H1Session::wait_for_head() {
  waits_since_ = context_.loop.now();
  move_to(home_.slow_heads);
}

void H1Session::move_to(List& list) {
  core::ListNode<SessionTag>::unlink();
  list.push_back(*this);
}

void H1Session::on_head(std::size_t head_size, std::string_view rest) {
  state_ = State::Busy;  // the timer stays armed: moving its deadline is a store, unlinking is not
  net::Chunk& chunk = *request_->chunk;
  const std::string_view bytes = chunk.bytes().substr(0, head_size);
  chunk.begin += static_cast<std::uint32_t>(head_size);
  request_->head_bytes = chunk.begin;
  Exchange& exchange = request_->exchange;
  is_in_event_ = true;
  if (const auto refusal =
          http::parse_request_head(bytes, context_.slot.peek().head_limits, exchange.head)) {
    exchange.on_refused_head(*refusal);
  } else {
    start_body();
    exchange.is_last_of_connection = served_ + 1 == context_.slot.peek().requests_per_connection;
    exchange.on_request_head(head_size);
  }
  take_body(rest);
}

void H1Session::start_body() {
  const http::Framing& framing = request_->exchange.head.framing;
  request_->remaining = framing.length;
  if (framing.kind == http::BodyKind::Chunked) request_->decoder.reset();
  request_->is_body_complete = framing.kind == http::BodyKind::None;
}

/// What came behind the head, as far as the exchange takes it; the rest waits in the chunk.
void H1Session::take_body(std::string_view bytes) {
  is_in_event_ = true;
  // Bytes that wait already go first: pump_upload().
  if (!bytes.empty() && request_->chunk->bytes().empty() && may_deliver()) {
    bytes.remove_prefix(deliver(bytes));
    if (bytes.empty()) take_more();
  }
  if (!request_->exchange.is_finished() || ending_ == Ending::KeepAlive) store(bytes);
  is_in_event_ = false;
  pump_upload();
}

/// A body that is a little longer than one read goes on in one piece with it: one send instead of
/// two.
void H1Session::take_more() {
  if (!may_deliver() || request_->exchange.head.framing.kind != http::BodyKind::Length) return;
  const auto limit = std::min<std::uint64_t>(request_->remaining, core::limits::kReadBufferSize);
  const std::string_view more = transport_->read_more(static_cast<std::size_t>(limit));
  if (!more.empty()) deliver_length(more);
}

bool H1Session::may_deliver() const {
  return state_ == State::Busy && request_->is_upload_open && request_->upload_flow == Flow::Run &&
         !request_->is_body_complete && !request_->exchange.is_finished();
}

/// Hands on what waits in the chunk, as far as the exchange takes it, and then reads accordingly.
void H1Session::pump_upload() {
  if (state_ != State::Busy) return;
  is_in_event_ = true;
  net::Chunk& chunk = *request_->chunk;
  // A length of 0 has no byte that would complete it.
  if (may_deliver() && request_->exchange.head.framing.kind == http::BodyKind::Length &&
      request_->remaining == 0) {
    complete_body(nullptr);
  }
  while (may_deliver() && !chunk.bytes().empty()) {
    const std::size_t taken = deliver(chunk.bytes());
    chunk.begin += static_cast<std::uint32_t>(taken);
    if (taken == 0) break;
  }
  is_in_event_ = false;
  if (state_ != State::Busy) return;
  // What was stored has taken room from another read of this very turn.
  if (request_->exchange.is_finished()) return update_reading();
  context_.gather.flush();
  // Else bytes that waited once would leave no room behind them, and a chunked body would be read
  // byte by byte from then on.
  if (chunk.bytes().empty()) chunk.begin = chunk.end = request_->head_bytes;
  request_->exchange.on_request_flushed();
  update_reading();
}

/// Returns how many bytes belonged to the body and were taken. Requires: may_deliver().
std::size_t H1Session::deliver(std::string_view bytes) {
  return request_->exchange.head.framing.kind == http::BodyKind::Chunked ? deliver_chunked(bytes)
                                                                         : deliver_length(bytes);
}

std::size_t H1Session::deliver_length(std::string_view bytes) {
  const auto take =
      static_cast<std::size_t>(std::min<std::uint64_t>(request_->remaining, bytes.size()));
  request_->remaining -= take;
  request_->exchange.on_request_body(bytes.substr(0, take));
  if (request_->remaining == 0 && !request_->exchange.is_finished()) complete_body(nullptr);
  return take;
}

std::size_t H1Session::deliver_chunked(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !request_->is_body_complete && !request_->exchange.is_finished()) {
    const http::ChunkDecoder::Step step = request_->decoder.next(bytes.substr(taken));
    taken += step.consumed;
    switch (step.event) {
      case http::ChunkDecoder::Event::NeedMore:
        break;
      case http::ChunkDecoder::Event::Data:
        request_->exchange.on_request_body(step.data);
        break;
      case http::ChunkDecoder::Event::End:
        complete_body(request_->decoder.trailers());
        break;
      case http::ChunkDecoder::Event::Bad:
        request_->exchange.on_request_broken(step.reason);
        break;
    }
  }
  return taken;
}

void H1Session::complete_body(const http::HeaderBlock* trailers) {
  request_->is_body_complete = true;
  request_->exchange.on_request_end(trailers);
}

/// Requires: room, which update_reading() keeps the read limit within.
void H1Session::store(std::string_view bytes) {
  if (bytes.empty()) return;
  net::Chunk& chunk = *request_->chunk;
  // Body bytes that were handed on leave room at the end only when nothing waits; the head stays in
  // front of them.
  ENSURE(bytes.size() <= chunk.room(), "a read never brings more than the chunk has room for");
  std::memcpy(chunk.data + chunk.end, bytes.data(), bytes.size());
  chunk.end += static_cast<std::uint32_t>(bytes.size());
}

/// The one place that says what is read: everything else changes state and calls it.
void H1Session::update_reading() {
  using net::ReadMode;
  if (transport_ == nullptr) return;
  switch (state_) {
    case State::Idle:
      return transport_->read(ReadMode::On, core::limits::kChunkSize);
    case State::Head:
      return transport_->read(ReadMode::On, request_->chunk->room());
    case State::Flushing:
    case State::Lingering:
      return transport_->read(ReadMode::On);
    case State::Closed:
      return;
    case State::Sending:
      return transport_->read(ReadMode::WatchClose);
    case State::Busy:
      break;
  }
  const H1Request& request = *request_;
  const std::size_t room = request.chunk->room();
  if (!request.is_body_complete) {
    // Body bytes that wait, or an endpoint that does not take more: only the client's leaving
    // matters.
    const bool takes_more = request.is_upload_open && request.upload_flow == Flow::Run &&
                            request.chunk->bytes().empty();
    if (!takes_more) return transport_->read(ReadMode::WatchClose);
    if (request.exchange.head.framing.kind == http::BodyKind::Length) {
      // Never beyond this body: what follows stays in the kernel.
      const auto limit = std::min<std::uint64_t>(request.remaining, core::limits::kReadBufferSize);
      return transport_->read(ReadMode::On, static_cast<std::size_t>(limit));
    }
    // A head that fills the chunk leaves no room for what may follow a chunked body: then no
    // further than it is certain to go on, and byte by byte between its chunks.
    const auto certain =
        std::min<std::uint64_t>(request.decoder.data_left(), core::limits::kReadBufferSize);
    return transport_->read(ReadMode::On,
                            std::max({room, static_cast<std::size_t>(certain), std::size_t{1}}));
  }
  if (room == 0) return transport_->read(ReadMode::WatchClose);
  transport_->read(ReadMode::On, room);
}

// ================ writing an answer ================

void H1Session::send_informational(const http::ResponseHead& head,
                                   const http::ResponseForwarding& with) {
  context_.gather.begin(*transport_);
  http::HeadWriter writer(context_.gather.head_room());
  http::write_response_head(writer, head, with);
  ENSURE(!writer.overflowed(), "a scanned head and our additions fit (limits.hpp)");
  context_.gather.commit(writer.written().size());
}

void H1Session::send_head(const http::ResponseHead& head, const http::ResponseForwarding& with) {
  coding_ = with.coding;
  closes_ = with.closes;
  send_informational(head, with);
}

void H1Session::send_body(std::string_view bytes) {
  if (bytes.empty()) return;
  Gather& gather = context_.gather;
  gather.begin(*transport_);
  if (coding_ != http::BodyCoding::Chunked) return gather.view(bytes);
  std::array<char, 20> line;
  gather.copy(http::chunk_line(bytes.size(), line));
  gather.view(bytes);
  gather.view(http::kChunkEnd);
}

void H1Session::finish(const http::HeaderBlock* trailers) {
  Gather& gather = context_.gather;
  gather.begin(*transport_);
  if (coding_ == http::BodyCoding::Chunked) {
    if (trailers == nullptr || trailers->size() == 0) {
      gather.view(http::kLastChunk);
    } else {
      http::HeadWriter writer(gather.head_room());
      writer.put(http::kLastChunkLine);
      http::write_trailers(writer, *trailers);
      writer.end_head();
      gather.commit(writer.written().size());
    }
  }
  end_exchange(closes_ ? Ending::Close : Ending::KeepAlive);
}

std::size_t H1Session::send_local(const LocalReply& reply) {
  context_.gather.begin(*transport_);
  http::HeadWriter writer(context_.gather.head_room());
  const std::size_t body = write_local_reply(writer, reply);
  context_.gather.commit(writer.written().size());
  is_own_answer_ = true;
  end_exchange(reply.closes ? Ending::Close : Ending::KeepAlive);
  return body;
}

void H1Session::abort() {
  end_exchange(Ending::Abort);
}

void H1Session::open_upload(Flow flow) {
  request_->is_upload_open = true;
  request_->upload_flow = flow;
  if (is_in_event_) return;  // pumped when the event returns
  if (flow == Flow::Pause) return update_reading();
  // Pumped at the end of the turn, with the exchange off the stack.
  context_.loop.defer(request_->turn_end);
}

std::string_view H1Session::unread() const {
  return request_->chunk->bytes();
}

ReleasedClient H1Session::release_transport() {
  context_.gather.flush_for(*transport_);
  net::Transport& transport = *std::exchange(transport_, nullptr);
  end_exchange(Ending::Close);
  return {transport, std::move(ticket_)};
}

// ================ ends ================

/// The exchange may be on the stack: what follows happens at the end of the turn.
void H1Session::end_exchange(Ending ending) {
  ending_ = ending;
  const policy::PaceRule rule = request_->exchange.download_rule();
  flush_timeout_ms_ = static_cast<std::uint32_t>(rule.idle.count());
  flush_rate_ = rule.bytes_per_second;
  context_.loop.defer(request_->turn_end);
}

void H1Session::on_turn_end() {
  const EventScope scope(context_.gather);
  if (state_ != State::Busy) return;
  if (!request_->exchange.is_finished()) return pump_upload();
  if (transport_ == nullptr || ending_ == Ending::Abort) return close();
  if (ending_ == Ending::Close) return start_flushing();
  ++served_;
  if (queued() != 0) return await_taking(State::Sending);
  next_request();
}

/// The answer is complete and some of it waits for the client: `state` is Sending or Flushing.
void H1Session::await_taking(State state) {
  state_ = state;
  progress_ = static_cast<std::uint32_t>(untaken());
  arm(core::Millis(flush_timeout_ms_));
  update_reading();
}

/// A slow client is waited for as long as it takes enough.
void H1Session::check_taking() {
  const auto now_untaken = static_cast<std::uint32_t>(untaken());
  const std::uint32_t before = std::exchange(progress_, now_untaken);
  const core::Nanos bought = policy::time_bought({core::Millis(flush_timeout_ms_), flush_rate_},
                                                 before - std::min(before, now_untaken));
  if (bought > core::Nanos::zero())
    return context_.loop.timers().arm(timer_, context_.loop.now() + bought);
  context_.metrics.answers_not_taken.add();
  ending_ = Ending::Abort;
  close();
}

void H1Session::next_request() {
  H1Request& over = *std::exchange(request_, nullptr);
  const std::string_view pipelined = over.chunk->bytes();
  if (pipelined.empty() && context_.is_stopping) {
    start_flushing();  // the stop began after this answer's head had promised to go on
  } else if (pipelined.empty()) {
    enter_idle();
  } else {
    begin_request();
    take_head(pipelined);
  }
  context_.loop.retire(over);
}

/// The answer says that the connection ends: FIN when all of it is in the kernel, then lingering,
/// because a close with unread input would reset what the client has not read yet (RFC 9112 §9.6).
/// A client that has asked for the end may send no more (the same section), so there is nothing to
/// wait for: two system calls and a wake-up less for each connection without keep-alive.
void H1Session::start_flushing() {
  context_.gather.flush();
  state_ = State::Flushing;
  move_to(home_.busy);
  if (request_ != nullptr) {
    is_last_request_ = may_send_no_more();
    context_.loop.retire(*std::exchange(request_, nullptr));
  }
  if (is_last_request_ && transport_->queued() == 0) return close();
  transport_->shutdown_write();
  if (transport_->queued() == 0) return start_lingering();
  await_taking(State::Flushing);
}

/// An endpoint's answer to a request without a body, behind which old clients send an empty line
/// (RFC 9112 §2.2), and nothing that has come behind it.
bool H1Session::may_send_no_more() const {
  const http::RequestHead& head = request_->exchange.head;
  return !is_own_answer_ && request_->is_body_complete && !head.keep_alive &&
         head.framing.kind == http::BodyKind::None && request_->chunk->bytes().empty();
}

void H1Session::start_lingering() {
  if (has_peer_ended_ || is_last_request_) return close();
  state_ = State::Lingering;
  progress_ = 0;
  arm(core::limits::kLingerTimeMax);
  update_reading();
}

void H1Session::close() {
  if (state_ == State::Closed) return;
  if (state_ == State::Idle) context_.metrics.connections_idle.subtract();
  state_ = State::Closed;
  context_.loop.timers().disarm(timer_);
  core::ListNode<SessionTag>::unlink();
  if (transport_ != nullptr) {
    context_.gather.flush_for(*transport_);
    net::Transport& transport = *std::exchange(transport_, nullptr);
    // After a part of an answer without length a FIN would say that it is complete.
    if (ending_ == Ending::Abort || transport.queued() != 0) {
      transport.reset();
    } else {
      transport.close();
    }
  }
  if (request_ != nullptr) context_.loop.retire(*std::exchange(request_, nullptr));
  context_.loop.retire(*this);
}

/// To a client that has yet to take its answer from the kernel it is not idle; and what it does not
/// take a FIN would leave with the kernel for minutes more.
void H1Session::end_idle() {
  const std::size_t left = flush_timeout_ms_ == 0 ? 0 : untaken();
  if (left == 0) return close();
  if (progress_ != 0) return check_taking();
  progress_ = static_cast<std::uint32_t>(left);
  arm(core::Millis(flush_timeout_ms_));
}

/// A client that has yet to take its answer would lose it to the RST that a request on its way
/// would be met with: such a one is waited for as behind an answer that ends the connection.
void H1Session::close_idle() {
  if (state_ != State::Idle) return;
  if (served_ == 0 || untaken() == 0) return close();
  context_.metrics.connections_idle.subtract();
  start_flushing();
}

void H1Session::refuse_slow_head() {
  const EventScope scope(context_.gather);
  state_ = State::Busy;
  request_->exchange.on_head_timeout();
  close();
}

void H1Session::begin_stop() {
  if (state_ != State::Idle) return;
  if (served_ > 0) return close_idle();
  arm(core::limits::kLingerTimeMax);  // its request may be on the way: it waited in the accept
                                      // queue
}

void H1Session::give_up() {
  if (request_ != nullptr && !request_->exchange.is_finished()) {
    request_->exchange.on_client_gone();
    // A client that has ended only its own direction would take a FIN for the end of an answer
    // without length.
    if (state_ == State::Busy) ending_ = Ending::Abort;
  }
  close();
}

void H1Session::on_eof() {
  const EventScope scope(context_.gather);
  // With a request it may be that the end was only watched for: then input before it is unread, and
  // a close would reset what still leaves.
  has_peer_ended_ = request_ == nullptr;
  if (request_ != nullptr && !request_->exchange.is_finished()) return give_up();
  // An answer that is complete may still be on its way to a client that has only ended its own
  // direction.
  if (request_ != nullptr && ending_ != Ending::Abort) return start_flushing();
  if (state_ != State::Flushing) close();
}

void H1Session::on_drained() {
  const EventScope scope(context_.gather);
  if (state_ == State::Busy && !request_->exchange.is_finished())
    return request_->exchange.on_client_drained();
  if (transport_->queued() != 0) return;
  if (state_ == State::Sending) return next_request();
  if (state_ == State::Flushing) start_lingering();
}

void H1Session::on_error(net::TransportError) {
  const EventScope scope(context_.gather);
  if (state_ == State::Sending || state_ == State::Flushing)
    context_.metrics.answers_not_taken.add();
  give_up();
}

void H1Session::on_timeout() {
  const EventScope scope(context_.gather);
  switch (state_) {
    case State::Head:
      move_to(home_.busy);
      state_ = State::Busy;
      return request_->exchange.on_head_timeout();
    case State::Sending:
    case State::Flushing:
      return check_taking();
    case State::Idle:
      return end_idle();
    case State::Lingering:
      return close();
    case State::Busy:
    case State::Closed:
      return;
  }
}

void H1Session::arm(core::Millis timeout) {
  if (timeout > core::Millis::zero()) {
    context_.loop.timers().arm(timer_, context_.loop.now() + timeout);
  } else {
    context_.loop.timers().disarm(timer_);
  }
}

}  // namespace sluice::proxy
