#include "net/thread_resolver.hpp"

#include <chrono>
#include <filesystem>
#include <iterator>
#include <set>
#include <thread>

#include "support/catch.hpp"

/// Numeric names and names that no name server is asked for: what getaddrinfo(3) knows by itself.
namespace {

using namespace sluice;
using namespace std::chrono_literals;

std::size_t threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

struct Scene {
  Scene() = default;
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  /// A look-up that nobody waits for any more holds descriptors until its end: the next test may be
  /// one that counts them.
  ~Scene() {
    resolver.reset();
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (threads() > threads_before && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    CHECK(threads() <= threads_before);
  }

  const std::size_t threads_before = threads();
  net::Mailbox mailbox{[] {}};
  std::unique_ptr<net::ThreadResolver> resolver = std::make_unique<net::ThreadResolver>(mailbox);
  std::vector<net::Resolver::Answer> answers;

  void ask(const std::string& host) {
    resolver->lookup(
        host, [this](net::Resolver::Answer answer) { answers.push_back(std::move(answer)); });
  }
  bool wait() { return resolver->wait_for_answer(std::chrono::steady_clock::now() + 30s); }
};

}  // namespace

TEST_CASE("resolver: an answer comes through the mailbox, once", "[net][resolver]") {
  Scene scene;
  scene.ask("192.0.2.1");
  CHECK(scene.answers.empty());
  REQUIRE(scene.wait());
  CHECK(scene.answers.empty());
  scene.mailbox.run();
  REQUIRE(scene.answers.size() == 1);
  REQUIRE(scene.answers[0]);
  CHECK(scene.answers[0]->front().text() == "192.0.2.1");
  scene.mailbox.run();
  CHECK(scene.answers.size() == 1);
}

TEST_CASE("resolver: each of many look-ups is answered", "[net][resolver]") {
  Scene scene;
  for (int i = 0; i < 32; ++i) scene.ask("192.0.2." + std::to_string(i));
  while (scene.answers.size() < 32) {
    REQUIRE(scene.wait());
    scene.mailbox.run();
  }
  std::set<std::string> found;
  for (const auto& answer : scene.answers) found.insert(answer->front().text());
  CHECK(found.size() == 32);
}

TEST_CASE("resolver: what is not found says why in words of the system", "[net][resolver]") {
  Scene scene;
  scene.ask(std::string(300, 'a'));  // longer than any name
  REQUIRE(scene.wait());
  scene.mailbox.run();
  REQUIRE(scene.answers.size() == 1);
  REQUIRE_FALSE(scene.answers[0]);
  CHECK_FALSE(scene.answers[0].error().what.empty());
  CHECK(scene.answers[0].error().where == std::string(300, 'a'));
}

TEST_CASE("resolver: waiting ends at its deadline", "[net][resolver]") {
  Scene scene;
  CHECK_FALSE(scene.resolver->wait_for_answer(std::chrono::steady_clock::now()));
  scene.ask("192.0.2.1");
  REQUIRE(scene.wait());
  // It was there when we waited last.
  CHECK_FALSE(scene.resolver->wait_for_answer(std::chrono::steady_clock::now()));
}

TEST_CASE("resolver: after its end nothing comes, also not what is in the mailbox",
          "[net][resolver]") {
  Scene scene;
  scene.ask("192.0.2.1");
  REQUIRE(scene.wait());
  scene.ask("192.0.2.2");  // may be under way
  scene.resolver.reset();
  scene.mailbox.run();
  CHECK(scene.answers.empty());
}
