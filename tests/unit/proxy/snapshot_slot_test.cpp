#include "proxy/snapshot_slot.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace sluice::proxy {
namespace {

std::shared_ptr<const model::Snapshot> snapshot(std::uint64_t epoch) {
  auto made = std::make_shared<model::Snapshot>();
  made->epoch = {epoch};
  made->generation = {epoch};
  return made;
}

void publish(model::Publication& publication, std::uint64_t epoch) {
  publication.prepare({snapshot(epoch)});
  publication.flip({epoch});
}

TEST_CASE("slot: a hold keeps its snapshot while newer ones become active",
          "[proxy][publication]") {
  model::Publication publication(1);
  publish(publication, 1);
  std::vector<std::uint64_t> given_back;
  SnapshotSlot slot(publication, 0, [&](auto dead) { given_back.push_back(dead->epoch.raw); });

  Hold first = slot.hold();
  publish(publication, 2);
  CHECK(publication.adopted(0) == core::Epoch{1});
  Hold second = slot.hold();
  CHECK(first->epoch == core::Epoch{1});
  CHECK(second->epoch == core::Epoch{2});
  CHECK(publication.adopted(0) == core::Epoch{2});
  CHECK(slot.holds() == 2);
  CHECK(given_back.empty());
  first.release();
  CHECK(given_back == std::vector<std::uint64_t>{1});
  second.release();
  CHECK(given_back.size() == 1);  // the current one stays
  CHECK(slot.holds() == 0);
}

std::shared_ptr<const model::IdentityLists> lists_of_one() {
  return std::make_shared<const model::IdentityLists>(
      model::IdentityLists{std::make_shared<const policy::IdentityList>()});
}

TEST_CASE("slot: lists are those of the newest hold, and no hold keeps older ones",
          "[proxy][publication]") {
  model::Publication publication(1);
  publish(publication, 1);
  std::vector<std::uint64_t> given_back;
  SnapshotSlot slot(publication, 0, [&](auto dead) { given_back.push_back(dead->epoch.raw); });
  CHECK(slot.lists().empty());
  std::vector<Hold> held;
  std::vector<std::weak_ptr<const policy::IdentityList>> all;
  for (std::uint64_t epoch = 2; epoch < 7; ++epoch) {
    auto lists = lists_of_one();
    all.push_back(lists->front());
    publication.prepare({snapshot(epoch), std::move(lists)});
    publication.flip({epoch});
    held.push_back(slot.hold());
    CHECK(slot.lists().front() == all.back().lock());
  }
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i].expired() == (i + 1 < all.size()));
  CHECK(slot.holds() == held.size());
  CHECK(given_back == std::vector<std::uint64_t>{1});  // the rest is held
}

/// What Publisher relies on when it drops its own reference: then the lists die on control's
/// thread.
TEST_CASE("slot: when an epoch counts as adopted, the worker has let go of all older lists",
          "[proxy][publication]") {
  model::Publication publication(2);
  publish(publication, 1);
  SnapshotSlot slot(publication, 0, [&](auto) {});
  SnapshotSlot other(publication, 1, [&](auto) {});
  const auto kept = lists_of_one();     // as Publisher keeps them
  const auto skipped = lists_of_one();  // of an epoch that the worker never routed by
  publication.prepare({snapshot(2), kept});
  publication.flip({2});
  slot.refresh();
  other.refresh();
  CHECK(kept.use_count() == 3);
  publication.prepare({snapshot(3), skipped});
  publication.flip({3});
  publish(publication, 4);
  slot.refresh();
  CHECK(publication.adopted(0) == core::Epoch{4});
  CHECK(kept.use_count() == 2);
  CHECK(skipped.use_count() == 2);
  other.refresh();
  CHECK(kept.use_count() == 1);
  CHECK(skipped.use_count() == 1);
}

TEST_CASE("slot: an idle worker adopts on a wake-up and gives the old snapshot back",
          "[proxy][publication]") {
  model::Publication publication(1);
  publish(publication, 1);
  std::vector<std::uint64_t> given_back;
  SnapshotSlot slot(publication, 0, [&](auto dead) { given_back.push_back(dead->epoch.raw); });
  publish(publication, 2);
  publish(publication, 3);
  slot.refresh();
  CHECK(publication.adopted(0) == core::Epoch{3});
  CHECK(given_back == std::vector<std::uint64_t>{1});
}

TEST_CASE("slot: a prepared snapshot that was not flipped, or was withdrawn, routes nobody",
          "[proxy][publication]") {
  model::Publication publication(1);
  publish(publication, 1);
  SnapshotSlot slot(publication, 0, [](auto) {});
  publication.prepare({snapshot(2)});
  CHECK(slot.hold()->epoch == core::Epoch{1});
  publication.withdraw({2});
  CHECK(slot.hold()->epoch == core::Epoch{1});
  publish(publication, 3);
  CHECK(slot.hold()->epoch == core::Epoch{3});
}

TEST_CASE("slot: a moved hold is released once", "[proxy][publication]") {
  model::Publication publication(1);
  publish(publication, 1);
  SnapshotSlot slot(publication, 0, [](auto) {});
  Hold a = slot.hold();
  Hold b = std::move(a);
  CHECK_FALSE(static_cast<bool>(a));  // NOLINT: the moved-from state is what is tested
  CHECK(slot.holds() == 1);
  b = slot.hold();
  CHECK(slot.holds() == 1);
  b.release();
  b.release();
  CHECK(slot.holds() == 0);
}

/// The order test of the flip (issue "front door", architecture.md §5): two workers route, control
/// flips as fast as it can. Before each request a worker reads the newest epoch that any worker has
/// used; it must not route by an older one.
TEST_CASE("flip: no worker routes by an older epoch after another one used a newer",
          "[proxy][publication]") {
#if defined(SLUICE_SANITIZED)
  constexpr std::uint64_t kRequestsEach = 200'000;
#else
  constexpr std::uint64_t kRequestsEach = 1'000'000;
#endif
  constexpr std::uint64_t kFlipsLeast = 3'000;
  model::Publication publication(2);
  publish(publication, 1);
  std::atomic<std::uint64_t> newest_used{1};
  std::atomic<std::uint64_t> violations{0};
  std::atomic<std::uint64_t> flips{0};
  std::atomic<int> running{2};

  const auto route = [&](std::size_t worker) {
    SnapshotSlot slot(publication, worker, [](auto) {});
    for (std::uint64_t routed = 0; routed < kRequestsEach || flips.load() < kFlipsLeast; ++routed) {
      const std::uint64_t used_before = newest_used.load();
      const Hold hold = slot.hold();
      const std::uint64_t mine = hold->epoch.raw;
      if (mine < used_before) violations.fetch_add(1);
      std::uint64_t seen = used_before;
      while (seen < mine && !newest_used.compare_exchange_weak(seen, mine)) {
      }
    }
    running.fetch_sub(1);
  };
  std::thread one(route, 0);
  std::thread two(route, 1);
  std::uint64_t epoch = 1;
  while (running.load() != 0) {
    ++epoch;
    if (epoch % 7 == 0) {  // a change whose state could not be persisted
      publication.prepare({snapshot(epoch)});
      publication.withdraw({epoch});
      continue;
    }
    publish(publication, epoch);
    flips.fetch_add(1);
    std::this_thread::yield();
  }
  one.join();
  two.join();
  INFO("flips: " << flips.load());
  CHECK(violations.load() == 0);
  CHECK(flips.load() >= kFlipsLeast);
}

}  // namespace
}  // namespace sluice::proxy
