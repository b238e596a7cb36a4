#pragma once
#include <atomic>
#include <cstdint>

#include "sluice/core/ids.hpp"
#include "sluice/core/intrusive_list.hpp"
#include "sluice/model/snapshot.hpp"
#include "sluice/model/worker_port.hpp"

namespace sluice::proxy {

struct LeaseTag;

/// Who holds a lease, as a drain sees it.
class LeaseHolder {
 public:
  virtual bool is_tunnel() const = 0;
  /// Ends the exchange or tunnel, now or (a tunnel with a spread) after `delay`. The lease is
  /// released when it has ended.
  virtual void cut(model::CutCause cause, core::Nanos delay) = 0;
  virtual model::TunnelPolicy tunnel_policy() const { return model::TunnelPolicy::Drain; }

 protected:
  ~LeaseHolder() = default;
};

/// "This exchange uses that pool, and was routed under that epoch." Taken after admission, kept
/// until the exchange ends, across retries in the pool; a tunnel keeps it after it dropped its
/// hold. Counts in the pool's cell are written by this worker only, so a load and a store suffice;
/// the decrement is a release store, which the drainer acquires.
class PoolLease : public core::ListNode<LeaseTag> {
 public:
  PoolLease() = default;
  ~PoolLease() { release(); }

  void take(core::IntrusiveList<PoolLease, LeaseTag>& all, const model::Pool& pool,
            core::Epoch epoch, std::size_t worker, LeaseHolder& holder) {
    DEBUG_ENSURE(count_ == nullptr, "a lease is taken once");
    count_ = &pool.cell->leases[worker].count;
    pool_ = pool.id;
    epoch_ = epoch;
    holder_ = &holder;
    count_->store(count_->load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    all.push_back(*this);
  }
  /// The tunnel takes the lease of the exchange that it grew from: same pool, same epoch, the count
  /// never touches zero.
  void take_over(PoolLease& from, core::IntrusiveList<PoolLease, LeaseTag>& all,
                 LeaseHolder& holder) {
    count_ = std::exchange(from.count_, nullptr);
    pool_ = from.pool_;
    epoch_ = from.epoch_;
    holder_ = &holder;
    from.unlink();
    all.push_back(*this);
  }
  /// To a pool that was chosen anew: its count rises before the old one falls, so no drain finds
  /// neither.
  void move_to(core::IntrusiveList<PoolLease, LeaseTag>& all, const model::Pool& pool,
               core::Epoch epoch, std::size_t worker) {
    PoolLease old;  // released last
    old.take_over(*this, all, *holder_);
    take(all, pool, epoch, worker, old.holder());
  }
  void release() {
    if (count_ == nullptr) return;
    unlink();
    count_->store(count_->load(std::memory_order_relaxed) - 1, std::memory_order_release);
    count_ = nullptr;
  }

  bool is_taken() const { return count_ != nullptr; }
  bool is_whose(const model::LeaseQuery& query) const {
    return pool_ == query.pool && epoch_ < query.below;
  }
  LeaseHolder& holder() { return *holder_; }

 private:
  std::atomic<std::uint32_t>* count_ = nullptr;
  core::PoolId pool_;
  core::Epoch epoch_;
  LeaseHolder* holder_ = nullptr;
};

using LeaseList = core::IntrusiveList<PoolLease, LeaseTag>;

}  // namespace sluice::proxy
