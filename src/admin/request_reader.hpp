#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "admin/message.hpp"
#include "admin/problem.hpp"
#include "sluice/http/chunked.hpp"
#include "sluice/http/head_scanner.hpp"
#include "sluice/http/message.hpp"

namespace sluice::admin {

/// Bytes of one connection in, whole requests out: head, then a body of at most kAdminBodyMax, by
/// Content-Length or chunked. Holds at most one request and what one read brought behind it. Knows
/// nothing of sockets.
class RequestReader {
 public:
  enum class State : std::uint8_t {
    Idle,  // nothing of a request is there
    Partial,
    Complete,  // take() gives it
    Bad,       // problem() says what to answer; the connection can't be used further
  };

  void feed(std::string_view bytes);
  State state() const { return state_; }
  /// The client waits for a 100 before it sends its body. True once per request.
  bool wants_continue();
  /// Requires: Complete. Goes on with what came behind the request.
  Request take();
  /// Requires: Bad.
  const Problem& problem() const { return problem_; }

 private:
  void advance();
  void read_head();
  void read_body();
  void read_chunks();
  void fail(Problem problem);
  void fail_too_large();

  std::string buffer_;  // not yet read
  http::HeadEnd head_end_;
  State state_ = State::Idle;
  bool is_head_read_ = false;
  bool wants_continue_ = false;
  http::Framing framing_;
  http::ChunkDecoder chunks_;
  Request request_;
  Problem problem_;
};

}  // namespace sluice::admin
