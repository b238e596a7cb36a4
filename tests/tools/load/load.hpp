#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "common/sockets.hpp"
#include "load/changer.hpp"
#include "load/client.hpp"
#include "load/judge.hpp"
#include "load/report.hpp"

namespace tools {

struct LoadOptions {
  std::string address = "127.0.0.1:8080";
  std::string host = "shop.test";
  std::string target = "/";  // `?n=` is added
  std::size_t connections = 64;
  std::uint32_t users = 1000;
  std::string user_field;  // empty: the user is in the cookie `uid`, else in this field
  std::size_t pipeline = 1;
  double rps = 0;              // 0: as fast as it goes
  std::uint64_t requests = 0;  // 0: until another end comes
  double seconds = 0;
  std::size_t body_size = 1024;  // of `/`, checked
  std::size_t post_bytes = 0;    // 0: GET
  bool closes = false;           // a new connection for each request
  // The live pool's answer is right where Sluice says that the candidate could not give one
  bool takes_rescues = false;

  std::string admin_socket;  // empty: no changes, no judgement of pools
  std::string service = "shop";
  std::string salt;  // default: the service's name
  std::vector<std::string> cycle{"switch green", "switch blue"};
  std::uint64_t changes = 0;
  double change_rate = 50;
  double tail = 0.3;  // seconds of load after the last change

  unsigned live_ms = 0;
  // `sent`, `answered GENERATION LIVE BASIS_POINTS`, `change COMMAND`, `quit` on stdin
  bool reads_commands = false;
};

/// The whole load in one thread and one epoll, so that "sent before" and "answered after" have one
/// clear order.
class Load {
 public:
  explicit Load(LoadOptions options);
  /// Returns the exit status: 0 when nothing failed.
  int run();

 private:
  bool learn_state();
  void loop();
  bool is_over() const;
  void issue_requests();
  void send_request(std::size_t index);
  void on_client(std::size_t index, std::uint32_t events);
  void on_answer(const Answer& answer);
  void check_pool(const Answer& answer, std::string_view body_pool);
  void lose(std::size_t index, Client::Trouble trouble);
  void reopen(std::size_t index);
  void rewatch(std::size_t index);
  void issue_change();
  void start_change(const std::string& command);
  void on_change(const AdminAnswer& answer);
  void on_command_line(const std::string& line);
  void read_commands();
  void check_timeouts();
  void print_live();
  void trouble(Failure why, const std::string& detail);
  void note_reconnect(std::size_t index);
  double seconds_since_start() const;
  int wait_time() const;

  LoadOptions options_;
  Fd epoll_;
  std::vector<Client> clients_;
  std::vector<std::uint32_t> watched_;      // events by client; 0: not in the epoll
  std::vector<std::string> request_heads_;  // by user: everything behind the number
  std::vector<unsigned> buckets_;           // by user
  std::string post_body_;
  std::deque<std::size_t> ready_;  // clients that may take a request
  Judge judge_;
  Changer changer_;
  int changer_fd_ = -1;
  bool judges_ = false;
  Counts total_;
  Counts interval_;
  std::string first_trouble_;
  std::string first_reconnect_;
  std::string command_buffer_;
  bool quits_ = false;
  std::uint64_t next_number_ = 1;
  Instant start_;
  Instant end_;
  Instant next_live_;
  Instant next_change_;
  Instant next_timeout_check_;
  std::optional<Instant> first_change_, last_change_;
};

}  // namespace tools
