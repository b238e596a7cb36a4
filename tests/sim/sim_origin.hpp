#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "sim/ledger.hpp"
#include "sim/sim_connector.hpp"
#include "sim/sim_peer.hpp"

namespace sluice::sim {

class SimOrigin;

/// One connection that the proxy opened to an origin.
class OriginConnection final : public Actor {
 public:
  OriginConnection(SimOrigin& origin, std::shared_ptr<Link> link);
  OriginConnection(const OriginConnection&) = delete;
  OriginConnection& operator=(const OriginConnection&) = delete;
  ~OriginConnection();

  bool is_over() const { return !peer_.is_open(); }
  bool is_idle() const { return attempt_ == nullptr && reader_.is_between(); }
  /// As a server that gives up a connection which it keeps for reuse.
  void close_idle() {
    if (is_idle()) peer_.close();
  }
  void break_off() { peer_.reset(); }
  std::string describe() const;

  bool is_ready() const override;
  void step() override;
  std::optional<core::Instant> wakes_at() const override;

 private:
  core::Instant now() const;
  bool can_write() const;
  bool can_read() const { return is_reading_ && peer_.can_receive(); }
  bool can_see_end() const {
    return peer_.is_open() && !has_seen_end_ && (peer_.is_ended() || peer_.is_reset());
  }
  bool can_deed() const;
  bool can_close_idle() const;
  bool can_end_tunnel() const {
    return is_tunnel_ && outbox_.empty() && !peer_.has_ended() && ends_tunnel();
  }
  bool ends_tunnel() const;
  bool has_misled() const { return surplus_came_alone_ != nullptr && *surplus_came_alone_; }
  void read_some();
  void write_some();
  void see_end();
  void look_at_request();
  void begin_attempt(const Message& message);
  void finish_request(const Message& message);
  void decide_deed();
  void do_deed();
  void end_answer();
  void complain(const std::string& what);

  SimOrigin& origin_;
  SimPeer peer_;
  StrictReader reader_{StrictReader::Kind::Requests};
  Entry* entry_ = nullptr;
  Attempt* attempt_ = nullptr;
  std::string outbox_;
  std::size_t sent_ = 0;                      // of the answer
  std::size_t answer_size_ = 0;               // without what belongs to nothing
  const bool* surplus_came_alone_ = nullptr;  // of the attempt that it stood behind
  std::optional<core::Instant> deed_at_;
  core::Instant write_at_{};
  core::Instant idle_since_;
  unsigned served_ = 0;
  bool is_reading_ = true;
  bool is_answering_ = false;
  bool has_decided_ = false;  // what to do with this attempt, and when
  bool is_tunnel_ = false;
  bool has_seen_end_ = false;
};

/// A server behind one endpoint: accepts or refuses, and answers each request as its plan says.
class SimOrigin {
 public:
  SimOrigin(Scheduler& of_run, Ledger& book, core::PoolName side, core::EndpointId number)
      : scheduler(of_run), ledger(book), pool(side), id(number) {}

  Scheduler& scheduler;
  Ledger& ledger;
  const core::PoolName pool;
  const core::EndpointId id;
  /// What the next connects meet; the default when nullptr is "accept at once".
  std::function<ConnectFate()> fate;
  std::optional<core::Nanos> idle_close;  // closes connections that are idle for longer
  std::size_t kernel_in = 64 * 1024;      // towards the proxy
  std::size_t kernel_out = 64 * 1024;
  bool ends_tunnels = true;   // sends FIN when its own bytes of a tunnel are sent
  bool stays_silent = false;  // accepts, never reads anything
  std::vector<std::unique_ptr<OriginConnection>> connections;
  std::size_t accepted = 0;
  std::size_t connects = 0;

  std::shared_ptr<Link> accept();
  void close_idle() {
    for (const auto& connection : connections) connection->close_idle();
  }
};

}  // namespace sluice::sim
