#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "common/sockets.hpp"
#include "load/judge.hpp"

namespace tools {

/// The answer to one request on the admin socket.
struct AdminAnswer {
  unsigned status = 0;  // 0: the connection failed
  std::string body;
  std::uint64_t generation = 0;
  bool changed = false;
  Truth truth;
  std::uint64_t persist_us = 0;
  std::uint64_t took_us = 0;  // complete request written to answer read
};

/// One keep-alive connection to the admin socket; one request at a time, non-blocking, in the
/// caller's epoll.
class Changer {
 public:
  Changer(std::string socket_path, std::string service)
      : address_("unix:" + std::move(socket_path)), service_(std::move(service)) {}

  /// `status`, `switch green`, `split 12.5%`, `rollback`. Requires: !is_busy().
  void start(const std::string& command);
  bool is_busy() const { return is_busy_; }
  Instant sent_at() const { return sent_at_; }
  /// Ends the wait for an answer that does not come.
  AdminAnswer give_up() { return failed("no answer in time"); }
  int fd() const { return fd_.get(); }
  /// Nullopt: not complete yet.
  std::optional<AdminAnswer> on_readable();

 private:
  std::optional<AdminAnswer> take_answer();
  AdminAnswer failed(const std::string& why);
  bool send_all(const std::string& bytes);

  std::string address_;
  std::string service_;
  Fd fd_;
  std::string in_;
  bool is_busy_ = false;
  Instant sent_at_;
};

}  // namespace tools
