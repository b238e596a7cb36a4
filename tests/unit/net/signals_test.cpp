#include "net/signals.hpp"

#include <csignal>
#include <vector>

#include "net_fixture.hpp"

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

TEST_CASE("signals: a write to a closed socket does not end the process", "[net][signals]") {
  sluice::net::ignore_sigpipe();
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  ::close(fds[0]);
  CHECK(::write(fds[1], "x", 1) == -1);
  CHECK(errno == EPIPE);
  ::close(fds[1]);
}
