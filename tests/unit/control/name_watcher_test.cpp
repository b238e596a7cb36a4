#include "control/name_watcher.hpp"

#include <algorithm>

#include "support/catch.hpp"
#include "support/control_rig.hpp"

/// Names that are looked up while the controller runs.
namespace {

using namespace sluice;
using namespace std::chrono_literals;
using core::PoolName;
using test::ControlRig;
using Texts = std::vector<std::string>;
using Mode = test::FakeStore::Mode;

/// Found at the start as 10.0.0.1 and 10.0.0.2.
ControlRig::Options app_found() {
  return {.hosts = {"app"}, .addresses = {{"app", {"10.0.0.1", "10.0.0.2"}}}};
}

Texts texts(const model::Pool& pool) {
  Texts all;
  for (const auto& endpoint : pool.endpoints) all.push_back(endpoint.text);
  return all;
}

Texts routed(const ControlRig& rig, std::size_t worker = 0) {
  return texts(rig.routed(worker).settings->pool(PoolName::Blue));
}

/// The next look-up of `app`, 30 s after the last answer, is answered so.
void look_up(ControlRig& rig, const Texts& addresses) {
  rig.resolver.answers.clear();
  rig.advance(30s);
  REQUIRE(rig.resolver.waiting.contains("app"));
  rig.resolver.answer("app", addresses);
  rig.settle();
}

void fail(ControlRig& rig, core::Nanos after) {
  rig.resolver.answers.clear();
  rig.advance(after);
  REQUIRE(rig.resolver.waiting.contains("app"));
  rig.resolver.fail("app");
  rig.settle();
}

Texts events(ControlRig& rig, std::uint64_t first = 1) {
  Texts lines;
  const auto& log = rig.controller->events();
  for (std::uint64_t id = std::max(first, log.oldest()); id <= log.newest(); ++id)
    lines.push_back(log.at(id).text);
  return lines;
}

}  // namespace

TEST_CASE("names: what is found at the start is in the first snapshot", "[control][names]") {
  ControlRig rig(app_found());
  CHECK(routed(rig) == Texts{"10.0.0.1:9001", "10.0.0.2:9001"});
  CHECK(rig.controller->status().epoch.raw == 1);
  CHECK(rig.notices.empty());
  CHECK(rig.resolver.asked["app"] == 1);
}

TEST_CASE("names: other addresses are a new epoch on every worker and no generation",
          "[control][names]") {
  ControlRig rig(app_found());
  const auto writes = rig.store.writes;
  look_up(rig, {"10.0.0.3", "10.0.0.2"});
  CHECK(routed(rig, 0) == Texts{"10.0.0.2:9001", "10.0.0.3:9001"});
  CHECK(routed(rig, 1) == Texts{"10.0.0.2:9001", "10.0.0.3:9001"});
  CHECK(rig.controller->status().epoch.raw == 2);
  CHECK(rig.controller->status().generation == core::Generation{1});
  CHECK(rig.store.writes == writes);
  const auto shown = rig.view().pools[0];
  REQUIRE(shown.size() == 2);
  CHECK(shown[1].address == "10.0.0.3:9001");
  CHECK(shown[1].names == Texts{"app:9001"});
  // The same again, in another order, is nothing new.
  look_up(rig, {"10.0.0.2", "10.0.0.3"});
  CHECK(rig.controller->status().epoch.raw == 2);
  CHECK(rig.notices.empty());
}

TEST_CASE("names: the next look-up is due 30 s after the answer, and is not begun twice",
          "[control][names]") {
  ControlRig rig(app_found());
  rig.resolver.answers.clear();
  rig.advance(30s - 1ms);
  CHECK(rig.resolver.asked["app"] == 1);
  rig.advance(60ms);  // and a tick of the timer
  CHECK(rig.resolver.asked["app"] == 2);
  rig.advance(5min);  // the resolver is silent
  CHECK(rig.resolver.asked["app"] == 2);
  CHECK(routed(rig).size() == 2);
}

TEST_CASE("names: a failure keeps the addresses, is told once and tried again after 10 s",
          "[control][names]") {
  ControlRig rig(app_found());
  fail(rig, 30s);
  fail(rig, 10s);
  fail(rig, 10s);
  CHECK(routed(rig) == Texts{"10.0.0.1:9001", "10.0.0.2:9001"});
  CHECK(rig.controller->status().epoch.raw == 1);
  CHECK(rig.notices == Texts{"host name app is not found: Name or service not known; its last "
                             "addresses stay: 10.0.0.1, 10.0.0.2"});
  rig.advance(10s);
  rig.resolver.answer("app", {"10.0.0.1"});
  rig.settle();
  REQUIRE(rig.notices.size() == 2);
  CHECK(rig.notices[1] == "host name app is found now: 10.0.0.1");
}

TEST_CASE("names: one that has no address is down, refuses a switch, and comes up",
          "[control][names]") {
  ControlRig rig({.hosts = {"app"}});
  auto shown = rig.view().pools[0];
  REQUIRE(shown.size() == 1);
  CHECK(shown[0].address == "app:9001");
  CHECK(shown[0].state == control::EndpointState::Down);
  CHECK_FALSE(shown[0].why_down.empty());
  CHECK_FALSE(rig.controller->readiness().back().is_good);
  rig.resolver.fail("app");
  rig.settle();
  CHECK(rig.view().pools[0][0].why_down == "Name or service not known");

  CHECK(rig.done(test::switch_to(PoolName::Green))->is_answered());
  const auto back = rig.done(test::switch_to(PoolName::Blue));
  REQUIRE(back->is_refused());
  CHECK(back->refusal().code == control::RefusalCode::PoolUnreachable);
  CHECK(back->refusal().detail.find(
            "has no usable endpoint: app:9001: Name or service not known") != std::string::npos);

  const auto told = rig.controller->events().newest();
  rig.advance(10s);
  rig.resolver.answer("app", {"10.0.0.1"});
  rig.advance(2s);
  CHECK(rig.view().pools[0][0].state == control::EndpointState::Up);
  CHECK(rig.done(test::switch_to(PoolName::Blue))->answer().changed);
  const auto down = events(rig);
  CHECK(std::ranges::count_if(down, [](const std::string& line) {
          return line.starts_with("shop: blue/app:9001 is down: ");
        }) == 1);
  CHECK(std::ranges::count(events(rig, told + 1), "shop: blue/app:9001 is up: 10.0.0.1:9001") == 1);
}

TEST_CASE("names: addresses that are all taken out leave the live pool empty, and it is told once",
          "[control][names]") {
  ControlRig rig(app_found());
  CHECK(rig.done(test::endpoint_to(model::EndpointMode::Disabled, "10.0.0.2:9001"))
            ->answer()
            .changed);
  look_up(rig, {"10.0.0.2"});
  CHECK_FALSE(rig.controller->readiness().back().is_good);
  REQUIRE(rig.notices.size() == 1);
  CHECK(rig.notices[0].starts_with("service shop: the live pool blue has no usable endpoint: "));
  rig.controller->republish();
  rig.settle();
  CHECK(rig.notices.size() == 1);
  look_up(rig, {"10.0.0.1", "10.0.0.2"});
  CHECK(rig.controller->readiness().back().is_good);
  CHECK(std::ranges::count(events(rig), "shop: the live pool blue has a usable endpoint") == 1);
}

TEST_CASE("names: other addresses are one event of the name", "[control][names]") {
  ControlRig rig(app_found());
  CHECK(events(rig).empty());
  look_up(rig, {"10.0.0.3", "10.0.0.2"});
  rig.advance(2s);
  CHECK(events(rig) ==
        Texts{"shop: blue/app:9001 has other addresses: 10.0.0.2:9001, 10.0.0.3:9001"});
}

TEST_CASE("names: an answer between the write and the flip does not disturb the change",
          "[control][names]") {
  ControlRig rig({.hosts = {"app"}});  // its first look-up is still out
  rig.store.mode = Mode::Hangs;
  const auto call = rig.submit(test::split_to(1000));
  rig.settle();
  CHECK_FALSE(call->is_answered());
  rig.resolver.answer("app", {"10.0.0.1"});
  rig.settle();
  CHECK(rig.controller->status().epoch.raw == 1);  // epochs go live in their order
  CHECK(rig.view().pools[0][0].address == "app:9001");
  rig.store.answer(Mode::Lands);
  rig.settle();
  REQUIRE(call->is_answered());
  CHECK(call->answer().generation == core::Generation{2});
  CHECK(rig.controller->status().epoch.raw == 3);
  CHECK(routed(rig) == Texts{"10.0.0.1:9001"});
  CHECK(rig.routed().split.count() == 1000);
}

TEST_CASE("names: a drain goes on to its end while the settings are made anew",
          "[control][names]") {
  ControlRig rig(app_found());
  rig.workers[0]->take_lease(rig.pool(PoolName::Blue));
  const std::weak_ptr<const model::ServiceSettings> first = rig.parts.services[0];
  auto request = test::switch_to(PoolName::Green);
  request.drain = 1h;
  CHECK(rig.done(request)->is_answered());
  look_up(rig, {"10.0.0.3"});
  look_up(rig, {"10.0.0.4"});
  CHECK_FALSE(first.expired());  // the drain has it, and nobody else
  REQUIRE(rig.view().drains.size() == 1);
  CHECK(rig.view().drains[0].requests == 1);
  rig.workers[0]->end_lease(0);
  rig.advance(100ms);
  CHECK(rig.view().drains.empty());
  CHECK(first.expired());
}

TEST_CASE("names: the connect check keeps what it looks at when the addresses change under it",
          "[control][names]") {
  ControlRig rig(app_found());
  CHECK(rig.done(test::switch_to(PoolName::Green))->is_answered());
  rig.resolver.answers.clear();
  rig.advance(30s);
  rig.connector.modes[9001] = test::FakeConnector::Mode::Silent;
  const std::weak_ptr<const model::ServiceSettings> looked_at = rig.parts.services[0];
  const auto call = rig.submit(test::switch_to(PoolName::Blue));
  rig.settle();
  rig.resolver.answer("app", {"10.0.0.7"});
  rig.settle();
  CHECK_FALSE(call->is_answered());
  CHECK(rig.view().pools[0][0].address == "10.0.0.7:9001");
  CHECK_FALSE(looked_at.expired());
  rig.advance(600ms);
  CHECK(call->is_refused());
  CHECK(looked_at.expired());
}

TEST_CASE("names: many names are looked up a few at a time", "[control][names]") {
  constexpr std::size_t kMost = core::limits::kLookupsMax;
  const auto name = [](std::size_t i) { return "h" + std::to_string(100 + i); };
  ControlRig::Options options;
  for (std::size_t i = 0; i < kMost + 2; ++i) options.hosts.push_back(name(i));
  ControlRig rig(options);
  CHECK(rig.resolver.waiting.size() == kMost);
  rig.resolver.answer("h100", {"10.0.0.1"});
  rig.settle();
  CHECK(rig.resolver.waiting.size() == kMost);
  CHECK(rig.resolver.waiting.contains(name(kMost)));
  CHECK_FALSE(rig.resolver.waiting.contains(name(kMost + 1)));
  rig.resolver.fail(name(kMost));
  rig.settle();
  CHECK(rig.resolver.waiting.contains(name(kMost + 1)));
}

TEST_CASE("names: addresses above the most of a pool are told once per change",
          "[control][names]") {
  ControlRig rig(app_found());
  Texts many;
  for (unsigned i = 0; i < 257; ++i)
    many.push_back("10.1." + std::to_string(i / 256) + "." + std::to_string(i % 256));
  look_up(rig, many);
  CHECK(routed(rig).size() == 256);
  CHECK(rig.notices ==
        Texts{"pool blue of service shop has its most of 256 endpoints: 1 address of its host "
              "names is left out"});
  many.back() = "10.2.0.1";
  look_up(rig, many);
  CHECK(rig.notices.size() == 1);
  many.push_back("10.2.0.2");
  look_up(rig, many);
  REQUIRE(rig.notices.size() == 2);
  CHECK(rig.notices[1].find("2 addresses of its host names are left out") != std::string::npos);
}

TEST_CASE("names: an address that is this proxy gets no request, and is told once",
          "[control][names]") {
  ControlRig::Options options = app_found();
  options.listens_on = "0.0.0.0:9001";
  ControlRig rig(options);
  CHECK(rig.notices.empty());
  look_up(rig, {"10.0.0.1", "127.0.0.1"});
  CHECK(routed(rig) == Texts{"10.0.0.1:9001"});
  const std::string told =
      "endpoint app:9001 in pool blue of service shop has the address 127.0.0.1:9001, which is "
      "listener main of this proxy: requests would run in a circle, so it is left out";
  CHECK(rig.notices == Texts{told});
  look_up(rig, {"10.0.0.2", "127.0.0.1"});
  CHECK(rig.notices.size() == 1);
  look_up(rig, {"127.0.0.1"});
  CHECK(routed(rig) == Texts{"app:9001"});
  CHECK(rig.view().pools[0][0].why_down == "its addresses are listeners of this proxy");
  look_up(rig, {"10.0.0.2"});
  look_up(rig, {"127.0.0.1"});
  CHECK(std::ranges::count(rig.notices, told) == 2);
  rig.machine.push_back(*core::IpAddress::parse("10.0.0.2"));
  look_up(rig, {"10.0.0.2", "10.0.0.3"});
  CHECK(routed(rig) == Texts{"10.0.0.3:9001"});
}

TEST_CASE("names: an address that went and comes back is another endpoint", "[control][names]") {
  ControlRig rig(app_found());
  const auto& first = rig.pool(PoolName::Blue).endpoints[0];
  const core::EndpointId id = first.id;
  first.cell->penalty.store(1);
  rig.advance(2s);
  CHECK(events(rig) == Texts{"shop: blue/10.0.0.1:9001 accepts no connections"});
  look_up(rig, {"10.0.0.2"});
  look_up(rig, {"10.0.0.1", "10.0.0.2"});
  const auto& back = rig.pool(PoolName::Blue).endpoints[0];
  CHECK(back.text == "10.0.0.1:9001");
  CHECK(back.id != id);
  CHECK(back.cell->penalty.load() == 0);
  rig.advance(2s);
  for (const std::string& line : events(rig, 2)) CHECK(line.find("answers") == std::string::npos);
}

TEST_CASE("names: the metrics have one row for each name of the file", "[control][names]") {
  ControlRig rig({.hosts = {"app", "b"}, .addresses = {{"app", {"10.0.0.1", "10.0.0.2"}}}});
  rig.resolver.fail("b");
  rig.settle();
  metrics::Exposition out;
  rig.names.write_metrics(out);
  const std::string text = out.text();
  for (const char* line :
       {"sluice_name_lookups_total{name=\"app\",result=\"found\"} 1\n",
        "sluice_name_lookups_total{name=\"b\",result=\"failed\"} 1\n",
        "sluice_name_addresses{name=\"app\"} 2\n", "sluice_name_addresses{name=\"b\"} 0\n",
        "sluice_name_last_found_timestamp_seconds{name=\"b\"} 0\n"}) {
    INFO(text);
    CHECK(text.find(line) != std::string::npos);
  }
  ControlRig plain;
  metrics::Exposition none;
  plain.names.write_metrics(none);
  CHECK(none.text().empty());
}
