#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "common/options.hpp"
#include "origin/server.hpp"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  tools::Options options(
      argc, argv,
      R"(test-origin [--port 0] [--name blue] [--version v1] [--log FILE] [--send-buffer BYTES] [--servers 10]
An HTTP/1.1 origin for tests and demo. Prints `listening 127.0.0.1:PORT`. --log collects `n=` of every request.
--send-buffer bounds what the kernel holds of its answers for each connection, as if it were on another machine.
  /            pool, version, number and counter; ?size=N bytes (default 1024)
  /echo        the body back        /digest   its SHA-256 and size      /headers  the received head
  /chunked     ?n=4&size=1024       /trailers the same with trailers    /close    no length, ended by closing
  /slow        ?ms=1000             /status   ?code=404                 /early    ?code=403, before the body
  /cut         ?size=N&after=100    /hints    a 103 first               /ws       WebSocket echo
  /raw         any other upgrade: bytes echoed, half-close kept
  /work        ?ms=50 of one of the --servers, when one is free
  /fail        ?code=503: every answer is that from now on, until code=200)");
  tools::OriginOptions origin;
  origin.port = static_cast<std::uint16_t>(options.number("port", 0));
  origin.identity.pool = options.text("name", "blue");
  origin.identity.version = options.text("version", "v1");
  origin.log = options.text("log", "");
  origin.servers =
      static_cast<std::size_t>(std::max<std::int64_t>(1, options.number("servers", 10)));
  origin.send_buffer = static_cast<int>(options.number("send-buffer", 0));
  options.done();
  tools::Server(origin).run();
  return 0;
}
