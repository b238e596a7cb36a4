#include "app/log_target.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <fstream>
#include <iterator>

#include "net/owned_fd.hpp"
#include "net/signals.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace sluice::app {
namespace {

using test::TempDir;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::unique_ptr<LogTarget> open(const std::string& path) {
  auto opened = open_log_target(path);
  REQUIRE(opened);
  return std::move(*opened);
}

/// No file gets larger, as on a full disk.
class LargestFile {
 public:
  explicit LargestFile(rlim_t bytes) {
    net::ignore_write_signals();
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit now{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
  }
  LargestFile(const LargestFile&) = delete;
  LargestFile& operator=(const LargestFile&) = delete;
  ~LargestFile() { static_cast<void>(::setrlimit(RLIMIT_FSIZE, &before_)); }

 private:
  rlimit before_{};
};

TEST_CASE("log target: a full disk takes a part, says why, and the part can be cut off",
          "[app][log]") {
  const TempDir directory;
  const std::string path = directory.file("log", "old\n");
  const auto target = open(path);
  LogTarget::Taken taken;
  LogTarget::Taken refused;
  {
    const LargestFile full(10);
    taken = target->take("first\n", "second\n");
    refused = target->take("nd\n", "");
  }
  CHECK(taken.bytes == 6);
  CHECK(refused.bytes == 0);
  CHECK(refused.then == LogTarget::Then::NotNow);
  CHECK(refused.error == EFBIG);
  CHECK(target->take("second", "\nthird").bytes == 12);
  CHECK(target->cut(5));
  CHECK(content_of(path) == "old\nfirst\nsecond\n");
  CHECK(target->cut(13));
  CHECK_FALSE(target->cut(1));  // nothing that is there is ours
  CHECK(content_of(path) == "old\n");
}

TEST_CASE("log target: a file that somebody has truncated says so", "[app][log]") {
  const TempDir directory;
  const std::string path = directory.file("log", "old\n");
  const auto target = open(path);
  CHECK_FALSE(target->is_truncated());
  CHECK(target->take("line\n", "").bytes == 5);
  CHECK_FALSE(target->is_truncated());
  REQUIRE(::truncate(path.c_str(), 0) == 0);
  CHECK(target->is_truncated());
  CHECK(target->take("line\n", "").bytes == 5);
  CHECK_FALSE(target->is_truncated());
  CHECK(content_of(path) == "line\n");
}

TEST_CASE("log target: what somebody else has written behind it is not cut off", "[app][log]") {
  const TempDir directory;
  const std::string path = directory.in("log");
  const auto target = open(path);
  const auto other = open(path);
  target->take("mine", "");
  other->take("theirs", "");
  CHECK_FALSE(target->cut(4));
  target->take(" more", "");
  CHECK_FALSE(target->cut(9));  // theirs are among them
  CHECK(target->cut(5));
  CHECK(content_of(path) == "minetheirs");
}

TEST_CASE("log target: lines never go on behind a line that was torn before", "[app][log]") {
  const TempDir directory;
  const std::string path = directory.file("log", "whole\ntor");
  const auto target = open(path);
  {
    const LargestFile full(9);
    CHECK(target->take("next\n", "").then == LogTarget::Then::NotNow);
  }
  CHECK(target->take("next\n", "").bytes == 5);
  CHECK(target->take("last\n", "").bytes == 5);
  CHECK(content_of(path) == "whole\ntor\nnext\nlast\n");
}

TEST_CASE("log target: a pipe takes whole lines, and none when it is full", "[app][log]") {
  const TempDir directory;
  const std::string path = directory.in("fifo");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const auto target = open(path);
  const std::string line = std::string(PIPE_BUF - 3, 'x') + "\n";
  std::size_t taken = 0;
  LogTarget::Taken last = target->take(line, line);
  for (; last.then == LogTarget::Then::GoesOn; last = target->take(line, line)) {
    CHECK(last.bytes == line.size());
    taken += last.bytes;
  }
  CHECK(last.then == LogTarget::Then::NotNow);
  CHECK(last.error == 0);
  CHECK(taken > 0);
  CHECK_FALSE(target->cut(1));
  const net::OwnedFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK));
  std::string read(taken + 1, '\0');
  CHECK(::read(reader.get(), read.data(), read.size()) == static_cast<ssize_t>(taken));
  CHECK(target->wait_for_room(std::chrono::milliseconds(0)));
  CHECK(target->take("short\n" + line, "").bytes == 6);
  CHECK(target->take(std::string(PIPE_BUF + 1, 'y'), "").bytes == PIPE_BUF);
}

TEST_CASE("log target: the same file is known, whatever its name", "[app][log]") {
  const TempDir directory;
  const auto target = open(directory.in("log"));
  REQUIRE(::link(directory.in("log").c_str(), directory.in("log.1").c_str()) == 0);
  CHECK(target->is_same_as(*open(directory.in("log.1"))));
  CHECK_FALSE(target->is_same_as(*open(directory.in("other"))));
  const auto refused = open_log_target(directory.path);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text() ==
        directory.path + ": the access log can't be opened: Is a directory");
}

}  // namespace
}  // namespace sluice::app
