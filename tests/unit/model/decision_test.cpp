#include "sluice/model/decision.hpp"

#include <string>

#include "support/catch.hpp"

using namespace sluice;

namespace {

/// The reason that a path is refused with; nothing of the snapshot is asked for.
std::string refusal_of(std::string_view path) {
  http::RequestHead head;
  head.path = path;
  const model::Route route = model::route(model::Snapshot{}, 0, head);
  REQUIRE(route.service == nullptr);
  REQUIRE(route.refusal);
  CHECK(route.refusal->status == 400);
  return std::string(route.refusal->reason);
}

}  // namespace

TEST_CASE("route: a malformed escape is named as that", "[model][route]") {
  for (const char* path : {"/100%", "/%4", "/%zz", "/%4g/x", "/a/%", "/%41%"}) {
    INFO(path);
    CHECK(refusal_of(path) == "the request target holds a malformed percent escape");
  }
}

TEST_CASE("route: a path above the root is named as that", "[model][route]") {
  for (const char* path : {"/..", "/a/../..", "/%2e%2e", "/%41/../.."}) {
    INFO(path);
    CHECK(refusal_of(path) == "the request target climbs above the root");
  }
}
