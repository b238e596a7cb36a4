#include "sluice/model/snapshot.hpp"

#include "support/catch.hpp"

using namespace sluice;

TEST_CASE("snapshot: tunnel policies have the words of the configuration", "[model][snapshot]") {
  CHECK(model::text(model::TunnelPolicy::Drain) == "drain");
  CHECK(model::text(model::TunnelPolicy::Keep) == "keep");
  CHECK(model::text(model::TunnelPolicy::Close) == "close");
}

TEST_CASE("snapshot: a service gives the choice its traffic state", "[model][snapshot]") {
  model::Service service;
  service.live = core::PoolName::Green;
  service.split = core::BasisPoints::make(1200, "").value();
  service.is_candidate_open = true;
  service.salt = "autumn";
  const policy::SplitState state = service.split_state();
  CHECK(state.live == core::PoolName::Green);
  CHECK(state.split.count() == 1200);
  CHECK(state.is_candidate_open);
  CHECK(state.salt == "autumn");
}

TEST_CASE("snapshot: cells of different workers and endpoints share no cache line",
          "[model][snapshot]") {
  CHECK(alignof(model::EndpointCell) == 64);
  CHECK(sizeof(model::PoolCell::LeaseCount) == 64);
  const model::PoolCell cell(3);
  CHECK(cell.leases.size() == 3);
  CHECK(cell.leases[2].count.load() == 0);
}
