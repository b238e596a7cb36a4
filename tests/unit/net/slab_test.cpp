#include "net/slab.hpp"

#include <cstdint>
#include <set>
#include <vector>

#include "support/catch.hpp"

namespace {

struct Counted {
  explicit Counted(int& count) : alive(count) { ++alive; }
  ~Counted() { --alive; }
  int& alive;
};

struct alignas(64) Wide {
  char bytes[64];
};

struct Tiny {
  char byte;
};

}  // namespace

using sluice::net::Slab;

TEST_CASE("slab: constructs and destroys, and counts what is in use", "[net][slab]") {
  int alive = 0;
  Slab<Counted> slab;
  Counted* a = slab.make(alive);
  Counted* b = slab.make(alive);
  CHECK(alive == 2);
  CHECK(slab.in_use() == 2);
  slab.destroy(a);
  slab.destroy(b);
  CHECK(alive == 0);
  CHECK(slab.in_use() == 0);
}

TEST_CASE("slab: alignment of the type is kept, also for objects smaller than a pointer", "[net]") {
  Slab<Wide> wides;
  Slab<Tiny> tinies;
  std::vector<Wide*> wide;
  std::set<Tiny*> tiny;
  for (int i = 0; i < 10; ++i) {
    wide.push_back(wides.make());
    CHECK(reinterpret_cast<std::uintptr_t>(wide.back()) % 64 == 0);
    tiny.insert(tinies.make());
  }
  CHECK(tiny.size() == 10);
  for (Wide* w : wide) wides.destroy(w);
  for (Tiny* t : tiny) tinies.destroy(t);
}

TEST_CASE("slab: more than the kept number may come and go", "[net][slab]") {
  int alive = 0;
  Slab<Counted> slab;
  for (int round = 0; round < 2; ++round) {
    std::vector<Counted*> many;
    for (std::size_t i = 0; i < Slab<Counted>::kKeptMax + 5; ++i) many.push_back(slab.make(alive));
    for (Counted* one : many) slab.destroy(one);
  }
  CHECK(alive == 0);
}

#ifndef SLUICE_SANITIZED
TEST_CASE("slab: a place that came back is used again", "[net][slab]") {
  int alive = 0;
  Slab<Counted> slab;
  Counted* first = slab.make(alive);
  slab.destroy(first);
  Counted* second = slab.make(alive);
  CHECK(static_cast<void*>(first) == static_cast<void*>(second));
  slab.destroy(second);
}
#endif
