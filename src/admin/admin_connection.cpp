#include "admin/admin_connection.hpp"

#include <array>

#include "sluice/core/duration.hpp"
#include "sluice/core/limits.hpp"
#include "sluice/http/h1_writer.hpp"

namespace sluice::admin {

namespace limits = core::limits;

namespace {

/// Our own answers have a handful of short fields.
constexpr std::size_t kAnswerHeadMax = 1024;
/// One read: a small request comes whole, and a caller can't push more than this behind it.
constexpr std::size_t kReadMax = 16 * 1024;

}  // namespace

AdminConnection::AdminConnection(net::Loop& loop, net::Transport& transport, AdminHost& host,
                                 Caller caller)
    : loop_(loop), transport_(&transport), host_(host), caller_(caller) {
  transport_->set_events(*this);
  begin_reading();
}

AdminConnection::~AdminConnection() {
  if (slot_) slot_->to = nullptr;
  drop_stream();
  if (transport_ != nullptr) transport_->close();
}

void AdminConnection::end() {
  if (state_ == State::Ended) return;
  state_ = State::Ended;
  if (slot_) slot_->to = nullptr;
  drop_stream();
  timer_.unlink();
  stall_.unlink();
  step_.unlink();
  std::exchange(transport_, nullptr)->close();
  loop_.retire(*this);
}

// ---- events of the transport ----

void AdminConnection::on_read(std::string_view bytes) {
  if (state_ == State::Lingering) {
    discarded_ += bytes.size();
    if (discarded_ > limits::kLingerBytesMax) end();
    return;
  }
  if (state_ != State::Reading) return;
  if (reader_.state() == RequestReader::State::Idle) arm(limits::kAdminRequestWait);
  reader_.feed(bytes);
  step();
}

// Before the answer: the caller has left (or half-closed, which counts as that, as on the data
// path). An answer that is on its way is still delivered.
void AdminConnection::on_eof() {
  has_peer_ended_ = true;
  const bool has_answer_left = state_ == State::Writing || state_ == State::Lingering;
  if (!has_answer_left || transport_->queued() == 0) end();
}

void AdminConnection::on_error(net::TransportError) {
  end();
}

void AdminConnection::on_drained() {
  if (state_ == State::Streaming) return pump();
  if (state_ == State::Writing && !has_peer_ended_) return begin_reading();
  if (state_ == State::Writing) return end();
  if (state_ != State::Lingering || transport_->queued() > 0) return;
  if (has_peer_ended_) return end();
  arm(limits::kLingerTimeMax);
}

void AdminConnection::on_time_is_up() {
  if (state_ == State::Streaming) {
    if (transport_->queued() == 0) send(stream_->heartbeat());
    return arm(limits::kEventHeartbeat);
  }
  const bool is_half_asked =
      state_ == State::Reading && reader_.state() == RequestReader::State::Partial;
  if (!is_half_asked) return end();
  write(problem_response({.status = 408, .code = "timeout", .detail = "the request did not end"}),
        After::Close);
}

// ---- request and answer ----

void AdminConnection::begin_reading() {
  using Reader = RequestReader::State;
  state_ = State::Reading;
  const bool is_idle_now = reader_.state() == Reader::Idle;
  const bool needs_bytes = is_idle_now || reader_.state() == Reader::Partial;
  // While a request waits in the reader nothing more is read: a long row of them stays in the
  // kernel.
  transport_->read(needs_bytes ? net::ReadMode::On : net::ReadMode::WatchClose, kReadMax);
  arm(is_idle_now ? limits::kAdminIdle : limits::kAdminRequestWait);
  // It is looked at in a turn of its own work, so that the row does not nest either.
  if (!is_idle_now) loop_.defer(step_);
}

void AdminConnection::step() {
  if (state_ != State::Reading) return;
  switch (reader_.state()) {
    case RequestReader::State::Idle:
      return;
    case RequestReader::State::Partial:
      if (reader_.wants_continue()) transport_->write("HTTP/1.1 100 Continue\r\n\r\n");
      return;
    case RequestReader::State::Complete:
      return begin_handling();
    case RequestReader::State::Bad:
      return write(problem_response(reader_.problem()), After::Close);
  }
}

void AdminConnection::begin_handling() {
  state_ = State::Handling;
  timer_.unlink();
  transport_->read(net::ReadMode::WatchClose);
  Request request = reader_.take();
  request.origin = caller_.origin;
  request.actor = caller_.actor;
  method_ = request.method;
  after_answer_ = request.keep_alive ? After::KeepAlive : After::Close;
  slot_ = std::make_shared<ReplySlot>(ReplySlot{this});
  host_.handle(request, [slot = slot_](const Response& response) {
    if (slot->to != nullptr) slot->to->answer(response);
  });
}

void AdminConnection::answer(const Response& response) {
  slot_->to = nullptr;
  slot_.reset();
  write(response, after_answer_);
  method_ = http::Method::Get;
}

void AdminConnection::write(const Response& response, After after) {
  if (response.stream) return begin_streaming(response);
  const std::string head = head_of(response, after);
  const std::string_view body =
      method_ == http::Method::Head ? std::string_view() : std::string_view(response.body);
  const std::array<std::string_view, 2> parts{head, body};
  transport_->write(std::span(parts).first(body.empty() ? 1 : 2));
  if (after == After::Close) return begin_lingering();
  if (transport_->queued() == 0) return begin_reading();
  state_ = State::Writing;
  arm(limits::kAdminAnswerWait);
}

std::string AdminConnection::head_of(const Response& response, After after) const {
  std::array<char, kAnswerHeadMax> memory;
  http::HeadWriter head(memory);
  head.status_line(response.status, http::reason_phrase(response.status));
  head.field("Server", "sluice");
  head.field("Date", core::format_http_date(loop_.wall()));
  head.field("Content-Type", response.content_type);
  if (!response.stream) {
    head.field("Content-Length", static_cast<std::uint64_t>(response.body.size()));
  }
  head.field("Cache-Control", "no-store");
  for (const auto& [name, value] : response.fields) head.field(name, value);
  if (after == After::Close) head.field("Connection", "close");
  head.end_head();
  ENSURE(!head.overflowed(), "the head of an own answer is small");
  return std::string(head.written());
}

// ---- an answer that goes on ----

// Without a length: it ends with the connection.
void AdminConnection::begin_streaming(const Response& response) {
  send(head_of(response, After::Close));
  if (method_ == http::Method::Head) return begin_lingering();
  state_ = State::Streaming;
  loop_.timers().arm(stall_, loop_.now() + limits::kEventStall);
  stream_ = response.stream;
  stream_->set_wake([this] { pump(); });
  arm(limits::kEventHeartbeat);
  pump();
}

// Pulled, never pushed: what a caller does not read stays with the source, and costs nothing here.
void AdminConnection::pump() {
  while (transport_->queued() < limits::kEventQueueMax) {
    const std::string piece = stream_->next();
    if (piece.empty()) break;
    send(piece);
    arm(limits::kEventHeartbeat);
  }
  if (!stream_->has_ended()) return;
  drop_stream();
  begin_lingering();
}

void AdminConnection::send(std::string_view bytes) {
  streamed_ += bytes.size();
  transport_->write(bytes);
}

// A caller that never reads would keep its place among the readers for ever: its kernel takes no
// more, and says nothing.
void AdminConnection::on_stall_look() {
  const std::uint64_t waiting = transport_->queued();
  const std::uint64_t taken = streamed_ - waiting;
  if (waiting > 0 && taken == taken_at_look_) return end();
  taken_at_look_ = taken;
  loop_.timers().arm(stall_, loop_.now() + limits::kEventStall);
}

void AdminConnection::drop_stream() {
  stall_.unlink();
  if (stream_) stream_->set_wake(nullptr);
  stream_.reset();
}

// Closing at once would reset the connection while bytes of the caller are unread, and take the
// answer with it.
void AdminConnection::begin_lingering() {
  state_ = State::Lingering;
  transport_->shutdown_write();
  transport_->read(net::ReadMode::On, kReadMax);
  arm(transport_->queued() == 0 ? core::Nanos(limits::kLingerTimeMax)
                                : core::Nanos(limits::kAdminAnswerWait));
}

}  // namespace sluice::admin
