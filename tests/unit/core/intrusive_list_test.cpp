#include "sluice/core/intrusive_list.hpp"

#include <list>
#include <memory>
#include <vector>

#include "sluice/core/rng.hpp"
#include "support/catch.hpp"

using sluice::core::IntrusiveList;
using sluice::core::ListNode;
using sluice::core::Rng;

namespace {

struct ByAge;
struct Item : ListNode<>, ListNode<ByAge> {
  explicit Item(int n) : number(n) {}
  int number;
};
using List = IntrusiveList<Item>;

std::vector<int> numbers(List& list) {
  std::vector<int> out;
  list.for_each([&](Item& item) { out.push_back(item.number); });
  return out;
}

bool linked(const Item& item) {
  return static_cast<const ListNode<>&>(item).is_linked();
}
void unlink(Item& item) {
  static_cast<ListNode<>&>(item).unlink();
}

}  // namespace

TEST_CASE("intrusive list: keeps order from both ends", "[core][list]") {
  Item a(1), b(2), c(3);
  List list;
  CHECK(list.empty());
  CHECK(list.front() == nullptr);
  CHECK(list.pop_front() == nullptr);
  list.push_back(b);
  list.push_back(c);
  list.push_front(a);
  CHECK(numbers(list) == std::vector<int>{1, 2, 3});
  CHECK(list.back() == &c);
  CHECK(list.pop_front() == &a);
  CHECK_FALSE(linked(a));
  CHECK(list.size() == 2);
}

TEST_CASE("intrusive list: an item leaves when it dies", "[core][list]") {
  List list;
  Item stays(1);
  list.push_back(stays);
  {
    Item goes(2);
    list.push_back(goes);
    CHECK(list.size() == 2);
  }
  CHECK(numbers(list) == std::vector<int>{1});
}

TEST_CASE("intrusive list: a list that dies lets its items go", "[core][list]") {
  Item item(1);
  {
    List list;
    list.push_back(item);
    CHECK(linked(item));
  }
  CHECK_FALSE(linked(item));
}

TEST_CASE("intrusive list: an item can be in one list per tag", "[core][list]") {
  Item item(1);
  List list;
  IntrusiveList<Item, ByAge> ages;
  list.push_back(item);
  ages.push_back(item);
  unlink(item);
  CHECK(list.empty());
  CHECK(ages.front() == &item);
}

TEST_CASE("intrusive list: the visited item may leave during the walk", "[core][list]") {
  Item a(1), b(2), c(3);
  List list;
  list.push_back(a);
  list.push_back(b);
  list.push_back(c);
  list.for_each([](Item& item) {
    if (item.number != 2) unlink(item);
  });
  CHECK(numbers(list) == std::vector<int>{2});
}

TEST_CASE("intrusive list: agrees with std::list over random operations", "[core][list]") {
  const std::uint64_t seed = GENERATE(21U, 22U);
  INFO("seed " << seed);
  Rng rng(seed);
  std::vector<std::unique_ptr<Item>> items;
  for (int i = 0; i < 16; ++i) items.push_back(std::make_unique<Item>(i));
  List list;
  std::list<int> model;
  for (int round = 0; round < 5'000; ++round) {
    Item& item = *items[rng.below(16)];
    if (linked(item)) {
      unlink(item);
      model.remove(item.number);
    } else if (rng.below(2) == 0) {
      list.push_back(item);
      model.push_back(item.number);
    } else {
      list.push_front(item);
      model.push_front(item.number);
    }
    REQUIRE(numbers(list) == std::vector<int>(model.begin(), model.end()));
  }
}
