#pragma once
#include "sluice/core/intrusive_list.hpp"

namespace sluice::net {

struct ReaperTag;
struct DeferTag;

/// An object that ends through the loop: nothing is freed on its own stack (architecture.md §1,
/// sentence 6).
class Reapable : public core::ListNode<ReaperTag> {
 public:
  /// Frees this object (delete, or return to its slab). Called once, by the reaper, with nothing of
  /// it on the stack.
  virtual void reap() = 0;

 protected:
  ~Reapable() = default;
};

/// Something to be done at the end of this turn, outside every call that is on the stack now.
/// Unlinks when destroyed.
class Deferred : public core::ListNode<DeferTag> {
 public:
  virtual void run_deferred() = 0;

 protected:
  ~Deferred() = default;
};

template <typename Owner, void (Owner::*kMethod)()>
class MemberDeferred final : public Deferred {
 public:
  explicit MemberDeferred(Owner& owner) : owner_(owner) {}
  void run_deferred() override { (owner_.*kMethod)(); }

 private:
  Owner& owner_;
};

}  // namespace sluice::net
