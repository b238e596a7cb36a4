#pragma once
#include <openssl/evp.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/sockets.hpp"
#include "origin/request_body.hpp"
#include "origin/routes.hpp"

namespace tools {

/// What all connections of an origin share.
struct Shared {
  Identity identity;
  bool is_draining = false;
  std::vector<Instant> servers;  // when each of them is free again
  std::string numbers;           // `n=` of every request, one a line, on its way to the log
  bool keeps_numbers = false;
};

/// One client of the origin: requests one after the other, whatever is pipelined waits in the
/// buffer.
class Connection {
 public:
  enum class Next { Keep, Close };

  Connection(Fd fd, Shared& shared) : fd_(std::move(fd)), shared_(shared) {}

  int fd() const { return fd_.get(); }
  Next on_readable();
  Next on_writable() { return advance(); }
  Next on_timer();
  bool is_idle() const { return state_ == State::Head && in_.empty() && out_.empty(); }
  bool wants_read() const {
    return !saw_eof_ && in_.size() < (state_ == State::Tunnel ? kFrameMax : kInMax);
  }
  bool wants_write() const {
    return !out_.empty() || (state_ == State::Sending && body_left() > 0);
  }
  std::optional<Instant> deadline() const { return deadline_; }

 private:
  enum class State { Head, Body, Waiting, Sending, Tunnel, Closing };
  static constexpr std::size_t kInMax = 64 * 1024;
  static constexpr std::size_t kFrameMax = 4 * 1024 * 1024;  // a WebSocket frame is echoed whole
  static constexpr std::size_t kOutMax = 256 * 1024;

  Next advance();
  bool step();  // true: there may be more to do
  bool take_head();
  bool take_body();
  void consume(std::string_view data);
  Instant work_done() const;
  void begin_answer();
  bool send_body();
  void end_answer();
  bool tunnel();
  Next flush();
  std::uint64_t body_left() const { return plan_.pattern_bytes - pattern_sent_; }

  Fd fd_;
  Shared& shared_;
  State state_ = State::Head;
  std::string in_;
  std::string out_;
  std::size_t out_at_ = 0;
  bool saw_eof_ = false;
  bool keeps_alive_ = true;
  bool is_head_ = false;
  Plan plan_;
  RequestBody body_;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t pattern_sent_ = 0;
  bool echoes_chunked_ = false;
  std::optional<Instant> deadline_;
  struct FreeDigest {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, FreeDigest> digest_;
};

}  // namespace tools
