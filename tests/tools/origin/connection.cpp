#include "origin/connection.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>

#include "common/pattern.hpp"
#include "origin/websocket.hpp"

namespace tools {
namespace {

void put_chunk(std::string& out, std::string_view data) {
  if (data.empty()) return;
  fmt::format_to(std::back_inserter(out), "{:x}\r\n", data.size());
  out.append(data).append("\r\n");
}

}  // namespace

Connection::Next Connection::on_readable() {
  std::array<char, 64 * 1024> buffer;
  const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? Next::Keep : Next::Close;
  if (got == 0) {
    saw_eof_ = true;
    if (state_ != State::Tunnel && state_ != State::Sending && state_ != State::Waiting)
      return Next::Close;
  }
  in_.append(buffer.data(), static_cast<std::size_t>(got));
  return advance();
}

Connection::Next Connection::on_timer() {
  deadline_.reset();
  begin_answer();
  return advance();
}

Connection::Next Connection::advance() {
  while (true) {
    while (out_.size() - out_at_ < kOutMax && step()) {
    }
    const bool was_full = out_.size() - out_at_ >= kOutMax;
    if (flush() == Next::Close) return Next::Close;
    if (!out_.empty() || !was_full) break;
  }
  return state_ == State::Closing && out_.empty() ? Next::Close : Next::Keep;
}

bool Connection::step() {
  switch (state_) {
    case State::Head:
      return take_head();
    case State::Body:
      return take_body();
    case State::Sending:
      return send_body();
    case State::Tunnel:
      return tunnel();
    case State::Waiting:
    case State::Closing:
      return false;
  }
  return false;
}

bool Connection::take_head() {
  const auto head = find_head(in_);
  if (!head) return false;
  const std::string_view line = head->start_line;
  const std::size_t blank = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (blank == std::string_view::npos || last <= blank) {
    state_ = State::Closing;
    return false;
  }
  const std::string_view target = line.substr(blank + 1, last - blank - 1);
  const std::size_t mark = std::min(target.find('?'), target.size());
  const Request request{line.substr(0, blank), target.substr(0, mark),
                        target.substr(std::min(target.size(), mark + 1)), *head};
  ++shared_.identity.count;
  if (shared_.keeps_numbers) {
    const std::string_view number = query_value(request.query, "n");
    if (!number.empty()) shared_.numbers.append(number).push_back('\n');
  }
  plan_ = route(request, shared_.identity);
  pattern_sent_ = 0;
  body_bytes_ = 0;
  is_head_ = request.method == "HEAD";
  keeps_alive_ = line.ends_with("1.1") ? !head->says("connection", "close")
                                       : head->says("connection", "keep-alive");
  if (plan_.length == Length::UntilClose || plan_.cut_after != UINT64_MAX || plan_.answers_early)
    keeps_alive_ = false;

  body_.begin(*head);
  echoes_chunked_ = plan_.use == BodyUse::Echo && !head->content_length();
  if (plan_.use == BodyUse::Digest) {
    digest_.reset(EVP_MD_CTX_new());
    EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr);
  }
  if (plan_.use == BodyUse::Echo && echoes_chunked_) plan_.length = Length::Chunked;
  const std::uint64_t announced = head->content_length().value_or(0);
  if (!plan_.answers_early && head->says("expect", "100-continue"))
    out_ += "HTTP/1.1 100 Continue\r\n\r\n";
  in_.erase(0, head->size);  // views into the head end here

  state_ = State::Body;
  if (plan_.use == BodyUse::Echo) {
    fmt::format_to(std::back_inserter(out_),
                   "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n");
    if (echoes_chunked_) {
      out_ += "Transfer-Encoding: chunked\r\n\r\n";
    } else {
      fmt::format_to(std::back_inserter(out_), "Content-Length: {}\r\n\r\n", announced);
    }
  }
  if (plan_.answers_early) begin_answer();
  return true;
}

bool Connection::take_body() {
  const std::size_t used = body_.feed(in_, [this](std::string_view data) { consume(data); });
  in_.erase(0, used);
  switch (body_.state()) {
    case RequestBody::State::Reading:
      return false;
    case RequestBody::State::Broken:
      state_ = State::Closing;
      return false;
    case RequestBody::State::Done:
      break;
  }
  if (plan_.use == BodyUse::Echo) {
    if (echoes_chunked_) out_ += "0\r\n\r\n";
    end_answer();
    return true;
  }
  if (plan_.work_ms > 0) {
    deadline_ = work_done();
    state_ = State::Waiting;
    return false;
  }
  if (plan_.delay_ms > 0) {
    deadline_ = Clock::now() + std::chrono::milliseconds(plan_.delay_ms);
    state_ = State::Waiting;
    return false;
  }
  begin_answer();
  return true;
}

/// First come, first served, also when somebody has left meanwhile: work that is begun is done.
Instant Connection::work_done() const {
  const auto first = std::min_element(shared_.servers.begin(), shared_.servers.end());
  *first = std::max(*first, Clock::now()) + std::chrono::milliseconds(plan_.work_ms);
  return *first;
}

void Connection::consume(std::string_view data) {
  body_bytes_ += data.size();
  if (plan_.use == BodyUse::Digest) EVP_DigestUpdate(digest_.get(), data.data(), data.size());
  if (plan_.use != BodyUse::Echo) return;
  if (echoes_chunked_) {
    put_chunk(out_, data);
  } else {
    out_.append(data);
  }
}

void Connection::begin_answer() {
  if (plan_.use == BodyUse::Digest) {
    std::array<unsigned char, 32> sum{};
    EVP_DigestFinal_ex(digest_.get(), sum.data(), nullptr);
    plan_.content.clear();
    for (const unsigned char byte : sum)
      fmt::format_to(std::back_inserter(plan_.content), "{:02x}", byte);
    fmt::format_to(std::back_inserter(plan_.content), " {}\n", body_bytes_);
    plan_.pattern_bytes = 0;
  }
  auto out = std::back_inserter(out_);
  out_ += plan_.interim;
  fmt::format_to(out, "HTTP/1.1 {} {}\r\n", plan_.status, plan_.status == 200 ? "OK" : "Status");
  fmt::format_to(out, "X-Origin: {}\r\n{}", shared_.identity.pool, plan_.fields);
  if (shared_.is_draining) keeps_alive_ = false;
  if (plan_.after != After::Http && plan_.status == 101) {
    out_ += "\r\n";
    state_ = State::Tunnel;
    return;
  }
  out_ += "Content-Type: text/plain\r\n";
  if (!keeps_alive_) out_ += "Connection: close\r\n";
  if (plan_.length == Length::Chunked) out_ += "Transfer-Encoding: chunked\r\n";
  if (plan_.length == Length::Known && plan_.status != 204) {
    fmt::format_to(out, "Content-Length: {}\r\n", plan_.content.size() + plan_.pattern_bytes);
  }
  out_ += "\r\n";
  if (is_head_) return end_answer();
  if (plan_.cut_after < plan_.content.size()) plan_.content.resize(plan_.cut_after);
  if (plan_.cut_after != UINT64_MAX)
    plan_.pattern_bytes = std::min(plan_.pattern_bytes, plan_.cut_after - plan_.content.size());
  if (plan_.length == Length::Chunked) {
    put_chunk(out_, plan_.content);
  } else {
    out_ += plan_.content;
  }
  state_ = State::Sending;
}

bool Connection::send_body() {
  if (body_left() == 0) {
    if (plan_.length == Length::Chunked) out_.append("0\r\n").append(plan_.trailers).append("\r\n");
    end_answer();
    return true;
  }
  const std::string_view block = pattern().substr(pattern_sent_ % pattern().size());
  const std::size_t most = plan_.length == Length::Chunked ? plan_.chunk_size : block.size();
  const std::size_t take =
      static_cast<std::size_t>(std::min<std::uint64_t>({body_left(), block.size(), most}));
  if (plan_.length == Length::Chunked) {
    put_chunk(out_, block.substr(0, take));
  } else {
    out_.append(block.substr(0, take));
  }
  pattern_sent_ += take;
  return true;
}

void Connection::end_answer() {
  if (shared_.is_draining) keeps_alive_ = false;
  state_ = keeps_alive_ ? State::Head : State::Closing;
}

bool Connection::tunnel() {
  if (plan_.after == After::WebSocket) {
    if (!websocket_echo(in_, out_) || saw_eof_) state_ = State::Closing;
    return false;
  }
  out_ += in_;
  in_.clear();
  if (saw_eof_) {
    // Written after the client's end of stream: shows that the other direction was still open.
    out_ += "[end of input]";
    state_ = State::Closing;
  }
  return false;
}

Connection::Next Connection::flush() {
  while (out_at_ < out_.size()) {
    const ssize_t sent =
        send(fd_.get(), out_.data() + out_at_, out_.size() - out_at_, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return Next::Close;
      return Next::Keep;
    }
    out_at_ += static_cast<std::size_t>(sent);
  }
  out_.clear();
  out_at_ = 0;
  return Next::Keep;
}

}  // namespace tools
