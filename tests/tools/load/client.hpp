#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "common/http_head.hpp"
#include "common/sockets.hpp"

namespace tools {

/// One request on the wire.
struct Pending {
  std::uint64_t number = 0;
  std::uint32_t user = 0;
  std::uint64_t floor = 0;  // last generation answered when its first byte was sent
  Instant sent_at;
};

/// One whole answer; views stay valid until the next call on the client.
struct Answer {
  Pending request;
  Head head;
  unsigned status = 0;
  std::string_view body;
};

/// One keep-alive connection of the load: requests out, answers in order.
class Client {
 public:
  enum class State { Closed, Connecting, Open };
  enum class Trouble { None, Closed, Reset, Malformed };

  bool connect(const std::string& address);
  void close();
  State state() const { return state_; }
  int fd() const { return fd_.get(); }
  const std::deque<Pending>& pending() const { return pending_; }

  /// Queues a whole request; flush() writes.
  void add(const Pending& request, std::string_view bytes);
  /// False: the connection is broken.
  bool flush();
  bool wants_write() const { return state_ == State::Connecting || out_at_ < out_.size(); }
  bool on_writable();

  /// Reads once; then next() gives the answers that are complete.
  Trouble read();
  bool next(Answer& out);
  bool is_malformed() const { return is_malformed_; }
  bool has_partial_answer() const { return in_at_ < in_.size(); }
  std::uint64_t answers() const { return answers_; }
  bool asked_to_close() const { return asked_to_close_; }

 private:
  Fd fd_;
  State state_ = State::Closed;
  std::deque<Pending> pending_;
  std::string out_;
  std::size_t out_at_ = 0;
  std::string in_;
  std::size_t in_at_ = 0;
  std::uint64_t answers_ = 0;  // on this connection
  bool is_malformed_ = false;
  bool asked_to_close_ = false;
};

}  // namespace tools
