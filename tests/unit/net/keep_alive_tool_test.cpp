// Not run by default: the steady keep-alive exchange for `strace -c -f unit_net "[.strace]"`.
#include "net_fixture.hpp"

using namespace net_test;

TEST_CASE_METHOD(TransportFixture,
                 "transport: a steady request and answer is one wait, one recv, one send",
                 "[.strace]") {
  use(tcp_pair());
  const std::string request = pattern(300);
  const std::string answer = pattern(1024);
  std::size_t requests = 0;
  // As an h1 session does: while the answer is on its way only the client's leaving is watched for.
  events.on_any = [&] {
    if (events.received.size() < request.size()) return;
    events.received.clear();
    transport->read(ReadMode::WatchClose);
    transport->write(answer);
    transport->read(ReadMode::On);
    ++requests;
  };
  transport->read(ReadMode::On);
  char buffer[2048];
  for (std::size_t i = 0; i < 10'000; ++i) {
    ::send(peer.get(), request.data(), request.size(), MSG_NOSIGNAL);
    while (requests == i) loop.run_once();
    REQUIRE(::recv(peer.get(), buffer, sizeof buffer, 0) == 1024);
  }
  CHECK(requests == 10'000);
}
