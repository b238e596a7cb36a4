#include "app/notices.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "app/notice_queue.hpp"
#include "net/owned_fd.hpp"
#include "net/signals.hpp"
#include "sluice/core/limits.hpp"
#include "support/catch.hpp"

namespace sluice::app {
namespace {

using std::chrono::milliseconds;

struct Pipe {
  Pipe() {
    int both[2];
    REQUIRE(::pipe(both) == 0);
    reader.reset(both[0]);
    writer.reset(both[1]);
  }
  /// Until nothing is left in it.
  void fill() const {
    REQUIRE(::fcntl(writer.get(), F_SETFL, O_NONBLOCK) == 0);
    for (const std::size_t size : {4096U, 1U}) {
      const std::string dots(size, '.');
      while (::write(writer.get(), dots.data(), dots.size()) > 0) {
      }
    }
    REQUIRE(::fcntl(writer.get(), F_SETFL, 0) == 0);
  }
  /// To its end; everyone else has closed it.
  std::string rest() {
    writer.reset();
    std::string all;
    char buffer[4096];
    for (ssize_t count = 0; (count = ::read(reader.get(), buffer, sizeof buffer)) > 0;)
      all.append(buffer, static_cast<std::size_t>(count));
    return all;
  }
  net::OwnedFd reader;
  net::OwnedFd writer;
};

TEST_CASE("notice queue: bounded, and a gap says how many are missing where they would have stood",
          "[app][notices]") {
  NoticeQueue queue(100);
  CHECK_FALSE(queue.pop());
  queue.push(std::string(60, 'a'));
  queue.push(std::string(40, 'b'));
  queue.push("c");
  queue.push("d");
  CHECK(queue.pop() == std::string(60, 'a'));
  queue.push("e");  // with what tells of the gap it fits
  queue.push("f");
  CHECK(queue.pop() == std::string(40, 'b'));
  CHECK(queue.pop() == "2 notices are missing here: nobody read them in time");
  CHECK(queue.pop() == "e");
  CHECK(queue.pop() == "f");
  CHECK_FALSE(queue.pop());
}

TEST_CASE("notice queue: a gap at its end is told when all before it was read", "[app][notices]") {
  NoticeQueue queue(10);
  queue.push("0123456789");
  queue.push("x");
  CHECK(queue.pop() == "0123456789");
  CHECK(queue.pop() == "1 notices are missing here: nobody read them in time");
  CHECK_FALSE(queue.pop());
  queue.push("y");
  CHECK(queue.pop() == "y");
  queue.push("longer than all");
  CHECK(queue.pop() == "1 notices are missing here: nobody read them in time");
}

TEST_CASE("notices: they come in order, the last ones before the end", "[app][notices]") {
  Pipe pipe;
  {
    Notices notices({.descriptor = pipe.writer.get()});
    notices.say("one");
    notices.say("two");
  }
  CHECK(pipe.rest() == "sluice: one\nsluice: two\n");
}

TEST_CASE("notices: a pipe that nobody reads holds up nobody, and every line comes or is counted",
          "[app][notices]") {
  Pipe pipe;
  pipe.fill();
  constexpr int kLines = 10'000;
  std::string all;
  {
    Notices notices({.descriptor = pipe.writer.get()});
    for (int i = 0; i < kLines; ++i) notices.say("line " + std::to_string(i));
    net::OwnedFd copy(::dup(pipe.writer.get()));
    char buffer[4096];
    // The reader comes: until the gap has been told.
    while (all.find("missing") == std::string::npos) {
      const ssize_t count = ::read(pipe.reader.get(), buffer, sizeof buffer);
      REQUIRE(count > 0);
      all.append(buffer, static_cast<std::size_t>(count));
    }
    notices.say("last");
  }
  all += pipe.rest();
  all.erase(0, all.find_first_not_of('.'));
  int expected = 0;
  std::size_t at = 0;
  const auto take = [&](const std::string& line) {
    if (all.compare(at, line.size(), line) != 0) return false;
    at += line.size();
    return true;
  };
  while (take("sluice: line " + std::to_string(expected) + "\n")) ++expected;
  CHECK(expected > 1000);
  CHECK(take("sluice: " + std::to_string(kLines - expected) +
             " notices are missing here: nobody read them in time\n"));
  CHECK(take("sluice: last\n"));
  CHECK(at == all.size());
}

TEST_CASE("notices: the end does not wait for a reader who never comes", "[app][notices]") {
  auto pipe = std::make_unique<Pipe>();
  pipe->fill();
  {
    Notices notices({.descriptor = pipe->writer.get(), .last_patience = milliseconds(50)});
    notices.say("nobody sees it");
  }
  // Its thread still writes: it gets a reader, so that it ends before its descriptor is anybody's.
  std::string all;
  char buffer[4096];
  while (all.find("nobody sees it\n") == std::string::npos) {
    const ssize_t count = ::read(pipe->reader.get(), buffer, sizeof buffer);
    REQUIRE(count > 0);
    all.append(buffer, static_cast<std::size_t>(count));
  }
}

TEST_CASE("notices: a reader who has gone is no reason to stop", "[app][notices]") {
  net::ignore_write_signals();
  Pipe pipe;
  pipe.reader.reset();
  Notices notices({.descriptor = pipe.writer.get()});
  notices.say("one");
  notices.say("two");
}

}  // namespace
}  // namespace sluice::app
