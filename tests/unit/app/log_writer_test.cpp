#include "app/log_writer.hpp"

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "support/catch.hpp"

namespace sluice::app {
namespace {

using std::chrono::milliseconds;

/// What the writer's thread does, as seen and held up by the test's.
struct Scene {
  template <typename Condition>
  void wait(Condition condition) {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, std::chrono::seconds(30), condition));
  }
  template <typename Change>
  void change(Change what) {
    const std::lock_guard lock(mutex);
    what();
    changed.notify_all();
  }
  std::mutex mutex;
  std::condition_variable changed;
  enum class Mode { Takes, Full, Hangs } mode = Mode::Takes;
  std::vector<std::string> contents;  // by opening
  std::vector<std::string> told;
  std::size_t calls = 0;
  bool is_openable = true;
};

class SceneTarget final : public LogTarget {
 public:
  SceneTarget(std::shared_ptr<Scene> scene, std::size_t number)
      : scene_(std::move(scene)), number_(number) {}
  Taken take(std::string_view first, std::string_view second) override {
    std::unique_lock lock(scene_->mutex);
    ++scene_->calls;
    scene_->changed.notify_all();
    scene_->changed.wait(lock, [this] { return scene_->mode != Scene::Mode::Hangs; });
    if (scene_->mode == Scene::Mode::Full)
      return {.bytes = 0, .then = Then::NotNow, .error = ENOSPC};
    scene_->contents[number_] += std::string(first) + std::string(second);
    scene_->changed.notify_all();
    return {.bytes = first.size() + second.size()};
  }
  bool cut(std::size_t) override { return true; }
  bool is_truncated() const override { return false; }
  bool wait_for_room(milliseconds) override { return false; }
  bool is_same_as(const LogTarget&) const override { return false; }

 private:
  std::shared_ptr<Scene> scene_;
  std::size_t number_;
};

std::unique_ptr<LogWriter> writer_of(const std::shared_ptr<Scene>& scene) {
  auto opened = LogWriter::open(
      {.path = "log",
       .tell =
           [scene](const std::string& line) {
             scene->change([&] { scene->told.push_back(line); });
           },
       .open = [scene](const std::string&) -> core::Result<std::unique_ptr<LogTarget>> {
         const std::lock_guard lock(scene->mutex);
         if (!scene->is_openable)
           return core::Error{core::ErrorCode::Io, "log", "the access log can't be opened: gone"};
         scene->contents.emplace_back();
         return std::unique_ptr<LogTarget>(
             std::make_unique<SceneTarget>(scene, scene->contents.size() - 1));
       },
       .last_patience = milliseconds(100)});
  REQUIRE(opened);
  return std::move(*opened);
}

TEST_CASE("log writer: a full disk keeps the lines, is told once, and they come when it has room",
          "[app][log]") {
  const auto scene = std::make_shared<Scene>();
  scene->mode = Scene::Mode::Full;
  const auto writer = writer_of(scene);
  writer->queue(0).push("one\n");
  scene->wait([&] { return scene->calls >= 3; });
  scene->change([&] { scene->mode = Scene::Mode::Takes; });
  scene->wait([&] { return scene->told.size() == 2; });
  CHECK(scene->contents == std::vector<std::string>{"one\n"});
  CHECK(scene->told == std::vector<std::string>{
                           "log: the access log can't be written, lines wait: No space left on "
                           "device",
                           "log: the access log is written again"});
  CHECK(writer->stop() == LogWriter::Stopped::Ended);
  CHECK(writer->lines_lost() == 0);
}

TEST_CASE("log writer: a full target holds up neither a reopening nor the end", "[app][log]") {
  const auto scene = std::make_shared<Scene>();
  scene->mode = Scene::Mode::Full;
  const auto writer = writer_of(scene);
  writer->queue(0).push("one\n");
  scene->wait([&] { return scene->calls >= 1; });
  writer->reopen();
  scene->wait([&] { return scene->contents.size() == 2; });
  scene->change([&] { scene->mode = Scene::Mode::Takes; });
  scene->wait([&] { return !scene->contents[1].empty(); });
  CHECK(scene->contents == std::vector<std::string>{"", "one\n"});
  scene->change([&] { scene->mode = Scene::Mode::Full; });
  writer->queue(0).push("two\n");
  writer->queue(0).push("three\n");
  CHECK(writer->stop() == LogWriter::Stopped::Ended);
  CHECK(writer->lines_lost() == 2);
}

TEST_CASE("log writer: when it can't be opened again the old one is kept", "[app][log]") {
  const auto scene = std::make_shared<Scene>();
  const auto writer = writer_of(scene);
  scene->change([&] { scene->is_openable = false; });
  writer->reopen();
  scene->wait([&] { return scene->told.size() == 1; });
  CHECK(scene->told[0] == "log: the access log can't be opened: gone; the old file is kept");
  writer->queue(0).push("one\n");
  CHECK(writer->stop() == LogWriter::Stopped::Ended);
  CHECK(scene->contents == std::vector<std::string>{"one\n"});
}

TEST_CASE("log writer: a write that does not come back does not hold up the end", "[app][log]") {
  const auto scene = std::make_shared<Scene>();
  scene->mode = Scene::Mode::Hangs;
  auto writer = writer_of(scene);
  writer->queue(0).push("one\n");
  scene->wait([&] { return scene->calls == 1; });
  CHECK(writer->stop() == LogWriter::Stopped::Hangs);
  CHECK(writer->stop() == LogWriter::Stopped::Hangs);
  writer.reset();
  scene->change([&] { scene->mode = Scene::Mode::Takes; });
  scene->wait([&] { return scene->contents[0] == "one\n"; });  // its memory is still there
  CHECK(scene->told.empty());
}

}  // namespace
}  // namespace sluice::app
