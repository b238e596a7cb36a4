#include "net/signals.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <csignal>
#include <vector>

#include "net_fixture.hpp"
#include "support/temp_dir.hpp"

using namespace net_test;

TEST_CASE_METHOD(LoopFixture, "signals: arrive on the loop, each with its number",
                 "[net][signals]") {
  std::vector<int> seen;
  const sluice::net::SignalWatch watch(loop, {SIGUSR1, SIGHUP},
                                       [&](int number) { seen.push_back(number); });
  std::raise(SIGUSR1);
  CHECK(seen.empty());  // not from inside the handler
  REQUIRE(run_until(loop, [&] { return seen.size() == 1; }));
  std::raise(SIGHUP);
  REQUIRE(run_until(loop, [&] { return seen.size() == 2; }));
  CHECK(seen == std::vector{SIGUSR1, SIGHUP});
}

TEST_CASE("signals: a write beyond the largest size of a file does not end the process",
          "[net][signals]") {
  sluice::net::ignore_write_signals();
  const sluice::test::TempDir directory;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  const int file = ::open(directory.in("file").c_str(), O_WRONLY | O_CREAT, 0600);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &none) == 0);
  const ssize_t written = ::write(file, "x", 1);
  const int error = errno;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(written == -1);
  CHECK(error == EFBIG);
  ::close(file);
}

TEST_CASE("signals: a write to a closed socket does not end the process", "[net][signals]") {
  sluice::net::ignore_write_signals();
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  ::close(fds[0]);
  CHECK(::write(fds[1], "x", 1) == -1);
  CHECK(errno == EPIPE);
  ::close(fds[1]);
}
