#pragma once
#include <cstddef>

#include "sluice/core/ensure.hpp"

namespace sluice::core {

/// A place in one IntrusiveList. Derive once per list that the object can be in, with a Tag each.
/// Unlinks itself when destroyed.
template <typename Tag = void>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool is_linked() const { return next_ != this; }
  void unlink() {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = this;
  }

 private:
  template <typename T, typename U>
  friend class IntrusiveList;
  ListNode* next_ = this;
  ListNode* prev_ = this;
};

/// Doubly linked, does not own, allocates nothing, all operations in constant time except size().
template <typename T, typename Tag = void>
class IntrusiveList {
  using Node = ListNode<Tag>;

 public:
  IntrusiveList() = default;
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    while (!empty()) head_.next_->unlink();
  }

  bool empty() const { return head_.next_ == &head_; }
  T* front() { return empty() ? nullptr : to_item(head_.next_); }
  T* back() { return empty() ? nullptr : to_item(head_.prev_); }
  void push_back(T& item) { insert_before(&head_, &static_cast<Node&>(item)); }
  void push_front(T& item) { insert_before(head_.next_, &static_cast<Node&>(item)); }
  T* pop_front() {
    T* item = front();
    if (item != nullptr) static_cast<Node*>(item)->unlink();
    return item;
  }
  std::size_t size() const {
    std::size_t count = 0;
    for (Node* n = head_.next_; n != &head_; n = n->next_) ++count;
    return count;
  }
  /// `visit` may unlink the item it is given, and no other.
  template <typename Visit>
  void for_each(Visit visit) {
    for (Node* n = head_.next_; n != &head_;) {
      Node* next = n->next_;
      visit(*to_item(n));
      n = next;
    }
  }

 private:
  static T* to_item(Node* node) { return static_cast<T*>(node); }
  static void insert_before(Node* position, Node* node) {
    DEBUG_ENSURE(!node->is_linked(), "node is already in a list");
    node->prev_ = position->prev_;
    node->next_ = position;
    position->prev_->next_ = node;
    position->prev_ = node;
  }

  mutable Node head_;
};

}  // namespace sluice::core
