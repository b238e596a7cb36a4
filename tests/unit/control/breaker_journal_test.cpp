#include "control/breaker_journal.hpp"

#include "support/catch.hpp"
#include "support/manual_clock.hpp"

namespace {

using namespace sluice;
using core::PoolName;
using State = policy::Breaker::State;

struct Journal {
  void have(const std::vector<std::string>& blue) {
    auto settings = std::make_shared<model::ServiceSettings>();
    settings->name = "shop";
    for (const PoolName name : {PoolName::Blue, PoolName::Green}) {
      model::Pool& pool = settings->pools[core::index(name)];
      pool.name = name;
      pool.cell = &cells[core::index(name)];
    }
    for (const std::string& text : blue) {
      model::Endpoint& endpoint = settings->pools[0].endpoints.emplace_back();
      endpoint.text = text;
      endpoint.cell = std::make_shared<model::EndpointCell>();
    }
    services = {std::move(settings)};
  }
  void opens(const std::string& endpoint) {
    journal.on_news({.service = {0},
                     .pool = PoolName::Blue,
                     .endpoint = endpoint,
                     .route = {},
                     .turn = {.from = State::Closed,
                              .to = State::Open,
                              .counts = {.requests = 4, .failures = 2},
                              .open_for = core::Millis(5000)}});
  }

  test::ManualClock clock;
  net::Loop loop{clock, 1, [] {}};
  control::EventLog events{loop};
  std::array<model::PoolCell, 2> cells{model::PoolCell(1), model::PoolCell(1)};
  control::BreakerJournal::Services services;
  std::vector<std::string> notices;
  control::BreakerJournal journal{
      {.services = services,
       .loop = loop,
       .events = events,
       .notice = [this](const std::string& line) { notices.push_back(line); },
       .is_dependency_up = [](auto, auto) { return std::nullopt; }}};
};

}  // namespace

TEST_CASE("breaker journal: what has opened is told with its numbers", "[control][breaker]") {
  Journal scene;
  scene.have({"10.0.0.1:1", "10.0.0.2:1"});
  scene.opens("10.0.0.1:1");
  CHECK(scene.notices ==
        std::vector<std::string>{"shop: breaker of blue/10.0.0.1:1 opened for 5s: 2 of 4 requests "
                                 "(50.0 %) failed within 10s"});
  CHECK(scene.journal.remembered() == 1);
}

TEST_CASE("breaker journal: addresses that rotate for months leave nothing behind",
          "[control][breaker]") {
  Journal scene;
  std::size_t most = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    const std::string first = "10.0.0.1:" + std::to_string(2 * i + 1);
    const std::string second = "10.0.0.1:" + std::to_string(2 * i + 2);
    scene.have({first, second});
    for (const std::string& each : {first, second}) scene.opens(each);
    scene.opens("");
    most = std::max(most, scene.journal.remembered());
  }
  CHECK(most == 3);           // with that of the pool, which stays
  scene.opens("10.0.0.9:1");  // of one that has left since
  CHECK(scene.journal.remembered() == 3);
}
