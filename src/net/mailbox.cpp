#include "net/mailbox.hpp"

namespace sluice::net {

bool Mailbox::post(Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_) return false;
    waiting_.push_back(std::move(work));
    has_work_.store(true, std::memory_order_release);
  }
  wake_();
  return true;
}

std::size_t Mailbox::run() {
  if (!has_work_.load(std::memory_order_acquire)) return 0;
  std::vector<Work> mine;
  {
    const std::lock_guard lock(mutex_);
    mine.swap(waiting_);
    has_work_.store(false, std::memory_order_relaxed);
  }
  for (Work& work : mine) work();
  return mine.size();
}

void Mailbox::close() {
  std::vector<Work>
      dropped;  // destroyed after the lock: what the work captured may post here again
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  dropped.swap(waiting_);
  has_work_.store(false, std::memory_order_relaxed);
}

}  // namespace sluice::net
