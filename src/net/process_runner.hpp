#pragma once
#include <memory>
#include <vector>

#include "net/command_runner.hpp"
#include "net/event_loop.hpp"

namespace sluice::net {

/// CommandRunner over uv_spawn(). A program that still runs when this ends is left to itself: half
/// of what a hook does may be worse than none of it.
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
  void on_ended(Process& process);

  EventLoop& loop_;
  std::vector<Process*> processes_;  // each frees itself in its close callback
};

}  // namespace sluice::net
