#include "control/observed_share.hpp"

#include "support/catch.hpp"

using sluice::control::ShareWindow;

TEST_CASE("observed share: of the requests between the first and the last look",
          "[control][share]") {
  ShareWindow window;
  CHECK_FALSE(window.share());
  window.push({.candidate = 100, .live = 900});
  CHECK_FALSE(window.share());  // one look has no requests before it
  window.push({.candidate = 100, .live = 900});
  CHECK_FALSE(window.share());
  window.push({.candidate = 110, .live = 930});
  CHECK(window.share() == 0.25);
  window.push({.candidate = 140, .live = 930});
  CHECK(window.share() == 40.0 / 70.0);
}

TEST_CASE("observed share: what is older than a minute has left", "[control][share]") {
  ShareWindow window;
  window.push({.candidate = 0, .live = 0});
  window.push({.candidate = 1'000, .live = 0});
  // Twelve looks of five seconds: the step of the first five seconds is still inside ...
  for (int i = 0; i < 11; ++i) window.push({.candidate = 1'000, .live = 1});
  REQUIRE(window.share());
  CHECK(*window.share() > 0.9);
  // ... and with the thirteenth it is not; the one live request is.
  window.push({.candidate = 1'000, .live = 1});
  CHECK(window.share() == 0.0);
  window.push({.candidate = 1'000, .live = 1});
  CHECK_FALSE(window.share());
}

TEST_CASE("observed share: a change begins a new window", "[control][share]") {
  ShareWindow window;
  window.push({.candidate = 0, .live = 0});
  window.push({.candidate = 0, .live = 50});
  CHECK(window.share() == 0.0);
  window.restart({.candidate = 0, .live = 60});
  CHECK_FALSE(window.share());
  window.push({.candidate = 5, .live = 60});
  CHECK(window.share() == 1.0);
}
