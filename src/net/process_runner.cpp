#include "net/process_runner.hpp"

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>

#include "sluice/core/ensure.hpp"

namespace sluice::net {

namespace {

/// What a program finds other programs by; ours may be anything.
constexpr const char* kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

std::string text(const CommandEnd& end) {
  switch (end.how) {
    case CommandEnd::How::Exited:
      return "exited with status " + std::to_string(end.number);
    case CommandEnd::How::Killed:
      return "was killed by signal " + std::to_string(end.number);
    case CommandEnd::How::TimedOut:
      return "was killed: it ran into its time";
    case CommandEnd::How::NotStarted:
      return "could not be started: " + end.error;
  }
  core::unreachable();
}

struct ProcessRunner::Process {
  Process(ProcessRunner& of, Done on_done) : runner(&of), done(std::move(on_done)) {
    handle.data = this;
  }

  /// With all that it has started: it leads a session.
  void on_timeout() {
    has_timed_out = true;
    ::kill(-handle.pid, SIGKILL);
  }

  uv_process_t handle{};
  ProcessRunner* runner;  // nullptr: it has ended before
  Done done;
  CommandEnd end;
  bool has_timed_out = false;
  MemberTimer<Process, &Process::on_timeout> timer{*this};
};

ProcessRunner::ProcessRunner(EventLoop& loop) : loop_(loop) {}

ProcessRunner::~ProcessRunner() {
  for (Process* process : processes_) {
    process->runner = nullptr;
    loop_.core().timers().disarm(process->timer);
    auto* const handle = reinterpret_cast<uv_handle_t*>(&process->handle);
    if (uv_is_closing(handle) != 0) continue;
    uv_close(handle, [](uv_handle_t* closed) { delete static_cast<Process*>(closed->data); });
  }
}

void ProcessRunner::run(const Command& command, Done done) {
  std::vector<std::string> words = command.words;
  std::vector<std::string> environment = command.environment;
  environment.emplace_back(kPath);
  std::vector<char*> word_pointers = pointers_to(words);
  std::vector<char*> environment_pointers = pointers_to(environment);
  auto* const process = processes_.emplace_back(new Process(*this, std::move(done)));

  uv_process_options_t options{};
  options.file = word_pointers[0];
  options.args = word_pointers.data();
  options.env = environment_pointers.data();
  options.cwd = "/";
  options.flags = UV_PROCESS_DETACHED;  // a session: what it starts can be killed with it
  options.stdio_count = 0;              // nothing is passed on: the child gets /dev/null
  options.exit_cb = [](uv_process_t* handle, std::int64_t status, int signal_number) {
    auto& ended = *static_cast<Process*>(handle->data);
    ended.end.how = ended.has_timed_out  ? CommandEnd::How::TimedOut
                    : signal_number != 0 ? CommandEnd::How::Killed
                                         : CommandEnd::How::Exited;
    ended.end.number = signal_number != 0 ? signal_number : static_cast<int>(status);
    if (ended.runner != nullptr) ended.runner->on_ended(ended);
  };
  if (const int failed = uv_spawn(loop_.libuv(), &process->handle, &options); failed != 0) {
    process->end.how = CommandEnd::How::NotStarted;
    process->end.error = uv_strerror(failed);
    return on_ended(*process);
  }
  loop_.core().timers().arm(process->timer, loop_.core().now() + command.timeout);
}

/// `done` runs in the close callback, so never from inside run().
void ProcessRunner::on_ended(Process& process) {
  loop_.core().timers().disarm(process.timer);
  uv_close(reinterpret_cast<uv_handle_t*>(&process.handle), [](uv_handle_t* closed) {
    const std::unique_ptr<Process> ended(static_cast<Process*>(closed->data));
    if (ended->runner == nullptr) return;
    std::erase(ended->runner->processes_, ended.get());
    ended->done(ended->end);
  });
}

}  // namespace sluice::net
