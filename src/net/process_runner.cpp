#include "net/process_runner.hpp"

#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>

#include "net/program_start.hpp"
#include "sluice/core/ensure.hpp"

namespace sluice::net {

namespace {

/// What a program finds other programs by; ours may be anything.
constexpr const char* kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// What the child does before it becomes the program: it reads and writes nothing of ours, stands
/// in `/`, and has closed every descriptor of ours when posix_spawn() returns.
class SpawnOrders {
 public:
  SpawnOrders() {
    // These fail without memory only.
    ENSURE(::posix_spawn_file_actions_init(&actions_) == 0 &&
               ::posix_spawnattr_init(&attributes_) == 0,
           "no memory");
    int failed = ::posix_spawn_file_actions_addchdir_np(&actions_, "/");
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      failed |= ::posix_spawn_file_actions_addopen(&actions_, standard, "/dev/null", O_RDWR, 0);
    }
    failed |= ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    failed |= ::posix_spawnattr_setsigmask(&attributes_, &none);
    failed |= ::posix_spawnattr_setsigdefault(&attributes_, &all);
    // A session: what it starts can be killed with it.
    failed |= ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    ENSURE(failed == 0, "no memory");
  }
  SpawnOrders(const SpawnOrders&) = delete;
  SpawnOrders& operator=(const SpawnOrders&) = delete;
  ~SpawnOrders() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

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
  Process(ProcessRunner& of, Done on_done) : runner(of), done(std::move(on_done)) {}

  /// With all that it has started: it leads a session.
  void on_timeout() {
    has_timed_out = true;
    ::kill(-pid, SIGKILL);
  }

  ProcessRunner& runner;
  Done done;
  pid_t pid = 0;  // 0: not started, or fetched
  CommandEnd end;
  bool has_timed_out = false;
  MemberTimer<Process, &Process::on_timeout> timer{*this};
};

ProcessRunner::ProcessRunner(EventLoop& loop)
    : loop_(loop), child_ends_(loop, {SIGCHLD}, [this](int) { fetch_ended(); }) {}

ProcessRunner::~ProcessRunner() = default;

void ProcessRunner::run(const Command& command, Done done) {
  std::vector<std::string> words = command.words;
  std::vector<std::string> environment = command.environment;
  environment.emplace_back(kPath);
  std::vector<char*> word_pointers = pointers_to(words);
  std::vector<char*> environment_pointers = pointers_to(environment);
  Process& process = *processes_.emplace_back(std::make_unique<Process>(*this, std::move(done)));

  const SpawnOrders orders;
  int failed = 0;
  {
    const ProgramStart start;
    failed = ::posix_spawn(&process.pid, word_pointers[0], orders.actions(), orders.attributes(),
                           word_pointers.data(), environment_pointers.data());
  }
  if (failed != 0) {
    process.pid = 0;
    process.end.how = CommandEnd::How::NotStarted;
    process.end.error = uv_strerror(uv_translate_sys_error(failed));
    return loop_.core().defer(tell_later_);
  }
  loop_.core().timers().arm(process.timer, loop_.core().now() + command.timeout);
}

/// One signal may stand for several ends.
void ProcessRunner::fetch_ended() {
  for (const auto& process : processes_) {
    int status = 0;
    if (process->pid == 0 || ::waitpid(process->pid, &status, WNOHANG) != process->pid) continue;
    process->pid = 0;
    process->timer.unlink();
    process->end.how = process->has_timed_out ? CommandEnd::How::TimedOut
                       : WIFSIGNALED(status)  ? CommandEnd::How::Killed
                                              : CommandEnd::How::Exited;
    process->end.number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  }
  tell_ended();
}

/// `done` may run other programs.
void ProcessRunner::tell_ended() {
  const auto has_ended = [](const auto& process) { return process->pid == 0; };
  for (auto at = std::ranges::find_if(processes_, has_ended); at != processes_.end();
       at = std::ranges::find_if(processes_, has_ended)) {
    const std::unique_ptr<Process> ended = std::move(*at);
    processes_.erase(at);
    ended->done(ended->end);
  }
}

}  // namespace sluice::net
