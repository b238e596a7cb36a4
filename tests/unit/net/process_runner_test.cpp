#include "net/process_runner.hpp"

#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>

#include "net_fixture.hpp"
#include "support/temp_dir.hpp"

using namespace net_test;
using sluice::net::Command;
using sluice::net::CommandEnd;
using How = sluice::net::CommandEnd::How;
using Strings = std::vector<std::string>;

namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Gone, or a zombie that nobody has fetched.
bool is_dead(const std::string& pid) {
  const std::string stat = content_of("/proc/" + pid + "/stat");
  const std::size_t name_end = stat.rfind(')');
  return name_end == stat.npos || stat[name_end + 2] == 'Z' || stat[name_end + 2] == 'X';
}

struct Runs : LoopFixture {
  CommandEnd end_of(const Command& command) {
    std::optional<CommandEnd> ended;
    runner.run(command, [&](const CommandEnd& end) {
      ENSURE(!ended, "once");
      ended = end;
    });
    CHECK_FALSE(ended);  // not from inside run()
    REQUIRE(run_until(loop, [&] { return ended.has_value(); }));
    CHECK(runner.running() == 0);
    return *ended;
  }
  static Command shell(const std::string& text, sluice::core::Millis timeout = 10s) {
    return {.words = {"/bin/sh", "-c", text}, .environment = {}, .timeout = timeout};
  }
  sluice::net::ProcessRunner runner{loop};
  sluice::test::TempDir directory;
};

}  // namespace

TEST_CASE_METHOD(Runs, "process: its end is told with status or signal", "[net][process]") {
  CHECK(end_of(shell("exit 0")).is_good());
  const CommandEnd three = end_of(shell("exit 3"));
  CHECK(three.how == How::Exited);
  CHECK(three.number == 3);
  CHECK_FALSE(three.is_good());
  CHECK(text(three) == "exited with status 3");
  const CommandEnd killed = end_of(shell("kill -TERM $$"));
  CHECK(killed.how == How::Killed);
  CHECK(killed.number == SIGTERM);
  CHECK(text(killed) == "was killed by signal 15");
}

TEST_CASE_METHOD(Runs, "process: words reach it as they are, and nothing of our environment",
                 "[net][process]") {
  const std::string out = directory.in("out");
  ::setenv("SLUICE_TEST_SECRET", "x", 1);
  Command command =
      shell("printf '%s|' \"$@\" \"$SLUICE_POOL\" \"$SLUICE_TEST_SECRET\" \"$PWD\" > " + out);
  command.words.insert(command.words.end(), {"name", "a b", "$(id)", "'; exit 1", "*"});
  command.environment = {"SLUICE_POOL=blue; exit 1"};
  CHECK(end_of(command).is_good());
  ::unsetenv("SLUICE_TEST_SECRET");
  CHECK(content_of(out) == "a b|$(id)|'; exit 1|*|blue; exit 1||/|");
}

TEST_CASE_METHOD(Runs, "process: it gets no descriptor of ours", "[net][process]") {
  const std::string out = directory.in("out");
  CHECK(end_of(shell("ls -l /proc/self/fd > " + out)).is_good());
  const std::string listed = content_of(out);
  CHECK(listed.find("/dev/null") != std::string::npos);
  CHECK(listed.find("socket:") == std::string::npos);
  CHECK(listed.find("eventpoll") == std::string::npos);
}

TEST_CASE_METHOD(Runs, "process: it holds no socket of ours once run() has returned",
                 "[net][process]") {
  for (int i = 0; i < 20; ++i) {
    SocketPair pair = unix_pair();
    runner.run(shell("exit 0"), [](const CommandEnd&) {});
    pair.ours.reset();
    bool has_ended = false;
    receive_now(pair.theirs.get(), has_ended);
    CHECK(has_ended);
  }
  CHECK(run_until(loop, [&] { return runner.running() == 0; }));
}

TEST_CASE_METHOD(Runs, "process: signals that we ignore or hold back are none of its affair",
                 "[net][process]") {
  sigset_t set;
  sigset_t before;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  REQUIRE(::pthread_sigmask(SIG_BLOCK, &set, &before) == 0);
  CHECK(end_of(shell("kill -TERM $$; exit 0")).number == SIGTERM);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  const auto pipe_before = std::signal(SIGPIPE, SIG_IGN);
  CHECK(end_of(shell("kill -PIPE $$; exit 0")).number == SIGPIPE);
  std::signal(SIGPIPE, pipe_before);
}

TEST_CASE_METHOD(Runs, "process: a program that is told of runs the next one", "[net][process]") {
  std::vector<std::string> order;
  runner.run({.words = {directory.in("no-such")}, .environment = {}}, [&](const CommandEnd& end) {
    order.push_back(text(end));
    runner.run(shell("exit 7"), [&](const CommandEnd& next) { order.push_back(text(next)); });
  });
  REQUIRE(run_until(loop, [&] { return order.size() == 2; }));
  CHECK(order ==
        Strings{"could not be started: no such file or directory", "exited with status 7"});
  CHECK(runner.running() == 0);
}

TEST_CASE_METHOD(Runs, "process: one that can't be started says why", "[net][process]") {
  const CommandEnd missing = end_of({.words = {directory.in("no-such")}, .environment = {}});
  CHECK(missing.how == How::NotStarted);
  CHECK(text(missing) == "could not be started: no such file or directory");
  const std::string plain = directory.file("plain", "text\n");
  CHECK(text(end_of({.words = {plain}, .environment = {}})) ==
        "could not be started: permission denied");
}

TEST_CASE_METHOD(Runs, "process: one that runs on is killed, with all that it has started",
                 "[net][process]") {
  const std::string out = directory.in("pid");
  const CommandEnd end = end_of(shell("/bin/sleep 1000 & echo $! > " + out + "; wait", 300ms));
  CHECK(end.how == How::TimedOut);
  CHECK(text(end) == "was killed: it ran into its time");
  std::istringstream pid_line(content_of(out));
  std::string pid;
  pid_line >> pid;
  REQUIRE_FALSE(pid.empty());
  CHECK(run_until(loop, [&] { return is_dead(pid); }));
}

TEST_CASE_METHOD(Runs, "process: several run at once", "[net][process]") {
  std::vector<int> ends;
  for (int i = 0; i < 5; ++i) {
    runner.run(shell("exit " + std::to_string(i)),
               [&ends](const CommandEnd& end) { ends.push_back(end.number); });
  }
  CHECK(runner.running() == 5);
  REQUIRE(run_until(loop, [&] { return ends.size() == 5; }));
  std::ranges::sort(ends);
  CHECK(ends == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE_METHOD(LoopFixture, "process: one that outlives its runner is told to nobody",
                 "[net][process]") {
  const sluice::test::TempDir directory;
  const std::string out = directory.in("out");
  auto runner = std::make_unique<sluice::net::ProcessRunner>(loop);
  bool is_told = false;
  runner->run({.words = {"/bin/sh", "-c", "read x < /dev/null; echo done > " + out},
               .environment = {},
               .timeout = 10s},
              [&](const CommandEnd&) { is_told = true; });
  runner.reset();
  CHECK(run_until(loop, [&] { return content_of(out) == "done\n"; }));
  CHECK_FALSE(is_told);
}
