#include "cli/admin_client.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "sluice/http/chunked.hpp"
#include "sluice/http/h1_parser.hpp"

namespace sluice::cli {
namespace {

using core::Error;
using core::ErrorCode;
using core::Result;

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

Error broken(const std::string& path, std::string what) {
  return {ErrorCode::Io, path, std::move(what)};
}

void set_patience(int fd, std::optional<std::chrono::seconds> patience) {
  timeval time{};
  time.tv_sec = patience.value_or(std::chrono::seconds(0)).count();  // 0: for ever
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

core::Status connect_socket(int fd, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Error{ErrorCode::Unavailable, path,
                 fmt::format("longer than {} bytes, the most a socket's path may have",
                             sizeof(address.sun_path) - 1)};
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0) {
    return Error{ErrorCode::Unavailable, path, std::strerror(errno)};
  }
  return core::ok();
}

core::Status send_all(int fd, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return broken(path, fmt::format("sending failed: {}", std::strerror(errno)));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return core::ok();
}

/// Reads once more into `in`; false at the end of the stream.
Result<bool> receive(int fd, const std::string& path, std::string& in) {
  std::array<char, 16 * 1024> buffer;
  while (true) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return broken(path, "no answer in time");
    if (got < 0) return broken(path, fmt::format("reading failed: {}", std::strerror(errno)));
    in.append(buffer.data(), static_cast<std::size_t>(got));
    return got > 0;
  }
}

Result<std::string> receive_body(int fd, const std::string& path, const http::Framing& framing,
                                 std::string in) {
  std::string body;
  http::ChunkDecoder decoder;
  while (true) {
    switch (framing.kind) {
      case http::BodyKind::None:
        return body;
      case http::BodyKind::Length:
        if (in.size() >= framing.length) return in.substr(0, framing.length);
        break;
      case http::BodyKind::Chunked: {
        std::string_view rest = in;
        auto step = decoder.next(rest);
        for (; step.event == http::ChunkDecoder::Event::Data; step = decoder.next(rest)) {
          body.append(step.data);
          rest.remove_prefix(step.consumed);
        }
        if (step.event == http::ChunkDecoder::Event::End) return body;
        if (step.event == http::ChunkDecoder::Event::Bad)
          return broken(path, std::string(step.reason));
        in.clear();
        break;
      }
      case http::BodyKind::UntilClose:
        break;
    }
    const Result<bool> more = receive(fd, path, in);
    if (!more) return more.error();
    if (*more) continue;
    if (framing.kind == http::BodyKind::UntilClose) return in;
    return broken(path, "the answer broke off");
  }
}

struct AnswerHead {
  std::uint16_t status = 0;
  http::Framing framing;
  std::string behind;  // bytes that came behind the head
};

Result<AnswerHead> receive_head(int fd, const std::string& path, http::Method method) {
  std::string in;
  http::HeadEnd end;
  std::optional<std::size_t> size;
  while (!(size = end.find(in))) {
    if (in.size() > core::limits::kResponseHeadMax)
      return broken(path, "the answer's head is too large");
    const Result<bool> more = receive(fd, path, in);
    if (!more) return more.error();
    if (!*more) return broken(path, "closed without an answer");
  }
  http::ResponseHead head;
  if (const auto refusal =
          http::parse_response_head(std::string_view(in).substr(0, *size), method, head)) {
    return broken(path, fmt::format("not an HTTP answer: {}", refusal->reason));
  }
  return AnswerHead{head.status, head.framing, in.substr(*size)};
}

core::Status take_pieces(int fd, const std::string& path, std::string in, const TakePiece& take) {
  while (in.empty() || take(in)) {
    in.clear();
    const Result<bool> more = receive(fd, path, in);
    if (!more) return more.error();
    if (!*more) break;
  }
  return core::ok();
}

http::Method method_of(const AdminRequest& request) {
  return request.method == "GET" ? http::Method::Get : http::Method::Post;
}

core::Status send_request(int fd, const std::string& path, const AdminRequest& request) {
  set_patience(fd, request.patience);
  if (core::Status connected = connect_socket(fd, path); !connected) return connected;
  std::string bytes = fmt::format(
      "{} {} HTTP/1.1\r\nHost: sluice\r\nAccept: application/json\r\nConnection: close\r\n",
      request.method, request.path);
  if (!request.last_event_id.empty())
    bytes += fmt::format("Last-Event-ID: {}\r\n", request.last_event_id);
  if (request.method != "GET") {
    bytes += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n",
                         request.body.size());
  }
  bytes += "\r\n" + request.body;
  return send_all(fd, path, bytes);
}

}  // namespace

Result<AdminAnswer> ask_admin(const std::string& path, const AdminRequest& request) {
  return follow_admin(path, request, nullptr);
}

Result<AdminAnswer> follow_admin(const std::string& path, const AdminRequest& request,
                                 const TakePiece& take) {
  const Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) return broken(path, std::strerror(errno));
  if (const core::Status sent = send_request(socket.fd(), path, request); !sent)
    return sent.error();
  Result<AnswerHead> head = receive_head(socket.fd(), path, method_of(request));
  if (!head) return head.error();
  const bool goes_on = head->status == 200 && head->framing.kind == http::BodyKind::UntilClose;
  if (take && goes_on) {
    const core::Status taken = take_pieces(socket.fd(), path, std::move(head->behind), take);
    if (!taken) return taken.error();
    return AdminAnswer{head->status, ""};
  }
  Result<std::string> body =
      receive_body(socket.fd(), path, head->framing, std::move(head->behind));
  if (!body) return body.error();
  return AdminAnswer{head->status, std::move(*body)};
}

}  // namespace sluice::cli
