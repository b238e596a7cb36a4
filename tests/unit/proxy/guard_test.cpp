#include "proxy/guard.hpp"

#include "support/catch.hpp"
#include "worker_scene.hpp"

using namespace proxy_test;

// What two workers do at once: one finds room, and the other one takes it (the rest: tests/sim).
TEST_CASE("guard: who is turned away by an endpoint has taken nothing of it", "[proxy][guard]") {
  Scene scene;
  const http::RequestHead head{};
  model::ServiceSettings settings;
  settings.breakers.endpoint = {.requests = 1, .retries = 1};
  settings.breakers.endpoint_rule = model::BreakerRule::of_endpoint();
  model::Endpoint endpoint;
  endpoint.cell = std::make_shared<model::EndpointCell>();
  model::EndpointCell& cell = *endpoint.cell;
  const proxy::Guard::Scope scope{&settings, core::PoolName::Blue};
  proxy::Guard guard(scene.context, head);

  SECTION("as many requests as may be") {
    cell.in_flight = 1;
    CHECK_FALSE(guard.enter_endpoint(scope, endpoint, true));
    CHECK(cell.in_flight == 1);
  }
  SECTION("as many retries as may be") {
    cell.repeating = 1;
    CHECK_FALSE(guard.enter_endpoint(scope, endpoint, true));
    CHECK(cell.in_flight == 0);
    CHECK(cell.repeating == 1);
    cell.repeating = 0;
  }
  SECTION("its breaker is open") {
    policy::hold_open(cell.breaker, scene.loop.now(), settings.breakers.endpoint_rule.policy);
    CHECK_FALSE(guard.enter_endpoint(scope, endpoint, true));
    CHECK(cell.in_flight == 0);
  }
  CHECK(cell.repeating == 0);
  CHECK_FALSE(guard.has_entered_endpoint());
}
