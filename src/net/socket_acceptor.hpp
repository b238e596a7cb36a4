#pragma once
#include <atomic>
#include <cstdint>
#include <vector>

#include "net/acceptor.hpp"
#include "net/descriptor_reserve.hpp"
#include "net/event_loop.hpp"
#include "net/owned_fd.hpp"

namespace sluice::net {

/// One listening socket, and its position in the configuration (AcceptEvents::on_accept's
/// `listener`).
struct ListenSocket {
  OwnedFd socket;
  std::size_t listener = 0;
};

/// Acceptor over listening sockets, TCP or Unix. Begins paused: resume() starts it, when all
/// sockets of all workers listen. Loop thread only except the counters.
///
/// Out of descriptors or memory it rests: connections wait in the kernel meanwhile. `use` says what
/// it may take of the reserve before it does.
class SocketAcceptor final : public Acceptor {
 public:
  SocketAcceptor(EventLoop& loop, std::vector<ListenSocket> sockets, AcceptEvents& events,
                 DescriptorUse use = {});
  SocketAcceptor(const SocketAcceptor&) = delete;
  SocketAcceptor& operator=(const SocketAcceptor&) = delete;
  ~SocketAcceptor();

  void pause() override;
  void resume() override;
  /// on_accept() comes from inside this call, also while paused; none after it. Idempotent.
  void stop() override;

  /// Any thread.
  std::uint64_t accepted() const { return accepted_.load(std::memory_order_relaxed); }
  /// How often accepting rested because descriptors or memory had run out. Any thread.
  std::uint64_t rests() const { return rests_.load(std::memory_order_relaxed); }

 private:
  struct Watcher;
  enum class State : std::uint8_t { Paused, Accepting, Stopped };
  enum class Accepted : std::uint8_t { One, Skipped, QueueEmpty, OutOfResources };

  void accept_some(Watcher& watcher);
  Accepted accept_one(Watcher& watcher);
  void close_watchers();
  void rest();
  void on_rested();
  bool is_accepting() const { return state_ == State::Accepting && !rest_timer_.is_armed(); }
  void watch_or_not();

  EventLoop& loop_;
  AcceptEvents& events_;
  const DescriptorUse use_;
  std::vector<Watcher*> watchers_;  // each goes at the end of the turn of its closing
  State state_ = State::Paused;
  bool is_watching_ = false;
  MemberTimer<SocketAcceptor, &SocketAcceptor::on_rested> rest_timer_{*this};
  // Written by the loop only.
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> rests_{0};
};

}  // namespace sluice::net
