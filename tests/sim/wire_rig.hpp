#pragma once
#include <deque>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "proxy/log_queue.hpp"
#include "proxy/worker.hpp"
#include "sim/sim_control.hpp"
#include "support/manual_clock.hpp"

namespace sluice::sim {

/// The proxy's end of a connection whose other end the test holds. Nothing happens by itself: the
/// test says what the peer does, and when the worker gets to hear of it. Owned by its WireRig.
class Wire final : public net::Transport {
 public:
  // net::Transport
  void set_events(net::TransportEvents& events) override { events_ = &events; }
  void read(net::ReadMode mode, std::size_t limit) override;
  std::string_view read_more(std::size_t limit) override;
  bool has_input() const override {
    return !inbox_.empty() || has_peer_ended_ || has_peer_broken_off_;
  }
  using net::Transport::write;
  void write(std::span<const std::string_view> parts) override;
  std::size_t queued() const override { return waiting_.size(); }
  std::size_t untaken() const override { return waiting_.size(); }
  void shutdown_write() override;
  void close() override;
  void reset() override;

  // ---- the peer
  void give(std::string_view bytes) { inbox_ += bytes; }
  void end() { has_peer_ended_ = true; }
  /// What has not been read is lost, and so is what waits.
  void break_off();
  bool has_broken_off() const { return has_peer_broken_off_; }
  void stop_taking() { takes_bytes_ = false; }
  void take_again() { takes_bytes_ = true; }
  /// What has arrived at the peer, from the first byte on.
  const std::string& sent() const { return sent_; }
  /// What the worker has written, taken by the peer or not.
  const std::string& written() const { return written_; }
  /// What the worker has read, from the first byte on.
  const std::string& read_so_far() const { return read_so_far_; }
  bool has_read_end() const { return has_told_end_; }
  bool is_closed() const { return is_closed_; }
  /// The peer sees a clean end behind sent().
  bool has_fin() const { return has_fin_ && !is_reset_; }
  bool is_reset() const { return is_reset_; }

  // ---- for WireRig
  bool is_ready() const;
  /// One event. Requires: is_ready().
  void step();

 private:
  bool can_flush() const { return takes_bytes_ && !waiting_.empty(); }
  bool can_tell_end() const;
  void deliver();
  void flush();

  net::TransportEvents* events_ = nullptr;
  net::ReadMode mode_ = net::ReadMode::Off;
  std::size_t limit_ = 0;
  std::string inbox_, sent_, waiting_, written_, read_so_far_;
  // What the views of on_read() and read_more() point to: memory of exactly that size, gone after
  // the event.
  std::vector<std::unique_ptr<char[]>> given_;
  bool takes_bytes_ = true;
  bool may_give_more_ = false;
  bool is_shutting_ = false;
  bool has_fin_ = false;
  bool is_reset_ = false;
  bool is_closed_ = false;
  bool is_dead_ = false;
  bool has_peer_ended_ = false;
  bool has_peer_broken_off_ = false;
  bool has_told_end_ = false;
};

/// One worker between wires. Turns are made by hand, so that a test can put two events into one.
class WireRig final : public net::Connector, public net::Acceptor {
 public:
  explicit WireRig(const ServiceOptions& options);
  WireRig(const WireRig&) = delete;
  WireRig& operator=(const WireRig&) = delete;
  ~WireRig();

  Wire& connect_client();
  /// Connections to endpoints, in the order in which they were opened.
  const std::vector<Wire*>& endpoints() const { return endpoints_; }
  void refuse_connects(bool refuses) { refuses_ = refuses; }

  /// One turn with one event; false: nothing can happen.
  bool step();
  void settle() {
    while (step()) {
    }
  }
  /// One turn with one event of each, in this order: as epoll reports what was ready together.
  void step_together(std::initializer_list<Wire*> wires);
  /// One turn with one event of this wire, in which the loop could not tell all that was ready.
  void step_crowded(Wire& wire);
  void advance(core::Nanos time);
  /// Ends everything, as at the end of a stop.
  void give_up();

  proxy::Worker& worker() { return worker_; }
  SimControl& control() { return control_; }
  /// What control would have told the worker.
  void overload(const policy::OverloadWord::Parts& parts) {
    overload_.word = policy::OverloadWord::of(parts).word();
  }
  /// The access log since the last call, one line each.
  std::vector<std::string> take_log();

  // net::Connector
  net::PendingConnect* connect(const core::SocketAddress& address, core::Nanos timeout,
                               net::ConnectEvents& events) override;
  // net::Acceptor
  void pause() override {}
  void resume() override {}
  void stop() override {}

 private:
  struct Attempt final : net::PendingConnect {
    void cancel() override { events = nullptr; }
    net::ConnectEvents* events = nullptr;
  };
  Wire& add_wire();
  bool step_connects();

  test::ManualClock clock_;
  SimControl control_;
  net::Loop loop_;
  proxy::LogQueue log_;
  std::deque<Wire> wires_;
  std::vector<Wire*> endpoints_;
  std::deque<Attempt> attempts_;
  std::size_t attempts_done_ = 0;
  std::size_t next_ = 0;  // whose turn it is, so that nobody starves
  bool refuses_ = false;
  model::OverloadCell overload_;
  proxy::Worker worker_;
};

}  // namespace sluice::sim
