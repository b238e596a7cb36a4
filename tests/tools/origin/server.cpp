#include "origin/server.hpp"

#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <vector>

namespace tools {
namespace {

void watch(const Fd& epoll, int operation, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(epoll.get(), operation, fd, &event);
}

Fd termination_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return Fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

}  // namespace

Server::Server(const OriginOptions& options)
    : listener_(listen_on(options.port)),
      signals_(termination_signals()),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  shared_.identity = options.identity;
  shared_.servers.resize(options.servers);
  if (options.send_buffer > 0) {  // accepted sockets inherit it
    setsockopt(listener_.get(), SOL_SOCKET, SO_SNDBUF, &options.send_buffer,
               sizeof options.send_buffer);
  }
  if (!options.log.empty()) {
    log_ = std::fopen(options.log.c_str(), "a");
    shared_.keeps_numbers = log_ != nullptr;
  }
  watch(epoll_, EPOLL_CTL_ADD, listener_.get(), EPOLLIN);
  watch(epoll_, EPOLL_CTL_ADD, signals_.get(), EPOLLIN);
  fmt::print("listening 127.0.0.1:{}\n", port_of(listener_));
  std::fflush(stdout);
}

Server::~Server() {
  write_numbers();
  if (log_ != nullptr) std::fclose(log_);
}

void Server::run() {
  std::array<epoll_event, 256> events{};
  while (listener_.is_open() || !connections_.empty()) {
    const int count =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_time());
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == signals_.get()) {
        drain();
      } else if (listener_.is_open() && event.data.fd == listener_.get()) {
        accept_all();
      } else {
        on_event(event.data.fd, event.events);
      }
    }
    fire_timers();
    if (shared_.numbers.size() > 64 * 1024) write_numbers();
  }
}

void Server::accept_all() {
  while (true) {
    Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.is_open()) return;
    set_no_delay(fd.get());
    const int number = fd.get();
    Entry& entry = connections_[number];
    entry.connection = std::make_unique<Connection>(std::move(fd), shared_);
    entry.events = EPOLLIN;
    watch(epoll_, EPOLL_CTL_ADD, number, EPOLLIN);
  }
}

void Server::on_event(int fd, std::uint32_t events) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  Connection& connection = *found->second.connection;
  auto next = Connection::Next::Keep;
  if ((events & EPOLLERR) != 0) next = Connection::Next::Close;
  if (next == Connection::Next::Keep && (events & EPOLLOUT) != 0) next = connection.on_writable();
  // A hang-up while nothing is wanted would otherwise spin: level-triggered events need an answer.
  const bool is_over = (events & EPOLLHUP) != 0 && !connection.wants_read();
  if (next == Connection::Next::Keep && is_over) next = Connection::Next::Close;
  if (next == Connection::Next::Keep && (events & (EPOLLIN | EPOLLHUP)) != 0)
    next = connection.on_readable();
  settle(fd, next);
}

void Server::settle(int fd, Connection::Next next) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  Entry& entry = found->second;
  const auto deadline = entry.connection->deadline();
  if (entry.timer &&
      (next == Connection::Next::Close || !deadline || (*entry.timer)->first != *deadline)) {
    timers_.erase(*entry.timer);
    entry.timer.reset();
  }
  const bool is_done = shared_.is_draining && entry.connection->is_idle();
  if (next == Connection::Next::Close || is_done) {
    connections_.erase(found);
    return;
  }
  if (deadline && !entry.timer) entry.timer = timers_.emplace(*deadline, fd);
  const std::uint32_t wanted = (entry.connection->wants_read() ? EPOLLIN : 0U) |
                               (entry.connection->wants_write() ? EPOLLOUT : 0U);
  if (wanted != entry.events) {
    entry.events = wanted;
    watch(epoll_, EPOLL_CTL_MOD, fd, wanted);
  }
}

void Server::fire_timers() {
  const Instant now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const int fd = timers_.begin()->second;
    Entry& entry = connections_.at(fd);
    timers_.erase(timers_.begin());
    entry.timer.reset();
    settle(fd, entry.connection->on_timer());
  }
}

int Server::wait_time() const {
  if (timers_.empty()) return -1;
  const auto left = timers_.begin()->first - Clock::now();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(left).count() + 1;
  return static_cast<int>(std::max<std::int64_t>(0, millis));
}

void Server::drain() {
  signalfd_siginfo info{};
  if (read(signals_.get(), &info, sizeof(info)) < 0) return;
  if (shared_.is_draining) {
    connections_.clear();
    timers_.clear();
    return;
  }
  shared_.is_draining = true;
  accept_all();
  listener_.reset();
  std::vector<int> all;
  for (const auto& [fd, entry] : connections_) all.push_back(fd);
  // Read what lies in the socket first: a request that arrived before the signal is answered.
  for (const int fd : all) on_event(fd, EPOLLIN);
}

void Server::write_numbers() {
  if (log_ == nullptr) return;
  std::fwrite(shared_.numbers.data(), 1, shared_.numbers.size(), log_);
  std::fflush(log_);
  shared_.numbers.clear();
}

}  // namespace tools
