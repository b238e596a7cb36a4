#include "sluice/policy/overload.hpp"

#include <chrono>
#include <cstdint>
#include <support/catch.hpp>
#include <vector>

#include "sluice/core/rng.hpp"

using namespace sluice;
using namespace sluice::policy;
using namespace std::chrono_literals;

namespace {

constexpr core::Instant kStart{1h};
constexpr std::uint32_t kLast = UINT32_MAX;

/// Of every thousandth one draw.
std::uint32_t draw_of(std::uint32_t thousandth) {
  return static_cast<std::uint32_t>((std::uint64_t{thousandth} << 32U) / 1000 + 1);
}

unsigned shed_of_thousand(Strain strain, Standing standing) {
  unsigned shed = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) shed += is_shed(strain, standing, draw_of(i)) ? 1U : 0U;
  return shed;
}

}  // namespace

TEST_CASE("mark: begins at its value and ends below the other one", "[policy][overload]") {
  const MarkRule rule{850, 800, 2s};
  Mark mark = after_value({}, 849, kStart, rule);
  CHECK_FALSE(mark.is_high);
  mark = after_value(mark, 850, kStart, rule);
  CHECK(mark == Mark{true, kStart});
  CHECK(after_value(mark, 800, kStart + 1h, rule).is_high);
  CHECK(after_value(mark, 799, kStart + 1h, rule) == Mark{false, kStart + 1h});
}

TEST_CASE("mark: is high at once, and for a while whatever its value does", "[policy][overload]") {
  const MarkRule rule{850, 800, 2s};
  const Mark high = after_value({}, 1000, kStart, rule);
  REQUIRE(high.is_high);
  CHECK(after_value(high, 0, kStart + 2s - 1ns, rule).is_high);
  const Mark low = after_value(high, 0, kStart + 2s, rule);
  CHECK_FALSE(low.is_high);
  CHECK(after_value(low, 850, kStart + 2s + 1ns, rule) == Mark{true, kStart + 2s + 1ns});
}

TEST_CASE("mark: a value that swings within it turns it once", "[policy][overload]") {
  const MarkRule rule = kMemoryShedding;
  Mark mark;
  int turns = 0;
  for (int i = 0; i < 600; ++i) {
    const Mark next = after_value(mark, i % 2 == 0 ? 921 : 891, kStart + i * 100ms, rule);
    turns += next.is_high != mark.is_high ? 1 : 0;
    mark = next;
  }
  CHECK(turns == 1);
}

TEST_CASE("memory: thousandths of any size", "[policy][overload]") {
  CHECK(memory_thousandths(0, 1000) == 0);
  CHECK(memory_thousandths(849'999, 1'000'000) == 849);
  CHECK(memory_thousandths(850'000, 1'000'000) == 850);
  CHECK(memory_thousandths(1000, 1000) == 1000);
  CHECK(memory_thousandths(2000, 1000) == 1000);
  CHECK(memory_thousandths(1, 0) == 0);
  CHECK(memory_thousandths(UINT64_MAX / 2, UINT64_MAX) == 499);
  CHECK(memory_thousandths(UINT64_MAX - 1, UINT64_MAX) == 999);
}

TEST_CASE("memory: refuses from its mark on, everything before it is full", "[policy][overload]") {
  CHECK(memory_strain(919) == 0);
  CHECK(memory_strain(920) == 1);
  CHECK(memory_strain(921) == 33);
  CHECK(memory_strain(950) == kStrainNew);
  CHECK(memory_strain(979) == 1966);
  CHECK(memory_strain(980) == kStrainAll);
  CHECK(memory_strain(1000) == kStrainAll);
}

TEST_CASE("loop: refuses from its mark on", "[policy][overload]") {
  CHECK(loop_strain(-1s) == 0);
  CHECK(loop_strain(200ms - 1ns) == 0);
  CHECK(loop_strain(200ms) == 1);
  CHECK(loop_strain(600ms) == kStrainNew);
  CHECK(loop_strain(1s) == kStrainAll);
  CHECK(loop_strain(1h) == kStrainAll);
}

TEST_CASE("loop: one long wait is no overload, five looks are", "[policy][overload]") {
  StandingLag lag;
  CHECK(lag.standing() == 0s);
  for (std::size_t i = 1; i < StandingLag::kLooks; ++i) {
    lag.see(3s);
    CHECK(lag.standing() == 0s);
  }
  lag.see(1s);
  CHECK(lag.standing() == 1s);
  lag.see(2ms);
  CHECK(lag.standing() == 2ms);
  for (std::size_t i = 1; i < StandingLag::kLooks; ++i) lag.see(5ms);
  CHECK(lag.standing() == 2ms);
  lag.see(5ms);
  CHECK(lag.standing() == 5ms);
}

TEST_CASE("strain: rises at once and is gone within a second", "[policy][overload]") {
  HeldStrain held = after_strain({}, 700, kStart);
  CHECK(held.strain == 700);
  held = after_strain(held, kStrainAll, kStart + 1ns);
  CHECK(held.strain == kStrainAll);
  const core::Instant full = held.at;
  CHECK(after_strain(held, 0, full + 500ms).strain == 1000);
  CHECK(after_strain(held, 0, full + 1s - 1ms).strain == 2);
  CHECK(after_strain(held, 0, full + 1s).strain == 0);
  CHECK(after_strain(held, 0, full + 1h).strain == 0);
  CHECK(after_strain(held, 1500, full + 500ms).strain == 1500);
  CHECK(after_strain(held, 0, full - 1h).strain == kStrainAll);
}

TEST_CASE("strain: looks that come often make it fall as fast as rare ones", "[policy][overload]") {
  HeldStrain held = after_strain({}, kStrainAll, kStart);
  for (core::Nanos past = 0s; past <= 1s; past += 70us) held = after_strain(held, 0, kStart + past);
  CHECK(held.strain <= 1);
  CHECK(after_strain({500, kStart}, 0, kStart + 499us).strain == 500);
}

TEST_CASE("shedding: the mark is high exactly as long as anybody is refused",
          "[policy][overload]") {
  const auto look = [](const Shedding& before, std::int64_t value, core::Instant now) {
    const Shedding after = after_look(before, value, memory_strain(value), now, kMemoryShedding);
    CHECK(after.mark.is_high == (after.strain() != 0));
    return after;
  };
  CHECK_FALSE(look({}, 919, kStart).mark.is_high);
  Shedding shedding = look({}, 920, kStart);
  CHECK(shedding.strain() == kStrainLeast);
  CHECK(look(shedding, 0, kStart + 2s - 1ns).strain() == kStrainLeast);
  CHECK(look(shedding, 889, kStart + 2s).strain() == 0);
  // Between the two values, however long.
  for (int i = 0; i < 100; ++i) {
    shedding = look(shedding, i % 2 == 0 ? 919 : 890, kStart + i * 100ms);
    CHECK(shedding.strain() == kStrainLeast);
  }
  CHECK(shedding.mark.since == kStart);
  const Shedding over = look(shedding, 889, kStart + 1h);
  CHECK_FALSE(over.mark.is_high);
  CHECK(look(over, 919, kStart + 1h + 1ns).strain() == 0);
  CHECK(look(over, 980, kStart + 1h + 1ns).strain() == kStrainAll);
}

TEST_CASE("shedding: what is on its way down keeps the mark", "[policy][overload]") {
  const auto look = [](const Shedding& before, std::int64_t value, core::Instant now) {
    return after_look(before, value, memory_strain(value), now, kMemoryShedding);
  };
  const Shedding full = look(look({}, 1000, kStart), 1000, kStart + 1h);
  const core::Instant gone = kStart + 1h;
  CHECK(look(full, 0, gone + 500ms).strain() == kStrainNew);
  CHECK(look(full, 0, gone + 500ms).mark.is_high);
  CHECK(look(full, 0, gone + 999ms).strain() == 2);
  CHECK(look(full, 0, gone + 999ms).mark.is_high);
  CHECK_FALSE(look(full, 0, gone + 1s).mark.is_high);
  CHECK(look(full, 0, gone + 1s).strain() == 0);
}

TEST_CASE("shedding: the least of it refuses one of a thousand who are new", "[policy][overload]") {
  CHECK(shed_of_thousand(kStrainLeast, Standing::New) == 1);
  CHECK(shed_of_thousand(kStrainLeast, Standing::Known) == 0);
}

TEST_CASE("trim: where little is gained the pauses grow, up to a minute", "[policy][overload]") {
  constexpr std::uint64_t kLimit = 1'000'000;
  TrimPace pace;
  std::vector<core::Nanos> pauses;
  core::Instant now = kStart;
  for (int i = 0; i < 7; ++i) {
    CHECK(is_trim_due(pace, Refusing::No, now));
    pace = after_trim(pace, 10'000, kLimit, now);
    CHECK(pace.last == now);
    pauses.push_back(pace.pause);
    CHECK_FALSE(is_trim_due(pace, Refusing::No, now + pace.pause - 1ns));
    now += pace.pause;
  }
  CHECK(pauses == std::vector<core::Nanos>{2s, 4s, 8s, 16s, 32s, 60s, 60s});
  CHECK(after_trim(pace, 10'001, kLimit, now).pause == 2s);
  CHECK(after_trim(pace, -500'000, kLimit, now).pause == 60s);
  CHECK(after_trim(pace, 0, 0, now).pause == 60s);
}

TEST_CASE("trim: while requests are refused no pause is long", "[policy][overload]") {
  const TrimPace pace{.pause = kTrimMost, .last = kStart};
  CHECK_FALSE(is_trim_due(pace, Refusing::Yes, kStart + 5s - 1ns));
  CHECK(is_trim_due(pace, Refusing::Yes, kStart + 5s));
  CHECK_FALSE(is_trim_due(pace, Refusing::No, kStart + 1min - 1ns));
  CHECK(is_trim_due(pace, Refusing::No, kStart + 1min));
  CHECK_FALSE(is_trim_due({.pause = 2s, .last = kStart}, Refusing::Yes, kStart + 2s - 1ns));
}

TEST_CASE("shedding: nobody who is known before all who are not", "[policy][overload]") {
  for (Strain strain = 0; strain <= kStrainAll + 1; ++strain) {
    const unsigned of_new = shed_of_thousand(strain, Standing::New);
    const unsigned of_known = shed_of_thousand(strain, Standing::Known);
    CAPTURE(strain);
    CHECK(of_new == std::min(strain, kStrainNew));
    if (strain <= kStrainAll) CHECK(of_new + of_known == strain);
    if (of_known > 0) CHECK(of_new == 1000);
  }
}

TEST_CASE("shedding: at its ends", "[policy][overload]") {
  CHECK_FALSE(is_shed(0, Standing::New, 0));
  CHECK(is_shed(1, Standing::New, 0));
  CHECK_FALSE(is_shed(kStrainNew - 1, Standing::New, kLast));
  CHECK(is_shed(kStrainNew, Standing::New, kLast));
  CHECK_FALSE(is_shed(kStrainNew, Standing::Known, 0));
  CHECK_FALSE(is_shed(kStrainAll - 1, Standing::Known, kLast));
  CHECK(is_shed(kStrainAll, Standing::Known, kLast));
}

TEST_CASE("queue: its last fifth is kept for users who are known", "[policy][overload]") {
  for (const std::uint32_t few : {0U, 1U, 4U}) CHECK(places_for(Standing::New, few) == few);
  CHECK(places_for(Standing::New, 5) == 4);
  CHECK(places_for(Standing::New, 9) == 8);
  CHECK(places_for(Standing::New, 10) == 8);
  CHECK(places_for(Standing::New, UINT32_MAX) == UINT32_MAX / 5 * 4);
  for (const std::uint32_t places : {0U, 1U, 5U, 10U, UINT32_MAX})
    CHECK(places_for(Standing::Known, places) == places);
}

TEST_CASE("shedding: a user's draw is the same for a minute, and another one in the next",
          "[policy][overload]") {
  const core::Instant turn{90 * kShedTurn};
  unsigned low = 0;
  unsigned changed = 0;
  for (std::uint32_t hash = 0; hash < 10'000; ++hash) {
    const std::uint32_t draw = shed_draw(hash, turn);
    low += draw < UINT32_MAX / 4 ? 1U : 0U;
    CHECK(shed_draw(hash, turn + kShedTurn - 1ns) == draw);
    changed += shed_draw(hash, turn + kShedTurn) != draw ? 1U : 0U;
  }
  CHECK(low > 2300);
  CHECK(low < 2700);
  CHECK(changed > 9990);
}

TEST_CASE("shedding: more strain refuses nobody less", "[policy][overload]") {
  core::Rng rng(1);
  for (int i = 0; i < 200; ++i) {
    const auto draw = static_cast<std::uint32_t>(rng.next());
    for (const Standing standing : {Standing::New, Standing::Known}) {
      bool was_shed = false;
      for (Strain strain = 0; strain <= kStrainAll; strain += 7) {
        const bool shed = is_shed(strain, standing, draw);
        CHECK((shed || !was_shed));
        was_shed = shed;
      }
    }
  }
}

TEST_CASE("overload word: what goes in comes out", "[policy][overload]") {
  CHECK(OverloadWord().is_normal());
  CHECK(OverloadWord::of({}).word() == 0);
  CHECK(OverloadWord::of({.strain = 0, .cause = OverloadCause::Loop}).word() == 0);
  for (const Strain strain : {Strain{0}, Strain{1}, kStrainNew, kStrainAll}) {
    for (const bool ends : {false, true}) {
      for (const OverloadCause cause : {OverloadCause::Memory, OverloadCause::Loop}) {
        const auto made =
            OverloadWord::of({.strain = strain, .cause = cause, .ends_connections = ends});
        const OverloadWord read(made.word());
        CHECK(read.strain() == strain);
        CHECK(read.ends_connections() == ends);
        CHECK(read.is_normal() == (strain == 0 && !ends));
        if (strain != 0) CHECK(read.cause() == cause);
      }
    }
  }
  CHECK(OverloadWord::of({.strain = 5000}).strain() == kStrainAll);
}

TEST_CASE("overload: what a steady surplus of memory does settles, and does not swing",
          "[policy][overload]") {
  // Each admitted request leaves a thousandth, of which as much goes as comes at 40 % of the load.
  double memory = 700;
  std::vector<double> late;
  Shedding shedding;
  int turns = 0;
  for (int i = 0; i < 600; ++i) {
    const core::Instant now = kStart + i * 100ms;
    const auto value = static_cast<std::int64_t>(memory);
    const Shedding next = after_look(shedding, value, memory_strain(value), now, kMemoryShedding);
    turns += next.mark.is_high != shedding.mark.is_high ? 1 : 0;
    shedding = next;
    const double admitted = 10.0 * (1.0 - shedding.strain() / 2000.0);
    memory += admitted - 4.0;
    if (i >= 300) late.push_back(memory);
  }
  const auto [least, most] = std::minmax_element(late.begin(), late.end());
  CHECK(*most < kMemoryFull);
  CHECK(*least > kMemoryShedding.enter);
  CHECK(*most - *least < 10);
  CHECK(turns == 1);
}

TEST_CASE("overload: when the load is gone nearly nothing is refused, and all marks are left",
          "[policy][overload]") {
  Mark high = after_value({}, 990, kStart, kMemoryHigh);
  Shedding shedding = after_look({}, 990, memory_strain(990), kStart, kMemoryShedding);
  for (int i = 1; i <= 20; ++i) {
    const core::Instant now = kStart + i * 100ms;
    high = after_value(high, 300, now, kMemoryHigh);
    shedding = after_look(shedding, 300, memory_strain(300), now, kMemoryShedding);
    if (i == 10) CHECK(shedding.strain() == kStrainLeast);
  }
  CHECK_FALSE(high.is_high);
  CHECK_FALSE(shedding.mark.is_high);
  CHECK(shedding.strain() == 0);
}
