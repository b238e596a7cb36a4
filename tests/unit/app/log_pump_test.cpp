#include "app/log_pump.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

#include "sluice/core/rng.hpp"
#include "support/catch.hpp"

namespace sluice::app {
namespace {

/// Takes as much as it has room for, at most so much at once.
class FakeTarget final : public LogTarget {
 public:
  Taken take(std::string_view first, std::string_view second) override {
    ++calls;
    if (is_gone) return {.bytes = 0, .then = Then::Never, .error = EPIPE};
    if (room == 0) return {.bytes = 0, .then = Then::NotNow, .error = ENOSPC};
    const std::string all = std::string(first) + std::string(second);
    const std::size_t bytes = std::min({room, most_each, all.size()});
    content += all.substr(0, bytes);
    room -= bytes;
    return {.bytes = bytes};
  }
  bool cut(std::size_t bytes) override {
    if (!can_cut) return false;
    content.resize(content.size() - bytes);
    return true;
  }
  bool is_truncated() const override { return was_truncated; }
  bool wait_for_room(std::chrono::milliseconds) override { return false; }
  bool is_same_as(const LogTarget& other) const override {
    return name == dynamic_cast<const FakeTarget&>(other).name;
  }

  std::string content;
  std::string name = "log";
  std::size_t room = SIZE_MAX;
  std::size_t most_each = SIZE_MAX;
  bool can_cut = true;
  bool was_truncated = false;
  bool is_gone = false;
  int calls = 0;
};

std::vector<std::unique_ptr<proxy::LogQueue>> queues_of(std::size_t count,
                                                        std::size_t bytes = 1024) {
  std::vector<std::unique_ptr<proxy::LogQueue>> all;
  for (std::size_t i = 0; i < count; ++i)
    all.push_back(std::make_unique<proxy::LogQueue>(bytes, 100));
  return all;
}

TEST_CASE("log pump: everything that waits comes in order, queue by queue", "[app][log]") {
  LogPump pump(queues_of(2));
  FakeTarget target;
  CHECK(pump.pump(target).bytes == 0);
  CHECK(target.calls == 0);
  pump.queue(0).push("a1\n");
  pump.queue(1).push("b1\n");
  pump.queue(0).push("a2\n");
  const LogPump::Pass pass = pump.pump(target);
  CHECK(target.content == "a1\na2\nb1\n");
  CHECK(pass.bytes == 9);
  CHECK_FALSE(pass.is_stuck);
  CHECK(pass.error == 0);
  CHECK(pump.lines_lost() == 0);
}

TEST_CASE("log pump: a line that was taken in part is finished before any other is written",
          "[app][log]") {
  LogPump pump(queues_of(3));
  FakeTarget target;
  pump.queue(1).push("first\n");
  pump.queue(1).push("second\n");
  pump.queue(2).push("third\n");
  target.room = 9;
  const LogPump::Pass pass = pump.pump(target);
  CHECK(pass.is_stuck);
  CHECK(pass.error == ENOSPC);
  CHECK(target.content == "first\nsec");
  pump.queue(0).push("zero\n");
  CHECK(pump.pump(target).is_stuck);  // still no room
  target.room = 1;
  CHECK(pump.pump(target).is_stuck);
  CHECK(target.content == "first\nseco");
  target.room = SIZE_MAX;
  CHECK_FALSE(pump.pump(target).is_stuck);
  CHECK(target.content == "first\nsecond\nthird\nzero\n");
  CHECK(pump.lines_lost() == 0);
}

TEST_CASE("log pump: a line that was torn when the file was truncated goes whole to its beginning",
          "[app][log]") {
  LogPump pump(queues_of(1));
  FakeTarget target;
  target.room = 8;
  pump.queue(0).push("first\n");
  pump.queue(0).push("second\n");
  CHECK(pump.pump(target).is_stuck);
  CHECK(target.content == "first\nse");
  target.content.clear();
  target.was_truncated = true;
  target.room = SIZE_MAX;
  pump.pump(target);
  CHECK(target.content == "second\n");
  CHECK(pump.lines_lost() == 0);
}

TEST_CASE("log pump: the room ends at any byte of any line, also where the ring wraps",
          "[app][log]") {
  const std::string lines = "one\ntwo-two\nthree\n\nfive-five-five\n";
  for (std::size_t room = 0; room <= lines.size(); ++room) {
    for (const std::size_t before : {0U, 30U, 45U})
      for (const bool comes_back : {true, false}) {
        LogPump pump(queues_of(1, 60));
        FakeTarget target;
        pump.queue(0).push(std::string(before, '.') + "\n");
        pump.queue(0).push("x\n");  // the ring is not empty when the lines come, so they wrap
        target.room = before + 1;
        pump.pump(target);
        std::size_t at = 0;
        std::size_t pushed = 0;
        while (at < lines.size()) {
          const std::size_t end = lines.find('\n', at) + 1;
          pushed += pump.queue(0).push(lines.substr(at, end - at)) ? 1 : 0;
          at = end;
        }
        REQUIRE(pushed == 5);
        target.content.clear();
        target.room = 2 + room;
        pump.pump(target);
        CHECK(target.content == ("x\n" + lines).substr(0, 2 + room));
        if (comes_back) {
          target.room = SIZE_MAX;
          target.most_each = 3;
          pump.pump(target);
          CHECK(target.content == "x\n" + lines);
          pump.give_up(target);
          CHECK(pump.lines_lost() == 0);
        } else {
          pump.give_up(target);
          const std::string whole = ("x\n" + lines).substr(0, target.content.size());
          CHECK(target.content == whole);
          CHECK(target.content.back() == '\n');
          const auto written = static_cast<std::size_t>(std::ranges::count(target.content, '\n'));
          CHECK(written + pump.lines_lost() == 1 + pushed);
        }
      }
  }
}

TEST_CASE("log pump: a torn line goes whole to another file, and its rest to the same one",
          "[app][log]") {
  LogPump pump(queues_of(1));
  FakeTarget old;
  FakeTarget fresh;
  pump.queue(0).push("first\n");
  pump.queue(0).push("second\n");
  old.room = 8;
  pump.pump(old);
  CHECK(old.content == "first\nse");
  SECTION("another") {
    fresh.name = "log.new";
    pump.change(old, fresh);
    pump.pump(fresh);
    CHECK(old.content == "first\n");
    CHECK(fresh.content == "second\n");
  }
  SECTION("another, and the old one keeps what it has") {
    fresh.name = "log.new";
    old.can_cut = false;
    pump.change(old, fresh);
    pump.pump(fresh);
    CHECK(fresh.content == "second\n");
  }
  SECTION("the same") {
    pump.change(old, fresh);
    pump.pump(fresh);
    CHECK(old.content + fresh.content == "first\nsecond\n");
  }
  pump.give_up(fresh);
  CHECK(pump.lines_lost() == 0);
}

TEST_CASE("log pump: what nobody will read is lost and counted, once, with a torn line",
          "[app][log]") {
  LogPump pump(queues_of(2));
  FakeTarget target;
  for (const char* line : {"first\n", "second\n", "third\n"}) pump.queue(0).push(line);
  pump.queue(1).push("fourth\n");
  target.room = 8;
  CHECK(pump.pump(target).is_stuck);
  CHECK(target.content == "first\nse");
  target.is_gone = true;
  const LogPump::Pass pass = pump.pump(target);
  CHECK_FALSE(pass.is_stuck);
  CHECK(pass.error == EPIPE);
  CHECK(pump.lines_lost() == 3);
  target.is_gone = false;
  target.room = SIZE_MAX;
  target.content.clear();
  pump.queue(0).push("fifth\n");
  pump.pump(target);
  CHECK(target.content == "fifth\n");  // not the rest of the torn one
  CHECK(pump.lines_lost() == 3);
}

TEST_CASE("log pump: whatever the room does, each line is whole in the file or counted",
          "[app][log]") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    core::Rng rng(seed);
    LogPump pump(queues_of(3, 64));
    FakeTarget target;
    std::uint64_t pushed = 0;
    for (int step = 0; step < 200; ++step) {
      const std::string line = std::string(rng.below(30), 'x') + "\n";
      if (pump.queue(rng.below(3)).push(line)) ++pushed;
      target.room = rng.below(4) == 0 ? rng.below(40) : 0;
      target.most_each = 1 + rng.below(20);
      pump.pump(target);
    }
    pump.give_up(target);
    const auto written = static_cast<std::uint64_t>(std::ranges::count(target.content, '\n'));
    CHECK((target.content.empty() || target.content.back() == '\n'));
    CHECK(written + pump.lines_lost() == pushed);
  }
}

}  // namespace
}  // namespace sluice::app
