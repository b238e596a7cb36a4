#pragma once
#include <memory>
#include <vector>

#include "net/command_runner.hpp"
#include "net/event_loop.hpp"
#include "net/signals.hpp"

namespace sluice::net {

/// CommandRunner over posix_spawn(3), which returns when the child has closed all that it had of
/// ours: uv_spawn() tells of no such moment (ProgramStart). Takes SIGCHLD. A program that still
/// runs when this ends is left to itself: half of what a hook does may be worse than none of it.
class ProcessRunner final : public CommandRunner {
 public:
  explicit ProcessRunner(EventLoop& loop);
  ProcessRunner(const ProcessRunner&) = delete;
  ProcessRunner& operator=(const ProcessRunner&) = delete;
  ~ProcessRunner();

  void run(const Command& command, Done done) override;
  std::size_t running() const { return processes_.size(); }

 private:
  struct Process;
  void fetch_ended();
  void tell_ended();

  EventLoop& loop_;
  std::vector<std::unique_ptr<Process>> processes_;
  SignalWatch child_ends_;
  MemberDeferred<ProcessRunner, &ProcessRunner::tell_ended> tell_later_{*this};
};

}  // namespace sluice::net
