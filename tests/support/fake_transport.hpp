#pragma once
#include <string>
#include <string_view>

#include "net/transport.hpp"

namespace sluice::test {

/// One end of a connection in memory; the test is the peer. Owned by the test.
class FakeTransport final : public net::Transport {
 public:
  void set_events(net::TransportEvents& events) override { events_ = &events; }
  void read(net::ReadMode mode, std::size_t limit) override {
    mode_ = mode;
    limit_ = limit;
  }
  std::string_view read_more(std::size_t limit) override;
  bool has_input() const override { return !beyond_.empty(); }
  using net::Transport::write;
  void write(std::span<const std::string_view> parts) override;
  std::size_t queued() const override { return waiting.size(); }
  std::size_t untaken() const override { return waiting.size(); }
  void shutdown_write() override { is_finished = true; }
  void close() override { is_closed = true; }
  void reset() override { is_closed = is_reset = true; }

  // ---- the peer ----
  /// Gives what the reader takes now, at most its limit at once; the rest is returned.
  std::string_view give(std::string_view bytes);
  void end();
  void fail();
  /// The peer reads again: what waited goes.
  void drain();
  net::ReadMode mode() const { return mode_; }

  std::string sent;
  std::string waiting;
  bool takes_bytes = true;
  bool is_finished = false;
  bool is_closed = false;
  bool is_reset = false;

 private:
  net::TransportEvents* events_ = nullptr;
  net::ReadMode mode_ = net::ReadMode::Off;
  std::size_t limit_ = 0;
  std::string_view beyond_;  // what on_read() has not given, while it runs
};

}  // namespace sluice::test
