#pragma once
#include <deque>
#include <memory>
#include <string>

#include "net/byte_queue.hpp"
#include "net/loop.hpp"
#include "net/transport.hpp"
#include "sim/scheduler.hpp"
#include "sim/sim_link.hpp"

namespace sluice::sim {

/// What the transports of one worker share.
struct SimNode {
  Scheduler& scheduler;
  net::Loop& loop;
  std::size_t worker = 0;
  std::size_t transports = 0;  // alive
  unsigned transports_made = 0;
  std::size_t queued_most = 0;  // highest queued() of any of them
  std::string misuse{};         // a contract of net/transport.hpp that the proxy broke
};

/// What a test wants to know when bytes have reached the worker.
class DeliveryWatch {
 public:
  /// Before the worker sees them: `total` counts from the first byte of the connection.
  virtual void on_delivery(std::size_t total) = 0;

 protected:
  ~DeliveryWatch() = default;
};

/// The proxy's end of a Link: keeps the contract of net/transport.hpp to the letter, and uses every
/// freedom that it leaves (short reads, short writes, events in any order).
class SimTransport final : public net::Transport, public net::Reapable, public Actor {
 public:
  SimTransport(SimNode& node, std::shared_ptr<Link> link, DeliveryWatch* watch);

  // net::Transport
  void set_events(net::TransportEvents& events) override { events_ = &events; }
  void read(net::ReadMode mode, std::size_t limit) override;
  std::string_view read_more(std::size_t limit) override;
  bool has_input() const override;
  void write(std::span<const std::string_view> parts) override;
  std::size_t queued() const override { return queue_.size(); }
  std::size_t untaken() const override { return queue_.size() + link_->to_peer.unread().size(); }
  void shutdown_write() override;
  void close() override;
  void reset() override;
  void reap() override { delete this; }

  // Actor
  bool is_ready() const override;
  void step() override;
  net::Loop* loop() const override { return &node_.loop; }

 private:
  enum class Life : std::uint8_t { Live, Dead, Closed };
  enum class ReadSide : std::uint8_t { Open, EndTold, EndRead };
  enum class WriteSide : std::uint8_t { Open, Ending, Ended, Failed };

  ~SimTransport();
  std::string take(std::size_t count);
  bool can_read() const;
  bool can_notice_leaving() const;
  bool can_write() const;
  void receive();
  void notice_leaving();
  void flush();
  void die();
  void fail_write();
  void end();
  void expect_open(const char* call);
  void trace(std::string_view what, std::string_view bytes = {}) const;

  SimNode& node_;
  const unsigned number_;
  std::shared_ptr<Link> link_;
  DeliveryWatch* watch_;
  net::TransportEvents* events_ = nullptr;
  net::ByteQueue queue_;
  std::size_t limit_ = core::limits::kReadBufferSize;
  std::size_t delivered_ = 0;
  std::deque<std::string> given_;  // what the views of on_read() and read_more() point to
  bool may_give_more_ = false;
  net::ReadMode mode_ = net::ReadMode::Off;
  Life life_ = Life::Live;
  ReadSide read_side_ = ReadSide::Open;
  WriteSide write_side_ = WriteSide::Open;
};

}  // namespace sluice::sim
