#pragma once
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "common/sockets.hpp"
#include "origin/connection.hpp"

namespace tools {

struct OriginOptions {
  std::uint16_t port = 0;
  Identity identity;
  std::string log;           // file for the request numbers; empty: none
  std::size_t servers = 10;  // of /work
  int send_buffer = 0;       // SO_SNDBUF of each connection; 0: as the kernel likes
};

/// One thread, one epoll. SIGTERM: the listener is emptied and closed, idle connections are closed,
/// requests under way are answered with `Connection: close`; then run() returns. A second signal
/// drops what is left.
class Server {
 public:
  explicit Server(const OriginOptions& options);
  ~Server();
  void run();

 private:
  struct Entry {
    std::unique_ptr<Connection> connection;
    std::uint32_t events = 0;
    std::optional<std::multimap<Instant, int>::iterator> timer;
  };

  void accept_all();
  void on_event(int fd, std::uint32_t events);
  void settle(int fd, Connection::Next next);
  void fire_timers();
  int wait_time() const;
  void drain();
  void write_numbers();

  Shared shared_;
  Fd listener_;
  Fd signals_;
  Fd epoll_;
  std::FILE* log_ = nullptr;
  std::unordered_map<int, Entry> connections_;
  std::multimap<Instant, int> timers_;
};

}  // namespace tools
