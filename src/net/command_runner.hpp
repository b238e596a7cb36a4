#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sluice/core/clock.hpp"

namespace sluice::net {

/// A program of its own, started without a shell: its words reach it as they are.
struct Command {
  std::vector<std::string> words;        // the first: its absolute path
  std::vector<std::string> environment;  // `NAME=value`, and nothing else but PATH
  core::Millis timeout{0};               // after which it is killed
};

struct CommandEnd {
  enum class How : std::uint8_t { Exited, Killed, TimedOut, NotStarted };
  How how = How::Exited;
  int number = 0;          // of Exited: its status; of Killed: the signal
  std::string error = {};  // of NotStarted
  bool is_good() const { return how == How::Exited && number == 0; }
};
/// `exited with status 1`, `was killed by signal 9`, `ran into its time`, `could not be started:
/// no such file or directory`.
std::string text(const CommandEnd& end);

/// Runs programs beside the loop. Loop thread only.
class CommandRunner {
 public:
  using Done = std::function<void(const CommandEnd&)>;
  /// `done` comes later, on the loop, once; not when the runner has ended before. The program reads
  /// and writes nothing of ours, and is the first of a session of its own.
  virtual void run(const Command& command, Done done) = 0;

 protected:
  ~CommandRunner() = default;
};

}  // namespace sluice::net
