#include "sluice/core/loose_thread.hpp"

#include <memory>

#include "support/catch.hpp"

using sluice::core::LooseThread;
using sluice::core::Nanos;

namespace {

constexpr Nanos kLong = std::chrono::seconds(30);

/// Holds the work up until the test lets it go on.
struct Gate {
  std::promise<void> opened;
  std::shared_future<void> open{opened.get_future()};
};

}  // namespace

TEST_CASE("loose thread: one that ends is joined, and what it used has gone by then",
          "[core][loose_thread]") {
  auto used = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = used;
  LooseThread thread("test", [used] { *used = 1; });
  used.reset();
  CHECK(thread.end_within(kLong));
  CHECK(watched.expired());
  CHECK(thread.end_within(Nanos::zero()));
}

TEST_CASE("loose thread: one that hangs is left, and keeps what it uses", "[core][loose_thread]") {
  Gate gate;
  auto used = std::make_shared<std::promise<int>>();
  std::future<int> result = used->get_future();
  {
    LooseThread thread("test", [open = gate.open, used] {
      open.wait();
      used->set_value(7);
    });
    used.reset();
    CHECK_FALSE(thread.end_within(Nanos::zero()));
    CHECK_FALSE(thread.end_within(kLong));  // it is not waited for again
  }
  gate.opened.set_value();
  REQUIRE(result.wait_for(kLong) == std::future_status::ready);
  CHECK(result.get() == 7);
}
