#include "control/resolution.hpp"

#include "sluice/core/limits.hpp"
#include "support/catch.hpp"

namespace {

using namespace sluice;
using namespace std::chrono_literals;
using control::Resolution;
using Hosts = std::vector<std::string>;

constexpr core::Instant kNow{1000s};
constexpr core::WallTime kWall{1'700'000'000s};
constexpr std::size_t kRoom = 100;

Resolution::Answer found(const std::vector<std::string>& texts) {
  std::vector<core::IpAddress> addresses;
  for (const std::string& text : texts) addresses.push_back(*core::IpAddress::parse(text));
  return addresses;
}

Resolution::Answer failed(const std::string& why) {
  return core::Error{core::ErrorCode::Io, "app", why};
}

std::vector<std::string> in_force(const Resolution& resolution, const std::string& host) {
  std::vector<std::string> texts;
  for (const auto& address : resolution.in_force().find(host)->second.addresses)
    texts.push_back(address.text());
  return texts;
}

/// One name, asked and answered.
struct OneName {
  Resolution resolution{{"app"}, kNow};

  Resolution::News told(const Resolution::Answer& answer, core::Instant now = kNow) {
    REQUIRE(resolution.take_due(now, kRoom) == Hosts{"app"});
    return resolution.on_answer("app", answer, now, kWall);
  }
};

}  // namespace

TEST_CASE("resolution: all names are due at once, and each is asked for once",
          "[control][resolution]") {
  Resolution resolution({"a", "b"}, kNow);
  CHECK(resolution.next_due() == kNow);
  CHECK(resolution.has_unanswered());
  CHECK(resolution.take_due(kNow, kRoom) == Hosts{"a", "b"});
  CHECK(resolution.asked() == 2);
  CHECK_FALSE(resolution.next_due());
  CHECK(resolution.take_due(kNow + 1h, kRoom).empty());
  resolution.on_answer("a", found({"10.0.0.1"}), kNow, kWall);
  CHECK(resolution.has_unanswered());
  CHECK(resolution.asked() == 1);
  resolution.on_answer("b", failed("no"), kNow, kWall);
  CHECK_FALSE(resolution.has_unanswered());
  CHECK(resolution.asked() == 0);
}

TEST_CASE("resolution: again 30 s after an answer, 10 s after a failure", "[control][resolution]") {
  OneName name;
  const core::Instant later = kNow + 5s;  // the look-up took that long
  REQUIRE(name.resolution.take_due(kNow, kRoom).size() == 1);
  name.resolution.on_answer("app", found({"10.0.0.1"}), later, kWall);
  CHECK(name.resolution.next_due() == later + 30s);
  CHECK(name.resolution.take_due(later + 30s - 1ns, kRoom).empty());
  name.told(failed("no"), later + 30s);
  CHECK(name.resolution.next_due() == later + 40s);
  CHECK(name.resolution.take_due(later + 40s - 1ns, kRoom).empty());
  name.told(failed("no"), later + 40s);
  CHECK(name.resolution.next_due() == later + 50s);
}

TEST_CASE("resolution: only so many at once, those that wait longest first",
          "[control][resolution]") {
  Resolution resolution({"a", "b", "c"}, kNow);
  CHECK(resolution.take_due(kNow, 2) == Hosts{"a", "b"});
  CHECK(resolution.take_due(kNow, 0).empty());
  resolution.on_answer("b", failed("no"), kNow, kWall);
  resolution.on_answer("a", found({"10.0.0.1"}), kNow, kWall);
  CHECK(resolution.take_due(kNow + 1h, 1) == Hosts{"c"});
  CHECK(resolution.take_due(kNow + 1h, 1) == Hosts{"b"});
  CHECK(resolution.take_due(kNow + 1h, 1) == Hosts{"a"});
}

TEST_CASE("resolution: the order of an answer and what it holds twice is no change",
          "[control][resolution]") {
  OneName name;
  CHECK(name.told(found({"10.0.0.2", "10.0.0.1"})).changed);
  CHECK(in_force(name.resolution, "app") == Hosts{"10.0.0.1", "10.0.0.2"});
  const auto same = name.told(found({"10.0.0.1", "10.0.0.2", "10.0.0.1"}), kNow + 30s);
  CHECK_FALSE(same.changed);
  CHECK_FALSE(same.turned);
  CHECK(name.told(found({"10.0.0.2"}), kNow + 60s).changed);
  CHECK(in_force(name.resolution, "app") == Hosts{"10.0.0.2"});
}

TEST_CASE("resolution: a failure keeps the last addresses, and is told once",
          "[control][resolution]") {
  OneName name;
  CHECK_FALSE(name.told(found({"10.0.0.1"})).turned);  // found at once is no news
  auto news = name.told(failed("no"), kNow + 30s);
  CHECK(news.turned);
  CHECK_FALSE(news.changed);
  CHECK(in_force(name.resolution, "app") == Hosts{"10.0.0.1"});
  CHECK(name.resolution.in_force().find("app")->second.why_not.empty());
  news = name.told(failed("still no"), kNow + 40s);
  CHECK_FALSE(news.turned);
  CHECK_FALSE(news.changed);
  CHECK(name.resolution.names().find("app")->second.error == "still no");
  news = name.told(found({"10.0.0.1"}), kNow + 50s);
  CHECK(news.turned);
  CHECK_FALSE(news.changed);
  CHECK(name.resolution.names().find("app")->second.error.empty());
}

TEST_CASE("resolution: a name that was never found says why", "[control][resolution]") {
  OneName name;
  CHECK_FALSE(name.resolution.in_force().find("app")->second.why_not.empty());
  auto news = name.told(failed("no such name"));
  CHECK(news.turned);
  CHECK(news.changed);
  CHECK(name.resolution.in_force().find("app")->second.why_not == "no such name");
  CHECK_FALSE(name.told(failed("no such name"), kNow + 10s).changed);
  CHECK(name.told(failed("try again"), kNow + 20s).changed);
  news = name.told(found({"10.0.0.1"}), kNow + 30s);
  CHECK(news.turned);
  CHECK(news.changed);
  CHECK(name.resolution.in_force().find("app")->second.why_not.empty());
}

TEST_CASE("resolution: look-ups are counted", "[control][resolution]") {
  OneName name;
  name.told(failed("no"));
  CHECK_FALSE(name.resolution.names().find("app")->second.last_found);
  name.told(found({"10.0.0.1"}), kNow + 10s);
  name.told(found({"10.0.0.1"}), kNow + 40s);
  const Resolution::Name& counted = name.resolution.names().find("app")->second;
  CHECK(counted.failed == 1);
  CHECK(counted.found == 2);
  CHECK(counted.last_found == kWall);
}

TEST_CASE("resolution: without names nothing is ever due", "[control][resolution]") {
  Resolution resolution({}, kNow);
  CHECK_FALSE(resolution.next_due());
  CHECK_FALSE(resolution.has_unanswered());
  CHECK(resolution.take_due(kNow + 1h, kRoom).empty());
}
