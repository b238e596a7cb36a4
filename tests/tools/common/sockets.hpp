#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace tools {

using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;

/// A descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

/// Non-blocking listener on 127.0.0.1 (port 0: any). Ends the program with a message when the
/// address is taken.
Fd listen_on(std::uint16_t port);
std::uint16_t port_of(const Fd& listener);

/// Starts a non-blocking connect to `127.0.0.1:80` or `unix:/path`; writable once it stands. Not
/// open: refused at once.
Fd connect_to(const std::string& address);

void set_no_delay(int fd);

}  // namespace tools
