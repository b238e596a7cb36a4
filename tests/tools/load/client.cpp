#include "load/client.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace tools {

bool Client::connect(const std::string& address) {
  close();
  fd_ = connect_to(address);
  state_ = fd_.is_open() ? State::Connecting : State::Closed;
  return fd_.is_open();
}

void Client::close() {
  fd_.reset();
  state_ = State::Closed;
  pending_.clear();
  out_.clear();
  in_.clear();
  out_at_ = in_at_ = 0;
  answers_ = 0;
  is_malformed_ = asked_to_close_ = false;
}

void Client::add(const Pending& request, std::string_view bytes) {
  pending_.push_back(request);
  out_.append(bytes);
}

bool Client::on_writable() {
  if (state_ == State::Connecting) {
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return false;
    state_ = State::Open;
  }
  return flush();
}

bool Client::flush() {
  if (state_ != State::Open) return true;
  while (out_at_ < out_.size()) {
    const ssize_t sent =
        send(fd_.get(), out_.data() + out_at_, out_.size() - out_at_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    // A broken pipe is reported by the read that follows: an answer may still lie there.
    if (sent < 0) return errno == EAGAIN || errno == EPIPE || errno == ECONNRESET;
    out_at_ += static_cast<std::size_t>(sent);
  }
  out_.clear();
  out_at_ = 0;
  return true;
}

Client::Trouble Client::read() {
  if (in_at_ > 0) {
    in_.erase(0, in_at_);
    in_at_ = 0;
  }
  std::array<char, 64 * 1024> buffer;
  const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got == 0) return Trouble::Closed;
  if (got < 0) return errno == EAGAIN || errno == EINTR ? Trouble::None : Trouble::Reset;
  in_.append(buffer.data(), static_cast<std::size_t>(got));
  return Trouble::None;
}

bool Client::next(Answer& out) {
  const std::string_view rest = std::string_view(in_).substr(in_at_);
  const auto head = find_head(rest);
  if (!head) return false;
  if (pending_.empty() || head->start_line.size() < 12 || !head->content_length()) {
    is_malformed_ = true;
    return false;
  }
  const std::size_t length = *head->content_length();
  if (rest.size() - head->size < length) return false;
  out.head = *head;
  out.status = static_cast<unsigned>(to_number(head->start_line.substr(9)));
  out.body = rest.substr(head->size, length);
  out.request = pending_.front();
  pending_.pop_front();
  in_at_ += head->size + length;
  ++answers_;
  if (head->says("connection", "close")) asked_to_close_ = true;
  return true;
}

}  // namespace tools
