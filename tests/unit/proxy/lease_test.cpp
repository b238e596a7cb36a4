#include "proxy/lease.hpp"

#include <atomic>
#include <thread>

#include "support/catch.hpp"

namespace sluice::proxy {
namespace {

class Holder final : public LeaseHolder {
 public:
  bool is_tunnel() const override { return false; }
  void cut(model::CutCause, core::Nanos) override {}
};

struct Leased {
  explicit Leased(core::PoolId id) { pool.id = id, pool.cell = &cell; }
  std::uint32_t count() const { return cell.leases[0].count.load(); }
  model::PoolCell cell{1};
  model::Pool pool;
};

TEST_CASE("lease: moved to another pool, it counts there and belongs to the new epoch",
          "[proxy][lease]") {
  Leased green({1});
  Leased blue({0});
  LeaseList all;
  Holder holder;
  PoolLease lease;
  lease.take(all, green.pool, {3}, 0, holder);
  lease.move_to(all, blue.pool, {4}, 0);
  CHECK(green.count() == 0);
  CHECK(blue.count() == 1);
  CHECK(all.size() == 1);
  CHECK(lease.is_whose({.pool = {0}, .below = {5}}));
  CHECK_FALSE(lease.is_whose({.pool = {0}, .below = {4}}));
  CHECK(&lease.holder() == &holder);
  lease.release();
  CHECK(blue.count() == 0);
  CHECK(all.empty());
}

TEST_CASE("lease: moved within its pool, the count never touches zero", "[proxy][lease]") {
  // A switch may make the very pool live that could not be reached as the candidate; a drain reads
  // the count at any moment.
  Leased green({1});
  LeaseList all;
  Holder holder;
  PoolLease lease;
  lease.take(all, green.pool, {1}, 0, holder);
  std::atomic<bool> is_watching = false;
  std::atomic<bool> is_over = false;
  std::size_t zeros = 0;
  std::thread drainer([&] {
    is_watching = true;
    while (!is_over.load(std::memory_order_relaxed)) {
      zeros += green.cell.leases[0].count.load(std::memory_order_acquire) == 0 ? 1 : 0;
    }
  });
  while (!is_watching) std::this_thread::yield();
  for (std::uint64_t epoch = 2; epoch < 500'000; ++epoch)
    lease.move_to(all, green.pool, {epoch}, 0);
  is_over = true;
  drainer.join();
  CHECK(zeros == 0);
}

}  // namespace
}  // namespace sluice::proxy
