#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "net/connector.hpp"
#include "net/loop.hpp"
#include "support/fake_transport.hpp"
#include "support/manual_clock.hpp"

namespace sluice::test {

/// Endpoints by port, each connection a FakeTransport of its own. A transport stays until the end,
/// so that a test can look at what was done to it.
class HealthPeers final : public net::Connector {
 public:
  enum class Mode { Accepts, Refuses, Silent, NoResources };

  explicit HealthPeers(net::Loop& loop) : loop_(loop) {}

  net::PendingConnect* connect(const core::SocketAddress& address, core::Nanos,
                               net::ConnectEvents& events) override {
    Attempt& attempt = *attempts_.emplace_back(std::make_unique<Attempt>());
    attempt.events = &events;
    attempt.port = address.port;
    ++connects;
    ++connects_to[address.port];
    const auto found = modes.find(address.port);
    const Mode mode = found == modes.end() ? Mode::Accepts : found->second;
    if (mode != Mode::Silent) loop_.mailbox().post([&attempt, mode] { answer(attempt, mode); });
    open_most = std::max(open_most, open());
    return &attempt;
  }

  /// The newest connection to that port.
  FakeTransport& at(std::uint16_t port) {
    const auto found = std::find_if(attempts_.rbegin(), attempts_.rend(), [port](const auto& each) {
      return each->port == port && each->is_connected;
    });
    ENSURE(found != attempts_.rend(), "nobody has connected");
    return (*found)->transport;
  }
  /// Every connection that waits for an answer gets the one of its port, if there is one.
  void answer_all() {
    for (const auto& attempt : std::vector(pointers())) {
      const auto found = answers.find(attempt->port);
      const bool waits = attempt->is_connected && !attempt->transport.is_closed;
      if (waits && found != answers.end() && attempt->transport.mode() == net::ReadMode::On)
        attempt->transport.give(found->second);
    }
  }
  /// Attempts and connections that are not over.
  std::size_t open() const {
    return static_cast<std::size_t>(std::ranges::count_if(attempts_, [](const auto& attempt) {
      return attempt->events != nullptr || (attempt->is_connected && !attempt->transport.is_closed);
    }));
  }

  std::map<std::uint16_t, Mode> modes;            // by port; else Accepts
  std::map<std::uint16_t, std::string> answers;   // by port: whole, for answer_all()
  std::map<std::uint16_t, unsigned> connects_to;  // by port
  unsigned connects = 0;
  std::size_t open_most = 0;

 private:
  struct Attempt final : net::PendingConnect {
    void cancel() override { events = nullptr; }
    net::ConnectEvents* events = nullptr;
    std::uint16_t port = 0;
    bool is_connected = false;
    FakeTransport transport;
  };
  std::vector<Attempt*> pointers() const {
    std::vector<Attempt*> all;
    for (const auto& attempt : attempts_) all.push_back(attempt.get());
    return all;
  }
  static void answer(Attempt& attempt, Mode mode) {
    net::ConnectEvents* events = std::exchange(attempt.events, nullptr);
    if (events == nullptr) return;
    if (mode == Mode::Refuses) return events->on_connect_failed(net::ConnectError::Refused);
    if (mode == Mode::NoResources)
      return events->on_connect_failed(net::ConnectError::LocalResources);
    attempt.is_connected = true;
    events->on_connected(attempt.transport);
  }
  net::Loop& loop_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
};

}  // namespace sluice::test
